//! Turning the verifiers on and off, and looking at them.

use serde::{Deserialize, Serialize};

use super::failure::Refusal;
use super::plan::{framework_key, parameters_key, service_key};
use super::{CHECKS, Error, KMDF_VALUES, Options, Plan, System, Value, Way, line};

/// Where Driver Verifier's settings for the next start of Windows are.
const SETTINGS_KEY: &str = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management";
/// Below it, what `on` found is recorded, for each service.
const RECORDS_KEY: &str = r"SOFTWARE\wskctl";
const RECORD: &str = "VerifierBefore";

/// verifier.exe's exit codes for: done; and done, but Windows must be restarted.
const DONE: i32 = 0;
const RESTART: i32 = 2;

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// What was run and written.
    pub plan: Plan,
    /// Whether it takes effect only after Windows has been restarted.
    pub restart_windows: bool,
    /// Whether it takes effect only after the driver has been stopped and started.
    pub restart_driver: bool,
    /// How Driver Verifier was turned on or off, if at once.
    pub now: Option<Way>,
    /// Checks that were asked for and cannot be turned on in that way.
    pub left_out: u32,
    /// What verifier.exe printed.
    pub output: String,
}

/// What Driver Verifier is set to in the registry, where it reads it when Windows starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// The flags, if there are any.
    pub flags: Option<u32>,
    /// The files that it watches; `*` is all.
    pub drivers: Vec<String>,
}

/// How the verifiers are set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// Driver Verifier, from the next start of Windows on.
    pub driver_verifier: Settings,
    /// What Driver Verifier says that it does now (`verifier /query`); `None` if it cannot be asked.
    pub now: Option<String>,
    /// The framework's values, where there are any.
    pub framework: Vec<(String, Value)>,
    /// Whether `on` has been run, and `off` has not.
    pub recorded: bool,
}

/// What `on` found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// The files that Driver Verifier was given; none if it was left alone.
    drivers: Vec<String>,
    /// How, if at once.
    #[serde(default)]
    now: Option<Way>,
    /// Whether the framework's key was there.
    key: bool,
    /// The values that were replaced, and those that were not there.
    values: Vec<(String, Option<Value>)>,
}

/// Turns the verifiers on. If verifier.exe fails, nothing has been changed.
///
/// # Errors
///
/// [`Error::AlreadyOn`], [`Error::Busy`] if Driver Verifier is set for any driver, [`Error::NotInstalled`], or what
/// Windows says.
pub fn on(system: &dyn System, options: &Options) -> Result<Done, Error> {
    let plan = options.plan();
    let service = &options.service;
    let key = framework_key(service);
    if record(system, service)?.is_some() {
        return Err(Error::AlreadyOn { service: service.clone() });
    }
    if options.flags.is_some() {
        let drivers = settings(system)?.drivers;
        if !drivers.is_empty() {
            return Err(Error::Busy { drivers });
        }
    }
    let mut before = Record::default();
    if options.flags.is_some() {
        before.drivers = options.drivers();
        before.now = options.now;
    }
    if !plan.registry.is_empty() {
        let home = service_key(service);
        if !system.has_key(&home).map_err(|source| Error::Registry { key: home, source })? {
            return Err(Error::NotInstalled { service: service.clone() });
        }
        let failed = |source| Error::Registry { key: key.clone(), source };
        before.key = system.has_key(&key).map_err(failed)?;
        for (key, name, _) in &plan.registry {
            before.values.push((name.clone(), system.get(key, name).map_err(failed)?));
        }
    }
    let place = record_key(service);
    let text = serde_json::to_string(&before)
        .map_err(|error| Error::Record { key: place.clone(), what: error.to_string() })?;
    write(system, &place, RECORD, Some(&Value::Text(text)))?;
    let mut written = plan.registry.iter();
    let written = written.try_for_each(|(key, name, value)| write(system, key, name, value.as_ref()));
    match written.and_then(|()| run(system, &plan, options.now)) {
        Ok(output) => {
            let left_out = match (options.flags, options.now) {
                (Some(flags), Some(way)) => flags & !way.flags(flags),
                _ => 0,
            };
            Ok(Done { left_out, ..done(plan, options.now, output) })
        }
        Err(error) => {
            if let Some(way) = options.now {
                // What has been done of it; the first run may have been the one that failed.
                for arguments in way.off(&before.drivers) {
                    let _ = system.verifier(&arguments);
                }
            }
            // What cannot be undone now is still in the record.
            restore(system, service, &before)?;
            Err(error)
        }
    }
}

/// Turns the verifiers on at once, in the first of these ways that works.
///
/// # Errors
///
/// As for [`on`]; [`Error::NoWay`] if verifier.exe refuses each, with nothing changed.
pub fn on_now(system: &dyn System, options: &Options, ways: &[Way]) -> Result<Done, Error> {
    let mut tried = Vec::new();
    for way in ways {
        match on(system, &Options { now: Some(*way), ..options.clone() }) {
            Err(Error::Failed(refusal)) => tried.push(refusal),
            done => return done,
        }
    }
    Err(Error::NoWay { tried })
}

/// What turning the verifiers off comes to now.
///
/// # Errors
///
/// [`Error::NotOn`], [`Error::Entangled`], or what Windows says.
pub fn undo(system: &dyn System, service: &str) -> Result<Plan, Error> {
    let before = record(system, service)?.ok_or_else(|| Error::NotOn { service: service.to_owned() })?;
    let registry = values(system, service, &before)?;
    let verifier = match before.now {
        _ if before.drivers.is_empty() => Vec::new(),
        Some(way) => way.off(&before.drivers),
        None => without(&settings(system)?, &before.drivers)?.into_iter().collect(),
    };
    Ok(Plan { verifier, registry })
}

/// Turns the verifiers off: undoes what [`on`] did, and leaves alone what it did not.
///
/// # Errors
///
/// As for [`undo`]; what was not undone can be tried again.
pub fn off(system: &dyn System, service: &str) -> Result<Done, Error> {
    let before = record(system, service)?.ok_or_else(|| Error::NotOn { service: service.to_owned() })?;
    let plan = undo(system, service)?;
    let ran = match run(system, &plan, before.now) {
        Err(error) if before.now.is_none() => return Err(error),
        // What was turned on at once is gone with the next start of Windows: there is nothing to be tried again.
        ran => ran,
    };
    restore(system, service, &before)?;
    Ok(done(plan, before.now, ran?))
}

/// Looks how the verifiers are set.
///
/// # Errors
///
/// What the registry says.
pub fn status(system: &dyn System, service: &str) -> Result<Overview, Error> {
    let key = framework_key(service);
    let mut framework = Vec::new();
    for (name, _) in KMDF_VALUES {
        if let Some(value) = read(system, &key, name)? {
            framework.push(((*name).to_owned(), value));
        }
    }
    let recorded = record(system, service)?.is_some();
    let now = system.verifier(&["/query".to_owned()]).ok().map(|run| run.output);
    Ok(Overview { driver_verifier: settings(system)?, now, framework, recorded })
}

/// The arguments that take these files out of the settings; `None` if they are not in it.
fn without(now: &Settings, ours: &[String]) -> Result<Option<Vec<String>>, Error> {
    let is_ours = |driver: &String| ours.iter().any(|own| own.eq_ignore_ascii_case(driver));
    let others: Vec<String> = now.drivers.iter().filter(|driver| !is_ours(driver)).cloned().collect();
    if others.len() == now.drivers.len() {
        return Ok(None);
    }
    if others.is_empty() {
        return Ok(Some(vec!["/reset".to_owned()]));
    }
    // Bits that are not documented as flags cannot be given as flags.
    let known = CHECKS.iter().fold(0, |known, check| known | check.flag);
    let Some(flags) = now.flags.map(|flags| flags & known).filter(|flags| *flags != 0) else {
        return Err(Error::Entangled { drivers: others });
    };
    let mut arguments = vec!["/flags".to_owned(), format!("0x{flags:X}"), "/driver".to_owned()];
    arguments.extend(others);
    Ok(Some(arguments))
}

/// The settings for the next start of Windows.
fn settings(system: &dyn System) -> Result<Settings, Error> {
    let drivers = match read(system, SETTINGS_KEY, "VerifyDrivers")? {
        Some(Value::Text(names)) => names.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Strings(names)) => names,
        Some(Value::Dword(_)) | None => Vec::new(),
    };
    let flags = match read(system, SETTINGS_KEY, "VerifyDriverLevel")? {
        Some(Value::Dword(flags)) => Some(flags),
        _ => None,
    };
    Ok(Settings { flags, drivers })
}

/// The changes that put the framework's values back.
fn values(
    system: &dyn System,
    service: &str,
    before: &Record,
) -> Result<Vec<(String, String, Option<Value>)>, Error> {
    let home = service_key(service);
    // With the service, its values have gone.
    if before.values.is_empty()
        || !system.has_key(&home).map_err(|source| Error::Registry { key: home, source })?
    {
        return Ok(Vec::new());
    }
    let key = framework_key(service);
    Ok(before.values.iter().map(|(name, value)| (key.clone(), name.clone(), value.clone())).collect())
}

/// Puts the registry back, and forgets the record.
fn restore(system: &dyn System, service: &str, before: &Record) -> Result<(), Error> {
    let back = values(system, service, before)?;
    for (key, name, value) in &back {
        write(system, key, name, value.as_ref())?;
    }
    if !back.is_empty() && !before.key {
        prune(system, &framework_key(service))?;
        prune(system, &parameters_key(service))?;
    }
    let place = record_key(service);
    write(system, &place, RECORD, None)?;
    prune(system, &place)?;
    prune(system, RECORDS_KEY)
}

/// Runs verifier.exe as the plan has it. At once, an exit code that asks for a restart says that nothing was done.
fn run(system: &dyn System, plan: &Plan, now: Option<Way>) -> Result<String, Error> {
    let mut output = String::new();
    for arguments in &plan.verifier {
        let run = system.verifier(arguments).map_err(|source| Error::NotRun { source })?;
        if run.code != DONE && (run.code != RESTART || now.is_some()) {
            let line = line("verifier", arguments);
            return Err(Error::Failed(Refusal {
                line,
                code: run.code,
                output: run.output.trim().to_owned(),
            }));
        }
        output.push_str(&run.output);
    }
    Ok(output)
}

fn done(plan: Plan, now: Option<Way>, output: String) -> Done {
    // Unless at once, each of its settings takes effect at the next start, whatever the exit code.
    let restart_windows = now.is_none() && !plan.verifier.is_empty();
    let restart_driver = now.is_some() || !plan.registry.is_empty();
    Done { plan, restart_windows, restart_driver, now, left_out: 0, output }
}

fn record(system: &dyn System, service: &str) -> Result<Option<Record>, Error> {
    let key = record_key(service);
    let text = match read(system, &key, RECORD)? {
        None => return Ok(None),
        Some(Value::Text(text)) => text,
        Some(_) => return Err(Error::Record { key, what: "it is no text".to_owned() }),
    };
    serde_json::from_str(&text).map(Some).map_err(|error| Error::Record { key, what: error.to_string() })
}

fn record_key(service: &str) -> String {
    format!(r"{RECORDS_KEY}\{service}")
}

fn read(system: &dyn System, key: &str, name: &str) -> Result<Option<Value>, Error> {
    system.get(key, name).map_err(|source| Error::Registry { key: format!(r"{key}\{name}"), source })
}

fn write(system: &dyn System, key: &str, name: &str, value: Option<&Value>) -> Result<(), Error> {
    let done = match value {
        Some(value) => system.set(key, name, value),
        None => system.delete(key, name),
    };
    done.map_err(|source| Error::Registry { key: format!(r"{key}\{name}"), source })
}

fn prune(system: &dyn System, key: &str) -> Result<(), Error> {
    system.prune(key).map_err(|source| Error::Registry { key: key.to_owned(), source })
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
