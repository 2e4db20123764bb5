//! `wskctl driver`: the driver as a Windows service.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io, path};

use clap::{Args, Subcommand};
use serde_json::json;
use wskctl::service::{self, Driver, Error, Outcome, Status};

use crate::args::Global;
use crate::command::Stop;
use crate::print::{ASIDE, Printer, TITLE};

const EXAMPLES: &str = "The file is registered where it lies and must stay there; nothing is copied. All but `status` \
    needs an elevated prompt (Run as administrator), and Windows loads the driver only if it trusts its signature: \
    on a test machine that is `bcdedit /set testsigning on`, with Secure Boot off.\n\nExamples:\n  \
    wskctl driver install C:\\drivers\\wskdrv.sys\n  \
    wskctl driver start\n  \
    wskctl demo\n  \
    wskctl driver stop\n  \
    wskctl driver remove\n\n\
    Exit codes: 0 done, or was so already; 1 refused by Windows; 2 usage or environment.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DriverCommand {
    /// The name of the service
    #[arg(long, global = true, value_name = "NAME", default_value = wskdrv_abi::SERVICE_NAME)]
    service: String,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Register a driver file as a kernel driver that is started on demand; again, to change the file
    Install {
        /// The file [default: wskdrv.sys beside this program]
        #[arg(value_name = "PATH-TO-SYS")]
        file: Option<PathBuf>,
    },
    /// Load the driver; does nothing if it is loaded
    Start,
    /// Unload the driver, and wait up to --timeout until it is; it stays while a handle to its device is open
    Stop,
    /// Unload the driver and delete its service; the file stays
    Remove,
    /// Show state, file, start type and exit codes
    Status,
}

/// Carries out the command.
pub(crate) fn run(global: &Global, command: DriverCommand, printer: &mut Printer) -> Result<(), Stop> {
    let DriverCommand { service, verb } = command;
    let manager = service::manager()?;
    let doing = match verb {
        Verb::Install { .. } => "installing",
        Verb::Start => "starting",
        Verb::Stop | Verb::Remove => "unloading; it stays while a handle to its device is open:",
        Verb::Status => "looking up",
    };
    printer.doing(|| format!("{doing} {service}"));
    let driver = Driver::new(&*manager, &service, global.limit());
    let outcome = match verb {
        Verb::Install { file } => driver.install(&driver_file(file)?)?,
        Verb::Start => driver.start()?,
        Verb::Stop => driver.stop()?,
        Verb::Remove => driver.remove()?,
        Verb::Status => return Ok(show(printer, &service, driver.status()?.as_ref())?),
    };
    Ok(tell(printer, &service, &outcome)?)
}

/// The absolute path of the file to register, which exists.
fn driver_file(file: Option<PathBuf>) -> Result<String, Error> {
    let file = match file {
        Some(file) => file,
        None => env::current_exe().unwrap_or_default().with_file_name("wskdrv.sys"),
    };
    let absolute =
        existing(&file).map_err(|source| Error::File { path: file.display().to_string(), source })?;
    Ok(absolute.display().to_string())
}

fn existing(file: &Path) -> io::Result<PathBuf> {
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a folder"));
    }
    path::absolute(file)
}

fn tell(printer: &mut Printer, service: &str, outcome: &Outcome) -> io::Result<()> {
    if printer.json() {
        let mut document = serde_json::to_value(outcome)?;
        document["service"] = json!(service);
        return printer.document(&document);
    }
    let colon = if matches!(outcome, Outcome::Installed { .. } | Outcome::Updated { .. }) { ":" } else { "" };
    writeln!(printer, "{service}{colon} {outcome}")
}

fn show(printer: &mut Printer, service: &str, status: Option<&Status>) -> io::Result<()> {
    if printer.json() {
        let mut document = json!({ "service": service, "installed": status.is_some() });
        if let Some(status) = status {
            document["status"] = serde_json::to_value(status)?;
        }
        return printer.document(&document);
    }
    let Some(status) = status else {
        return writeln!(printer, "{service} is not installed");
    };
    let Status { state, kernel_driver, path, start, exit_code, service_exit_code } = status;
    writeln!(printer, "{TITLE}service{TITLE:#}    {service}")?;
    writeln!(printer, "{TITLE}state{TITLE:#}      {state}")?;
    writeln!(printer, "{TITLE}file{TITLE:#}       {path}")?;
    writeln!(printer, "{TITLE}start{TITLE:#}      {start}")?;
    // Windows' word, and the number in parentheses.
    let exit = io::Error::from_raw_os_error(exit_code.cast_signed());
    writeln!(printer, "{TITLE}exit code{TITLE:#}  {exit}")?;
    if *service_exit_code != 0 {
        writeln!(printer, "           {service_exit_code} {ASIDE}(the service's own){ASIDE:#}")?;
    }
    if !kernel_driver {
        writeln!(printer, "{ASIDE}This service is no kernel driver.{ASIDE:#}")?;
    }
    Ok(())
}
