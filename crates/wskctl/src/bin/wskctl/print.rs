//! What people and programs get to see, and with which exit code it ends.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use wskctl::step::{Done, Failure};

use crate::command::Stop;

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const ASIDE: Style = Style::new().dimmed();
pub(crate) const TITLE: Style = Style::new().bold();

const DONE: u8 = 0;
const REFUSED: u8 = 1;
const USAGE: u8 = 2;

/// Prints to standard output: colours for a terminal, plain text for everything else.
pub(crate) struct Printer {
    out: anstream::AutoStream<io::Stdout>,
    json: bool,
    /// Whether the error is in a document that has been printed.
    told: bool,
}

impl Printer {
    pub(crate) fn new(json: bool) -> Self {
        Self { out: anstream::stdout(), json, told: false }
    }

    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// Prints one JSON document; a command prints one and no more.
    pub(crate) fn document(&mut self, document: &Value) -> io::Result<()> {
        self.told = true;
        writeln!(self.out, "{document:#}")
    }

    /// Prints what came of a step; that a socket was created or time has passed is worth a line only in a script.
    pub(crate) fn done(&mut self, line: Option<usize>, done: &Done) -> io::Result<()> {
        match (line, done) {
            (Some(line), _) => writeln!(self.out, "{ASIDE}{line:>4}{ASIDE:#}  {done}"),
            (None, Done::Create { .. } | Done::Sleep { .. }) => Ok(()),
            (None, _) => writeln!(self.out, "{done}"),
        }
    }

    /// Tells how it ended.
    pub(crate) fn end(&mut self, outcome: Result<(), Stop>) -> ExitCode {
        let Err(stop) = outcome else {
            return ExitCode::from(DONE);
        };
        if matches!(&stop, Stop::Output(error) if error.kind() == ErrorKind::BrokenPipe) {
            // The reader has seen enough: the way of every tool in a pipe.
            return ExitCode::from(DONE);
        }
        if self.json && !self.told {
            let error = json!({ "error": stop.json() });
            if self.document(&error).is_err() {
                return ExitCode::from(USAGE);
            }
        }
        if !self.json {
            stop.print();
        }
        ExitCode::from(stop.code())
    }
}

impl Write for Printer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Stop {
    fn code(&self) -> u8 {
        match self {
            Self::Failure(Failure::Error(wskctl::Error::Refused(_)) | Failure::Unexpected { .. }, _)
            | Self::ClaimsFailed
            | Self::TestsFailed => REFUSED,
            Self::Service(error) if error.is_refusal() => REFUSED,
            Self::Verifier(error) if error.is_refusal() => REFUSED,
            Self::Failure(..)
            | Self::Script(_)
            | Self::File(..)
            | Self::Usage(_)
            | Self::Service(_)
            | Self::Verifier(_)
            | Self::Output(_) => USAGE,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Failure(failure, Some(line)) => format!("line {line}: {failure}"),
            Self::Failure(failure, None) => failure.to_string(),
            Self::ClaimsFailed => "not every claim holds".to_owned(),
            Self::TestsFailed => "not every test has passed".to_owned(),
            Self::Script(error) => error.to_string(),
            Self::File(name, error) => format!("cannot read {name}: {error}"),
            Self::Usage(what) => (*what).to_owned(),
            Self::Service(error) => error.to_string(),
            Self::Verifier(error) => error.to_string(),
            Self::Output(error) => format!("cannot print: {error}"),
        }
    }

    fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Failure(Failure::Error(error), _) => error.advice(),
            Self::Service(error) => error.advice(),
            Self::Verifier(error) => error.advice(),
            _ => None,
        }
    }

    /// The error as JSON.
    pub(crate) fn json(&self) -> Value {
        let mut error = json!({ "message": self.message() });
        if let Self::Failure(Failure::Error(wskctl::Error::Refused(refused)), _) = self {
            error["status"] = json!(refused.name());
            error["number"] = json!(refused.number());
            error["meaning"] = json!(refused.meaning());
        }
        if let Self::Service(service) = self
            && let Some(code) = service.code()
        {
            error["win32"] = json!(code);
            error["name"] = json!(wskctl::service::known(code).map(|known| known.name));
        }
        if let Self::Failure(_, Some(line)) = self {
            error["line"] = json!(line);
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
