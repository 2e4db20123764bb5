//! `cargo xtask wine`: the driver's file, as Windows would load it, under Wine's service manager and I/O manager.
//!
//! What Windows has beside the driver is built from `crates/hosted` (see `cross/wine`): the framework as `wdfldr.sys`,
//! WSK as `netio.sys`. The rest is Wine's own. A run starts the service, lets `wskctl.exe` go through its demo and the
//! conformance suite, stops the service, starts it once more and deletes it; and compares with the hosted kernel's
//! results, test by test. Then the same service is installed and removed by its INF. A second client, in C and without the
//! framework, runs beside it.

mod batch;
mod client;
mod debug;
mod modules;
mod one;
mod prefix;
mod results;
mod user_mode;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{cross, inf, root};
use batch::{Expect, Step, judge, parse};
use prefix::Run;
use results::{Ending, Pair, Report, faults, not_run, table};

pub(crate) use one::{build_driver, passes};
pub(crate) use prefix::Prefix;

/// The driver's place on drive C, for a service that is made by `sc create`.
const DRIVER: &str = "windows/system32/drivers/wskdrv.sys";
/// Registers the service, with the driver in that place.
const CREATE: &str =
    r"sc create wskdrv type= kernel start= demand binPath= C:\windows\system32\drivers\wskdrv.sys";
/// Where the suite's results go.
const RESULTS: &str = "results.json";
/// The variable that tells `netio.sys` how requests end.
const COMPLETION: &str = "WSK_COMPLETION";
/// How many of the last debug lines a failure shows.
const SHOWN: usize = 60;

/// Options of `cargo xtask wine`.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch on the command line")]
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Install the missing packages with apt-get first.
    #[arg(long)]
    install: bool,
    /// Run what was built last.
    #[arg(long)]
    no_build: bool,
    /// Run the hosted kernel instead, as a program for Windows: demo and suite.
    #[arg(long, conflicts_with_all = ["no_build", "completion", "only"])]
    user_mode: bool,
    /// With that, the tests of its crates too, which are a long build.
    #[arg(long, requires = "user_mode")]
    with_tests: bool,
    /// How WSK completes requests: inline, deferred or delayed:SEED; may be given several times.
    #[arg(long, value_name = "MODE", default_values = ["inline", "deferred", "delayed:1"])]
    completion: Vec<String>,
    /// Only the conformance tests whose names contain this; may be given several times.
    #[arg(long, value_name = "FILTER")]
    only: Vec<String>,
    /// The time limit of each run inside Wine, in minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 15)]
    limit: u64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if options.user_mode {
        return user_mode::run(options.install, options.with_tests, Duration::from_mins(options.limit));
    }
    let root = root()?;
    let out = if options.no_build {
        cross::require_wine(options.install)?;
        cross::output_directory(&root)
    } else {
        cross::build_for_wine(options.install, modules::build)?
    };
    let out = out.canonicalize().context("nothing is built yet: leave --no-build out")?;
    let prefix = Prefix::open(&out)?;
    println!("{}", prefix.version());
    modules::install(&prefix, &out)?;
    let limit = Duration::from_mins(options.limit);

    let mut pairs = Vec::new();
    for mode in &options.completion {
        prefix.set_variable(COMPLETION, mode)?;
        println!("completion {mode}: a client in C");
        client::run(&prefix, limit)?;
        println!("completion {mode}: the driver");
        let wine = service(&prefix, &options.only, limit)?;
        println!("completion {mode}: hosted");
        pairs.push(Pair { mode: mode.clone(), hosted: hosted(&root, mode, &options.only)?, wine });
    }
    let table = table(&pairs);
    print!("{table}");
    let file = out.join("wine.md");
    fs::write(&file, &table).with_context(|| format!("writing {}", file.display()))?;
    println!("the table is in {}", file.display());
    for line in pairs.iter().flat_map(not_run) {
        println!("{line}");
    }

    println!("wskctl driver");
    commands(&prefix, limit)?;
    println!("the INF");
    package(&prefix, &root, &out, limit)?;
    drop(prefix);

    let faults: Vec<String> = pairs.iter().flat_map(faults).collect();
    for fault in &faults {
        eprintln!("{fault}");
    }
    if !faults.is_empty() {
        bail!("{} results are not as they should be", faults.len());
    }
    println!(
        "{} tests in {} modes ended in Wine as in the hosted kernel",
        pairs[0].wine.tests.len(),
        pairs.len()
    );
    Ok(())
}

/// The command that runs the suite, but for its device.
fn suite(only: &[String]) -> Vec<String> {
    ["--json", "conformance"].iter().map(|word| (*word).to_owned()).chain(only.iter().cloned()).collect()
}

/// From `sc create` to `sc delete`, with the demo and the suite between; gives the suite's results.
fn service(prefix: &Prefix, only: &[String], limit: Duration) -> Result<Report> {
    let results = prefix.on_drive(RESULTS);
    if results.exists() {
        fs::remove_file(&results)?;
    }
    let suite = format!(r"C:\wskctl.exe {} > C:\{RESULTS}", suite(only).join(" "));
    let steps = [
        Step::new("sc create", CREATE, Expect::Success),
        Step::new("sc start", "sc start wskdrv", Expect::Success),
        Step::new("sc query", "sc query wskdrv", Expect::State("RUNNING")),
        Step::new("wskctl demo", r"C:\wskctl.exe demo", Expect::Success),
        // Its failures are judged test by test.
        Step::new("wskctl conformance", suite, Expect::Anything),
        Step::new("sc stop", "sc stop wskdrv", Expect::Success),
        Step::new("sc query after the stop", "sc query wskdrv", Expect::State("STOPPED")),
        Step::new("wskctl info without a driver", r"C:\wskctl.exe info", Expect::Failure),
        Step::new("sc start again", "sc start wskdrv", Expect::Success),
        Step::new("wskctl demo again", r"C:\wskctl.exe demo", Expect::Success),
        Step::new("sc stop again", "sc stop wskdrv", Expect::Success),
        Step::new("sc query after the last stop", "sc query wskdrv", Expect::State("STOPPED")),
        Step::new("sc delete", "sc delete wskdrv", Expect::Success),
        Step::new("sc query after the delete", "sc query wskdrv", Expect::Failure),
    ];
    let carried = carry_out(prefix, &steps, limit);
    let report = fs::read_to_string(&results)
        .with_context(|| format!("reading {}", results.display()))
        .and_then(|text| Report::parse(&text));
    // After a bug check, every further test fails: the first one is of interest.
    let first = report.as_ref().ok().and_then(|report| report.with(Ending::Failed).next());
    match (carried, first) {
        (Err(error), Some(test)) => {
            Err(error.context(format!("the first test that failed is {}", test.name)))
        }
        (carried, _) => carried.and(report),
    }
}

/// Installs, starts, stops and removes the driver by the harness's own commands.
fn commands(prefix: &Prefix, limit: Duration) -> Result<()> {
    let install = r"C:\wskctl.exe driver install C:\windows\system32\drivers\wskdrv.sys";
    let steps = [
        Step::new("wskctl driver install", install, Expect::Success),
        Step::new("sc query", "sc query wskdrv", Expect::State("STOPPED")),
        Step::new("wskctl driver start", r"C:\wskctl.exe driver start", Expect::Success),
        Step::new("sc query after the start", "sc query wskdrv", Expect::State("RUNNING")),
        Step::new("wskctl driver status", r"C:\wskctl.exe driver status", Expect::Success),
        Step::new("wskctl driver stop", r"C:\wskctl.exe driver stop", Expect::Success),
        Step::new("sc query after the stop", "sc query wskdrv", Expect::State("STOPPED")),
        Step::new("wskctl driver remove", r"C:\wskctl.exe driver remove", Expect::Success),
        Step::new("sc query after the removal", "sc query wskdrv", Expect::Failure),
    ];
    carry_out(prefix, &steps, limit).map(drop)
}

/// Installs and removes the driver by its INF.
fn package(prefix: &Prefix, root: &Path, out: &Path, limit: Duration) -> Result<()> {
    let inf = out.join("wskdrv.inf");
    fs::write(&inf, inf::stamped(root, None)?).with_context(|| format!("writing {}", inf.display()))?;
    prefix.install(&inf, "package/wskdrv.inf")?;
    prefix.install(&out.join("wskdrv.sys"), "package/wskdrv.sys")?;
    // The package brings its own.
    fs::remove_file(prefix.on_drive(DRIVER))?;
    let section =
        |name| format!(r"rundll32 setupapi.dll,InstallHinfSection {name}.NTamd64 128 C:\package\wskdrv.inf");
    let steps = [
        Step::new("install by the INF", section("DefaultInstall"), Expect::Success),
        Step::new("sc query", "sc query wskdrv", Expect::State("STOPPED")),
        Step::new("sc start", "sc start wskdrv", Expect::Success),
        Step::new("wskctl demo", r"C:\wskctl.exe demo", Expect::Success),
        Step::new("remove by the INF", section("DefaultUninstall"), Expect::Success),
        Step::new("sc query after the removal", "sc query wskdrv", Expect::Failure),
        Step::new("wskctl info after the removal", r"C:\wskctl.exe info", Expect::Failure),
    ];
    carry_out(prefix, &steps, limit).map(drop)
}

/// Carries out the steps in one batch, and fails with all there is to know if one did not come to what it should.
fn carry_out(prefix: &Prefix, steps: &[Step], limit: Duration) -> Result<Run> {
    let run = prefix.run_batch(&batch::text(steps), limit)?;
    let results = parse(&run.output);
    let mut faults = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let ran = results.get(index);
        match judge(step, ran) {
            None => println!("    {}", step.name),
            Some(fault) => {
                let output = ran.map_or("", |ran| ran.output.trim_end());
                faults.push(format!("{} {fault}\n{output}", step.name));
            }
        }
    }
    if run.status.is_none() {
        faults.push(format!("stopped at the limit of {} minutes", limit.as_secs() / 60));
    }
    let bug_checks = debug::bug_checks(&run.log);
    if faults.is_empty() && bug_checks.is_empty() {
        return Ok(run);
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    show(&run);
    if !bug_checks.is_empty() {
        bail!("bug check:\n{}", bug_checks.join("\n"));
    }
    bail!("{} of {} steps under Wine did not come to what they should", faults.len(), steps.len())
}

/// Shows the end of the debug output.
fn show(run: &Run) {
    let printed = debug::printed(&run.log);
    // Without any, Wine itself may have had something to say.
    let lines: Vec<&str> = if printed.is_empty() { run.log.lines().collect() } else { printed };
    eprintln!("the debug output:");
    for line in lines.iter().skip(lines.len().saturating_sub(SHOWN)) {
        eprintln!("    {line}");
    }
}

/// The suite's results in the hosted kernel, over this machine's network as in Wine.
fn hosted(root: &Path, mode: &str, only: &[String]) -> Result<Report> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(["run", "--quiet", "--package", "wskctl", "--"]);
    command.args(["--device", "hosted", "--completion", mode]).args(suite(only));
    let output = command.args(["--network", "host"]).output().context("starting cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    Report::parse(&text).with_context(|| {
        format!("the hosted run: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr))
    })
}
