//! The project's own commands: `cargo xtask help`.

mod cross;
mod headers;
mod no_std;
mod tidy;

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
    /// Compare every declaration of `wsk-sys` with C headers that others wrote (mingw-w64, Wine).
    Headers(headers::Options),
    /// Check the crates that go into the kernel against a standard library of nothing but `core`.
    NoStd,
    /// Look for what must not stand in the tree: machine paths, empty reasons, doubled words, long files.
    Tidy,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Cross(options) => cross::run(&options),
        Command::Headers(options) => headers::run(&options),
        Command::NoStd => no_std::run(),
        Command::Tidy => tidy::run(),
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
