//! `wskctl conformance`: runs the suite, and tells what came of it.
#![expect(clippy::doc_markdown, reason = "these comments are the help that people read in a terminal")]

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::json;
use wskctl::Device;
use wskctl::Interrupt;
use wskctl::conformance::{self, Ending, Plan, Report, Runner, Test, TestResult, Watch};
use wskctl::device::{Hosted, Network};

use crate::args::Global;
use crate::command::{self, Stop};
use crate::page::Page;
use crate::print::{ASIDE, BAD, Form, GOOD, Printer, TITLE};

/// How many tests run at a time in this program.
const JOBS: usize = 8;

pub(crate) const AFTER_HELP: &str = "\
Examples:
  wskctl conformance                            # the whole suite on the driver that is loaded
  wskctl conformance --list closing             # what the tests show and need
  wskctl conformance closing events --limit 30s
  wskctl --device hosted --completion delayed:7 conformance --network memory
  wskctl conformance --format junit
  wskctl --device hosted conformance --html conformance.html
  wskctl conformance --format json-lines        # each result as it comes, for programs

Every test says what it expected and what came. A test that cannot be run here (no IPv6, a driver that is not ours \
to unload) is reported as not applicable, with the reason, and never as passed. A test that does not end within \
--limit has failed; the run goes on, and ends. In the hosted kernel each test has a kernel of its own, which is \
searched for what the driver has left behind; a bug check there is a failure of the test. Interrupted (Ctrl-C), the \
run reports what has run until then, and which tests have not; interrupted again, it ends without a report.

With --format json, one document:
  { format: 1, device, passed, failed, not_applicable, milliseconds, not_run?: [name],
    tests: [{ name, about, ending: passed|failed|not_applicable, detail?, place?, milliseconds }] }
With --format json-lines, a document a line: those of the tests, and at the end the rest.
With --html, one page for people besides: what failed, each theme with its tests, and on the hosted driver a timeline of the \
IRPs of each test.
With --format junit, JUnit's XML: one testsuite, a theme as classname; tests that are not applicable, or not run, as \
skipped.

Exit codes: 0 something was tested, and all of it passed; 1 not all passed, or nothing applies; 2 usage or environment; \
130 interrupted.";

/// What `wskctl conformance` is asked to do.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    /// Only tests whose name contains one of these, such as cancelling or basics::an_unbound
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// The filters are whole names of tests
    #[arg(long)]
    exact: bool,
    /// Also print a line when a test begins: after a stop of the machine it tells which test it was
    #[arg(long)]
    verbose: bool,
    /// List the tests instead of running them
    #[arg(long)]
    list: bool,
    /// How to report: text or json-lines as it goes, or one document at the end [default: text, or json with --json]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Also write the report as one page of HTML
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    html: Option<PathBuf>,
    /// Where the hosted WSK sends its datagrams: host, or memory for a network inside the program
    #[arg(long, value_enum)]
    network: Option<NetworkName>,
    /// The time limit of each test, such as 30s or 2m
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = limit)]
    limit: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    JsonLines,
    Junit,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum NetworkName {
    Host,
    Memory,
}

pub(crate) fn limit(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("write it as 30s or 2m: {error}"))
}

impl Arguments {
    fn format(&self, form: Form) -> Result<Format, Stop> {
        let wanted = match form {
            Form::Text => return Ok(self.format.unwrap_or(Format::Text)),
            Form::Json => Format::Json,
            Form::Lines => Format::JsonLines,
        };
        match (self.format, wanted) {
            (None, wanted) => Ok(wanted),
            (Some(format), wanted) if format == wanted => Ok(wanted),
            (_, Format::Json) => Err(Stop::Usage("--json is --format json: leave one of them out")),
            _ => Err(Stop::Usage("--json-lines is --format json-lines: leave one of them out")),
        }
    }

    fn wants(&self, test: &Test) -> bool {
        let fits = |filter: &String| {
            if self.exact { test.name == filter } else { test.name.contains(filter.as_str()) }
        };
        self.filters.is_empty() || self.filters.iter().any(fits)
    }
}

pub(crate) fn run(global: &Global, arguments: &Arguments, printer: &mut Printer) -> Result<(), Stop> {
    let format = arguments.format(global.form())?;
    let tests: Vec<&'static Test> = conformance::tests().filter(|test| arguments.wants(test)).collect();
    if tests.is_empty() {
        return Err(Stop::Usage("no test has such a name: `wskctl conformance --list` lists them"));
    }
    if arguments.list {
        return Ok(list(printer, format, &tests)?);
    }
    let (device, runner) = runner(global, arguments.network, arguments.limit)?;
    // That the device is not there is no failure of any test.
    device.open()?.close();
    let page = arguments.html.as_deref().map(Page::create).transpose()?;
    let runner = if page.is_some() { runner.with_irps() } else { runner };
    let interrupt = command::interruptible();
    if format == Format::Text {
        writeln!(printer, "{TITLE}{} tests{TITLE:#} on {}", tests.len(), device.describe())?;
    }
    let mut lines = Lines {
        printer,
        format,
        verbose: arguments.verbose,
        count: tests.len(),
        begun: 0,
        printed: Ok(()),
        interrupt: interrupt.clone(),
    };
    let report = runner.with_interrupt(interrupt).run(&device.describe(), tests, &mut lines);
    lines.printed?;
    if let Some(page) = page {
        page.write(&conformance::html(&report))?;
    }
    match format {
        Format::Text => summary(printer, &report)?,
        Format::Json => printer.document(&serde_json::to_value(&report).map_err(io::Error::from)?)?,
        Format::JsonLines => {
            let mut rest = serde_json::to_value(&report).map_err(io::Error::from)?;
            rest.as_object_mut().map(|rest| rest.remove("tests"));
            printer.json_line(&rest)?;
        }
        Format::Junit => {
            let document = conformance::junit(&report).map_err(io::Error::other)?;
            writeln!(printer, "{document}")?;
        }
    }
    if format != Format::Text {
        printer.has_told();
    }
    match &report {
        report if report.is_interrupted() => Err(Stop::Interrupted),
        report if report.is_success() => Ok(()),
        _ => Err(Stop::TestsFailed),
    }
}

/// The device, and who runs tests on it.
pub(crate) fn runner(
    global: &Global,
    network: Option<NetworkName>,
    limit: Duration,
) -> Result<(Device, Runner), Stop> {
    let (device, runner) = if global.device == "hosted" {
        let network = match network {
            Some(NetworkName::Memory) => Network::Memory,
            Some(NetworkName::Host) | None => Network::Host,
        };
        let hosted = Hosted { network, ..command::hosted(global) };
        // Each test has a kernel of its own, and most of what it does is to wait.
        (Device::hosted(&hosted)?, Runner::new(move || Device::hosted(&hosted)).with_jobs(JOBS))
    } else {
        if network.is_some() {
            return Err(Stop::Usage("--network is for `--device hosted`: a device has the network it has"));
        }
        let device = command::device(global)?;
        let same = device.clone();
        let runner = Runner::new(move || Ok(same.clone()));
        (
            device,
            std::env::current_exe().map_or_else(|_| runner.clone(), |path| runner.clone().with_program(path)),
        )
    };
    Ok((device, runner.with_limit(limit)))
}

/// `wskctl pend`: what the suite starts as another process, to kill it.
pub(crate) fn pend(global: &Global, plan: &Plan) -> Result<(), Stop> {
    let device = command::device(global)?;
    Ok(conformance::pend(&device, plan, &mut io::stdout(), io::stdin())?)
}

fn list(printer: &mut Printer, format: Format, tests: &[&Test]) -> io::Result<()> {
    if matches!(format, Format::Json | Format::JsonLines) {
        let rows = tests.iter().map(|test| {
            let needs: Vec<String> = test.needs.iter().map(ToString::to_string).collect();
            json!({ "name": test.name, "about": test.about, "needs": needs })
        });
        return printer.rows(&rows.collect::<Vec<_>>(), format == Format::JsonLines);
    }
    for test in tests {
        writeln!(printer, "{TITLE}{}{TITLE:#}\n    {}", test.name, test.about)?;
        for need in test.needs {
            writeln!(printer, "    {ASIDE}needs {need}{ASIDE:#}")?;
        }
    }
    Ok(())
}

/// A line for each test as it ends, where the format has one.
struct Lines<'p> {
    printer: &'p mut Printer,
    format: Format,
    verbose: bool,
    /// How many tests there are.
    count: usize,
    begun: usize,
    printed: io::Result<()>,
    interrupt: Interrupt,
}

impl Watch for Lines<'_> {
    fn begins(&mut self, test: &Test) {
        self.begun += 1;
        self.printer.doing(|| format!("{} of {}: {}", self.begun, self.count, test.name));
        if self.verbose && self.format == Format::Text && self.printed.is_ok() {
            let printed = writeln!(self.printer, "{} of {}: {}", self.begun, self.count, test.name);
            self.printed = printed.and_then(|()| self.printer.flush());
        }
    }

    fn ended(&mut self, result: &TestResult) {
        if self.printed.is_err() {
            return;
        }
        self.printed = match self.format {
            Format::Text => line(self.printer, result),
            Format::JsonLines => serde_json::to_value(result)
                .map_err(io::Error::from)
                .and_then(|result| self.printer.json_line(&result)),
            Format::Json | Format::Junit => Ok(()),
        };
        if self.printed.is_err() {
            // Nobody reads what comes after it.
            self.interrupt.raise();
        }
    }
}

fn line(printer: &mut Printer, result: &TestResult) -> io::Result<()> {
    let (style, word) = match result.ending {
        Ending::Passed => (GOOD, "passed"),
        Ending::Failed => (BAD, "FAILED"),
        Ending::NotApplicable => (ASIDE, "not applicable"),
    };
    let TestResult { name, milliseconds, .. } = result;
    writeln!(printer, "  {style}{word:<14}{style:#}  {name} {ASIDE}({milliseconds} ms){ASIDE:#}")?;
    if let Some(detail) = &result.detail {
        for line in detail.lines() {
            writeln!(printer, "                  {line}")?;
        }
    }
    if let Some(place) = &result.place {
        writeln!(printer, "                  {ASIDE}{place}{ASIDE:#}")?;
    }
    Ok(())
}

fn summary(printer: &mut Printer, report: &Report) -> io::Result<()> {
    let style = if report.is_success() { GOOD } else { BAD };
    write!(
        printer,
        "{style}{} passed, {} failed{style:#}, {} not applicable, ",
        report.passed, report.failed, report.not_applicable,
    )?;
    if report.is_interrupted() {
        write!(printer, "{BAD}{} not run{BAD:#}, ", report.not_run.len())?;
    }
    writeln!(printer, "in {:.1} s", Duration::from_millis(report.milliseconds).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parsed(words: &[&str]) -> Arguments {
        let words = ["conformance"].iter().chain(words);
        Line::try_parse_from(words).expect("a command line").arguments
    }

    fn wanted(words: &[&str]) -> Vec<&'static str> {
        let arguments = parsed(words);
        conformance::tests().filter(|test| arguments.wants(test)).map(|test| test.name).collect()
    }

    #[test]
    fn filters_are_parts_of_names_or_whole_names() {
        assert_eq!(wanted(&[]).len(), conformance::tests().count());
        assert!(wanted(&["cancelling::"]).iter().all(|name| name.starts_with("cancelling::")));
        let name = "cancelling::a_cancelled_receive_is_cancelled";
        assert_eq!(wanted(&["a_cancelled_receive", "no_such"]), [name]);
        assert_eq!(wanted(&["--exact", name]), [name]);
        assert_eq!(wanted(&["--exact", "cancelling"]), Vec::<&str>::new());
    }

    #[test]
    fn json_and_format_must_agree() {
        for (words, form, expected) in [
            (&[][..], Form::Text, Some(Format::Text)),
            (&[], Form::Json, Some(Format::Json)),
            (&[], Form::Lines, Some(Format::JsonLines)),
            (&["--format", "json"], Form::Json, Some(Format::Json)),
            (&["--format", "json-lines"], Form::Text, Some(Format::JsonLines)),
            (&["--format", "json-lines"], Form::Json, None),
            (&["--format", "json"], Form::Lines, None),
            (&["--format", "junit"], Form::Text, Some(Format::Junit)),
            (&["--format", "junit"], Form::Json, None),
            (&["--format", "text"], Form::Json, None),
        ] {
            assert_eq!(parsed(words).format(form).ok(), expected, "{words:?} {form:?}");
        }
    }
}
