//! The entry stub of a driver of the framework's, and how it is compiled.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::tools::{self, COMPILER, run_quietly};

/// Macros for the headers, as `wdk-build` gives them.
const MACROS: [&str; 7] = [
    "-D_WIN64",
    "-D_AMD64_",
    "-DAMD64",
    "-D_KERNEL_MODE",
    "-D_WIN32_WINNT=0x0A00",
    "-DKMDF_VERSION_MAJOR=1",
    "-DKMDF_VERSION_MINOR=31",
];

/// The directories of the headers: the project's own first.
pub(crate) fn include(sources: &Path) -> [PathBuf; 4] {
    let mingw = Path::new(tools::MINGW);
    [sources.join("include"), tools::CLANG_HEADERS.into(), mingw.join("ddk"), mingw.into()]
}

/// Compiles a file of `entry/`.
///
/// # Errors
/// The compiler's.
pub fn compile(sources: &Path, source: &str, object: &Path, further: &[&str]) -> Result<()> {
    let mut command = Command::new(tools::CLANG);
    command.args(["--target=x86_64-pc-windows-msvc", "-O2", "-ffreestanding", "-fno-stack-protector"]);
    command
        .args(["-ffunction-sections", "-Wall", "-Wextra", "-Werror"])
        .args(COMPILER)
        .args(MACROS)
        .args(further);
    for (place, directory) in include(sources).iter().enumerate() {
        command.arg(if place == 0 { "-I" } else { "-isystem" }).arg(directory);
    }
    run_quietly(command.arg("-c").arg(sources.join("entry").join(source)).arg("-o").arg(object))
}

/// Makes the stub's library, of the name that the WDK's has, and gives its place.
///
/// # Errors
/// The compiler's.
pub fn library(sources: &Path, objects: &Path) -> Result<PathBuf> {
    let object = objects.join("entry.obj");
    compile(sources, "entry.c", &object, &[])?;
    let library = objects.join("wdfdriverentry.lib");
    run_quietly(Command::new(tools::LIB).arg("/nologo").arg(with_path("/out:", &library)).arg(object))?;
    Ok(library)
}

/// An option of a Microsoft-like program, with a path.
#[must_use]
pub fn with_path(option: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(option);
    argument.push(path);
    argument
}
