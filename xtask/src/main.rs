//! The project's own commands: `cargo xtask help`.

mod bench;
mod cross;
mod fidelity;
mod fuzz;
mod generated;
mod headers;
mod inf;
mod mutants;
mod no_std;
mod options;
mod performance;
mod runs;
mod sanitize;
mod tidy;
mod vm;
mod wine;
mod workflow;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

/// The project's own commands: checks that no compiler makes.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure what `wsk` costs over WSK's functions: in time; or in instructions, which are checked.
    Bench(bench::Options),
    /// Build the driver and the harness for Windows, on Linux and without the WDK.
    Cross(cross::Options),
    /// Write the tables of docs/fidelity.md from the questions, or check them.
    Fidelity(fidelity::Options),
    /// Fuzz the driver's device and every parser, each for some seconds; or tell what the corpora reach.
    Fuzz(fuzz::Options),
    /// Compare every declaration of `nt-sys` and `wsk-sys` with C headers that others wrote (mingw-w64, Wine).
    Headers(headers::Options),
    /// Make the driver package's INF of inf/wskdrv.inx, and check it.
    Inf(inf::Options),
    /// Take a line out of the driver, and see a named test fail under Wine.
    Mutants(mutants::Options),
    /// Check the crates that go into the kernel against a standard library of nothing but `core`.
    NoStd,
    /// Write docs/options.md from the table of control requests, or check it.
    Options(options::Options),
    /// Write the tables of docs/performance.md from what was measured, or check them; or measure.
    Performance(performance::Options),
    /// Check the runs on Windows in docs/windows-runs, and write README's table of them; or add one.
    Runs(runs::Options),
    /// Run the suites of the hosted kernel with a sanitizer in the programs.
    Sanitize(sanitize::Options),
    /// Look for what must not stand in the tree: machine paths, empty reasons, doubled words, long files, imports between layers.
    Tidy,
    /// Run the steps of docs/windows.md in a virtual machine, with a Windows that you have.
    Vm(vm::Options),
    /// Run the driver under Wine: demo, conformance suite, installation by the INF.
    Wine(wine::Options),
    /// Hold GitHub's workflow and docs/windows.md to the list of `wskctl trial`, and write its table there.
    Workflow(workflow::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Bench(options) => bench::run(&options),
        Command::Cross(options) => cross::run(&options),
        Command::Fidelity(options) => fidelity::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Headers(options) => headers::run(&options),
        Command::Inf(options) => inf::run(&options),
        Command::Mutants(options) => mutants::run(&options),
        Command::NoStd => no_std::run(),
        Command::Options(options) => options::run(&options),
        Command::Performance(options) => performance::run(&options),
        Command::Runs(options) => runs::run(&options),
        Command::Sanitize(options) => sanitize::run(&options),
        Command::Tidy => tidy::run(),
        Command::Vm(options) => vm::run(&options),
        Command::Wine(options) => wine::run(&options),
        Command::Workflow(options) => workflow::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the workspace.
fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask lies in the workspace's root")?.to_path_buf())
}

/// The target of the nightly toolchain itself.
fn nightly_host() -> Result<String> {
    let version = std::process::Command::new("rustc").args(["+nightly", "--version", "--verbose"]).output();
    let version = version.context("running rustc +nightly")?;
    ensure!(version.status.success(), "there is no nightly toolchain: rustup toolchain install nightly");
    let version = String::from_utf8(version.stdout)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc --version --verbose tells no host")?.to_owned())
}

/// Where cargo puts what it builds.
fn target_directory(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}
