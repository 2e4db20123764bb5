//! What people and programs get to see, and with which exit code it ends.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use wskctl::script::ScriptError;
use wskctl::step::{Done, Failure};
use wskctl::verb::Misuse;

use crate::command::Stop;
use crate::progress::Progress;

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const ASIDE: Style = Style::new().dimmed();
pub(crate) const TITLE: Style = Style::new().bold();

const DONE: u8 = 0;
const REFUSED: u8 = 1;
const USAGE: u8 = 2;
/// As shells have it of a program that Ctrl-C ended: 128 and the number of `SIGINT`.
pub(crate) const INTERRUPTED: u8 = 130;

/// In which form a command's results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people.
    Text,
    /// One JSON document, at the end.
    Json,
    /// A JSON document for each result, a line each, as they come.
    Lines,
}

/// Tells what is wrong with a command line, or gives the help that was asked for.
pub(crate) fn usage(error: clap::Error, form: Form) -> ExitCode {
    let asked_for =
        matches!(error.kind(), clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion);
    if form == Form::Text || asked_for {
        // Nobody is left to tell if this fails.
        let _ = error.print();
        return ExitCode::from(if asked_for { DONE } else { USAGE });
    }
    // Nor is anybody here.
    let _ = Printer::new(form).document(&json!({ "error": misuse(error.into()) }));
    ExitCode::from(USAGE)
}

/// Words that say nothing sensible, as JSON.
fn misuse(misuse: Misuse) -> Value {
    let mut told = json!({ "message": misuse.message });
    for (member, part) in [("usage", misuse.usage), ("advice", misuse.advice)] {
        if let Some(part) = part {
            told[member] = json!(part);
        }
    }
    told
}

/// Prints to standard output: colours for a terminal, plain text for everything else.
pub(crate) struct Printer {
    out: anstream::AutoStream<io::Stdout>,
    /// The line that is not complete yet.
    line: Vec<u8>,
    form: Form,
    /// Whether the error is in a document that has been printed.
    told: bool,
    progress: Progress,
}

impl Printer {
    pub(crate) fn new(form: Form) -> Printer {
        Printer { out: anstream::stdout(), line: Vec::new(), form, told: false, progress: Progress::new() }
    }

    pub(crate) const fn form(&self) -> Form {
        self.form
    }

    /// Whether programs read it.
    pub(crate) const fn json(&self) -> bool {
        matches!(self.form, Form::Json | Form::Lines)
    }

    /// Tells, where somebody looks on, what is being done, should it take its time.
    pub(crate) fn doing(&mut self, what: impl FnOnce() -> String) {
        self.progress.doing(what);
    }

    /// Tells, where somebody looks on, how far a measurement has come.
    pub(crate) fn measuring(&mut self, done: usize, of: usize, what: &str) {
        self.progress.share(done, of);
        self.progress.doing(|| what.to_owned());
    }

    /// Prints one JSON document; a command prints one and no more.
    pub(crate) fn document(&mut self, document: &Value) -> io::Result<()> {
        self.told = true;
        if self.form == Form::Lines { self.json_line(document) } else { writeln!(self, "{document:#}") }
    }

    /// That how it ended has been printed: programs need no more of it.
    pub(crate) const fn has_told(&mut self) {
        self.told = true;
    }

    /// Prints a list: a document for each row, a line each, or one for all.
    pub(crate) fn rows<T: serde::Serialize>(&mut self, rows: &[T], lines: bool) -> io::Result<()> {
        if !lines {
            return self.document(&serde_json::to_value(rows)?);
        }
        self.told = true;
        rows.iter().try_for_each(|row| self.json_line(&serde_json::to_value(row)?))
    }

    /// Prints one of several results.
    pub(crate) fn json_line(&mut self, result: &Value) -> io::Result<()> {
        writeln!(self, "{result}")
    }

    /// Prints what came of a step; that a socket was created or time has passed is worth a line only in a script.
    pub(crate) fn done(&mut self, line: Option<usize>, done: &Done) -> io::Result<()> {
        match (line, done) {
            (Some(line), _) => writeln!(self, "{ASIDE}{line:>4}{ASIDE:#}  {done}"),
            (None, Done::Create { .. } | Done::Sleep { .. }) => Ok(()),
            (None, _) => writeln!(self, "{done}"),
        }
    }

    /// Tells how it ended.
    pub(crate) fn end(&mut self, outcome: Result<(), Stop>) -> ExitCode {
        self.progress.end();
        let Err(stop) = outcome else {
            return ExitCode::from(DONE);
        };
        if matches!(&stop, Stop::Output(error) if error.kind() == ErrorKind::BrokenPipe) {
            // The reader has seen enough: the way of every tool in a pipe.
            return ExitCode::from(DONE);
        }
        if self.json() && !self.told {
            let error = match &stop {
                Stop::Interrupted => json!({ "interrupted": true }),
                stop => json!({ "error": stop.json() }),
            };
            if self.document(&error).is_err() {
                return ExitCode::from(USAGE);
            }
        }
        if !self.json() {
            stop.print();
        }
        ExitCode::from(stop.code())
    }
}

impl Write for Printer {
    /// Prints whole lines: the progress, which is drawn beside them, would cut others in two.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') {
            let lines: Vec<u8> = self.line.drain(..=end).collect();
            self.progress.beside(|| self.out.write_all(&lines))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.line);
        self.progress.beside(|| self.out.write_all(&rest))?;
        self.out.flush()
    }
}

impl Stop {
    fn code(&self) -> u8 {
        match self {
            Self::Interrupted => INTERRUPTED,
            Self::Failure {
                failure: Failure::Error(wskctl::Error::Refused(_)) | Failure::Unexpected { .. },
                ..
            }
            | Self::ClaimsFailed
            | Self::TestsFailed
            | Self::Left(_)
            | Self::StressFailed(_)
            | Self::BenchFailed(_)
            | Self::TrialFailed(_) => REFUSED,
            Self::Service(error) if error.is_refusal() => REFUSED,
            Self::Verifier(error) if error.is_refusal() => REFUSED,
            Self::Failure { .. }
            | Self::Script(..)
            | Self::File(..)
            | Self::Unwritten(..)
            | Self::Usage(_)
            | Self::Service(_)
            | Self::Verifier(_)
            | Self::Output(_) => USAGE,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Failure { failure, line: Some(line), .. } => format!("line {line}: {failure}"),
            Self::Failure { failure, line: None, .. } => failure.to_string(),
            Self::Interrupted => "interrupted before it was done".to_owned(),
            Self::ClaimsFailed => "not every claim holds".to_owned(),
            Self::TestsFailed => "not every test has passed".to_owned(),
            Self::TrialFailed(failed) => {
                let names: Vec<&str> = failed.iter().map(|(phase, _)| *phase).collect();
                format!("failed: {}", names.join(", "))
            }
            Self::BenchFailed(what) => format!("not measured to the end: {what}"),
            Self::StressFailed(what) => format!("under stress: {what}"),
            Self::Left(what) => format!("the driver has left something behind: {what}"),
            Self::Script(name, error) => format!("{name}, {error}"),
            Self::File(name, error) => format!("cannot read {name}: {error}"),
            Self::Unwritten(name, error) => format!("cannot write {name}: {error}"),
            Self::Usage(what) => (*what).to_owned(),
            Self::Service(error) => error.to_string(),
            Self::Verifier(error) => error.to_string(),
            Self::Output(error) => format!("cannot print: {error}"),
        }
    }

    fn advice(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Failure { advice, .. } => advice.as_deref().map(Into::into),
            Self::Service(error) => error.advice().map(Into::into),
            Self::Verifier(error) => error.advice().map(Into::into),
            Self::Script(_, ScriptError { what, .. }) => match (&what.advice, &what.usage) {
                (Some(advice), _) => Some(advice.into()),
                (None, Some(usage)) => Some(format!("it is written `{usage}`").into()),
                (None, None) => None,
            },
            _ => None,
        }
    }

    /// The error as JSON.
    pub(crate) fn json(&self) -> Value {
        let mut error = json!({ "message": self.message() });
        if let Self::Failure { failure: Failure::Error(wskctl::Error::Refused(refused)), .. } = self {
            error["status"] = json!(refused.name());
            error["number"] = json!(refused.number());
            error["meaning"] = json!(refused.meaning());
        }
        if let Self::Service(service) = self
            && let Some(code) = service.code()
        {
            error["win32"] = json!(code);
        }
        match self {
            Self::Failure { line: Some(line), .. } | Self::Script(_, ScriptError { line, .. }) => {
                error["line"] = json!(line);
            }
            _ => {}
        }
        if let Some(advice) = self.advice() {
            error["advice"] = json!(advice);
        }
        error
    }

    /// The error for people, on standard error.
    fn print(&self) {
        let mut stream = anstream::stderr();
        // Nobody is left to tell if this fails.
        let _ = writeln!(stream, "{BAD}wskctl:{BAD:#} {}", self.message());
        if let Some(advice) = self.advice() {
            let _ = writeln!(stream, "{ASIDE}what to do:{ASIDE:#} {advice}");
        }
    }
}
