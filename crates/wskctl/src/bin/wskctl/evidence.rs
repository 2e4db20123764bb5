//! `wskctl evidence`: one file with all that a report of a run needs.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use wskctl::Interrupt;
use wskctl::conformance::{SUITE, Theme};
use wskctl::evidence::{self, Evidence, Machine, Names, Section, Subject, Watch};

use crate::args::Global;
use crate::command::{self, Stop};
use crate::conformance::{self, NetworkName};
use crate::print::{ASIDE, BAD, GOOD, Printer, TITLE};

pub(crate) const AFTER_HELP: &str = "\
Examples:
  wskctl evidence --out evidence.json           # everything, of the driver that is loaded
  wskctl evidence --out evidence.json --themes basics,datagrams
  wskctl --device hosted evidence               # what such a file looks like; it is no evidence of Windows

The file says on which system the driver ran (build, Secure Boot, memory integrity, test signing), how Driver Verifier \
and the framework's verifier are set, which file the driver is (SHA-256), what `wskctl info` shows, what the probe \
finds, the report of the conformance suite, and whether anything was left behind. What could not be had is named, \
with the reason. It says plainly whether it is of Windows, of Wine or of the hosted kernel. Attach it to an issue.

No names of users or computers are in it, and no addresses but the loopback's: paths and messages have <user>, \
<computer>, <address> and <sid> in their place. Read it before you send it.

With --out the file is written as it goes: should Windows stop, it says during which test. In Windows PowerShell \
write --out FILE, not > FILE, which would change the encoding.

Exit codes: 0 the driver did all that it should; 1 it did not: a test has failed, a request was refused, or something \
is left (the file is written all the same); 2 no driver, usage or environment; 130 interrupted.";

/// What `wskctl evidence` is asked to do.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The file to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only these themes of the conformance suite
    #[arg(long, value_name = "THEME,..", value_delimiter = ',', value_parser = theme)]
    themes: Vec<&'static Theme>,
    /// The name of the driver's service
    #[arg(long, value_name = "NAME", default_value = wskdrv_abi::SERVICE_NAME)]
    service: String,
    /// Where the hosted WSK sends its datagrams: host, or memory for a network inside the program
    #[arg(long, value_enum)]
    network: Option<NetworkName>,
    /// The time limit of each test, such as 30s or 2m
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = conformance::limit)]
    limit: Duration,
}

fn theme(name: &str) -> Result<&'static Theme, String> {
    SUITE.iter().find(|theme| theme.name == name).ok_or_else(|| {
        let names: Vec<&str> = SUITE.iter().map(|theme| theme.name).collect();
        format!("the themes are {}", names.join(", "))
    })
}

/// Carries out the command.
pub(crate) fn run(global: &Global, arguments: &Arguments, printer: &mut Printer) -> Result<(), Stop> {
    let (device, runner) = conformance::runner(global, arguments.network, arguments.limit)?;
    let machine = if global.device == "hosted" { None } else { Machine::here() };
    let themes = SUITE.iter().filter(|theme| {
        arguments.themes.is_empty() || arguments.themes.iter().any(|wanted| wanted.name == theme.name)
    });
    let interrupt = command::interruptible();
    let subject = Subject {
        device,
        machine: machine.as_ref(),
        service: &arguments.service,
        runner: runner.with_interrupt(interrupt.clone()),
        tests: themes.flat_map(|theme| theme.tests).copied().flatten().collect(),
    };
    let out = arguments.out.as_deref();
    let mut writer = Writer { printer, out, names: Names::here(), interrupt, written: Ok(()) };
    let (evidence, outcome) = subject.gather(&mut writer);
    let Writer { printer, names, written, .. } = writer;
    written?;
    let document = evidence.document(&names).map_err(io::Error::from)?;
    match out {
        None => printer.document(&document)?,
        Some(file) => {
            write(file, &document)?;
            tell(printer, file, &evidence)?;
        }
    }
    outcome.map_err(Stop::from)
}

impl From<evidence::Stop> for Stop {
    fn from(stop: evidence::Stop) -> Stop {
        match stop {
            evidence::Stop::Driver(error) => error.into(),
            evidence::Stop::Tests => Self::TestsFailed,
            evidence::Stop::Interrupted => Self::Interrupted,
            evidence::Stop::Left(what) => Self::Left(what),
        }
    }
}

/// Shows what is being done, and keeps the file as far as it has come.
struct Writer<'a> {
    printer: &'a mut Printer,
    out: Option<&'a Path>,
    names: Names,
    interrupt: Interrupt,
    written: Result<(), Stop>,
}

impl Watch for Writer<'_> {
    fn doing(&mut self, what: &str, so_far: &Evidence) {
        self.printer.doing(|| what.to_owned());
        if let (Some(file), Ok(())) = (self.out, &self.written) {
            let document = so_far.document(&self.names).map_err(|error| Stop::Output(error.into()));
            self.written = document.and_then(|document| write(file, &document));
            if self.written.is_err() {
                // That is no news for the end of a long run.
                self.interrupt.raise();
            }
        }
    }
}

/// Writes the file so that there is always a complete one, also after a bug check.
fn write(file: &Path, document: &Value) -> Result<(), Stop> {
    let beside = file.with_added_extension("part");
    let written = File::create(&beside).and_then(|mut part| {
        writeln!(part, "{document:#}")?;
        part.sync_all()
    });
    written
        .and_then(|()| fs::rename(&beside, file))
        .map_err(|error| Stop::Unwritten(file.display().to_string(), error))
}

/// What is in the file, in short.
fn tell(printer: &mut Printer, file: &Path, evidence: &Evidence) -> io::Result<()> {
    let Evidence { kind, says, conformance, .. } = evidence;
    if printer.json() {
        let answered = evidence.answered().ok();
        return printer.document(&json!({ "file": file, "kind": kind, "says": says, "answered": answered }));
    }
    writeln!(printer, "{TITLE}{}{TITLE:#}", file.display())?;
    writeln!(printer, "  {says}")?;
    match conformance {
        Section::Data(report) => {
            let style = if report.is_success() { GOOD } else { BAD };
            writeln!(
                printer,
                "  {style}{} passed, {} failed{style:#}, {} not applicable",
                report.passed, report.failed, report.not_applicable,
            )?;
        }
        Section::Error(fault) => writeln!(printer, "  {BAD}no tests:{BAD:#} {}", fault.message)?,
    }
    match evidence.answered() {
        Ok(count) => writeln!(printer, "  questions: {GOOD}{count} answered{GOOD:#}")?,
        Err(fault) => writeln!(printer, "  questions: {BAD}{}{BAD:#}", fault.message)?,
    }
    writeln!(
        printer,
        "{ASIDE}It has no names of users or computers, and no addresses but the loopback's.{ASIDE:#}"
    )
}
