//! The programs that the cross build calls, and the Debian packages that have them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Debian's Rust, beside whichever one builds the workspace: its package has the source of the standard library.
pub(crate) const CARGO: &str = "/usr/bin/cargo";
pub(crate) const RUSTC: &str = "/usr/bin/rustc";
pub(crate) const CLANG: &str = "clang-19";
pub(crate) const DLLTOOL: &str = "llvm-dlltool-19";
pub(crate) const LIB: &str = "llvm-lib-19";
pub(crate) const LINK: &str = "lld-link-19";
pub(crate) const RC: &str = "llvm-rc-19";
pub(crate) const GCC: &str = "x86_64-w64-mingw32-gcc";
pub(crate) const SIGN: &str = "osslsigncode";
pub(crate) const OPENSSL: &str = "openssl";

/// The library that bindgen parses headers with, and the directory of the compiler's own headers.
pub(crate) const LIBCLANG: &str = "/usr/lib/llvm-19/lib/libclang-19.so.19";
pub(crate) const CLANG_HEADERS: &str = "/usr/lib/llvm-19/lib/clang/19/include";
/// mingw-w64's headers; the kernel's are in `ddk`.
pub(crate) const MINGW: &str = "/usr/share/mingw-w64/include";

/// What makes clang read mingw-w64's headers as they are meant: Microsoft's extensions, but not Microsoft's compiler.
pub(crate) const COMPILER: [&str; 6] = [
    "-fms-compatibility",
    "-fms-extensions",
    "-U_MSC_VER",
    "-fgnuc-version=4.2.1",
    "-nostdinc",
    "-Wno-#warnings",
];

/// What must be there, and the package that brings it.
const NEEDED: [(&str, &str); 15] = [
    (CARGO, "cargo-web"),
    (RUSTC, "rustc-web"),
    ("/usr/lib/rustlib/src/rust/library/Cargo.lock", "rust-web-src"),
    ("/usr/bin/clang-19", "clang-19"),
    (CLANG_HEADERS, "libclang-common-19-dev"),
    (LIBCLANG, "libclang1-19"),
    ("/usr/bin/lld-link-19", "lld-19"),
    ("/usr/bin/llvm-dlltool-19", "llvm-19"),
    ("/usr/bin/llvm-lib-19", "llvm-19"),
    ("/usr/bin/llvm-rc-19", "llvm-19"),
    ("/usr/share/mingw-w64/include/ddk/ntddk.h", "mingw-w64-x86-64-dev"),
    ("/usr/share/mingw-w64/include/windows.h", "mingw-w64-common"),
    ("/usr/bin/x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64"),
    ("/usr/bin/osslsigncode", "osslsigncode"),
    ("/usr/bin/openssl", "openssl"),
];

/// Sees to it that everything is there.
///
/// # Errors
/// Something is missing: the text has the line that installs it.
pub(crate) fn require(install: bool) -> Result<()> {
    let missing = missing(|path| Path::new(path).exists());
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get install --no-install-recommends {}", missing.join(" "));
    if !install {
        bail!("the cross build needs more packages; install them, or add --install:\n\n    {line}\n");
    }
    println!("{line}");
    let mut command = Command::new("apt-get");
    command.args(["install", "--yes", "--no-install-recommends"]).args(&missing);
    run(&mut command)
}

fn missing(exists: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let mut packages: Vec<&str> =
        NEEDED.iter().filter(|(path, _)| !exists(path)).map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

/// Runs a program that must succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("starting {name}"))?;
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(())
}

/// Runs a program that must succeed, and whose output only matters if it does not.
pub(crate) fn run_quietly(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("starting {name}"))?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        bail!("{name} failed: {}\n{}", output.status, String::from_utf8_lossy(&text).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_missing_when_all_is_there() {
        assert!(missing(|_| true).is_empty());
    }

    #[test]
    fn a_package_is_named_once() {
        assert_eq!(
            missing(|path| !path.contains("llvm-")),
            ["libclang-common-19-dev", "libclang1-19", "llvm-19"]
        );
    }
}
