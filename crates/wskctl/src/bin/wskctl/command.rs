//! Carries out a command.

use std::path::Path;
use std::{fs, io};

use serde_json::json;
use wskctl::demo;
use wskctl::device::{Hosted, OpenError};
use wskctl::script::{self, ScriptError};
use wskctl::step::{Failure, Step};
use wskctl::{Device, Session};

use crate::args::{Command, Global};
use crate::print::Printer;
use crate::story::Teller;
use crate::{conformance, service, table, verifier};

/// Why a command did not do what it was asked to.
pub(crate) enum Stop {
    /// The driver refused, or something is not as expected; with the line of the script.
    Failure(Failure, Option<usize>),
    /// Claims of the demo do not hold; it has said so already.
    ClaimsFailed,
    /// Tests have failed, or none applies; the report has said so already.
    TestsFailed,
    /// The script is not one.
    Script(ScriptError),
    /// The script cannot be read.
    File(String, io::Error),
    /// The arguments do not go together.
    Usage(&'static str),
    /// The service manager refused, or there is none.
    Service(wskctl::service::Error),
    /// The verifiers could not be turned on or off.
    Verifier(wskctl::verifier::Error),
    /// Nobody reads what is printed.
    Output(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<wskctl::Error> for Stop {
    fn from(error: wskctl::Error) -> Self {
        Self::Failure(error.into(), None)
    }
}

impl From<OpenError> for Stop {
    fn from(error: OpenError) -> Self {
        wskctl::Error::from(error).into()
    }
}

impl From<wskctl::service::Error> for Stop {
    fn from(error: wskctl::service::Error) -> Self {
        Self::Service(error)
    }
}

impl From<wskctl::verifier::Error> for Stop {
    fn from(error: wskctl::verifier::Error) -> Self {
        Self::Verifier(error)
    }
}

pub(crate) fn run(global: &Global, command: Command, printer: &mut Printer) -> Result<(), Stop> {
    match command {
        Command::Options => return Ok(table::options(printer)?),
        Command::Conformance(arguments) => return conformance::run(global, &arguments, printer),
        Command::Pend(plan) => return conformance::pend(global, &plan),
        Command::Driver(command) => return service::run(global, command, printer),
        Command::Verifier(command) => return verifier::run(command, printer),
        // Whether the script makes sense does not depend on a device.
        Command::Script(file) => {
            let lines = script::parse(&read(&file)?).map_err(Stop::Script)?;
            let steps = lines.iter().map(|line| (Some(line.number), &line.step));
            return carry_out(&session(global)?, steps, printer);
        }
        Command::Steps(steps) => {
            let session = session(global)?;
            return carry_out(&session, steps.iter().map(|step| (None, step)), printer);
        }
        Command::Info | Command::Demo => {}
    }
    let device = device(global)?;
    if matches!(command, Command::Info) {
        let session = Session::new(device.open()?).within(global.timeout.0);
        let (version, provider, statistics) =
            (session.version()?, session.provider()?, session.statistics()?);
        return Ok(table::info(printer, &device, &version, provider, &statistics)?);
    }
    // That the device is not there is no claim that fails.
    device.open()?.close();
    let report = if printer.json() {
        demo::run(&device, &mut ())
    } else {
        let mut teller = Teller::begin(printer, &device)?;
        let report = demo::run(&device, &mut teller);
        teller.end(&report)?;
        report
    };
    if printer.json() {
        printer.document(&serde_json::to_value(&report).map_err(io::Error::from)?)?;
    }
    if report.failed == 0 { Ok(()) } else { Err(Stop::ClaimsFailed) }
}

pub(crate) fn device(global: &Global) -> Result<Device, Stop> {
    if global.device != "hosted" {
        if global.completion.is_some() {
            return Err(Stop::Usage("--completion is for `--device hosted`: a device has its own ways"));
        }
        return Ok(Device::at(&global.device)?);
    }
    let completion = global.completion.unwrap_or_default();
    Ok(Device::hosted(&Hosted { completion, ..Hosted::default() })?)
}

fn session(global: &Global) -> Result<Session, Stop> {
    let session = Session::new(device(global)?.open()?).within(global.timeout.0);
    Ok(session.cancelling_after(global.cancel_after))
}

fn read(file: &Path) -> Result<String, Stop> {
    let text =
        if file == Path::new("-") { io::read_to_string(io::stdin()) } else { fs::read_to_string(file) };
    text.map_err(|error| Stop::File(file.display().to_string(), error))
}

/// Does the steps, and prints what came of each. In JSON that is one document, also when a step fails.
fn carry_out<'a>(
    session: &Session,
    steps: impl Iterator<Item = (Option<usize>, &'a Step)>,
    printer: &mut Printer,
) -> Result<(), Stop> {
    let mut done = Vec::new();
    let mut outcome = Ok(());
    for (line, step) in steps {
        match step.run(session) {
            Ok(result) if printer.json() => {
                let mut result = serde_json::to_value(result).map_err(io::Error::from)?;
                if let Some(line) = line {
                    result["line"] = json!(line);
                }
                done.push(result);
            }
            Ok(result) => printer.done(line, &result)?,
            Err(failure) => {
                outcome = Err(Stop::Failure(failure, line));
                break;
            }
        }
    }
    if printer.json() {
        let mut document = json!({ "steps": done });
        if let Err(stop) = &outcome {
            document["error"] = stop.json();
        }
        printer.document(&document)?;
    }
    outcome
}
