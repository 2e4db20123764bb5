//! `cargo xtask sanitize`: the suites that run on the hosted kernel, with a sanitizer of LLVM's in the programs.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::{nightly_host, root, target_directory};

/// Options of `cargo xtask sanitize`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Which.
    #[arg(value_enum)]
    sanitizer: Sanitizer,
    /// Only this package's tests; all of the suites by default.
    #[arg(long, short)]
    package: Vec<String>,
    /// For the test programs: names of tests, and their options.
    #[arg(last = true)]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Sanitizer {
    /// Memory that is used where it must not be.
    Address,
    /// Memory that two threads use without an order.
    Thread,
}

/// The packages whose tests run the driver, its layers, or the hosted kernel.
const SUITES: &[&str] = &["wsk-nt", "wsk-wdf", "wsk", "wskdrv", "hosted-ntos", "hosted-kmdf", "hosted-netio"];

/// Names of tests that are left out; for each of them, why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("misuse_does_not_compile", "it is the compiler that is tried, and no program of ours"),
    ("a_fault_outside_of_any_machine_is_what_it_was", "such a fault is the sanitizer's to report"),
    (
        "a_driver_that_uses_a_freed_block",
        "the first function of its backtrace is core's, which is not inlined here",
    ),
];

/// What a program reads at its start, and why it is so.
const ADDRESS: &[&str] = &[
    // A bug check stops threads for ever, with all that they have.
    "detect_leaks=0",
    // A rule asks whether an address is on the thread's stack, and so it must be.
    "detect_stack_use_after_return=0",
    // The hosted kernel reports a fault by itself, and tests look for that.
    "allow_user_segv_handler=1",
];

pub(crate) fn run(options: &Options) -> Result<()> {
    let root = root()?;
    let host = nightly_host()?;
    let (name, variable, settings) = match options.sanitizer {
        Sanitizer::Address => ("address", "ASAN_OPTIONS", ADDRESS.join(":")),
        Sanitizer::Thread => {
            let suppressions = root.join("xtask/src/sanitize/thread.supp");
            ("thread", "TSAN_OPTIONS", format!("suppressions={}:history_size=4", suppressions.display()))
        }
    };
    let mut command = Command::new("cargo");
    command.current_dir(&root).args(["+nightly", "test", "--lib", "--tests", "--target", &host]);
    if matches!(options.sanitizer, Sanitizer::Thread) {
        // The standard library's own order between threads is seen only if it is built so, too.
        command.arg("-Zbuild-std");
    }
    let suites: Vec<&str> = options.package.iter().map(String::as_str).collect();
    for package in if suites.is_empty() { SUITES } else { &suites } {
        command.args(["--package", package]);
    }
    command
        .arg("--no-fail-fast")
        .env("CARGO_TARGET_DIR", target_directory(&root).join("sanitize").join(name))
        .env("RUSTFLAGS", format!("-Zsanitizer={name}"))
        .env(variable, settings)
        .arg("--")
        .args(LEFT_OUT.iter().map(|(test, _)| format!("--skip={test}")))
        .args(&options.arguments);
    let status = command.status().context("running cargo")?;
    ensure!(status.success(), "the {name} sanitizer, or a test, has something against it: {status}");
    Ok(())
}
