//! What a user on Windows runs without loading a driver: the hosted kernel as a program; if wanted, the tests of its crates.
//!
//! The driver is in `wskctl.exe` then, as in `cargo demo` there. Under Wine that shows what only Windows compiles, and what
//! its sockets do; not what Windows' do.

use std::time::Duration;

use anyhow::Result;

use super::batch::{Expect, Step};
use super::{Prefix, carry_out, modules};
use crate::cross;

/// The crates whose tests need nothing but sockets.
const CRATES: [&str; 4] = ["hosted-rule", "hosted-ntos", "hosted-kmdf", "hosted-netio"];

/// Builds for Windows, and runs it all; the tests, which are a long build, only `with_tests`.
///
/// # Errors
/// A test, the demo or the suite failed.
pub(crate) fn run(install: bool, with_tests: bool, limit: Duration) -> Result<()> {
    cross::build_for_wine(install, |build| {
        modules::build(build)?;
        let prefix = Prefix::open(build.out)?;
        println!("{}", prefix.version());
        modules::install(&prefix, build.out)?;
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
        if with_tests {
            build.test(&CRATES, |command| {
                prefix.use_in(command);
            })?;
        }
        println!("the hosted kernel passes as a program for Windows");
        Ok(())
    })
    .map(drop)
}
