//! `cargo xtask fuzz`: builds the programs of `fuzz/`, and runs each for some seconds.
//!
//! What cargo-fuzz does is done here, with the same flags: it would take longer to install than the step of `.ci/run` takes in all.
//! The folders are laid out as it wants them, so `cargo fuzz run device` is as good.

mod coverage;
mod report;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::{nightly_host, root, target_directory};
use report::Report;

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these targets: programs of `fuzz/fuzz_targets`. All by default.
    targets: Vec<String>,
    /// How long each runs.
    #[arg(long, default_value_t = 5, value_name = "N")]
    seconds: u64,
    /// Without `AddressSanitizer`: some three times as many executions in the same time.
    #[arg(long)]
    no_sanitizer: bool,
    /// Put the fewest inputs that reach all that is reached into fuzz/corpus, instead of fuzzing.
    #[arg(long, conflicts_with_all = ["coverage", "seconds"])]
    minimize: bool,
    /// Tell what the corpora reach of the driver's code, instead of fuzzing.
    #[arg(long, conflicts_with = "seconds")]
    coverage: bool,
}

/// The flags with which cargo-fuzz instruments.
const INSTRUMENT: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

pub(crate) fn run(options: &Options) -> Result<()> {
    let place = Place::new()?;
    let all = place.targets()?;
    let mut targets = options.targets.clone();
    if let Some(unknown) = targets.iter().find(|target| !all.contains(target)) {
        bail!("there is no target {unknown}: {}", all.join(", "));
    }
    if targets.is_empty() {
        targets = all;
    }
    if options.coverage {
        return coverage::run(&place, &targets);
    }
    let programs = place.build(&targets, !options.no_sanitizer)?;
    for target in &targets {
        if options.minimize {
            place.minimize(&programs, target)?;
        } else {
            place.fuzz(&programs, target, options.seconds)?;
        }
    }
    Ok(())
}

/// Where everything is.
struct Place {
    root: PathBuf,
    fuzz: PathBuf,
    /// What is built, found and reached.
    output: PathBuf,
    host: String,
}

impl Place {
    fn new() -> Result<Place> {
        let root = root()?;
        let host = nightly_host()?;
        let (fuzz, output) = (root.join("fuzz"), target_directory(&root).join("fuzz"));
        Ok(Place { root, fuzz, output, host })
    }

    /// The targets: each is a program.
    fn targets(&self) -> Result<Vec<String>> {
        let programs = self.fuzz.join("fuzz_targets");
        let entries = fs::read_dir(&programs).with_context(|| format!("reading {}", programs.display()))?;
        let mut names = entries
            .map(|entry| {
                let name = entry?.path().file_stem().context("a program has a name")?.to_owned();
                Ok(name.to_string_lossy().into_owned())
            })
            .collect::<Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    /// Builds the programs, and tells where they are.
    fn build(&self, targets: &[String], sanitizer: bool) -> Result<PathBuf> {
        let mut flags = INSTRUMENT.to_vec();
        let mut directory = self.output.join("plain");
        if sanitizer {
            flags.push("-Zsanitizer=address");
            directory = self.output.join("address");
        }
        self.cargo(targets, &flags, &directory)
    }

    /// Builds the programs with these flags for the compiler.
    fn cargo(&self, targets: &[String], flags: &[&str], directory: &Path) -> Result<PathBuf> {
        let mut command = Command::new("cargo");
        // Given a target, cargo has no flags for build scripts and macros.
        command
            .args(["+nightly", "build", "--release", "--target", &self.host, "--manifest-path"])
            .arg(self.fuzz.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(directory)
            // libFuzzer itself, in C++, would take as long as all the rest: it is not what must be fast.
            .env("CXXFLAGS", "-O1 -g0")
            .env("RUSTFLAGS", [&["--cfg", "fuzzing"], flags].concat().join(" "));
        for target in targets {
            command.args(["--bin", target]);
        }
        if !targets.iter().any(|target| target == "script") {
            command.arg("--no-default-features");
        }
        succeed(&mut command)?;
        Ok(directory.join(&self.host).join("release"))
    }

    /// Inputs that were found before, here: not in the tree.
    fn found(&self, target: &str) -> Result<PathBuf> {
        let found = self.output.join("found").join(target);
        fs::create_dir_all(&found).with_context(|| format!("making {}", found.display()))?;
        Ok(found)
    }

    /// Runs a target. New inputs go where earlier ones are, and an input that fails into `fuzz/artifacts`.
    fn fuzz(&self, programs: &Path, target: &str, seconds: u64) -> Result<()> {
        let artifacts = self.fuzz.join("artifacts").join(target);
        fs::create_dir_all(&artifacts).with_context(|| format!("making {}", artifacts.display()))?;
        let log = self.output.join(format!("{target}.log"));
        let file = fs::File::create(&log).with_context(|| format!("making {}", log.display()))?;
        let mut prefix = OsString::from("-artifact_prefix=");
        prefix.push(artifacts.join(""));
        let status = Command::new(programs.join(target))
            .args([self.found(target)?, self.fuzz.join("corpus").join(target)])
            .arg(format!("-max_total_time={seconds}"))
            .arg("-print_final_stats=1")
            // Longer than the longest that anything is waited for.
            .arg("-timeout=60")
            .arg(prefix)
            .stdout(Stdio::null())
            .stderr(file)
            .status()
            .with_context(|| format!("running {target}"))?;
        let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        if !status.success() {
            bail!(
                "{target}: {status}\n{}\nall of it: {}\nthe input: {}; again: {} INPUT",
                report::finding(&text),
                log.display(),
                artifacts.display(),
                programs.join(target).display(),
            );
        }
        let report = Report::read(&text).with_context(|| format!("{} tells no numbers", log.display()))?;
        println!("{target}: {report}, no finding");
        Ok(())
    }

    /// Makes the target's corpus of all inputs that are there: the fewest and smallest that reach as much.
    fn minimize(&self, programs: &Path, target: &str) -> Result<()> {
        let corpus = self.fuzz.join("corpus").join(target);
        let new = tempfile::tempdir_in(&self.output).context("making a directory for the corpus")?;
        let mut command = Command::new(programs.join(target));
        // Not for each number of times that an edge is taken: what is kept is replayed in each `cargo test`.
        command
            .args(["-set_cover_merge=1", "-use_counters=0"])
            .arg(new.path())
            .args([corpus.clone(), self.found(target)?]);
        succeed(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
        fs::remove_dir_all(&corpus)?;
        fs::create_dir_all(&corpus)?;
        let mut inputs = 0;
        for entry in fs::read_dir(new.path())? {
            let path = entry?.path();
            fs::copy(&path, corpus.join(path.file_name().context("a file has a name")?))?;
            inputs += 1;
        }
        println!("{target}: {inputs} inputs");
        Ok(())
    }
}

/// Runs a command that must succeed.
fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("running {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}
