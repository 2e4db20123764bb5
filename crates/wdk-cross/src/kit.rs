//! What a driver is compiled and linked with: headers, import libraries and the entry point's library.
//!
//! From a WDK if there is one, else this crate's own.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::entry;
use super::exports::{self, Exports};
use super::tools::{self, Arch, run_quietly};
use super::wdk::Wdk;

/// The files that a driver is built with beside its own, by their names in a directory of such.
const SOURCES: [(&str, &str); 15] = [
    ("entry/entry.c", include_str!("../../../cross/entry/entry.c")),
    ("include/ntkernel.h", include_str!("../../../cross/include/ntkernel.h")),
    ("include/wdf.h", include_str!("../../../cross/include/wdf.h")),
    ("include/wdf_bind.h", include_str!("../../../cross/include/wdf_bind.h")),
    ("include/wdf_calls.h", include_str!("../../../cross/include/wdf_calls.h")),
    ("include/wdf_functions.h", include_str!("../../../cross/include/wdf_functions.h")),
    ("include/wdf_structs.h", include_str!("../../../cross/include/wdf_structs.h")),
    ("include/wdf_types.h", include_str!("../../../cross/include/wdf_types.h")),
    ("wdk-build/Cargo.toml", include_str!("../../../cross/wdk-build/Cargo.toml")),
    ("wdk-build/src/bindings.rs", include_str!("../../../cross/wdk-build/src/bindings.rs")),
    ("wdk-build/src/config.rs", include_str!("../../../cross/wdk-build/src/config.rs")),
    ("wdk-build/src/error.rs", include_str!("../../../cross/wdk-build/src/error.rs")),
    ("wdk-build/src/lib.rs", include_str!("../../../cross/wdk-build/src/lib.rs")),
    ("wdk-build/src/link.rs", include_str!("../../../cross/wdk-build/src/link.rs")),
    ("wdk-build/src/model.rs", include_str!("../../../cross/wdk-build/src/model.rs")),
];

/// Writes what drivers are built with into a directory.
///
/// # Errors
/// A file cannot be written.
pub fn unpack(directory: &Path) -> Result<()> {
    for (name, content) in SOURCES {
        let file = directory.join(name);
        fs::create_dir_all(file.parent().unwrap_or(directory))?;
        write_if_new(&file, content.as_bytes())?;
    }
    Ok(())
}

/// The parts that were made, for cargo's environment.
#[derive(Debug)]
pub(crate) struct Kit {
    /// Libraries for the linker.
    pub(crate) libraries: PathBuf,
    /// The headers' directories, in the form of `PATH`.
    pub(crate) include: OsString,
    /// For a WDK's headers: what makes their names' case unimportant.
    pub(crate) overlay: Option<PathBuf>,
}

/// Makes the parts in `out`, from the WDK or from `sources`, which is [`unpack`]'s.
pub(crate) fn make(
    sources: &Path,
    out: &Path,
    exports: &Exports,
    arch: Arch,
    wdk: Option<&Wdk>,
    prebuilt_std: bool,
) -> Result<Kit> {
    let objects = out.join("obj");
    fs::create_dir_all(&objects).with_context(|| format!("making {}", objects.display()))?;
    if let Some(wdk) = wdk {
        return given(&out.join("lib-wdk"), &objects, wdk);
    }
    let libraries = out.join("lib");
    fs::create_dir_all(&libraries).with_context(|| format!("making {}", libraries.display()))?;
    for (name, definition) in exports.definitions(prebuilt_std) {
        let source = objects.join(&name).with_extension("def");
        let library = objects.join(&name).with_extension("lib");
        write_if_new(&source, definition.as_bytes())?;
        let mut command = Command::new(tools::DLLTOOL);
        command.args(["-m", exports::machine(arch), "-d"]).arg(&source);
        run_quietly(command.arg("-l").arg(&library))?;
        put(&library, &libraries)?;
    }
    // The headers of the framework are for x64.
    if arch == Arch::X64 {
        put(&entry::library(sources, &objects)?, &libraries)?;
    }
    Ok(Kit { libraries, include: env::join_paths(entry::include(sources))?, overlay: None })
}

/// The kit of a WDK.
fn given(libraries: &Path, objects: &Path, wdk: &Wdk) -> Result<Kit> {
    fs::create_dir_all(libraries).with_context(|| format!("making {}", libraries.display()))?;
    for (name, file) in &wdk.libraries {
        let content = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        write_if_new(&libraries.join(name).with_extension("lib"), &content)?;
    }
    let overlay = objects.join("headers.yaml");
    write_if_new(&overlay, wdk.overlay()?.as_bytes())?;
    // The compiler's own headers come last, as they do with Microsoft's.
    let include = wdk.include.iter().map(PathBuf::as_path).chain([Path::new(tools::CLANG_HEADERS)]);
    Ok(Kit { libraries: libraries.into(), include: env::join_paths(include)?, overlay: Some(overlay) })
}

/// Copies a file into a directory if it is new there: cargo builds again what depends on a file that was touched.
fn put(file: &Path, directory: &Path) -> Result<()> {
    let name = file.file_name().context("a file without a name")?;
    write_if_new(&directory.join(name), &fs::read(file)?)
}

fn write_if_new(file: &Path, content: &[u8]) -> Result<()> {
    if fs::read(file).ok().as_deref() != Some(content) {
        fs::write(file, content).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that was added to `cross/` is among those that are unpacked.
    #[test]
    fn everything_is_unpacked() {
        let cross = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cross");
        let mut there = Vec::new();
        for directory in ["include", "wdk-build/src"] {
            for entry in fs::read_dir(cross.join(directory)).unwrap() {
                there.push(format!("{directory}/{}", entry.unwrap().file_name().into_string().unwrap()));
            }
        }
        there.extend(["entry/entry.c".to_owned(), "wdk-build/Cargo.toml".to_owned()]);
        there.sort();
        let mut unpacked = SOURCES.map(|(name, _)| name).to_vec();
        unpacked.sort_unstable();
        assert_eq!(unpacked, there);
    }
}
