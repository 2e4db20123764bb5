//! `cargo xtask cross`: the driver and the harness for Windows, built on a machine without Windows or the WDK.
//!
//! Everything but `wdk-build` is what a Windows build uses: the same manifests, the same crates from the registry. The
//! patch that replaces that one crate, and the lock file that results from it, stand on cargo's command line only. A WDK
//! and an installed target are used where they are found.

mod breaks;
mod build;
mod entry;
mod imports;
mod kit;
mod pe;
#[cfg(test)]
mod pe_tests;
mod sign;
mod toolchain;
mod tools;
mod version;
mod wdk;

use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail};

use crate::{root, target_directory};
pub(crate) use build::Build;
use build::{DRIVER_TARGET, HARNESS_TARGET};
use imports::List;
use pe::Expected;
use toolchain::Toolchain;
use tools::Needs;
pub(crate) use tools::{GCC, MINGW, run_quietly};
use wdk::Wdk;

/// Options of `cargo xtask cross`.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch on the command line")]
#[derive(clap::Args)]
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
    /// It will run under Wine.
    #[arg(skip)]
    wine: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    build(options, |_| Ok(())).map(drop)
}

/// Builds the driver and the harness for Wine, and what else `further` builds; gives the directory that all is in.
pub(crate) fn build_for_wine(
    install: bool,
    further: impl FnOnce(&Build<'_>) -> Result<()>,
) -> Result<PathBuf> {
    let options = Options {
        install,
        check_reproducible: false,
        check_entry: false,
        clippy: false,
        driver_only: false,
        wine: true,
    };
    build(&options, further)
}

/// The driver as it stands, built as [`run`] does, with no look at what came of it: for a driver that is broken on purpose.
pub(crate) fn unchecked_driver() -> Result<Vec<u8>> {
    let root = root()?;
    let list = List::read(&root)?;
    let wdk = Wdk::from_environment(list.kmdf())?;
    let driver = Toolchain::for_target(&root, DRIVER_TARGET);
    let harness = Toolchain::for_target(&root, HARNESS_TARGET);
    let out = output_directory(&root);
    let out = out.canonicalize().context("nothing is built yet: run cargo xtask cross first")?;
    Build { root: &root, out: &out, list: &list, wdk: wdk.as_ref(), driver, harness }.driver()
}

/// Sees to it that Wine is there.
pub(crate) fn require_wine(install: bool) -> Result<()> {
    tools::require(install, Needs { wine: true, ..Needs::default() })
}

fn build(options: &Options, further: impl FnOnce(&Build<'_>) -> Result<()>) -> Result<PathBuf> {
    let root = root()?;
    let list = List::read(&root)?;
    let wdk = Wdk::from_environment(list.kmdf())?;
    let driver = Toolchain::for_target(&root, DRIVER_TARGET);
    let harness = Toolchain::for_target(&root, HARNESS_TARGET);
    tools::require(
        options.install,
        Needs {
            build: true,
            rust: driver == Toolchain::Debian || harness == Toolchain::Debian && !options.driver_only,
            clippy: options.clippy,
            wine: options.check_entry || options.wine,
        },
    )?;
    let out = output_directory(&root);
    fs::create_dir_all(&out).with_context(|| format!("making {}", out.display()))?;
    let out = out.canonicalize()?;

    let build = Build { root: &root, out: &out, list: &list, wdk: wdk.as_ref(), driver, harness };
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
    let out = build.out;
    let image = build.driver()?;
    let expected = Expected { list: build.list, parts: build.parts(), version: version::of_package()? };
    let report = pe::check(&image, expected)?;
    let broken = breaks::tried(&image, expected)?;
    if options.check_entry {
        entry::test(build.root, out)?;
    }
    if options.check_reproducible {
        reproduce(build, &image)?;
    }
    let unsigned = out.join("wskdrv.unsigned.sys");
    let signed = out.join("wskdrv.sys");
    let changed = fs::read(&unsigned).ok().as_deref() != Some(&image[..]);
    fs::write(&unsigned, &image).with_context(|| format!("writing {}", unsigned.display()))?;
    println!("{}: {report}; {broken} broken copies were found out", unsigned.display());
    println!("nothing that it imports is newer than Windows {}", build.list.target());
    // An image that has not changed keeps its signature, so that its certificate need not be trusted again.
    let certificate = out.join("wskdrv.cer");
    if changed || !signed.exists() {
        sign::sign(&unsigned, &signed, &certificate)?;
        sign::check_refusals(&unsigned, &signed, &certificate)?;
    }
    sign::verify(&signed, &certificate)?;
    pe::check(&fs::read(&signed)?, expected)?;
    println!("{}: signed for test; the certificate is wskdrv.cer next to it", signed.display());
    Ok(())
}

/// Builds the driver again in a directory of its own. Nothing is in it but build scripts and macros, which are programs for this
/// machine and most of the work; what they make and all that the image is made of is compiled again.
fn reproduce(build: &Build<'_>, image: &[u8]) -> Result<()> {
    let again = build.out.join("again");
    if again.exists() {
        fs::remove_dir_all(&again).with_context(|| format!("removing {}", again.display()))?;
    }
    let driver = again.join("driver");
    fs::create_dir_all(&driver)?;
    let programs = build.out.join("driver/release");
    run_quietly(Command::new("cp").args(["--archive"]).arg(&programs).arg(&driver))?;
    let second = Build { out: &again, ..*build }.driver()?;
    if second != image {
        let kept = again.join("wskdrv.sys");
        fs::write(&kept, &second)?;
        bail!("the second build differs from the first: compare {} with wskdrv.unsigned.sys", kept.display());
    }
    fs::remove_dir_all(&again)?;
    println!("a second build has the same bytes");
    Ok(())
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
