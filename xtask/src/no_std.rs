//! Proves that the crates which go into the kernel need nothing of the standard library but `core`.
//!
//! A `#![no_std]` at the top of a crate proves little: a dependency, or a feature of one, may still use `std`. So
//! this checks the crates against a sysroot that holds `core` and nothing else. It needs no further target and
//! no download.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{root, target_directory};

/// The crates that a driver links.
const PACKAGES: [&str; 9] = [
    "nt-sys",
    "wsk-nt",
    "wsk-cmsg",
    "wsk-descriptor",
    "wsk-requests",
    "wsk-sockaddr",
    "wsk-sys",
    "wsk",
    "wskdrv-abi",
];

/// What the sysroot holds: `core`, and the functions that its code calls.
const LIBRARIES: [&str; 2] = ["libcore-", "libcompiler_builtins-"];

pub(crate) fn run() -> Result<()> {
    let host = rustc(&["--print", "host-tuple"])?;
    let libraries = Path::new("lib/rustlib").join(&host).join("lib");
    let complete = PathBuf::from(rustc(&["--print", "sysroot"])?).join(&libraries);

    let scratch = tempfile::tempdir().context("making a directory for the sysroot")?;
    let bare = scratch.path().join(&libraries);
    fs::create_dir_all(&bare)?;
    let mut copied = 0;
    for entry in fs::read_dir(&complete).with_context(|| format!("reading {}", complete.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if LIBRARIES.iter().any(|library| name.starts_with(library)) {
            fs::copy(&path, bare.join(name))?;
            copied += 1;
        }
    }
    if copied == 0 {
        bail!("{} holds no libcore", complete.display());
    }

    // With --target, the flags go to the crates alone, not to the build scripts and macros that run on the host.
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(root()?)
        .args(["check", "--target", &host])
        // A directory of its own: the flags differ from every other build's.
        .env("CARGO_TARGET_DIR", target_directory(&root()?).join("no-std"));
    command.env("RUSTFLAGS", format!("--sysroot={}", scratch.path().display()));
    for package in PACKAGES {
        command.args(["--package", package]);
    }
    if !command.status().context("running cargo")?.success() {
        bail!("a crate that goes into the kernel needs more than `core`");
    }
    println!("{} compile with nothing but `core`", PACKAGES.join(", "));
    Ok(())
}

fn rustc(arguments: &[&str]) -> Result<String> {
    let output = Command::new("rustc").args(arguments).output().context("running rustc")?;
    if !output.status.success() {
        bail!("rustc {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
