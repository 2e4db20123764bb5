//! Carries out a command.

use std::io::Read;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use serde_json::json;
use wskctl::demo;
use wskctl::device::{Hosted, OpenError};
use wskctl::info::Info;
use wskctl::script::{self, ScriptError};
use wskctl::step::{Failure, Step};
use wskctl::{Device, Interrupt, Session};

use crate::args::{Command, Global};
use crate::demo::Output;
use crate::print::{Form, INTERRUPTED, Printer};
use crate::{
    bench, conformance, evidence, manual, probe, reading_list, service, stress, table, trial, verifier,
};

/// Why a command did not do what it was asked to.
pub(crate) enum Stop {
    /// The driver refused, or something is not as expected.
    Failure {
        /// Why.
        failure: Failure,
        /// The line of the script.
        line: Option<usize>,
        /// What to do about it.
        advice: Option<String>,
    },
    /// Ctrl-C came before all was done.
    Interrupted,
    /// Claims of the demo do not hold; it has said so already.
    ClaimsFailed,
    /// Tests have failed, or none applies; the report has said so already.
    TestsFailed,
    /// The driver has left something behind.
    Left(String),
    /// What went wrong under stress; the report has said so already.
    StressFailed(String),
    /// Why something could not be measured.
    BenchFailed(String),
    /// The script is not one.
    Script(String, ScriptError),
    /// The script cannot be read.
    File(String, io::Error),
    /// The file cannot be written.
    Unwritten(String, io::Error),
    /// The arguments do not go together.
    Usage(&'static str),
    /// The service manager refused, or there is none.
    Service(wskctl::service::Error),
    /// The verifiers could not be turned on or off.
    Verifier(wskctl::verifier::Error),
    /// Phases of the trial have failed.
    TrialFailed(Vec<(&'static str, String)>),
    /// Nobody reads what is printed.
    Output(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Self::Output(error)
    }
}

impl From<wskctl::Error> for Stop {
    fn from(error: wskctl::Error) -> Stop {
        let advice = error.advice().map(str::to_owned);
        Self::Failure { failure: error.into(), line: None, advice }
    }
}

impl From<OpenError> for Stop {
    fn from(error: OpenError) -> Stop {
        wskctl::Error::from(error).into()
    }
}

impl From<wskctl::service::Error> for Stop {
    fn from(error: wskctl::service::Error) -> Stop {
        Self::Service(error)
    }
}

impl From<wskctl::verifier::Error> for Stop {
    fn from(error: wskctl::verifier::Error) -> Stop {
        Self::Verifier(error)
    }
}

pub(crate) fn run(global: &Global, command: Command, printer: &mut Printer) -> Result<(), Stop> {
    match command {
        Command::Options => return Ok(table::options(printer)?),
        Command::Probe(arguments) => return probe::run(global, &arguments, printer),
        Command::Readings(arguments) => return Ok(reading_list::run(global, &arguments, printer)?),
        Command::Conformance(arguments) => return conformance::run(global, &arguments, printer),
        Command::Evidence(arguments) => return evidence::run(global, &arguments, printer),
        Command::Bench(arguments) => return bench::run(global, &arguments, printer),
        Command::Stress(arguments) => return stress::run(global, &arguments, printer),
        Command::Pend(plan) => return conformance::pend(global, &plan),
        Command::Driver(command) => return service::run(global, command, printer),
        Command::Verifier(command) => return verifier::run(command, printer),
        Command::Trial(command) => return trial::run(global, &command, printer),
        // Whether the script makes sense does not depend on a device.
        Command::Completions(arguments) => return Ok(manual::completions(arguments, printer)?),
        Command::Man(arguments) => return manual::man(&arguments, printer),
        Command::Script(file, variables) => {
            let lines = script::parse_with(&read(&file)?, variables)
                .map_err(|error| Stop::Script(name(&file), error))?;
            let steps = lines.iter().map(|line| (Some(line.number), &line.step));
            let interrupt = interruptible();
            let device = device(global)?;
            let session = session(global, &device, global.limit(), &interrupt)?.with_others(&device);
            return carry_out(&session, steps, printer, &interrupt);
        }
        Command::Steps(steps) => {
            let interrupt = interruptible();
            let limit = if steps.is_endless() { global.limit_if_any() } else { global.limit() };
            let session = session(global, &device(global)?, limit, &interrupt)?;
            return match carry_out(&session, steps.iter().map(|step| (None, step)), printer, &interrupt) {
                // It ends in no other way.
                Err(Stop::Interrupted) if steps.is_endless() => Ok(()),
                outcome => outcome,
            };
        }
        Command::Info | Command::Demo => {}
    }
    let device = device(global)?;
    if matches!(command, Command::Info) {
        let session = Session::new(device.open()?).within(global.limit());
        return Ok(table::info(printer, &Info::of(&session, device.describe())?)?);
    }
    // That the device is not there is no claim that fails.
    device.open()?.close();
    let interrupt = interruptible();
    let mut output = Output::begin(printer, &device);
    let report = demo::run(&device, &mut output, &interrupt);
    output.end(&report)?;
    if printer.json() {
        printer.document(&serde_json::to_value(&report).map_err(io::Error::from)?)?;
    }
    match report {
        demo::Report { interrupted: true, .. } => Err(Stop::Interrupted),
        demo::Report { failed: 0, .. } => Ok(()),
        _ => Err(Stop::ClaimsFailed),
    }
}

pub(crate) fn device(global: &Global) -> Result<Device, Stop> {
    if global.device != "hosted" {
        if global.completion.is_some() {
            return Err(Stop::Usage("--completion is for `--device hosted`: a device has its own ways"));
        }
        if global.readings.is_some() {
            return Err(Stop::Usage("--readings is for `--device hosted`: a device has its own ways"));
        }
        return Ok(Device::at(&global.device)?);
    }
    Ok(Device::hosted(&hosted(global))?)
}

/// The hosted kernel that the command line asks for.
pub(crate) fn hosted(global: &Global) -> Hosted {
    Hosted {
        completion: global.completion.unwrap_or_default(),
        readings: global.readings.clone().unwrap_or_default(),
        ..Hosted::default()
    }
}

/// An interrupt that Ctrl-C raises, or what else asks a program to end. The second time it ends the program.
pub(crate) fn interruptible() -> Interrupt {
    let interrupt = Interrupt::new();
    let raised = interrupt.clone();
    // Without a handler Ctrl-C ends the program, as it does with any other.
    let _ = ctrlc::set_handler(move || {
        if raised.is_raised() {
            std::process::exit(INTERRUPTED.into());
        }
        raised.raise();
    });
    interrupt
}

fn session(
    global: &Global,
    device: &Device,
    limit: Option<Duration>,
    interrupt: &Interrupt,
) -> Result<Session, Stop> {
    let session = Session::new(device.open()?).within(limit);
    Ok(session.cancelling_after(global.cancel_after).interruptible(interrupt))
}

/// What people call it.
fn name(file: &Path) -> String {
    if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() }
}

fn read(file: &Path) -> Result<String, Stop> {
    let wrong = |error| Stop::File(name(file), error);
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        io::stdin().read_to_end(&mut bytes).map_err(wrong)?;
    } else {
        bytes = fs::read(file).map_err(wrong)?;
    }
    script::decode(&bytes).map_err(|what| wrong(io::Error::new(io::ErrorKind::InvalidData, what)))
}

/// Does the steps, and prints what came of each: as it comes, or in JSON as one document, also when a step fails.
fn carry_out<'a>(
    session: &Session,
    steps: impl Iterator<Item = (Option<usize>, &'a Step)>,
    printer: &mut Printer,
    interrupt: &Interrupt,
) -> Result<(), Stop> {
    let mut done = Vec::new();
    let mut outcome = Ok(());
    for (line, step) in steps {
        if interrupt.is_raised() {
            outcome = Err(Stop::Interrupted);
            break;
        }
        printer.doing(|| match line {
            Some(line) => format!("line {line}: {}", step.doing()),
            None => step.doing(),
        });
        match step.run(session) {
            Ok(result) if printer.json() => {
                let mut result = serde_json::to_value(result).map_err(io::Error::from)?;
                if let Some(line) = line {
                    result["line"] = json!(line);
                }
                if printer.form() == Form::Lines {
                    printer.json_line(&result)?;
                } else {
                    done.push(result);
                }
            }
            Ok(result) => printer.done(line, &result)?,
            Err(_cancelled) if interrupt.is_raised() => {
                outcome = Err(Stop::Interrupted);
                break;
            }
            Err(failure) => {
                let advice = step.advice(session, &failure);
                outcome = Err(Stop::Failure { failure, line, advice });
                break;
            }
        }
    }
    if printer.form() == Form::Json {
        let mut document = json!({ "steps": done });
        match &outcome {
            Ok(()) => {}
            Err(Stop::Interrupted) => document["interrupted"] = json!(true),
            Err(stop) => document["error"] = stop.json(),
        }
        printer.document(&document)?;
    }
    outcome
}
