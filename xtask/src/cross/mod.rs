//! `cargo xtask cross`: the driver and the harness for Windows, built on a machine without Windows or the WDK.
//!
//! Everything but `wdk-build` is what a Windows build uses: the same manifests, the same crates from the registry. The
//! patch that replaces that one crate, and the lock file that results from it, stand on cargo's command line only. A WDK
//! and an installed target are used where they are found.

mod build;
mod entry;

use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};
use wdk_cross::exports::{KMDF, WINDOWS};
use wdk_cross::pe::Expected;
use wdk_cross::tools;
use wdk_cross::{Arch, Exports, Needs, Project, Toolchain, Wdk, breaks, sign};

use crate::{root, target_directory};
pub(crate) use build::Build;
use build::HARNESS_TARGET;
pub(crate) use wdk_cross::Imports;
pub(crate) use wdk_cross::pe::imports;
pub(crate) use wdk_cross::tools::{GCC, MINGW, run_quietly};

/// Resident for as long as the driver is loaded, so it should not grow unnoticed.
const LARGEST: usize = 104 * 1024;
/// The same, with the probes.
const LARGEST_WITH_PROBES: usize = 512 * 1024;

/// Options of `cargo xtask cross`.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch on the command line")]
#[derive(Default, clap::Args)]
pub(crate) struct Options {
    /// Install the missing packages with apt-get first.
    #[arg(long)]
    install: bool,
    /// Build the driver a second time in another directory, from nothing but what runs on this machine meanwhile, and compare.
    #[arg(long)]
    check_reproducible: bool,
    /// Run the test of the entry stub, which needs Wine.
    #[arg(long)]
    check_entry: bool,
    /// Check the driver and the modules for Wine with clippy, as they are compiled, and build nothing.
    #[arg(long, conflicts_with_all = ["check_reproducible", "check_entry", "driver_only"])]
    clippy: bool,
    /// Build the driver only, not wskctl.exe.
    #[arg(long)]
    driver_only: bool,
    /// With the request that `wskctl probe` makes: for a test machine only, as its calls of WSK are checked by nobody.
    #[arg(long, conflicts_with_all = ["check_reproducible", "clippy"])]
    probe: bool,
    /// It will run under Wine.
    #[arg(skip)]
    for_wine: bool,
    /// That Wine is not this machine's.
    #[arg(skip)]
    other_wine: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    build(options, |_| Ok(())).map(drop)
}

/// Builds the driver, with the request of `wskctl probe`, and the harness for a test machine with Windows; gives the directory that
/// both are in.
pub(crate) fn build_for_windows(install: bool) -> Result<PathBuf> {
    build(&Options { install, probe: true, ..Options::default() }, |_| Ok(()))
}

/// Builds the driver and the harness for Wine, this machine's or another, and what else `further` builds; gives the directory that
/// all is in.
pub(crate) fn build_for_wine(
    install: bool,
    other_wine: bool,
    further: impl FnOnce(&Build<'_>) -> Result<()>,
) -> Result<PathBuf> {
    build(&Options { install, for_wine: true, other_wine, ..Options::default() }, further)
}

/// The driver as it stands, built as [`run`] does, with no look at what came of it: for a driver that is broken on purpose.
pub(crate) fn unchecked_driver() -> Result<Vec<u8>> {
    let root = root()?;
    let out = output_directory(&root);
    let out = out.canonicalize().context("nothing is built yet: run cargo xtask cross first")?;
    let parts = Parts::find(&root, &out)?;
    parts.build(&root, &out).driver().build()
}

/// Sees to it that Wine is there.
pub(crate) fn require_wine(install: bool) -> Result<()> {
    tools::require(install, Needs { wine: true, ..Needs::default() })
}

/// What a build is of and by.
struct Parts {
    project: Project,
    build: PathBuf,
    sources: PathBuf,
    exports: Exports,
    wdk: Option<Wdk>,
}

impl Parts {
    /// After [`tools::require`].
    fn find(root: &Path, out: &Path) -> Result<Parts> {
        Ok(Parts {
            project: Project::read(&root.join("Cargo.toml"), Some("wskdrv"))?,
            build: out.join("driver"),
            sources: root.join("cross"),
            exports: Exports::read()?,
            wdk: Wdk::from_environment(KMDF.0)?,
        })
    }

    fn build<'p>(&'p self, root: &'p Path, out: &'p Path) -> Build<'p> {
        Build {
            root,
            project: &self.project,
            out,
            driver_target: &self.build,
            sources: &self.sources,
            exports: &self.exports,
            wdk: self.wdk.as_ref(),
            driver: Toolchain::for_target(root, Arch::X64.target()),
            harness: Toolchain::for_target(root, HARNESS_TARGET),
        }
    }
}

fn build(options: &Options, further: impl FnOnce(&Build<'_>) -> Result<()>) -> Result<PathBuf> {
    let root = root()?;
    let debian = |target| Toolchain::for_target(&root, target) == Toolchain::Debian;
    tools::require(
        options.install,
        Needs {
            build: true,
            rust: debian(Arch::X64.target()) || debian(HARNESS_TARGET) && !options.driver_only,
            clippy: options.clippy,
            wine: options.check_entry || options.for_wine && !options.other_wine,
            programs: !options.driver_only || options.for_wine,
        },
    )?;
    let out = output_directory(&root);
    fs::create_dir_all(&out).with_context(|| format!("making {}", out.display()))?;
    let out = out.canonicalize()?;

    let parts = Parts::find(&root, &out)?;
    let build = parts.build(&root, &out);
    if options.clippy {
        build.clippy()?;
        return Ok(out);
    }
    // Beside one another: much of the driver's build waits for one program after the other.
    let program = thread::scope(|scope| {
        let harness = (!options.driver_only).then(|| scope.spawn(|| build.harness()));
        signed_driver(&build, options)?;
        harness.map(|harness| harness.join().unwrap_or_else(|panic| resume_unwind(panic))).transpose()
    })?;
    if let Some(program) = program {
        println!("{}: {} bytes", program.display(), fs::metadata(&program)?.len());
    }
    further(&build)?;
    Ok(out)
}

/// Builds the driver, checks what came of it, and signs it.
fn signed_driver(build: &Build<'_>, options: &Options) -> Result<()> {
    let (driver, largest) = if options.probe {
        (build.driver_with("kernel,probe"), LARGEST_WITH_PROBES)
    } else {
        (build.driver(), LARGEST)
    };
    let image = driver.build()?;
    let texts = texts();
    let expected = Expected {
        arch: Arch::X64,
        exports: build.exports,
        windows: WINDOWS,
        relocated: true,
        version: Some(build.project.version),
        largest,
        texts: &texts,
    };
    let out = build.out;
    let changed = fs::read(out.join("wskdrv.unsigned.sys")).ok().as_deref() != Some(&image[..]);
    let signed = driver.sign(&image, expected)?;
    // They are made of the driver that is given away.
    if !options.probe {
        println!("{} broken copies were found out", breaks::tried(&image, expected)?);
    }
    if changed {
        sign::check_refusals(&out.join("wskdrv.unsigned.sys"), &signed, &out.join("wskdrv.cer"))?;
    }
    if options.check_entry {
        entry::test(build.root, out)?;
    }
    if options.check_reproducible {
        driver.reproduce(&image)?;
    }
    Ok(())
}

/// What the table of requests has for documentation and tests, and a driver does not need.
fn texts() -> Vec<(&'static str, String)> {
    let summaries = wsk_requests::ROWS.iter().map(|row| row.about().summary.to_owned());
    let reason = "the summary of a request is in the image: the feature `about` of wsk-requests is on";
    summaries.map(|summary| (reason, summary)).collect()
}

/// Where everything goes that is made.
pub(crate) fn output_directory(root: &Path) -> PathBuf {
    target_directory(root).join("cross")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table's indexes are its functions' places: a gap or a twin would call the wrong function.
    #[test]
    fn function_table_is_complete_and_in_order() {
        let text = fs::read_to_string(root().unwrap().join("cross/include/wdf_functions.h")).unwrap();
        let functions: Vec<(usize, &str)> = text
            .lines()
            .filter_map(|line| line.strip_prefix("WDF_FUNCTION(")?.strip_suffix(')')?.split_once(", "))
            .map(|(index, name)| (index.parse().unwrap(), name))
            .collect();
        assert_eq!(functions.len(), 458);
        assert!(functions.iter().enumerate().all(|(place, (index, _))| place == *index));
        let mut names: Vec<&str> = functions.iter().map(|(_, name)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 458);
        // Documented places, one in each quarter.
        for known in [
            (25, "WdfControlDeviceInitAllocate"),
            (116, "WdfDriverCreate"),
            (457, "WdfDeviceSetDeviceInterfaceStateEx"),
        ] {
            assert!(functions.contains(&known), "{known:?}");
        }
    }
}
