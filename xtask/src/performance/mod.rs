//! `cargo xtask performance`: writes the tables of `docs/performance.md` from what `wskctl bench` has measured, which is beside it,
//! and from the instructions of `crates/wsk/benches`; `--check` compares instead, `--measure` measures anew.

mod report;
mod share;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::bench;
use crate::generated::{self, between};
use report::Report;

/// The page, and what was measured, from the workspace's root.
const PAGE: &str = "docs/performance.md";
const MEASURED: &str = "docs/performance.json";

/// How the program is built that measures, and what it is asked for.
const PROFILE: &str = "program";
const ARGUMENTS: [&str; 10] = [
    "--device",
    "hosted",
    "--completion",
    "inline",
    "--json-lines",
    "bench",
    "--rounds",
    "20",
    "--calls",
    "20",
];

#[derive(Args)]
pub(super) struct Options {
    /// Change nothing: fail if the page is not what would be written.
    #[arg(long, conflicts_with = "measure")]
    check: bool,
    /// Measure first, for some minutes: on a machine that does little else.
    #[arg(long)]
    measure: bool,
    /// Count first, with valgrind, whose instructions a request is.
    #[arg(long, conflicts_with = "check")]
    count: bool,
}

pub(super) fn run(options: &Options) -> Result<()> {
    let root = crate::root()?;
    if options.measure {
        measure(&root)?;
    }
    if options.count {
        share::count(&root)?;
    }
    let text =
        fs::read_to_string(root.join(MEASURED)).with_context(|| format!("{MEASURED} cannot be read"))?;
    let report = Report::parse(&text).with_context(|| MEASURED.to_owned())?;
    let (instructions, shares) = (bench::counted(&root)?, share::counted(&root)?);
    generated::write(PAGE, "performance", options.check, |page| {
        let mut page = between(page, "run", &table::run(&report))?;
        page = between(&page, "targets", &table::targets(&report, &shares))?;
        for group in ["ioctl", "datagrams", "open"] {
            page = between(&page, group, &table::group(&report, group))?;
        }
        page = between(&page, "growth", &table::growth(&report))?;
        page = between(&page, "unload", &table::unload(&report))?;
        page = between(&page, "shares", &share::table(&shares))?;
        between(&page, "instructions", &table::instructions(&instructions))
    })
}

/// Builds `wskctl`.
fn build(root: &Path) -> Result<PathBuf> {
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.current_dir(root).args(["build", "--locked", "--package", "wskctl", "--profile", PROFILE]);
    ensure!(build.status().context("running cargo")?.success(), "wskctl was not built");
    Ok(crate::target_directory(root).join(PROFILE).join("wskctl"))
}

/// Writes what `wskctl` measures to the file, if that is fit for it.
fn measure(root: &Path) -> Result<()> {
    let program = build(root)?;
    let mut bench = Command::new(&program);
    // A backtrace of each allocation and each free would be most of what is measured.
    bench.args(ARGUMENTS).env("RUST_LIB_BACKTRACE", "0").stderr(std::process::Stdio::inherit());
    let output = bench.output();
    let output = output.with_context(|| format!("running {}", program.display()))?;
    ensure!(output.status.success(), "wskctl bench has not measured all: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    Report::parse(&text)?;
    fs::write(root.join(MEASURED), text).with_context(|| format!("{MEASURED} cannot be written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_was_measured() {
        run(&Options { check: true, measure: false, count: false }).unwrap();
    }
}
