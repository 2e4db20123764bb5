//! Looks for what must not stand in the tree, in every file that git knows or would add; and whether its layers are kept.

mod layers;
mod paths;
mod programs;
mod rules;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::root;

/// Files whose text is not the project's own.
const NOT_OURS: [&str; 4] = ["Cargo.lock", "fuzz/Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT"];

/// Inputs that a fuzzer has made.
const CORPORA: &str = "fuzz/corpus/";

pub(crate) fn run() -> Result<()> {
    let root = root()?;
    let (mut files, mut faults) = (0, 0);
    let paths = listed_files(&root)?;
    for path in &paths {
        // Git lists a file that was removed, and one that is no text is not for reading.
        let Ok(text) = fs::read_to_string(root.join(path)) else { continue };
        if NOT_OURS.contains(&path.as_str()) || path.starts_with(CORPORA) {
            continue;
        }
        files += 1;
        let kind = Path::new(&path).extension().and_then(OsStr::to_str).unwrap_or_default();
        for fault in rules::faults(kind, &text) {
            faults += 1;
            eprintln!("error: {path}:{}: {}", fault.line, fault.what);
        }
    }
    for fault in layers::faults(&root, &paths)?.into_iter().chain(programs::faults(&root, &paths)?) {
        faults += 1;
        eprintln!("error: {fault}");
    }
    if files == 0 {
        bail!("git lists no file in {}", root.display());
    }
    if faults > 0 {
        bail!("{faults} faults in {files} files");
    }
    println!("{files} files are tidy");
    Ok(())
}

fn listed_files(root: &Path) -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = git.output().context("running git")?;
    if !output.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.split_terminator('\0').map(str::to_owned).collect())
}
