//! Every input of the corpora goes through its target, without a fuzzer.

use std::fs;
use std::path::{Path, PathBuf};

use fuzz_targets::TARGETS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let corpus = fuzz().join("corpus").join(name);
    let mut files: Vec<_> =
        fs::read_dir(&corpus).expect("a corpus").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() >= 8, "{} has only {} inputs", corpus.display(), files.len());
    for file in files {
        println!("{}", file.display());
        (target.run)(&fs::read(&file).expect("an input"));
    }
    // Not in any corpus, but what every program is given first.
    (target.run)(&[]);
}

macro_rules! replays {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name));
            }
        )*

        const REPLAYED: &[&str] = &[$(stringify!($name)),*];
    };
}

replays! { device cmsg descriptor sddl abi script }

#[test]
fn every_target_is_a_program_and_is_replayed() {
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, REPLAYED);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("a manifest");
    for name in names {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is no program");
        let program = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).expect("a program");
        assert!(program.contains(&format!("fuzz_targets::{name}(")), "{name}.rs runs another target");
    }
}
