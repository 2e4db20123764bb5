//! What a user on Windows runs without loading a driver: the hosted kernel as a program; if wanted, its tests, and all that
//! there is compiled.
//!
//! The driver is in `wskctl.exe` then, as in `cargo demo` there. Under Wine that shows what only Windows compiles, and what
//! its sockets do; not what Windows' do.

use std::time::Duration;

use anyhow::Result;

use super::batch::{Expect, Step};
use super::{Options, Prefix, Wine, carry_out, modules};
use crate::cross;

/// The crates that do on Windows what they do not do elsewhere: threads that are stopped, sockets. Their tests need nothing
/// else; what the others do is the same everywhere.
const CRATES: [&str; 2] = ["hosted-ntos", "hosted-netio"];

/// Builds for Windows, and runs it all; with `--with-tests`, which is a long build, also compiles the workspace and runs tests.
///
/// # Errors
/// Something does not compile for Windows; a test, the demo or the suite failed.
pub(crate) fn run(options: &Options, other_wine: Option<Wine>) -> Result<()> {
    let limit = Duration::from_mins(options.limit);
    cross::build_for_wine(options.install, other_wine.is_some(), |build| {
        modules::build(build)?;
        let prefix = Prefix::open(build.out, other_wine)?;
        println!("{}", prefix.wine().version());
        modules::install(&prefix, build.out, |_| None)?;
        let steps = [
            // As `cargo demo` on Windows, where a driver is the usual device.
            Step::new("wskctl demo, hosted", r"C:\wskctl.exe --device hosted demo", Expect::Success),
            Step::new(
                "wskctl conformance, hosted",
                r"C:\wskctl.exe --device hosted conformance",
                Expect::Success,
            ),
        ];
        carry_out(&prefix, &steps, limit)?;
        if options.with_tests {
            build.check()?;
            println!("the workspace compiles for Windows, with its tests");
            build.test(&CRATES, prefix.wine().loader_path(), |command| {
                prefix.use_in(command);
            })?;
        }
        println!("the hosted kernel passes as a program for Windows");
        Ok(())
    })
    .map(drop)
}
