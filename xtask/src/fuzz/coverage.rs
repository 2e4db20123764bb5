//! What the corpora reach of the code that reads what user mode sends.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{Place, succeed};

/// The code that is reported: the driver's, and what it reads untrusted bytes with.
const REPORTED: &[&str] =
    &["src/", "crates/abi/src/", "crates/cmsg/src/", "crates/descriptor/src/", "crates/sockaddr/src/"];

/// Runs the corpora through programs that count, and prints the report of llvm-cov.
pub(super) fn run(place: &Place, targets: &[String]) -> Result<()> {
    let tools = tools(place)?;
    let directory = place.output.join("coverage");
    let programs = place.cargo(targets, &["-Cinstrument-coverage"], &directory)?;
    let counts = directory.join("counts");
    // Those of an earlier build are of other code.
    let _ = fs::remove_dir_all(&counts);
    let mut merge = Command::new(tools.join("llvm-profdata"));
    merge.args(["merge", "--sparse", "-o"]).arg(directory.join("all.profdata"));
    for target in targets {
        let file = counts.join(format!("{target}.profraw"));
        // A corpus of this machine reaches more than that of the tree.
        succeed(
            Command::new(programs.join(target))
                .arg("-runs=0")
                .args([place.found(target)?, place.fuzz.join("corpus").join(target)])
                .env("LLVM_PROFILE_FILE", &file)
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        merge.arg(file);
    }
    succeed(&mut merge)?;
    let mut report = Command::new(tools.join("llvm-cov"));
    report.arg("report").arg(programs.join(&targets[0]));
    for target in &targets[1..] {
        report.arg("--object").arg(programs.join(target));
    }
    report.arg("--instr-profile").arg(directory.join("all.profdata"));
    report.args(["--show-branch-summary=false", "--show-instantiation-summary=false"]);
    for part in REPORTED {
        report.arg(place.root.join(part));
    }
    succeed(&mut report)
}

/// The folder of the toolchain's llvm-cov and llvm-profdata: those of a system are of another LLVM.
fn tools(place: &Place) -> Result<PathBuf> {
    let output = Command::new("rustc").args(["+nightly", "--print", "sysroot"]).output();
    let sysroot = String::from_utf8(output.context("running rustc +nightly")?.stdout)?;
    let tools = PathBuf::from(sysroot.trim()).join("lib/rustlib").join(&place.host).join("bin");
    ensure!(
        tools.join("llvm-cov").exists(),
        "the nightly toolchain has no llvm-cov: rustup component add --toolchain nightly llvm-tools"
    );
    Ok(tools)
}
