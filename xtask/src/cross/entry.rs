//! The entry stub: its compilation, and its test, which needs Wine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::tools::{self, COMPILER, run_quietly};
use crate::wine::Prefix;

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
pub(crate) fn include(root: &Path) -> [PathBuf; 4] {
    let mingw = Path::new(tools::MINGW);
    [root.join("cross/include"), tools::CLANG_HEADERS.into(), mingw.join("ddk"), mingw.into()]
}

/// Compiles a file of `cross/entry`.
fn compile(root: &Path, source: &str, object: &Path, further: &[&str]) -> Result<()> {
    let mut command = Command::new(tools::CLANG);
    command.args(["--target=x86_64-pc-windows-msvc", "-O2", "-ffreestanding", "-fno-stack-protector"]);
    command
        .args(["-ffunction-sections", "-Wall", "-Wextra", "-Werror"])
        .args(COMPILER)
        .args(MACROS)
        .args(further);
    for (place, directory) in include(root).iter().enumerate() {
        command.arg(if place == 0 { "-I" } else { "-isystem" }).arg(directory);
    }
    run_quietly(command.arg("-c").arg(root.join("cross/entry").join(source)).arg("-o").arg(object))
}

/// Makes the stub's library, of the name that the WDK's has, and gives its place.
pub(crate) fn library(root: &Path, objects: &Path) -> Result<PathBuf> {
    let object = objects.join("entry.obj");
    compile(root, "entry.c", &object, &[])?;
    let library = objects.join("wdfdriverentry.lib");
    run_quietly(Command::new(tools::LIB).arg("/nologo").arg(with_path("/out:", &library)).arg(object))?;
    Ok(library)
}

/// Runs the stub in user mode, under Wine, with a loader and a driver that note how they are called.
pub(crate) fn test(root: &Path, out: &Path) -> Result<()> {
    let objects = out.join("obj");
    // Not made yet if the driver is linked with a WDK's.
    library(root, &objects)?;
    let prefix = Prefix::open(out)?;
    for (name, further) in [("entry-test", &[][..]), ("entry-test-class", &["-DCLASS_EXTENSION"][..])] {
        let object = objects.join(name).with_extension("obj");
        let program = objects.join(name).with_extension("exe");
        // mingw-w64's headers define these in every file that includes them.
        let mut flags =
            vec!["-DInterlockedBitTestAndSet=TestAndSet", "-DInterlockedBitTestAndReset=TestAndReset"];
        flags.extend(further);
        compile(root, "test.c", &object, &flags)?;
        let mut link = Command::new(tools::LINK);
        link.args(["/nologo", "/entry:main", "/subsystem:console", "/nodefaultlib"]);
        link.arg(with_path("/out:", &program))
            .args([&object, &objects.join("entry.obj")])
            .arg(tools::RUNTIME);
        run_quietly(&mut link)?;
        prefix.run_program(&program).context("the entry stub's test failed")?;
    }
    println!("the entry stub binds, refuses and unbinds as it should");
    Ok(())
}

fn with_path(option: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(option);
    argument.push(path);
    argument
}
