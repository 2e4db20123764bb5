//! The two builds: the driver for the kernel, the harness for Windows' user mode.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::imports::{List, Parts};
use super::kit::{self, Kit};
use super::toolchain::Toolchain;
use super::tools::{self, run};
use super::wdk::Wdk;

pub(crate) const DRIVER_TARGET: &str = "x86_64-pc-windows-msvc";
pub(crate) const HARNESS_TARGET: &str = "x86_64-pc-windows-gnu";

/// The parts of Debian's standard library that each build compiles along.
const DRIVER_STD: [&str; 2] =
    ["-Zbuild-std=core,alloc,compiler_builtins", "-Zbuild-std-features=compiler-builtins-mem"];
const HARNESS_STD: [&str; 1] = ["-Zbuild-std=std,panic_abort"];

/// A build of the workspace at `root` into `out`.
pub(crate) struct Build<'p> {
    /// The workspace.
    pub(crate) root: &'p Path,
    /// Where everything goes that is made.
    pub(crate) out: &'p Path,
    /// What the driver may import.
    pub(crate) list: &'p List,
    /// The WDK, if there is one.
    pub(crate) wdk: Option<&'p Wdk>,
    /// Who compiles the driver.
    pub(crate) driver: Toolchain,
    /// Who compiles the harness.
    pub(crate) harness: Toolchain,
}

impl Build<'_> {
    /// Which parts of the driver are not the project's own.
    pub(crate) fn parts(&self) -> Parts {
        Parts { prebuilt_std: self.driver == Toolchain::Rustup, wdk: self.wdk.is_some() }
    }

    /// Builds the driver, and gives its image.
    pub(crate) fn driver(&self) -> Result<Vec<u8>> {
        run(&mut self.driver_command("build")?)?;
        let image = self.out.join("driver").join(DRIVER_TARGET).join("release/wskdrv.dll");
        fs::read(&image).with_context(|| format!("reading {}", image.display()))
    }

    /// Checks with clippy the driver, as it is compiled for the kernel, and the modules for Wine.
    pub(crate) fn clippy(&self) -> Result<()> {
        run(self.driver_command("clippy")?.args(["--", "--deny", "warnings"]))?;
        run(self.modules_command("clippy").args(["--", "--deny", "warnings"]))
    }

    fn driver_command(&self, verb: &str) -> Result<Command> {
        let kit = kit::make(self.root, self.out, self.list, self.wdk, self.parts())?;
        let lock = self.lock()?;
        forget_functions(&self.out.join("driver/release/build"))?;
        let mut command = self.cargo(verb, self.driver, "driver", DRIVER_TARGET, &DRIVER_STD);
        command
            .args(["--package", "wskdrv", "--lib", "--no-default-features", "--features", "kernel"])
            .args([
                "-Zlockfile-path",
                "--config",
                &format!("resolver.lockfile-path={:?}", lock.display().to_string()),
            ])
            .args(["--config", r#"patch.crates-io.wdk-build.path="cross/wdk-build""#])
            .args(["--config", &format!("target.{DRIVER_TARGET}.linker={:?}", tools::LINK)])
            .args(["--config", &self.flags(DRIVER_TARGET, &["-Clinker-flavor=lld-link"])]);
        environment(&mut command, self.root, &kit);
        Ok(command)
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

    /// Runs the tests of some crates of the workspace, as programs of the Wine that `environment` leads to.
    pub(crate) fn test(&self, crates: &[&str], environment: impl FnOnce(&mut Command)) -> Result<()> {
        let mut command = self.user_mode("test");
        // Tests unwind, and cargo would take one standard library for them and another for what they use.
        command.args(["--config", r#"profile.release.panic="unwind""#]);
        command.args(["--locked", "--config", &format!("target.{HARNESS_TARGET}.runner=\"wine\"")]);
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

    /// A build for user mode. All have the same flags and directory, and so one standard library.
    fn user_mode(&self, verb: &str) -> Command {
        let mut command = self.cargo(verb, self.harness, "harness", HARNESS_TARGET, &HARNESS_STD);
        command.args(["--config", &format!("target.{HARNESS_TARGET}.linker={:?}", tools::GCC)]).args([
            "--config",
            &self.flags(HARNESS_TARGET, &["-Cstrip=symbols", "-Clink-arg=-Wl,--no-insert-timestamp"]),
        ]);
        command
    }

    /// A command of cargo's. Debian's builds the standard library too.
    fn cargo(&self, verb: &str, by: Toolchain, directory: &str, target: &str, std: &[&str]) -> Command {
        let mut command = match (by, verb) {
            (Toolchain::Rustup, _) => Command::new("cargo"),
            // By its path: another toolchain's may be found first.
            (Toolchain::Debian, "clippy") => Command::new(tools::CLIPPY),
            (Toolchain::Debian, _) => Command::new(tools::CARGO),
        };
        command
            .current_dir(self.root)
            // For the lock file's place, and the standard library.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", self.out.join(directory))
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            // Set by the cargo that started this program, for its own toolchain.
            .env_remove("CARGO")
            .args([verb, "--release", "--target", target]);
        if by == Toolchain::Debian {
            command
                .env("CARGO", tools::CARGO)
                .env("RUSTC", tools::RUSTC)
                .env_remove("RUSTUP_TOOLCHAIN")
                .args(std);
        }
        command
    }

    /// Compiler flags: those given, and none of this machine's directories in the image.
    fn flags(&self, target: &str, flags: &[&str]) -> String {
        let home = std::env::var_os("CARGO_HOME").map_or_else(
            || std::env::var_os("HOME").map_or_else(PathBuf::new, PathBuf::from).join(".cargo"),
            PathBuf::from,
        );
        // The last that matches counts, so what lies inside comes after.
        let places = [
            (home, "/cargo"),
            (PathBuf::from("/usr/lib/rustlib/src/rust"), "/rust"),
            (self.root.to_path_buf(), "/wskdrv"),
            (self.out.to_path_buf(), "/target"),
        ];
        let remap = places
            .iter()
            .filter(|(from, _)| from.is_absolute())
            .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
        let all: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).chain(remap).collect();
        format!("target.{target}.rustflags={all:?}")
    }

    /// A lock file of this build's own, from the workspace's: it differs by what the replaced crate depends on.
    fn lock(&self) -> Result<PathBuf> {
        let own = self.out.join("Cargo.lock");
        let origin = self.out.join("obj/Cargo.lock");
        let current = fs::read(self.root.join("Cargo.lock")).context("reading Cargo.lock")?;
        if !own.exists() || fs::read(&origin).ok().as_ref() != Some(&current) {
            fs::write(&own, &current).with_context(|| format!("writing {}", own.display()))?;
            fs::write(&origin, &current).with_context(|| format!("writing {}", origin.display()))?;
        }
        Ok(own)
    }
}

/// What the replaced `wdk-build`, the driver's build script and that of `wdk-sys` find in the environment.
fn environment(command: &mut Command, root: &Path, kit: &Kit) {
    command
        .env("CROSS_MANIFEST", root.join("Cargo.toml"))
        .env("CROSS_INCLUDE", &kit.include)
        .env("CROSS_LIB", &kit.libraries)
        .env_remove("CROSS_OVERLAY")
        .env("RC_PATH", tools::RC)
        .env("LIBCLANG_PATH", tools::LIBCLANG)
        .env("CC_x86_64_pc_windows_msvc", tools::CLANG)
        .env("AR_x86_64_pc_windows_msvc", tools::LIB);
    let flags = match &kit.overlay {
        Some(overlay) => {
            command.env("CROSS_OVERLAY", overlay).env("CC_SHELL_ESCAPED_FLAGS", "1");
            format!("{} '{}'", tools::WDK_COMPILER.join(" "), overlay.display())
        }
        None => tools::COMPILER.join(" "),
    };
    command.env("CFLAGS_x86_64_pc_windows_msvc", flags);
}

/// Removes what `wdk-macros` remembers of the framework's functions from build to build: it would not see one that the headers
/// have since.
fn forget_functions(builds: &Path) -> Result<()> {
    let Ok(builds) = fs::read_dir(builds) else { return Ok(()) };
    for build in builds {
        let memory = build?.path().join("out/wdk_macros_ast_fragments/cached_function_info_map.json");
        if memory.exists() {
            fs::remove_file(&memory).with_context(|| format!("removing {}", memory.display()))?;
        }
    }
    Ok(())
}
