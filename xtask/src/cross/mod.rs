//! `cargo xtask cross`: the driver and the harness for Windows, built on a machine without Windows or the WDK.
//!
//! Everything but `wdk-build` is what a Windows build uses: the same manifests, the same crates from the registry. The
//! patch that replaces that one crate, and the lock file that results from it, stand on cargo's command line only.

mod build;
mod entry;
mod kit;
mod pe;
#[cfg(test)]
mod pe_tests;
mod sign;
mod tools;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::root;
use build::Build;

/// Options of `cargo xtask cross`.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch on the command line")]
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Install the missing packages with apt-get first.
    #[arg(long)]
    install: bool,
    /// Build the driver a second time, from nothing and in another directory, and compare.
    #[arg(long)]
    check_reproducible: bool,
    /// Run the test of the entry stub, which needs Wine.
    #[arg(long)]
    check_entry: bool,
    /// Build the driver only, not wskctl.exe.
    #[arg(long)]
    driver_only: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    tools::require(options.install)?;
    let root = root()?;
    let out = output_directory(&root);
    fs::create_dir_all(&out).with_context(|| format!("making {}", out.display()))?;
    let out = out.canonicalize()?;

    let build = Build { root: &root, out: &out };
    let image = build.driver()?;
    let report = pe::check(&image, &imports(&root)?)?;
    if options.check_entry {
        entry::test(&root, &out)?;
    }
    if options.check_reproducible {
        reproduce(&build, &image)?;
    }
    let unsigned = out.join("wskdrv.unsigned.sys");
    let signed = out.join("wskdrv.sys");
    let changed = fs::read(&unsigned).ok().as_deref() != Some(&image[..]);
    fs::write(&unsigned, &image).with_context(|| format!("writing {}", unsigned.display()))?;
    println!("{}: {report}", unsigned.display());
    // An image that has not changed keeps its signature, so that its certificate need not be trusted again.
    let certificate = out.join("wskdrv.cer");
    if changed || !signed.exists() {
        sign::sign(&unsigned, &signed, &certificate)?;
    }
    sign::verify(&signed, &certificate)?;
    pe::check_checksum(&fs::read(&signed)?)?;
    println!("{}: signed for test; the certificate is wskdrv.cer next to it", signed.display());
    if !options.driver_only {
        let program = build.harness()?;
        println!("{}: {} bytes", program.display(), fs::metadata(&program)?.len());
    }
    Ok(())
}

/// Builds the driver again in a directory of its own, with nothing in it.
fn reproduce(build: &Build<'_>, image: &[u8]) -> Result<()> {
    let again = build.out.join("again");
    if again.exists() {
        fs::remove_dir_all(&again).with_context(|| format!("removing {}", again.display()))?;
    }
    fs::create_dir_all(&again)?;
    let second = Build { root: build.root, out: &again }.driver()?;
    if second != image {
        let kept = again.join("wskdrv.sys");
        fs::write(&kept, &second)?;
        bail!("the second build differs from the first: compare {} with wskdrv.unsigned.sys", kept.display());
    }
    fs::remove_dir_all(&again)?;
    println!("a second build from nothing has the same bytes");
    Ok(())
}

fn output_directory(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join("cross")
}

fn imports(root: &Path) -> Result<pe::Imports> {
    let file = root.join("cross/imports.txt");
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    pe::Imports::parse(&text)
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

    #[test]
    fn every_import_is_in_a_library() {
        let root = root().unwrap();
        for (module, names) in imports(&root).unwrap().modules() {
            let stem = module.split('.').next().unwrap().to_ascii_lowercase();
            let library = fs::read_to_string(root.join(format!("cross/lib/{stem}.def"))).unwrap();
            assert!(library.lines().any(|line| line == format!("LIBRARY {module}")), "{module}");
            for name in names {
                assert!(library.lines().any(|line| line.trim() == name), "{module}: {name}");
            }
        }
    }
}
