//! The project's own commands: `cargo xtask help`.

mod cross;
mod headers;
mod inf;
mod mutants;
mod no_std;
mod options;
mod tidy;
mod wine;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
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
    /// Build the driver and the harness for Windows, on Linux and without the WDK.
    Cross(cross::Options),
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
    /// Look for what must not stand in the tree: machine paths, empty reasons, doubled words, long files, imports between layers.
    Tidy,
    /// Run the driver under Wine: demo, conformance suite, installation by the INF.
    Wine(wine::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Cross(options) => cross::run(&options),
        Command::Headers(options) => headers::run(&options),
        Command::Inf(options) => inf::run(&options),
        Command::Mutants(options) => mutants::run(&options),
        Command::NoStd => no_std::run(),
        Command::Options(options) => options::run(&options),
        Command::Tidy => tidy::run(),
        Command::Wine(options) => wine::run(&options),
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

/// Where cargo puts what it builds.
fn target_directory(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}
