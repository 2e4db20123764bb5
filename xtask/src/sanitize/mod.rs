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

/// As [`LEFT_OUT`], where threads are watched: most are wrong drivers, whose fault is that they use memory without an order.
const LEFT_OUT_OF_THREADS: &[(&str, &str)] = &[
    (
        "ten_thousand_handles",
        "with special pool and the sanitizer's own, more mappings than a process may have",
    ),
    ("an_event_is_initialised_while_a_thread_waits_for_it", "the rule is that it must not be"),
    ("an_option_value_on_a_stack_that_is_gone", "WSK reads what is another function's by now"),
    ("each_broken_driver_is_stopped_by_its_rule", "one of them has its option's value on the stack"),
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

/// The same.
const THREAD: &[&str] = &[
    "history_size=4",
    // A bug check stops threads for ever.
    "report_thread_leaks=0",
    // A fault is turned into a report, for which the handler allocates. The faults are those of wrong drivers, in instructions
    // of their own, and not within the allocator.
    "report_signal_unsafe=0",
];

pub(crate) fn run(options: &Options) -> Result<()> {
    let root = root()?;
    let host = nightly_host()?;
    let (name, variable, settings) = match options.sanitizer {
        Sanitizer::Address => ("address", "ASAN_OPTIONS", ADDRESS.join(":")),
        Sanitizer::Thread => {
            let suppressions = root.join("xtask/src/sanitize/thread.supp");
            (
                "thread",
                "TSAN_OPTIONS",
                format!("suppressions={}:{}", suppressions.display(), THREAD.join(":")),
            )
        }
    };
    let watched: &[_] = match options.sanitizer {
        Sanitizer::Address => &[],
        Sanitizer::Thread => LEFT_OUT_OF_THREADS,
    };
    let left_out = LEFT_OUT.iter().chain(watched);
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
        .args(left_out.map(|(test, _)| format!("--skip={test}")))
        .args(&options.arguments);
    let status = command.status().context("running cargo")?;
    ensure!(status.success(), "the {name} sanitizer, or a test, has something against it: {status}");
    Ok(())
}
