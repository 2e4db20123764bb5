//! The build of a driver.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::exports::Exports;
use super::kit::{self, Kit};
use super::pe::{self, Expected};
use super::project::Project;
use super::sign;
use super::toolchain::Toolchain;
use super::tools::{self, Arch, run, run_quietly};
use super::wdk::Wdk;

/// The parts of Debian's standard library that are compiled along.
const STD: [&str; 2] =
    ["-Zbuild-std=core,alloc,compiler_builtins", "-Zbuild-std-features=compiler-builtins-mem"];

/// A build of a driver into `out`.
#[derive(Clone, Copy, Debug)]
pub struct Driver<'p> {
    /// The driver.
    pub project: &'p Project,
    /// The processor.
    pub arch: Arch,
    /// The features of its package, beside none.
    pub features: &'p str,
    /// Where everything goes that is made of it.
    pub out: &'p Path,
    /// Where cargo builds it: several drivers have one such directory, and so one standard library.
    pub build: &'p Path,
    /// What it is built with: [`unpack`](crate::unpack)'s directory.
    pub sources: &'p Path,
    /// What it may import.
    pub exports: &'p Exports,
    /// The WDK, if there is one.
    pub wdk: Option<&'p Wdk>,
    /// Who compiles it.
    pub toolchain: Toolchain,
}

impl Driver<'_> {
    /// Builds the driver, and gives its image.
    ///
    /// # Errors
    /// A program is missing or fails.
    pub fn build(&self) -> Result<Vec<u8>> {
        run(&mut self.command("build")?)?;
        let file = format!("{}.dll", self.project.library);
        let image = self.build.join(self.arch.target()).join("release").join(file);
        fs::read(&image).with_context(|| format!("reading {}", image.display()))
    }

    /// Checks the driver with clippy, as it is compiled for the kernel.
    ///
    /// # Errors
    /// Clippy's.
    pub fn clippy(&self) -> Result<()> {
        run(self.command("clippy")?.args(["--", "--deny", "warnings"]))
    }

    /// Checks an image, and writes it with its signature beside the build: `NAME.sys`, `NAME.unsigned.sys` and the certificate
    /// `NAME.cer`. An image that has not changed keeps its signature, so that its certificate need not be trusted again.
    ///
    /// # Errors
    /// The image is not as it is expected; a program is missing or fails.
    pub fn sign(&self, image: &[u8], expected: Expected<'_>) -> Result<PathBuf> {
        let report = pe::check(image, expected)?;
        let file = |end: &str| self.out.join(format!("{}.{end}", self.project.name));
        let (unsigned, signed, certificate) = (file("unsigned.sys"), file("sys"), file("cer"));
        let changed = fs::read(&unsigned).ok().as_deref() != Some(image);
        fs::write(&unsigned, image).with_context(|| format!("writing {}", unsigned.display()))?;
        println!("{}: {report}", unsigned.display());
        println!("nothing that it imports is newer than Windows {}", expected.windows);
        if changed || !signed.exists() {
            sign::sign(&self.project.name, &unsigned, &signed, &certificate)?;
        }
        sign::verify(&signed, &certificate)?;
        pe::check(&fs::read(&signed)?, expected)?;
        let certificate = certificate.display();
        println!("{}: signed for test; the certificate is {certificate}", signed.display());
        Ok(signed)
    }

    /// Builds the driver again in a directory of its own. Nothing is in it but build scripts and macros, which are programs for
    /// this machine and most of the work; what they make and all that the image is made of is compiled again.
    ///
    /// # Errors
    /// The second image has other bytes; or as for [`Driver::build`].
    pub fn reproduce(&self, image: &[u8]) -> Result<()> {
        let again = self.out.join("again");
        if again.exists() {
            fs::remove_dir_all(&again).with_context(|| format!("removing {}", again.display()))?;
        }
        let build = again.join("driver");
        fs::create_dir_all(&build)?;
        let programs = self.build.join("release");
        run_quietly(Command::new("cp").args(["--archive"]).arg(&programs).arg(&build))?;
        let second = Driver { out: &again, build: &build, ..*self }.build()?;
        if second != image {
            let kept = again.join(format!("{}.sys", self.project.name));
            fs::write(&kept, &second)?;
            bail!(
                "the second build differs from the first: compare {} with the unsigned image",
                kept.display()
            );
        }
        fs::remove_dir_all(&again)?;
        println!("a second build has the same bytes");
        Ok(())
    }

    /// Whether the standard library was compiled by others.
    #[must_use]
    pub fn prebuilt_std(&self) -> bool {
        self.toolchain == Toolchain::Rustup
    }

    fn command(&self, verb: &str) -> Result<Command> {
        let Driver { project, arch, out, build, sources, .. } = *self;
        ensure!(
            arch == Arch::X64,
            "drivers for ARM64 are not built: mingw-w64's headers of the kernel, which wdk-sys is made of here, do not know it"
        );
        let kit = kit::make(sources, out, self.exports, arch, self.wdk, self.prebuilt_std())?;
        let lock = self.lock()?;
        forget_functions(&build.join("release/build"))?;
        let target = arch.target();
        let mut command = cargo(verb, self.toolchain);
        command
            .current_dir(&project.workspace)
            .env("CARGO_TARGET_DIR", build)
            .args([verb, "--release", "--target", target])
            .args(if self.toolchain == Toolchain::Debian { &STD[..] } else { &[] })
            .args(["--package", &project.name, "--lib", "--no-default-features", "--features", self.features])
            .arg("-Zlockfile-path")
            .args(["--config", &format!("resolver.lockfile-path={:?}", lock.display().to_string())])
            .arg("--config")
            .arg(format!(
                "patch.crates-io.wdk-build.path={:?}",
                sources.join("wdk-build").display().to_string()
            ))
            .args(["--config", &format!("target.{target}.linker={:?}", tools::LINK)])
            .args(["--config", &self.flags()?]);
        self.environment(&mut command, &kit);
        Ok(command)
    }

    /// Compiler flags: none of this machine's directories are to be in the image.
    fn flags(&self) -> Result<String> {
        // The last that matches counts, so what lies inside comes after.
        let mut places = machine_places();
        places.extend(self.outside()?);
        // The same for every driver of a workspace, so that they share what is compiled.
        places.push((self.project.workspace.clone(), "/driver".to_owned()));
        places.push((self.build.parent().unwrap_or(self.build).to_path_buf(), "/target".to_owned()));
        Ok(rustflags(self.arch.target(), &["-Clinker-flavor=lld-link"], &places))
    }

    /// The packages that lie outside the workspace, and the names that they have in the image.
    fn outside(&self) -> Result<Vec<(PathBuf, String)>> {
        let mut metadata = cargo("metadata", Toolchain::Rustup);
        metadata.current_dir(&self.project.workspace).args(["metadata", "--format-version", "1"]);
        metadata.args(["--filter-platform", self.arch.target()]);
        let output = metadata.output().context("running cargo metadata")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
        let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let local = packages.iter().filter(|package| package["source"].is_null());
        let named: BTreeMap<PathBuf, String> = local
            .filter_map(|package| {
                let manifest = Path::new(package["manifest_path"].as_str()?);
                Some((manifest.parent()?.to_path_buf(), format!("/{}", package["name"].as_str()?)))
            })
            .filter(|(directory, _)| !directory.starts_with(&self.project.workspace))
            .collect();
        Ok(named.into_iter().collect())
    }

    /// A lock file of this build's own, from the workspace's: it differs by what the replaced crate depends on.
    fn lock(&self) -> Result<PathBuf> {
        let own = self.out.join("Cargo.lock");
        let origin = self.out.join("obj/Cargo.lock");
        let current = fs::read(self.project.workspace.join("Cargo.lock"))
            .context("reading Cargo.lock: build or test the driver once, which makes it")?;
        if !own.exists() || fs::read(&origin).ok().as_ref() != Some(&current) {
            fs::write(&own, &current).with_context(|| format!("writing {}", own.display()))?;
            fs::write(&origin, &current).with_context(|| format!("writing {}", origin.display()))?;
        }
        Ok(own)
    }

    /// What the replaced `wdk-build`, the driver's build script and that of `wdk-sys` find in the environment.
    fn environment(&self, command: &mut Command, kit: &Kit) {
        let target = self.arch.target().replace('-', "_");
        command
            .env("CROSS_MANIFEST", &self.project.manifest)
            .env("CROSS_INCLUDE", &kit.include)
            .env("CROSS_LIB", &kit.libraries)
            .env_remove("CROSS_OVERLAY")
            .env("RC_PATH", tools::RC)
            .env("LIBCLANG_PATH", tools::LIBCLANG)
            .env(format!("CC_{target}"), tools::CLANG)
            .env(format!("AR_{target}"), tools::LIB);
        let flags = match &kit.overlay {
            Some(overlay) => {
                command.env("CROSS_OVERLAY", overlay).env("CC_SHELL_ESCAPED_FLAGS", "1");
                format!("{} '{}'", tools::WDK_COMPILER.join(" "), overlay.display())
            }
            None => tools::COMPILER.join(" "),
        };
        command.env(format!("CFLAGS_{target}"), flags);
    }
}

/// A cargo, for a target of Windows': the one of a toolchain, with nothing of the one that started this program.
#[must_use]
pub fn cargo(verb: &str, by: Toolchain) -> Command {
    let mut command = match (by, verb) {
        (Toolchain::Rustup, _) => Command::new("cargo"),
        // By its path: another toolchain's may be found first.
        (Toolchain::Debian, "clippy") => Command::new(tools::CLIPPY),
        (Toolchain::Debian, _) => Command::new(tools::CARGO),
    };
    command
        // For the lock file's place, and the standard library.
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        // Set by the cargo that started this program, for its own toolchain.
        .env_remove("CARGO");
    if by == Toolchain::Debian {
        command.env("CARGO", tools::CARGO).env("RUSTC", tools::RUSTC).env_remove("RUSTUP_TOOLCHAIN");
    }
    command
}

/// This machine's directories of cargo and Rust, and the names that they have in an image.
#[must_use]
pub fn machine_places() -> Vec<(PathBuf, String)> {
    let home = std::env::var_os("CARGO_HOME").map_or_else(
        || std::env::var_os("HOME").map_or_else(PathBuf::new, PathBuf::from).join(".cargo"),
        PathBuf::from,
    );
    vec![(home, "/cargo".to_owned()), (PathBuf::from("/usr/lib/rustlib/src/rust"), "/rust".to_owned())]
}

/// A configuration of cargo's: flags for a target, and other names for directories.
#[must_use]
pub fn rustflags(target: &str, flags: &[&str], places: &[(PathBuf, String)]) -> String {
    let remap = places
        .iter()
        .filter(|(from, _)| from.is_absolute())
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    let all: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).chain(remap).collect();
    format!("target.{target}.rustflags={all:?}")
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
