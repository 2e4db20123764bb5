//! The programs that the cross build calls, and the Debian packages that have them.

use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};

/// Debian's Rust, beside whichever one builds the workspace: its package has the source of the standard library.
pub const CARGO: &str = "/usr/bin/cargo";
/// Its compiler.
pub const RUSTC: &str = "/usr/bin/rustc";
/// Its linter.
pub const CLIPPY: &str = "/usr/bin/cargo-clippy";
/// The C compiler.
pub const CLANG: &str = "clang-19";
/// Makes import libraries.
pub const DLLTOOL: &str = "llvm-dlltool-19";
/// Reads import libraries.
pub const NM: &str = "llvm-nm-19";
/// Makes libraries.
pub const LIB: &str = "llvm-lib-19";
/// The linker.
pub const LINK: &str = "lld-link-19";
/// With its directory, in which the resource compiler looks for the preprocessor.
pub const RC: &str = "/usr/bin/llvm-rc-19";
/// The C compiler and linker of programs for Windows' user mode.
pub const GCC: &str = "x86_64-w64-mingw32-gcc";
/// Signs images.
pub const SIGN: &str = "osslsigncode";
/// Makes keys and certificates.
pub const OPENSSL: &str = "openssl";

/// The library that bindgen parses headers with.
pub const LIBCLANG: &str = "/usr/lib/llvm-19/lib/libclang-19.so.19";
/// The directory of the compiler's own headers.
pub const CLANG_HEADERS: &str = "/usr/lib/llvm-19/lib/clang/19/include";
/// mingw-w64's headers; the kernel's are in `ddk`.
pub const MINGW: &str = "/usr/share/mingw-w64/include";

/// mingw-w64's import libraries.
pub const MINGW_LIBRARIES: &str = "/usr/x86_64-w64-mingw32/lib";

/// The C runtime that the entry stub's test prints with; its package has the import libraries of the client in C too.
pub const RUNTIME: &str = "/usr/x86_64-w64-mingw32/lib/libmsvcrt.a";

/// What makes clang read mingw-w64's headers as they are meant: Microsoft's extensions, but not Microsoft's compiler.
pub const COMPILER: [&str; 6] = [
    "-fms-compatibility",
    "-fms-extensions",
    "-U_MSC_VER",
    "-fgnuc-version=4.2.1",
    "-nostdinc",
    "-Wno-#warnings",
];

/// What makes clang read a WDK's headers, which Microsoft's compiler reads without a warning; the overlay's file follows.
pub const WDK_COMPILER: [&str; 4] = ["-fms-compatibility", "-fms-extensions", "-w", "-ivfsoverlay"];

/// The processor that a driver is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arch {
    /// AMD64.
    #[default]
    X64,
    /// ARM64.
    Arm64,
}

impl Arch {
    /// Rust's name of the target.
    #[must_use]
    pub const fn target(self) -> &'static str {
        match self {
            Arch::X64 => "x86_64-pc-windows-msvc",
            Arch::Arm64 => "aarch64-pc-windows-msvc",
        }
    }
}

impl FromStr for Arch {
    type Err = Error;

    fn from_str(text: &str) -> Result<Arch> {
        match text {
            "x86_64" | "x64" => Ok(Arch::X64),
            "aarch64" | "arm64" => Ok(Arch::Arm64),
            _ => bail!("{text} is no processor that drivers are built for: x86_64 or aarch64"),
        }
    }
}

/// What is to be done.
#[expect(clippy::struct_excessive_bools, reason = "each has its packages")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Something is built, or checked by a compiler.
    pub build: bool,
    /// Debian's Rust: some target is not installed by rustup.
    pub rust: bool,
    /// Its linter.
    pub clippy: bool,
    /// This machine's Wine.
    pub wine: bool,
    /// Programs for Windows' user mode are built, too.
    pub programs: bool,
}

/// When a file is needed.
type When = fn(Needs) -> bool;

const BUILD: When = |needs| needs.build;
const RUST: When = |needs| needs.rust;

/// What must be there, the package that brings it, and when.
const NEEDED: [(&str, &str, When); 20] = [
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
    ("/usr/bin/llvm-nm-19", "llvm-19", BUILD),
    ("/usr/share/mingw-w64/include/ddk/ntddk.h", "mingw-w64-common", BUILD),
    ("/usr/x86_64-w64-mingw32/lib/libntoskrnl.a", "mingw-w64-x86-64-dev", BUILD),
    ("/usr/bin/x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64-win32", |needs| needs.programs),
    ("/usr/bin/osslsigncode", "osslsigncode", BUILD),
    ("/usr/bin/openssl", "openssl", BUILD),
    ("/usr/bin/wine", "wine", |needs| needs.wine),
    ("/usr/lib/wine/wine64", "wine64", |needs| needs.wine),
];

/// Sees to it that everything is there.
///
/// # Errors
/// Something is missing: the text has the line that installs it.
pub fn require(install: bool, needs: Needs) -> Result<()> {
    let missing = missing(needs, |path| Path::new(path).exists());
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get install --no-install-recommends {}", missing.join(" "));
    if !install {
        bail!("more packages are needed; install them, or add --install:\n\n    {line}\n");
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
///
/// # Errors
/// It does not.
pub fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("starting {name}"))?;
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(())
}

/// Runs a program that must succeed, and whose output only matters if it does not.
///
/// # Errors
/// It does not: the text has the output.
pub fn run_quietly(command: &mut Command) -> Result<()> {
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

    const ALL: Needs = Needs { build: true, rust: true, clippy: true, wine: true, programs: true };

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
                "mingw-w64-x86-64-dev",
                "gcc-mingw-w64-x86-64-win32",
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
        assert!(!plain.contains(&"gcc-mingw-w64-x86-64-win32"), "{plain:?}");
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
