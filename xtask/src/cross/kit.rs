//! What the driver is compiled and linked with: headers, import libraries and the entry point's library.
//!
//! From a WDK if there is one, else the project's own.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::entry;
use super::imports::{List, Parts};
use super::tools::{self, run_quietly};
use super::wdk::Wdk;

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

/// Makes the parts in `out`, from the WDK or from `cross/`.
pub(crate) fn make(root: &Path, out: &Path, list: &List, wdk: Option<&Wdk>, parts: Parts) -> Result<Kit> {
    let objects = out.join("obj");
    fs::create_dir_all(&objects).with_context(|| format!("making {}", objects.display()))?;
    match wdk {
        Some(wdk) => given(&out.join("lib-wdk"), &objects, wdk),
        None => own(root, &out.join("lib"), &objects, list, parts),
    }
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

/// The project's own kit.
fn own(root: &Path, libraries: &Path, objects: &Path, list: &List, parts: Parts) -> Result<Kit> {
    fs::create_dir_all(libraries).with_context(|| format!("making {}", libraries.display()))?;
    for (name, definition) in list.definitions(parts) {
        let source = objects.join(&name).with_extension("def");
        let library = objects.join(&name).with_extension("lib");
        write_if_new(&source, definition.as_bytes())?;
        let mut command = Command::new(tools::DLLTOOL);
        command.args(["-m", "i386:x86-64", "-d"]).arg(&source);
        run_quietly(command.arg("-l").arg(&library))?;
        put(&library, libraries)?;
    }
    put(&entry::library(root, objects)?, libraries)?;
    Ok(Kit { libraries: libraries.into(), include: env::join_paths(entry::include(root))?, overlay: None })
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
