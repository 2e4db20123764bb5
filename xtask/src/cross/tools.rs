//! The programs that the cross build calls, and the Debian packages that have them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Debian's Rust, beside whichever one builds the workspace: its package has the source of the standard library.
pub(crate) const CARGO: &str = "/usr/bin/cargo";
pub(crate) const RUSTC: &str = "/usr/bin/rustc";
pub(crate) const CLIPPY: &str = "/usr/bin/cargo-clippy";
pub(crate) const CLANG: &str = "clang-19";
pub(crate) const DLLTOOL: &str = "llvm-dlltool-19";
pub(crate) const LIB: &str = "llvm-lib-19";
pub(crate) const LINK: &str = "lld-link-19";
/// With its directory, in which the resource compiler looks for the preprocessor.
pub(crate) const RC: &str = "/usr/bin/llvm-rc-19";
pub(crate) const GCC: &str = "x86_64-w64-mingw32-gcc";
pub(crate) const SIGN: &str = "osslsigncode";
pub(crate) const OPENSSL: &str = "openssl";

/// The library that bindgen parses headers with, and the directory of the compiler's own headers.
pub(crate) const LIBCLANG: &str = "/usr/lib/llvm-19/lib/libclang-19.so.19";
pub(crate) const CLANG_HEADERS: &str = "/usr/lib/llvm-19/lib/clang/19/include";
/// mingw-w64's headers; the kernel's are in `ddk`.
pub(crate) const MINGW: &str = "/usr/share/mingw-w64/include";

/// The C runtime that the entry stub's test prints with; its package has the import libraries of the client in C too.
pub(crate) const RUNTIME: &str = "/usr/x86_64-w64-mingw32/lib/libmsvcrt.a";

/// What makes clang read mingw-w64's headers as they are meant: Microsoft's extensions, but not Microsoft's compiler.
pub(crate) const COMPILER: [&str; 6] = [
    "-fms-compatibility",
    "-fms-extensions",
    "-U_MSC_VER",
    "-fgnuc-version=4.2.1",
    "-nostdinc",
    "-Wno-#warnings",
];

/// What makes clang read a WDK's headers, which Microsoft's compiler reads without a warning; the overlay's file follows.
pub(crate) const WDK_COMPILER: [&str; 4] = ["-fms-compatibility", "-fms-extensions", "-w", "-ivfsoverlay"];

/// What is to be done.
#[expect(clippy::struct_excessive_bools, reason = "each has its packages")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Something is built, or checked by a compiler.
    pub(crate) build: bool,
    /// Debian's Rust: some target is not installed by rustup.
    pub(crate) rust: bool,
    /// Its linter.
    pub(crate) clippy: bool,
    /// Wine, and what is built for it alone.
    pub(crate) wine: bool,
}

/// When a file is needed.
type When = fn(Needs) -> bool;

const BUILD: When = |needs| needs.build;
const RUST: When = |needs| needs.rust;

/// What must be there, the package that brings it, and when.
const NEEDED: [(&str, &str, When); 19] = [
    (CARGO, "cargo-web", RUST),
    (RUSTC, "rustc-web", RUST),
    ("/usr/lib/rustlib/src/rust/library/Cargo.lock", "rust-web-src", RUST),
    (CLIPPY, "rust-web-clippy", |needs| needs.rust && needs.clippy),
    ("/usr/bin/clippy-driver", "rust-web-clippy", |needs| needs.rust && needs.clippy),
    ("/usr/bin/clang-19", "clang-19", BUILD),
    (CLANG_HEADERS, "libclang-common-19-dev", BUILD),
    (LIBCLANG, "libclang1-19", BUILD),
    ("/usr/bin/lld-link-19", "lld-19", BUILD),
    ("/usr/bin/llvm-dlltool-19", "llvm-19", BUILD),
    ("/usr/bin/llvm-lib-19", "llvm-19", BUILD),
    (RC, "llvm-19", BUILD),
    ("/usr/share/mingw-w64/include/ddk/ntddk.h", "mingw-w64-common", BUILD),
    ("/usr/bin/x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64-win32", BUILD),
    ("/usr/bin/osslsigncode", "osslsigncode", BUILD),
    ("/usr/bin/openssl", "openssl", BUILD),
    (RUNTIME, "mingw-w64-x86-64-dev", |needs| needs.build && needs.wine),
    ("/usr/bin/wine", "wine", |needs| needs.wine),
    ("/usr/lib/wine/wine64", "wine64", |needs| needs.wine),
];

/// Sees to it that everything is there.
///
/// # Errors
/// Something is missing: the text has the line that installs it.
pub(crate) fn require(install: bool, needs: Needs) -> Result<()> {
    let missing = missing(needs, |path| Path::new(path).exists());
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get install --no-install-recommends {}", missing.join(" "));
    if !install {
        bail!("the cross build needs more packages; install them, or add --install:\n\n    {line}\n");
    }
    // A fresh machine has no list of packages yet.
    run(Command::new("apt-get").args(["update", "--quiet", "--quiet"]))?;
    println!("{line}");
    let mut command = Command::new("apt-get");
    command.args(["install", "--yes", "--no-install-recommends"]).args(&missing);
    run(command.env("DEBIAN_FRONTEND", "noninteractive"))?;
    let still = self::missing(needs, |path| Path::new(path).exists());
    if !still.is_empty() {
        bail!("apt-get has installed them, but what is needed of these is not there: {}", still.join(" "));
    }
    Ok(())
}

fn missing(needs: Needs, exists: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let wanted = NEEDED.iter().filter(|(path, _, when)| when(needs) && !exists(path));
    let mut packages = Vec::new();
    for (_, package, _) in wanted {
        if !packages.contains(package) {
            packages.push(*package);
        }
    }
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

    const ALL: Needs = Needs { build: true, rust: true, clippy: true, wine: true };

    #[test]
    fn nothing_is_missing_when_all_is_there() {
        assert!(missing(ALL, |_| true).is_empty());
    }

    #[test]
    fn a_package_is_named_once() {
        let packages = missing(ALL, |path| !path.contains("llvm-") && !path.contains("mingw"));
        assert_eq!(
            packages,
            [
                "libclang-common-19-dev",
                "libclang1-19",
                "llvm-19",
                "mingw-w64-common",
                "gcc-mingw-w64-x86-64-win32",
                "mingw-w64-x86-64-dev",
            ]
        );
    }

    #[test]
    fn only_what_a_build_needs_is_asked_for() {
        let packages = |needs| missing(needs, |_| false);
        assert!(packages(Needs::default()).is_empty());
        let plain = packages(Needs { build: true, ..Needs::default() });
        assert!(plain.starts_with(&["clang-19"]), "{plain:?}");
        assert!(
            !plain.iter().any(|package| package.contains("web") || package.contains("wine")),
            "{plain:?}"
        );
        // What was built elsewhere runs where only Wine is.
        assert_eq!(packages(Needs { wine: true, ..Needs::default() }), ["wine", "wine64"]);
        let rust = packages(Needs { build: true, rust: true, ..Needs::default() });
        assert!(rust.starts_with(&["cargo-web", "rustc-web", "rust-web-src", "clang-19"]), "{rust:?}");
        assert!(packages(ALL).ends_with(&["wine", "wine64"]));
        // rustup's own linter is no package.
        assert!(!packages(Needs { rust: false, ..ALL }).contains(&"rust-web-clippy"));
    }

    /// Where a file of the list is there, Debian's database agrees on the package that brings it.
    #[test]
    fn files_come_from_the_packages_named() {
        // An alternative, a link by way of /etc/alternatives, may lead to another package that serves as well.
        let chosen =
            |path: &str| Path::new(path).read_link().is_ok_and(|to| to.starts_with("/etc/alternatives"));
        let listed = NEEDED.iter().filter(|(path, _, _)| !chosen(path));
        let here: Vec<_> = listed
            .filter_map(|(path, package, _)| Some((Path::new(path).canonicalize().ok()?, *package)))
            .collect();
        for (path, package) in here {
            let Ok(output) = Command::new("dpkg-query").arg("--search").arg(&path).output() else { return };
            let owners = String::from_utf8_lossy(&output.stdout).into_owned();
            let is_owner = owners.split([',', ':', ' ', '\n']).any(|word| word == package);
            assert!(is_owner, "{} is not from {package}: {owners}", path.display());
        }
    }
}
