//! `wskctl stress`: many things at once, and what is left of them.

use std::env;
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use wskctl::stress::{self, Plan, Report};

use crate::args::Global;
use crate::command::{self, Stop};
use crate::conformance::{self, NetworkName};
use crate::print::{ASIDE, BAD, GOOD, Printer, TITLE};

pub(crate) const AFTER_HELP: &str = "\
Examples:
  wskctl stress                                 # ten seconds, on the driver that is loaded
  wskctl stress --for 10m --threads 16 --handles 500
  wskctl stress --seed 7 --kill-every 0s        # what each thread does is the same again; no process is killed
  wskctl --device hosted --completion mixed:7 stress --network memory
  wskctl stress --json

Each thread opens handles, makes requests of every kind on them, cancels some, and closes handles with what is pending. \
Beside them another process begins requests and is killed, again and again. At the end the driver's counts must say that \
nothing is left: no handle, socket, pending operation or IRP. In the hosted kernel the driver is then unloaded, and the \
kernel looks for the rest: pool, MDLs, files, devices; a bug check there is a fault.

What each thread does follows from --seed; how the threads meet does not. Nobody else should use the driver meanwhile: \
what he leaves open is counted, too.

With --json, one document:
  { format: 1, device, plan: { handles, threads, cancels, closes, kill_every_ms, milliseconds, seed },
    done: { requests, opened, cancels, closes, killed }, requests: { code: number }, statuses: { name: number },
    left: { what: number }, faults: [text], milliseconds }

Exit codes: 0 nothing is left, and nothing else went wrong; 1 something is, or nothing could be done; 2 usage or \
environment; 130 interrupted (what is left was looked for all the same).";

/// What `wskctl stress` is asked to do.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    /// How many handles the threads have among them
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    handles: u32,
    /// How many threads there are
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    threads: u32,
    /// Of a hundred things that a thread does, so many are cancels
    #[arg(long, value_name = "PERCENT", default_value_t = 15, value_parser = clap::value_parser!(u32).range(..=90))]
    cancels: u32,
    /// And so many closes of a handle, with what is pending on it
    #[arg(long, value_name = "PERCENT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(..=10))]
    closes: u32,
    /// How long after one process was killed the next one is started; 0s for none
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = conformance::limit)]
    kill_every: Duration,
    /// For how long
    #[arg(long = "for", value_name = "TIME", default_value = "10s", value_parser = conformance::limit)]
    time: Duration,
    /// What each thread does follows from it [default: one that is drawn, and printed]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where the hosted WSK sends its datagrams: host, or memory for a network inside the program
    #[arg(long, value_enum)]
    network: Option<NetworkName>,
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Arguments {
    fn plan(&self) -> Plan {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Plan {
            handles: self.handles as usize,
            threads: self.threads as usize,
            cancels: self.cancels,
            closes: self.closes,
            kill_every_ms: milliseconds(self.kill_every),
            milliseconds: milliseconds(self.time),
            seed: self.seed.unwrap_or_else(|| milliseconds(now)),
        }
    }
}

pub(crate) fn run(global: &Global, arguments: &Arguments, printer: &mut Printer) -> Result<(), Stop> {
    let (device, _) = conformance::runner(global, arguments.network, Duration::MAX)?;
    let plan = arguments.plan();
    // That the device is not there is no fault of its.
    device.open()?.close();
    let interrupt = command::interruptible();
    if !printer.json() {
        writeln!(printer, "{TITLE}seed {}{TITLE:#} on {}", plan.seed, device.describe())?;
    }
    let time = humantime::format_duration(arguments.time).to_string();
    let report = stress::run(&device, env::current_exe().ok(), &plan, &interrupt, &mut |done| {
        printer.doing(|| {
            format!(
                "{time} of stress: {} requests, {} cancels, {} closes, {} processes killed",
                done.requests, done.cancels, done.closes, done.killed
            )
        });
    })
    .map_err(|failure| Stop::StressFailed(format!("{failure:?}")))?;
    if printer.json() {
        printer.document(&serde_json::to_value(&report).map_err(io::Error::from)?)?;
        printer.has_told();
    } else {
        show(printer, &report)?;
    }
    match report {
        report if !report.is_success() => Err(Stop::StressFailed(what_is_wrong(&report))),
        _ if interrupt.is_raised() => Err(Stop::Interrupted),
        _ => Ok(()),
    }
}

/// What is left, and what else went wrong, in a sentence.
fn what_is_wrong(report: &Report) -> String {
    let left = report.left.iter().filter(|(_, number)| **number != 0);
    let mut wrong: Vec<String> = left.map(|(what, number)| format!("{number} {what}")).collect();
    match report.faults.len() {
        0 if wrong.is_empty() => wrong.push("nothing could be done".to_owned()),
        0 => {}
        1 => wrong.push("a fault".to_owned()),
        faults => wrong.push(format!("{faults} faults")),
    }
    wrong.join(", ")
}

fn show(printer: &mut Printer, report: &Report) -> io::Result<()> {
    let done = &report.done;
    writeln!(
        printer,
        "{} requests on {} handles in {:.1} s; {} cancels, {} closes, {} processes killed",
        done.requests,
        done.opened,
        Duration::from_millis(report.milliseconds).as_secs_f64(),
        done.cancels,
        done.closes,
        done.killed,
    )?;
    for (title, numbers) in [("requests", &report.requests), ("statuses", &report.statuses)] {
        writeln!(printer, "{TITLE}{title}{TITLE:#}")?;
        for (name, number) in numbers {
            writeln!(printer, "  {number:>10}  {ASIDE}{name}{ASIDE:#}")?;
        }
    }
    writeln!(printer, "{TITLE}left{TITLE:#}")?;
    for (what, number) in &report.left {
        let style = if *number == 0 { GOOD } else { BAD };
        writeln!(printer, "  {style}{number:>10}{style:#}  {what}")?;
    }
    for fault in &report.faults {
        writeln!(printer, "{BAD}fault:{BAD:#} {fault}")?;
    }
    Ok(())
}
