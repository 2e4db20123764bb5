//! The two builds: the driver for the kernel, the harness for Windows' user mode.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::kit::{self, Kit};
use super::tools::{self, run};

const DRIVER_TARGET: &str = "x86_64-pc-windows-msvc";
const HARNESS_TARGET: &str = "x86_64-pc-windows-gnu";

/// A build of the workspace at `root` into `out`.
pub(crate) struct Build<'p> {
    /// The workspace.
    pub(crate) root: &'p Path,
    /// Where everything goes that is made.
    pub(crate) out: &'p Path,
}

impl Build<'_> {
    /// Builds the driver, and gives its image.
    pub(crate) fn driver(&self) -> Result<Vec<u8>> {
        let kit = kit::make(self.root, self.out)?;
        let lock = self.lock()?;
        let mut command = self.cargo("driver", DRIVER_TARGET);
        command
            .args(["--package", "wskdrv", "--lib", "--no-default-features", "--features", "kernel"])
            .args(["-Zbuild-std=core,alloc,compiler_builtins", "-Zbuild-std-features=compiler-builtins-mem"])
            .args([
                "-Zlockfile-path",
                "--config",
                &format!("resolver.lockfile-path={:?}", lock.display().to_string()),
            ])
            .args(["--config", r#"patch.crates-io.wdk-build.path="cross/wdk-build""#])
            .args(["--config", &format!("target.{DRIVER_TARGET}.linker={:?}", tools::LINK)])
            .args(["--config", &self.flags(DRIVER_TARGET, &["-Clinker-flavor=lld-link"])]);
        environment(&mut command, self.root, &kit);
        run(&mut command)?;
        let image = self.out.join("driver").join(DRIVER_TARGET).join("release/wskdrv.dll");
        fs::read(&image).with_context(|| format!("reading {}", image.display()))
    }

    /// Builds the harness, and gives its place.
    pub(crate) fn harness(&self) -> Result<PathBuf> {
        let mut command = self.cargo("harness", HARNESS_TARGET);
        command
            .args(["--package", "wskctl", "--bin", "wskctl", "--locked"])
            .arg("-Zbuild-std=std,panic_abort")
            .args(["--config", &format!("target.{HARNESS_TARGET}.linker={:?}", tools::GCC)])
            .args([
                "--config",
                &self.flags(HARNESS_TARGET, &["-Cstrip=symbols", "-Clink-arg=-Wl,--no-insert-timestamp"]),
            ]);
        run(&mut command)?;
        let built = self.out.join("harness").join(HARNESS_TARGET).join("release/wskctl.exe");
        let program = self.out.join("wskctl.exe");
        fs::copy(&built, &program).with_context(|| format!("copying {}", built.display()))?;
        Ok(program)
    }

    /// Debian's cargo and compiler, which build the standard library too: no target is installed for Windows.
    fn cargo(&self, directory: &str, target: &str) -> Command {
        let mut command = Command::new(tools::CARGO);
        command
            .current_dir(self.root)
            .env("RUSTC", tools::RUSTC)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", self.out.join(directory))
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            // Set by the cargo that started this program, for its own toolchain.
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO")
            .args(["build", "--release", "--target", target]);
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

/// What the replaced `wdk-build` and the build script of `wdk-sys` find in the environment.
fn environment(command: &mut Command, root: &Path, kit: &Kit) {
    command
        .env("CROSS_MANIFEST", root.join("Cargo.toml"))
        .env("CROSS_INCLUDE", &kit.include)
        .env("CROSS_LIB", &kit.libraries)
        .env("CROSS_RESOURCE", &kit.resource)
        .env("LIBCLANG_PATH", tools::LIBCLANG)
        .env("CC_x86_64_pc_windows_msvc", tools::CLANG)
        .env("AR_x86_64_pc_windows_msvc", tools::LIB)
        .env("CFLAGS_x86_64_pc_windows_msvc", tools::COMPILER.join(" "));
}
