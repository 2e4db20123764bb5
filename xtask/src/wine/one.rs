//! One test of the suite, against a driver that need not be a good one.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::batch::{self, Expect, Step, judge, parse};
use super::prefix::Prefix;
use super::results::{Ending, Report};
use super::{CREATE, DRIVER, RESULTS, debug, modules};
use crate::cross;

/// The driver under trial, in the directory of the cross build.
const IMAGE: &str = "trial.sys";
/// A driver that hangs is not waited for longer.
const LIMIT: Duration = Duration::from_mins(1);

/// Builds the driver as it stands, without the checks of a good one.
pub(crate) fn build_driver(root: &Path) -> Result<()> {
    let out = cross::output_directory(root);
    let image = cross::unchecked_driver()?;
    let file = out.join(IMAGE);
    fs::write(&file, image).with_context(|| format!("writing {}", file.display()))
}

/// Whether the test passes, the driver starts, stops and goes, and nothing stops the kernel.
pub(crate) fn passes(root: &Path, test: &str) -> Result<bool> {
    let out = cross::output_directory(root);
    let out = out.canonicalize().context("nothing is built yet: run cargo xtask wine first")?;
    let prefix = Prefix::open(&out, None)?;
    modules::install(&prefix, &out, |_| None)?;
    prefix.install(&out.join(IMAGE), DRIVER)?;
    let results = prefix.on_drive(RESULTS);
    if results.exists() {
        fs::remove_file(&results)?;
    }
    let suite = format!(r"C:\wskctl.exe --json conformance --limit 15s --exact {test} > C:\{RESULTS}");
    let steps = [
        Step::new("sc create", CREATE, Expect::Success),
        Step::new("sc start", "sc start wskdrv", Expect::Success),
        Step::new("wskctl conformance", suite, Expect::Success),
        Step::new("sc stop", "sc stop wskdrv", Expect::Success),
        Step::new("sc query after the stop", "sc query wskdrv", Expect::State("STOPPED")),
        Step::new("sc delete", "sc delete wskdrv", Expect::Success),
    ];
    let run = prefix.run_batch(&batch::text(&steps), LIMIT)?;
    let ran = parse(&run.output);
    let faultless = steps.iter().enumerate().all(|(index, step)| judge(step, ran.get(index)).is_none());
    let report = fs::read_to_string(&results).ok().and_then(|text| Report::parse(&text).ok());
    let passed = report.is_some_and(|report| report.with(Ending::Passed).any(|passed| passed.name == test));
    // A run that did not come to its delete leaves the service behind.
    if !faultless {
        prefix.run_batch("sc delete wskdrv\r\n", LIMIT)?;
    }
    Ok(faultless && passed && run.status.is_some() && debug::bug_checks(&run.log).is_empty())
}
