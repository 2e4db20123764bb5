//! `cargo xtask wine`: the driver's file, as Windows would load it, under Wine's service manager and I/O manager.
//!
//! What Windows has beside the driver is built from `crates/hosted` (see `cross/wine`): the framework as `wdfldr.sys`,
//! WSK as `netio.sys`. The rest is Wine's own. A run starts the service, lets `wskctl.exe` go through its demo and the
//! conformance suite, stops the service, starts it once more, puts it under stress and deletes it; and compares with the hosted
//! kernel's results, test by test. Then the same service is installed and removed by its INF. A second client, in C and without the
//! framework, runs beside it.

mod batch;
mod client;
mod debug;
mod image;
mod mode;
mod modules;
mod one;
mod other_driver;
mod others;
mod prefix;
mod probe;
mod programs;
mod results;
mod user_mode;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use readings::Readings;

use crate::{cross, inf, root};
use batch::{Expect, Step, judge, parse};
use mode::Mode;
use others::{NETIO, Others};
use prefix::Run;
use results::{Ending, Pair, Report, faults, not_run, table};

pub(crate) use one::{build_driver, passes};
pub(crate) use prefix::Prefix;
pub(crate) use programs::Wine;

/// The driver's place on drive C, for a service that is made by `sc create`.
const DRIVER: &str = "windows/system32/drivers/wskdrv.sys";
/// Registers the service, with the driver in that place.
const CREATE: &str =
    r"sc create wskdrv type= kernel start= demand binPath= C:\windows\system32\drivers\wskdrv.sys";
/// Where the suite's results go.
const RESULTS: &str = "results.json";
/// Many requests at once; it fails if anything is left by what the driver counts. What each thread does follows from the seed.
const STRESS: &str = r"C:\wskctl.exe stress --for 5s --threads 4 --handles 24 --seed 11";
/// What it says of how much was done.
const DONE: &str = " requests on ";
/// What the modules say of what is left, where it is no bug check.
const LEFT: &str = ": left by a driver or its framework: ";
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
    #[arg(long, conflicts_with_all = ["no_build", "completion", "readings", "only"])]
    user_mode: bool,
    /// With that, compile the whole workspace for Windows, and run the hosted kernel's own tests, which is a long build.
    #[arg(long, requires = "user_mode")]
    with_tests: bool,
    /// How WSK completes requests: inline, deferred, delayed:SEED or mixed:SEED; may be given several times.
    #[arg(long, value_name = "MODE", value_parser = mode::completion, default_values = ["inline", "deferred", "delayed:1"])]
    completion: Vec<String>,
    /// What WSK does where Microsoft's pages leave it open: strict, windows or seed:N, and single ones by ,QUESTION=READING; may be
    /// given several times.
    #[arg(long, value_name = "READINGS", default_value = "strict")]
    readings: Vec<Readings>,
    /// Ask the questions of docs/fidelity.md instead, in Wine and in the hosted kernel, of a driver that is built for it.
    #[arg(long, conflicts_with_all = ["user_mode", "only", "driver"])]
    probe: bool,
    /// Only the conformance tests whose names contain this; may be given several times.
    #[arg(long, value_name = "FILTER")]
    only: Vec<String>,
    /// The time limit of each run inside Wine, in minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 15)]
    limit: u64,
    #[command(flatten)]
    others: Others,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let others = &options.others;
    // What was given is looked at before a long build.
    others.look()?;
    let other_wine = others.wine.as_deref().map(|directory| Wine::find(Some(directory))).transpose()?;
    let root = root()?;
    if options.user_mode {
        return user_mode::run(options, other_wine);
    }
    let out = if options.no_build {
        if other_wine.is_none() {
            cross::require_wine(options.install)?;
        }
        cross::output_directory(&root)
    } else {
        cross::build_for_wine(options.install, other_wine.is_some(), |build| {
            modules::build(build)?;
            if options.probe { modules::build_with_probes(build) } else { Ok(()) }
        })?
    };
    let out = out.canonicalize().context("nothing is built yet: leave --no-build out")?;
    let prefix = Prefix::open(&out, other_wine)?;
    println!("{}", prefix.wine().version());
    modules::install(&prefix, &out, |module| others.instead_of(module))?;
    others.check(&prefix, &out.join("wskdrv.sys"))?;
    let limit = Duration::from_mins(options.limit);
    let modes = Mode::all(&options.completion, &options.readings);
    if let Some(driver) = &others.driver {
        for mode in &modes {
            prefix.set_variables(&mode.variables())?;
            println!("completion {mode}: {}", driver.display());
            other_driver::run(&prefix, driver, others, limit)?;
        }
        return Ok(());
    }

    if options.probe {
        prefix.install(&out.join(probe::IMAGE), DRIVER)?;
        return probe::run(&prefix, &root, &modes, limit);
    }

    let mut pairs = Vec::new();
    for mode in &modes {
        prefix.set_variables(&mode.variables())?;
        // What this client needs of the kernel comes from our module.
        if others.instead_of(NETIO).is_none() {
            println!("completion {mode}: a client in C");
            client::run(&prefix, limit)?;
        }
        println!("completion {mode}: the driver");
        // Another netio.sys says nothing of its mode.
        let line = others.instead_of(NETIO).is_none().then(|| mode.line());
        let wine = service(&prefix, line.as_deref(), &options.only, limit)?;
        println!("completion {mode}: hosted");
        pairs.push(Pair { mode: mode.to_string(), hosted: hosted(&root, mode, &options.only)?, wine });
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

/// From `sc create` to `sc delete`, with the demo and the suite between; gives the suite's results. `line` is what must be in the
/// debug output.
fn service(prefix: &Prefix, line: Option<&str>, only: &[String], limit: Duration) -> Result<Report> {
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
        Step::new("wskctl stress", STRESS, Expect::Success),
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
        (carried, _) => {
            let run = carried?;
            let said = line.is_none_or(|line| debug::printed(&run.log).contains(&line));
            ensure!(said, "netio.sys did not say {:?}", line.unwrap_or_default());
            let done = run.output.lines().find(|line| line.contains(DONE));
            println!("    {}", done.context("wskctl stress did not say what it has done")?.trim_end());
            report
        }
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
        // On another framework, which may keep it.
        for line in debug::printed(&run.log).into_iter().filter(|line| line.contains(LEFT)) {
            println!("    {line}");
        }
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

/// The suite's results in the hosted kernel.
fn hosted(root: &Path, mode: &Mode, only: &[String]) -> Result<Report> {
    let output = hosted_output(root, mode, &suite(only))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Report::parse(&text).with_context(|| {
        format!("the hosted run: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr))
    })
}

/// What the harness prints on the hosted kernel, over this machine's network as in Wine.
fn hosted_output(root: &Path, mode: &Mode, words: &[String]) -> Result<Output> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(["run", "--quiet", "--package", "wskctl", "--"]);
    command.args(["--device", "hosted"]).args(mode.options()).args(words).args(["--network", "host"]);
    command.output().context("starting cargo")
}
