//! The builds: the driver for the kernel, by `cargo wdk-cross`; the harness and the modules for Wine, for Windows' user mode.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use wdk_cross::driver::{cargo, machine_places, rustflags};
use wdk_cross::tools::{self, run};
use wdk_cross::{Arch, Driver, Exports, Project, Toolchain, Wdk};

pub(crate) const HARNESS_TARGET: &str = "x86_64-pc-windows-gnu";

/// The features of the driver that is for the kernel.
const FEATURES: &str = "kernel";

/// The parts of Debian's standard library that are compiled along.
const HARNESS_STD: [&str; 1] = ["-Zbuild-std=std,panic_abort"];

/// A program is to run fast and to be built soon: the release profile is for the driver's image, which is to be small.
const PROGRAM: [&str; 6] = [
    "--config",
    "profile.release.opt-level=3",
    "--config",
    "profile.release.lto=false",
    "--config",
    "profile.release.codegen-units=16",
];

/// A build of the workspace at `root` into `out`.
pub(crate) struct Build<'p> {
    /// The workspace.
    pub(crate) root: &'p Path,
    /// The driver.
    pub(crate) project: &'p Project,
    /// Where everything goes that is made.
    pub(crate) out: &'p Path,
    /// Where cargo builds the driver.
    pub(crate) driver_target: &'p Path,
    /// What the driver is built with.
    pub(crate) sources: &'p Path,
    /// What the driver may import.
    pub(crate) exports: &'p Exports,
    /// The WDK, if there is one.
    pub(crate) wdk: Option<&'p Wdk>,
    /// Who compiles the driver.
    pub(crate) driver: Toolchain,
    /// Who compiles the harness.
    pub(crate) harness: Toolchain,
}

impl Build<'_> {
    /// The driver's build.
    pub(crate) fn driver(&self) -> Driver<'_> {
        self.driver_with(FEATURES)
    }

    /// As [`Build::driver`], with other features.
    pub(crate) fn driver_with<'f>(&'f self, features: &'f str) -> Driver<'f> {
        Driver {
            project: self.project,
            arch: Arch::X64,
            features,
            out: self.out,
            build: self.driver_target,
            sources: self.sources,
            exports: self.exports,
            wdk: self.wdk,
            toolchain: self.driver,
        }
    }

    /// Checks with clippy the driver, as it is compiled for the kernel, and the modules for Wine.
    pub(crate) fn clippy(&self) -> Result<()> {
        self.driver().clippy()?;
        run(self.modules_command("clippy").args(["--", "--deny", "warnings"]))
    }

    /// Builds the harness, and gives its place.
    pub(crate) fn harness(&self) -> Result<PathBuf> {
        let mut command = self.user_mode("build");
        run(command.args(["--package", "wskctl", "--bin", "wskctl", "--locked"]))?;
        let built = self.out.join("harness").join(HARNESS_TARGET).join("release/wskctl.exe");
        let program = self.out.join("wskctl.exe");
        fs::copy(&built, &program).with_context(|| format!("copying {}", built.display()))?;
        Ok(program)
    }

    /// Builds the modules that stand beside the driver under Wine, and gives their directory. `kernel` is the import
    /// library of Wine's kernel.
    pub(crate) fn modules(&self, kernel: &Path) -> Result<PathBuf> {
        run(self.modules_command("build").env("WINE_KERNEL_LIB", kernel))?;
        Ok(self.out.join("harness").join(HARNESS_TARGET).join("release"))
    }

    /// Compiles all of the workspace for Windows, tests and examples too, and makes no programs of it.
    pub(crate) fn check(&self) -> Result<()> {
        run(self.unwinding("check").args(["--workspace", "--all-targets"]))
    }

    /// Runs the tests of some crates of the workspace, as programs that `loader` runs, Wine's; `environment` leads to a prefix.
    pub(crate) fn test(
        &self,
        crates: &[&str],
        loader: &Path,
        environment: impl FnOnce(&mut Command),
    ) -> Result<()> {
        let mut command = self.unwinding("test");
        let runner = format!("target.{HARNESS_TARGET}.runner=[{:?}]", loader.display().to_string());
        command.args(["--config", &runner]);
        for name in crates {
            command.args(["--package", name]);
        }
        environment(&mut command);
        command.args(["--lib", "--bins", "--tests"]);
        // What must not compile is for the compiler to say, and there is none inside Wine.
        run(command.args(["--", "--skip", "misuse_does_not_compile"]))
    }

    fn modules_command(&self, verb: &str) -> Command {
        let mut command = self.user_mode(verb);
        command.args(["--manifest-path", "cross/wine/Cargo.toml", "--locked"]);
        command
    }

    /// A build for user mode that has tests. They unwind, and cargo would take one standard library for them and another for
    /// what they use.
    fn unwinding(&self, verb: &str) -> Command {
        let mut command = self.user_mode(verb);
        command.args(["--config", r#"profile.release.panic="unwind""#, "--locked"]);
        command
    }

    /// A build for user mode. All have the same flags and directory, and so one standard library.
    fn user_mode(&self, verb: &str) -> Command {
        let mut places = machine_places();
        places.push((self.root.to_path_buf(), "/wskdrv".to_owned()));
        places.push((self.out.to_path_buf(), "/target".to_owned()));
        let flags = ["-Cstrip=symbols", "-Clink-arg=-Wl,--no-insert-timestamp"];
        let mut command = cargo(verb, self.harness);
        command
            .current_dir(self.root)
            .env("CARGO_TARGET_DIR", self.out.join("harness"))
            .args([verb, "--release", "--target", HARNESS_TARGET])
            .args(PROGRAM)
            .args(if self.harness == Toolchain::Debian { &HARNESS_STD[..] } else { &[] })
            .args(["--config", &format!("target.{HARNESS_TARGET}.linker={:?}", tools::GCC)])
            .args(["--config", &rustflags(HARNESS_TARGET, &flags, &places)]);
        command
    }
}
