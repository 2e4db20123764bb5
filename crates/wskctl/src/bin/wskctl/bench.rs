//! `wskctl bench`: what requests cost, beside the system's own calls.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use wskctl::bench::{self, Error, Group, Growth, Plan, Report, Subject, Table, time};
use wskctl::device::{Hosted, Network};

use crate::args::Global;
use crate::command::{self, Stop};
use crate::conformance::NetworkName;
use crate::page::Page;
use crate::print::{ASIDE, BAD, Printer, TITLE};

pub(crate) const AFTER_HELP: &str = "\
Examples:
  wskctl bench                                  # everything, on the driver that is loaded
  wskctl bench ioctl datagrams --html bench.html
  wskctl --device hosted --completion inline bench
  wskctl bench --rounds 5 --calls 10 --sockets 100 --pending 100
  wskctl bench --json

Requests of the driver and the system's own calls (std::net; sendmmsg and recvmmsg where there are any) take turns in one \
process, so that what disturbs the machine disturbs all of them. A ratio says how many times as long one of what is done \
takes: 1.5 (1.4 to 1.8) is the median over the rounds, and the ratios that eight of ten rounds are between. The times are those \
of this machine at this time; the ratios are what to compare. Nobody else should use the driver meanwhile.

In the hosted kernel, memory has no guard pages (special pool) during the run; and growth, load and unload are measured on \
kernels of their own. Sockets on this computer's network need a descriptor each there: the run takes as many as the system allows.

With --json, one document:
  { format: 1, device, system, optimized, plan: { groups, rounds, calls, sockets, pending },
    tables: [{ group, name, rows: [{ way, together, calls, per_second,
      nanoseconds: { p50, p99, p999, max, distribution: [[thousandths, time]] }, ratios: [{ to, median, low, high }] }] }],
    growth: [{ of, steps: [{ count, pool_bytes_each, operations: [{ to, median, low, high }] }] }],
    unloads: [{ sockets, load, kill, unload }], notes: [text], interrupted }

Exit codes: 0 measured; 1 a request was refused, or the hosted kernel has stopped; 2 usage or environment; 130 interrupted \
(what was measured until then has been printed).";

/// What `wskctl bench` is asked to do.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    /// What to measure [default: all]
    #[arg(value_name = "GROUP", value_enum)]
    groups: Vec<Group>,
    /// How many rounds there are, in each of which every way has its turn
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// How many calls of each way are made in a round
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    calls: u32,
    /// To how many sockets `growth` goes
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    sockets: u32,
    /// To how many requests that wait `growth` goes
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pending: u32,
    /// Also write the report as one page of HTML
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Where the hosted WSK sends its datagrams: host, or memory for a network inside the program
    #[arg(long, value_enum)]
    network: Option<NetworkName>,
}

impl Arguments {
    fn plan(&self) -> Plan {
        let mut groups = Vec::new();
        let all = [Group::Ioctl, Group::Datagrams, Group::Open, Group::Growth];
        let wanted = if self.groups.is_empty() { &all[..] } else { &self.groups };
        for group in wanted {
            if !groups.contains(group) {
                groups.push(*group);
            }
        }
        Plan {
            groups,
            rounds: self.rounds as usize,
            calls: self.calls as usize,
            sockets: self.sockets as usize,
            pending: self.pending as usize,
        }
    }
}

pub(crate) fn run(global: &Global, arguments: &Arguments, printer: &mut Printer) -> Result<(), Stop> {
    let subject = subject(global, arguments)?;
    let page = arguments.html.as_deref().map(Page::create).transpose()?;
    let interrupt = command::interruptible();
    let mut watch = |progress: &bench::Progress| {
        printer.measuring(progress.done, progress.of, &progress.what);
    };
    let report = bench::run(&subject, &arguments.plan(), &interrupt, &mut watch)?;
    if let Some(page) = page {
        page.write(&bench::page::html(&report)?)?;
    }
    if printer.json() {
        printer.document(&serde_json::to_value(&report).map_err(io::Error::from)?)?;
        printer.has_told();
    } else {
        show(printer, &report)?;
    }
    if report.interrupted { Err(Stop::Interrupted) } else { Ok(()) }
}

fn subject(global: &Global, arguments: &Arguments) -> Result<Subject, Stop> {
    if global.device == "hosted" {
        let network = match arguments.network {
            Some(NetworkName::Memory) => Network::Memory,
            Some(NetworkName::Host) | None => Network::Host,
        };
        return Ok(Subject::Hosted(Hosted { network, plain_pool: true, ..command::hosted(global) }));
    }
    if arguments.network.is_some() {
        return Err(Stop::Usage("--network is for `--device hosted`: a device has the network it has"));
    }
    Ok(Subject::Loaded(command::device(global)?))
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        match error {
            Error::Device(error) => error.into(),
            Error::Interrupted => Self::Interrupted,
            error => Self::BenchFailed(error.to_string()),
        }
    }
}

fn show(printer: &mut Printer, report: &Report) -> io::Result<()> {
    writeln!(printer, "{TITLE}{}{TITLE:#}, on {}", report.device, report.system)?;
    if !report.optimized {
        writeln!(printer, "{BAD}built without optimisation: the figures mean little{BAD:#}")?;
    }
    for table in &report.tables {
        writeln!(printer, "\n{TITLE}{}: {}{TITLE:#}", table.group, table.name)?;
        rows(printer, &side_by_side(table))?;
    }
    for growth in &report.growth {
        writeln!(printer, "\n{TITLE}growth: {}{TITLE:#}, how many times as long", growth.of)?;
        rows(printer, &grown(growth))?;
    }
    if !report.unloads.is_empty() {
        writeln!(printer, "\n{TITLE}load and unload{TITLE:#}, with sockets open whose process is killed")?;
        let mut cells = vec![["sockets", "load", "kill", "unload"].map(str::to_owned).to_vec()];
        cells.extend(report.unloads.iter().map(|unload| {
            vec![unload.sockets.to_string(), time(unload.load), time(unload.kill), time(unload.unload)]
        }));
        rows(printer, &cells)?;
    }
    for note in &report.notes {
        writeln!(printer, "\n{ASIDE}not measured: {note}{ASIDE:#}")?;
    }
    Ok(())
}

/// The cells of a table: a ratio's are as many as there are ways to compare with.
fn side_by_side(table: &Table) -> Vec<Vec<String>> {
    let others = table.others();
    let mut head: Vec<String> = ["way", "p50", "p99", "p99.9", "a second"].map(str::to_owned).to_vec();
    head.extend(others.iter().map(|other| format!("times {other}")));
    let mut cells = vec![head];
    for row in &table.rows {
        let spans = [row.nanoseconds.p50, row.nanoseconds.p99, row.nanoseconds.p999].map(time);
        let mut line = vec![row.name()];
        line.extend(spans);
        line.push(row.per_second.to_string());
        line.extend(
            others.iter().map(|other| row.ratio_to(other).map(ToString::to_string).unwrap_or_default()),
        );
        cells.push(line);
    }
    cells
}

fn grown(growth: &Growth) -> Vec<Vec<String>> {
    let mut head = vec!["how many".to_owned(), "pool each".to_owned()];
    head.extend(growth.steps.iter().take(1).flat_map(|step| &step.operations).map(|one| one.to.clone()));
    let mut cells = vec![head];
    for step in &growth.steps {
        let pool = step.pool_bytes_each.map(|bytes| format!("{bytes} bytes")).unwrap_or_default();
        let mut line = vec![step.count.to_string(), pool];
        line.extend(step.operations.iter().map(ToString::to_string));
        cells.push(line);
    }
    cells
}

/// Prints rows of cells, the first of them a head.
fn rows(printer: &mut Printer, rows: &[Vec<String>]) -> io::Result<()> {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().enumerate().map(|(column, cell)| match column {
            0 => format!("{cell:<width$}", width = width(column)),
            _ => format!("{cell:>width$}", width = width(column)),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        match index {
            0 => writeln!(printer, "  {ASIDE}{}{ASIDE:#}", line.trim_end())?,
            _ => writeln!(printer, "  {}", line.trim_end())?,
        }
    }
    Ok(())
}
