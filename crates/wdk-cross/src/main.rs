//! `cargo wdk-cross`: see the library.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser};

use wdk_cross::exports::{KMDF, Version};
use wdk_cross::pe::Expected;
use wdk_cross::{Arch, Driver, Exports, Needs, Project, Toolchain, Wdk, tools, unpack};

/// cargo calls the program with the name of the command.
#[derive(Parser)]
#[command(name = "cargo", bin_name = "cargo")]
enum Cli {
    WdkCross(Options),
}

/// Build a Windows driver's .sys on Linux without the WDK: linked, checked, and signed for test.
#[derive(Args)]
#[command(version)]
struct Options {
    /// The driver's Cargo.toml.
    #[arg(long, default_value = "Cargo.toml")]
    manifest_path: PathBuf,
    /// The driver, if the manifest is that of a workspace with several.
    #[arg(long, short)]
    package: Option<String>,
    /// The features by which it is built for Windows; its default features are off.
    #[arg(long, default_value = "kernel")]
    features: String,
    /// The processor: `x86_64`. `aarch64` is known, and refused with the reason.
    #[arg(long, default_value = "x86_64")]
    arch: Arch,
    /// The oldest Windows that it is for, such as 10.0.19041; without this, what its manifest says.
    #[arg(long)]
    windows: Option<Version>,
    /// The largest image, in bytes.
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    largest: usize,
    /// Install the missing packages with apt-get first.
    #[arg(long)]
    install: bool,
    /// Build it a second time, from nothing but what runs on this machine meanwhile, and compare.
    #[arg(long)]
    check_reproducible: bool,
    /// Check it with clippy, as it is compiled for the kernel, and build nothing.
    #[arg(long)]
    clippy: bool,
}

fn main() -> ExitCode {
    let Cli::WdkCross(options) = Cli::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let project = Project::read(&options.manifest_path, options.package.as_deref())?;
    let wdk = Wdk::from_environment(KMDF.0)?;
    let toolchain = Toolchain::for_target(&project.workspace, options.arch.target());
    let needs = Needs {
        build: true,
        rust: toolchain == Toolchain::Debian,
        clippy: options.clippy,
        ..Needs::default()
    };
    tools::require(options.install, needs)?;
    let exports = Exports::read()?;

    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| project.target.clone(), PathBuf::from);
    let cross = target.join("cross");
    let out = cross.join(&project.name).join(options.arch.target());
    fs::create_dir_all(&out).with_context(|| format!("making {}", out.display()))?;
    let (cross, out) = (cross.canonicalize()?, out.canonicalize()?);
    let (build, sources) = (cross.join("driver"), cross.join("kit"));
    unpack(&sources)?;

    let driver = Driver {
        project: &project,
        arch: options.arch,
        features: &options.features,
        out: &out,
        build: &build,
        sources: &sources,
        exports: &exports,
        wdk: wdk.as_ref(),
        toolchain,
    };
    if options.clippy {
        return driver.clippy();
    }
    let image = driver.build()?;
    if options.check_reproducible {
        driver.reproduce(&image)?;
    }
    let expected = Expected {
        arch: options.arch,
        exports: &exports,
        windows: options.windows.unwrap_or(project.windows),
        relocated: false,
        version: None,
        largest: options.largest,
        texts: &[],
    };
    driver.sign(&image, expected)?;
    Ok(())
}
