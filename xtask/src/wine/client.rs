//! A WSK client in C, without the framework: built from `cross/wine/client`, and run as a service of its own.
//!
//! It was written from the pages alone, with mingw-w64's headers: what it finds in `netio.sys` is not what the Rust client
//! and the provider agree on by sharing a source.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::batch::{Expect, Step};
use super::prefix::Prefix;
use super::{carry_out, debug};
use crate::cross::{GCC, run_quietly};

/// The built file, and its place on drive C.
const IMAGE: &str = "wskclient.sys";
const PLACE: &str = "windows/system32/drivers/wskclient.sys";
/// What the driver prints last if all was as it should be; its number of checks is its own affair.
const PASSED: &str = "wskclient: all ";
/// What each line begins with.
const LINE: &str = "wskclient: ";

/// Builds the driver into `directory`, as a driver is linked with mingw-w64's libraries.
pub(crate) fn build(root: &Path, directory: &Path) -> Result<()> {
    let source = root.join("cross/wine/client/client.c");
    let mut command = Command::new(GCC);
    command.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-multichar", "-O2"]);
    command.args(["-ffreestanding", "-fno-stack-protector", "-mno-stack-arg-probe"]);
    command.arg("-isystem").arg(Path::new(crate::cross::MINGW).join("ddk"));
    command.args(["-shared", "-nostdlib", "-Wl,--entry,DriverEntry", "-Wl,--subsystem,native"]);
    command.arg("-Wl,--no-insert-timestamp").arg(&source).args(["-lntoskrnl", "-lnetio"]);
    run_quietly(command.arg("-o").arg(directory.join(IMAGE))).context("the WSK client in C")
}

/// Puts the driver into the prefix.
pub(crate) fn install(prefix: &Prefix, directory: &Path) -> Result<()> {
    prefix.install(&directory.join(IMAGE), PLACE)
}

/// Runs the driver twice: its `DriverEntry` does everything, and fails if anything was wrong.
///
/// # Errors
/// It did not start or stop, or did not say that it has checked everything; with what it printed.
pub(crate) fn run(prefix: &Prefix, limit: Duration) -> Result<()> {
    let create =
        r"sc create wskclient type= kernel start= demand binPath= C:\windows\system32\drivers\wskclient.sys";
    let steps = [
        Step::new("sc create", create, Expect::Success),
        Step::new("sc start", "sc start wskclient", Expect::Success),
        Step::new("sc query", "sc query wskclient", Expect::State("RUNNING")),
        Step::new("sc stop", "sc stop wskclient", Expect::Success),
        Step::new("sc query after the stop", "sc query wskclient", Expect::State("STOPPED")),
        Step::new("sc start again", "sc start wskclient", Expect::Success),
        Step::new("sc stop again", "sc stop wskclient", Expect::Success),
        Step::new("sc query after the last stop", "sc query wskclient", Expect::State("STOPPED")),
        Step::new("sc delete", "sc delete wskclient", Expect::Success),
    ];
    let run = carry_out(prefix, &steps, limit)?;
    let printed = debug::printed(&run.log);
    // A service that starts has not shown that its entry point has run.
    let passed = verdict(&printed, 2)?;
    println!("    {passed}, twice");
    Ok(())
}

/// The line that says that all was well, which must be there so often, and the last each time.
fn verdict<'l>(printed: &[&'l str], times: usize) -> Result<&'l str> {
    let lines: Vec<&str> = printed.iter().copied().filter(|line| line.starts_with(LINE)).collect();
    let good: Vec<&str> = lines.iter().copied().filter(|line| line.starts_with(PASSED)).collect();
    let last = lines.last().copied().unwrap_or("it printed nothing");
    match good.first() {
        Some(&first) if good.len() == times && last == first => Ok(first.trim_start_matches(LINE)),
        _ => {
            anyhow::bail!("the WSK client in C: {} of {times} runs said that all is well: {last}", good.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "wskclient: all 3 checks passed";
    const ONE: &str = "wskclient: ok: one (0x0)";

    #[test]
    fn every_run_must_say_that_all_is_well() {
        assert_eq!(verdict(&[ONE, "other", ALL, ONE, ALL], 2).unwrap(), "all 3 checks passed");
        for printed in
            [&[][..], &[ONE, ALL], &[ONE, ONE], &[ONE, ALL, ALL, ONE], &[ALL, ALL, ALL], &["other"]]
        {
            assert!(verdict(printed, 2).is_err(), "{printed:?}");
        }
    }
}
