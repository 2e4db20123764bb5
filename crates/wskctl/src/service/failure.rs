//! What the service manager refuses with, and what to do about it.

use std::time::Duration;
use std::{fmt, io};

use wsk_sys::{NamedStatus, status_meaning, status_name};

use super::State;

/// A Win32 error that the service manager ends with when it is about a driver.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The number.
    pub code: u32,
    /// Its name in `winerror.h`.
    pub name: &'static str,
    /// What it means here.
    pub meaning: &'static str,
    /// What to do.
    pub advice: &'static str,
}

macro_rules! errors {
    ($($name:ident = $code:literal, $meaning:literal, $advice:literal;)*) => {
        /// The errors that there is something to say about.
        pub const ERRORS: &[Known] = &[
            $(Known { code: $code, name: stringify!($name), meaning: $meaning, advice: $advice }),*
        ];

        #[cfg(test)]
        const WINERROR: &[(u32, u32)] = &[$(($code, windows_sys::Win32::Foundation::$name)),*];
    };
}

/// `ERROR_SERVICE_ALREADY_RUNNING`.
pub(super) const SERVICE_ALREADY_RUNNING: u32 = 1056;
/// `ERROR_SERVICE_NOT_ACTIVE`.
pub(super) const SERVICE_NOT_ACTIVE: u32 = 1062;
/// `ERROR_SERVICE_MARKED_FOR_DELETE`.
pub(super) const SERVICE_MARKED_FOR_DELETE: u32 = 1072;
/// `ERROR_SERVICE_DOES_NOT_EXIST`.
#[cfg(windows)]
pub(super) const SERVICE_DOES_NOT_EXIST: u32 = 1060;

errors! {
    ERROR_INVALID_FUNCTION = 1, "The driver, or the framework, does not do what was asked.",
        "Read the System event log; under Driver Verifier or a debugger the driver says more.";
    ERROR_FILE_NOT_FOUND = 2, "A file is not there: the driver's, or one that it imports from.",
        "See in `wskctl driver status` which file is registered, and install the one that exists. If it exists, \
         then a module that it imports from is missing.";
    ERROR_PATH_NOT_FOUND = 3, "The folder of the driver's file is not there.",
        "See in `wskctl driver status` which file is registered, and install the one that exists.";
    ERROR_ACCESS_DENIED = 5, "This needs the rights of an administrator.",
        "Run this from an elevated prompt (Run as administrator). If it is elevated, then the driver itself, or a \
         file that it needs, was denied access.";
    ERROR_NOT_ENOUGH_MEMORY = 8, "There is not enough memory.", "Close something and try again.";
    ERROR_NOT_READY = 21, "The driver says that what it needs is not ready.", "Try again in a moment.";
    ERROR_GEN_FAILURE = 31, "The driver failed to start, with a status that has no Win32 error of its own.",
        "Read the System event log; under a debugger the driver says more.";
    ERROR_SHARING_VIOLATION = 32, "The driver's file is open in another program.",
        "Close the program that has it open (a build, a debugger, a virus scanner).";
    ERROR_NOT_SUPPORTED = 50, "The driver asked for something that this version of Windows does not offer.",
        "The driver needs Windows 10, version 2004, or later.";
    ERROR_INVALID_PARAMETER = 87, "A parameter is not valid.",
        "If it came from the driver's start: the framework (KMDF) of this Windows is older than the one that the driver \
         was built for, 1.31, which came with Windows 10, version 2004; the System event log names both. Otherwise its \
         registration does not suit it: remove it and install it again.";
    ERROR_INVALID_NAME = 123, "The name or the path is not valid.", "A service name has no slash in it.";
    ERROR_MOD_NOT_FOUND = 126, "A module that the driver imports from is not there.",
        "The driver needs Windows 10, version 2004, or later.";
    ERROR_PROC_NOT_FOUND = 127, "The driver imports a function that this Windows does not have.",
        "The driver needs Windows 10, version 2004, or later.";
    ERROR_ALREADY_EXISTS = 183, "The driver's device exists already: another copy of the driver is loaded.",
        "Find it with `driverquery` or `sc.exe query type= driver`, and stop it.";
    ERROR_BAD_EXE_FORMAT = 193, "The file is no driver for this processor.",
        "Install a file that was built for it; `cargo xtask cross` builds for x86_64.";
    ERROR_EXE_MACHINE_TYPE_MISMATCH = 216, "The file is no driver for this processor.",
        "Install a file that was built for it; `cargo xtask cross` builds for x86_64.";
    ERROR_MR_MID_NOT_FOUND = 317, "The driver ended with a status that has no Win32 error at all.",
        "Read the System event log, which has the status.";
    ERROR_INVALID_IMAGE_HASH = 577, "The driver's signature is not one that this Windows trusts.",
        "On a test machine: turn Secure Boot off, `bcdedit /set testsigning on`, restart, and trust the test \
         certificate (certutil -addstore Root and TrustedPublisher).";
    ERROR_FAILED_DRIVER_ENTRY = 647, "DriverEntry failed.",
        "Read the System event log; under a debugger the driver says more.";
    ERROR_DRIVER_FAILED_PRIOR_UNLOAD = 654, "An earlier copy of the driver is still in memory.",
        "It could not be unloaded: restart Windows.";
    ERROR_ELEVATION_REQUIRED = 740, "This needs the rights of an administrator.",
        "Run this from an elevated prompt (Run as administrator).";
    ERROR_DEPENDENT_SERVICES_RUNNING = 1051, "Other services that run depend on it.", "Stop those first.";
    ERROR_INVALID_SERVICE_CONTROL = 1052, "The driver cannot be unloaded.",
        "It has no DriverUnload, or its start has failed half-way: restart Windows.";
    ERROR_SERVICE_REQUEST_TIMEOUT = 1053, "The service manager got no answer in time.",
        "Look at `wskctl driver status` and try again; a driver that hangs needs a restart of Windows.";
    ERROR_SERVICE_DATABASE_LOCKED = 1055, "An installation has locked the list of services.",
        "Wait until it is done, and try again.";
    ERROR_SERVICE_ALREADY_RUNNING = 1056, "It runs already.", "To load another file, stop it first.";
    ERROR_SERVICE_DISABLED = 1058, "The service is disabled.",
        "`wskctl driver install` sets it to be started on demand.";
    ERROR_SERVICE_DOES_NOT_EXIST = 1060, "There is no such service.",
        "`wskctl driver install PATH-TO-SYS` makes it.";
    ERROR_SERVICE_CANNOT_ACCEPT_CTRL = 1061, "It is starting or stopping just now.", "Wait a moment and try again.";
    ERROR_SERVICE_NOT_ACTIVE = 1062, "It is not running.", "There is nothing to stop.";
    ERROR_SERVICE_DEPENDENCY_FAIL = 1068, "A service that it depends on does not start.",
        "See which with `sc.exe qc`, and start that first.";
    ERROR_SERVICE_MARKED_FOR_DELETE = 1072, "The service is being deleted, but somebody still has it open.",
        "Close services.msc, Task Manager and the like, stop the driver, and try again; at the latest it is gone \
         after a restart.";
    ERROR_SERVICE_EXISTS = 1073, "A service of this name exists already.", "Choose another name with --service.";
    ERROR_SERVICE_NEVER_STARTED = 1077, "Nobody has started it since Windows was started.",
        "`wskctl driver start` loads it.";
    ERROR_DUPLICATE_SERVICE_NAME = 1078, "Another service shows itself under this name.",
        "Choose another name with --service.";
    ERROR_SHUTDOWN_IN_PROGRESS = 1115, "Windows is shutting down.", "Try again after the restart.";
    ERROR_INVALID_SERVICENAME = 1213, "This cannot be the name of a service.", "A service name has no slash in it.";
    ERROR_DRIVER_BLOCKED = 1275, "This Windows blocks the driver: by policy, as vulnerable, or as incompatible.",
        "Look into the log Microsoft-Windows-CodeIntegrity/Operational; on a test machine turn Memory integrity \
         (Core isolation) off.";
    ERROR_NO_SYSTEM_RESOURCES = 1450, "The driver could not get the memory or the objects that it needs.",
        "Close something and try again; under Driver Verifier with low resources this is to be expected.";
    ERROR_BAD_DRIVER = 2001, "The file is no driver that this Windows can load.",
        "Build it anew, and check it with `cargo xtask cross`.";
    ERROR_SYSTEM_INTEGRITY_POLICY_VIOLATION = 4551, "An application control policy blocks the driver.",
        "Look into the log Microsoft-Windows-CodeIntegrity/Operational for the policy, and turn it off on the test \
         machine.";
}

/// What is known of a Win32 error.
#[must_use]
pub fn known(code: u32) -> Option<&'static Known> {
    ERRORS.iter().find(|row| row.code == code)
}

/// Why something could not be done with the service.
#[derive(Debug)]
pub enum Error {
    /// This system has no service manager.
    NoManager,
    /// The service manager refused.
    Refused {
        /// What was being done.
        doing: &'static str,
        /// With which service.
        service: String,
        /// The Win32 error.
        code: u32,
        /// The statuses that a driver may have returned, for the error of a start.
        statuses: Vec<NamedStatus>,
    },
    /// The service manager said something that is not understood.
    Answer {
        /// What was being done.
        doing: &'static str,
        /// What is wrong with the answer.
        what: String,
    },
    /// The service still is in a state that was to be left.
    Pending {
        /// Which service.
        service: String,
        /// In which state it is.
        state: State,
        /// How long it was waited for.
        limit: Duration,
    },
    /// There is no service of this name.
    NotInstalled {
        /// Its name.
        service: String,
    },
    /// The service of this name is no kernel driver.
    NotADriver {
        /// Its name.
        service: String,
    },
    /// The path is not one that can be registered.
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file cannot be read.
    File {
        /// Its path.
        path: String,
        /// The system's word.
        source: io::Error,
    },
}

impl Error {
    /// The service manager's refusal.
    #[must_use]
    pub fn refused(doing: &'static str, service: &str, code: u32) -> Self {
        Self::Refused { doing, service: service.to_owned(), code, statuses: Vec::new() }
    }

    /// The Win32 error, if that is what it was.
    #[must_use]
    pub const fn code(&self) -> Option<u32> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether Windows said no, rather than that the command does not fit the machine.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Pending { .. } | Self::NotADriver { .. })
    }

    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::NoManager => Some(
                "Here the driver runs inside this program: `cargo demo`, or `--device hosted` with any command. \
                 Under Wine, wskctl.exe has these commands.",
            ),
            Self::Refused { code, .. } => known(*code).map(|known| known.advice),
            Self::Pending { state: State::StopPending, .. } => Some(
                "A handle to the driver's device is open: close the programs that use it. The driver goes by itself \
                 when the last handle is closed; --timeout says how long to wait for that.",
            ),
            Self::Pending { .. } => Some("Look at `wskctl driver status` again in a moment."),
            Self::NotInstalled { .. } => Some("`wskctl driver install PATH-TO-SYS` makes it."),
            Self::NotADriver { .. } => Some("Choose another name with --service."),
            Self::Path { .. } => {
                Some(r"Copy the file to a local disk and give its path, such as C:\drivers\wskdrv.sys.")
            }
            Self::File { .. } => Some(
                "Give the path of a driver file: `cargo xtask cross` builds wskdrv.sys, and `wskctl driver install` \
                 without a path looks for it beside wskctl.exe.",
            ),
            Self::Answer { .. } => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoManager => f.write_str("this system has no service manager: only Windows loads drivers"),
            Self::Refused { doing, service, code, statuses } => {
                write!(f, "{doing} {service} failed with ")?;
                match known(*code) {
                    Some(Known { name, meaning, .. }) => write!(f, "{name} ({code}): {meaning}")?,
                    None => write!(f, "Win32 error {code}: {}", system_text(*code))?,
                }
                if let [first, rest @ ..] = &statuses[..] {
                    write!(f, " If DriverEntry returned it, then as {}", status(*first))?;
                    rest.iter().try_for_each(|other| write!(f, " or {}", status(*other)))?;
                    f.write_str(".")?;
                }
                Ok(())
            }
            Self::Answer { doing, what } => write!(f, "{doing}: the service manager's answer is odd: {what}"),
            Self::Pending { service, state, limit } => {
                write!(f, "{service} is still {state} after {}", humantime::format_duration(*limit))
            }
            Self::NotInstalled { service } => write!(f, "{service} is not installed"),
            Self::NotADriver { service } => {
                write!(f, "there is a service {service} that is no kernel driver")
            }
            Self::Path { path, what } => write!(f, "{path} cannot be registered: {what}"),
            Self::File { path, source } => write!(f, "there is no driver file {path}: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            _ => None,
        }
    }
}

fn status(NamedStatus(status): NamedStatus) -> String {
    let name = status_name(status).unwrap_or("a status");
    let meaning = status_meaning(status).unwrap_or_default().trim_end_matches('.');
    format!("{name} (0x{status:08X}: {meaning})")
}

/// The system's own text; `io::Error` adds the number, which has been said.
fn system_text(code: u32) -> String {
    let text = io::Error::from_raw_os_error(code.cast_signed()).to_string();
    text.rsplit_once(" (os error").map_or(text.clone(), |(text, _)| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_those_of_winerror() {
        assert_eq!(WINERROR.len(), ERRORS.len());
        for (row, (code, winerror)) in ERRORS.iter().zip(WINERROR) {
            assert_eq!(code, winerror, "{}", row.name);
        }
        for (code, name) in [
            (SERVICE_ALREADY_RUNNING, "ERROR_SERVICE_ALREADY_RUNNING"),
            (SERVICE_NOT_ACTIVE, "ERROR_SERVICE_NOT_ACTIVE"),
            (SERVICE_MARKED_FOR_DELETE, "ERROR_SERVICE_MARKED_FOR_DELETE"),
        ] {
            assert_eq!(known(code).unwrap().name, name);
        }
    }

    #[test]
    fn each_error_is_there_once_and_says_what_to_do() {
        for pair in ERRORS.windows(2) {
            assert!(pair[0].code < pair[1].code, "{} and {}", pair[0].name, pair[1].name);
        }
        for Known { name, meaning, advice, .. } in ERRORS {
            assert!(meaning.ends_with('.') && advice.ends_with('.'), "{name}");
        }
    }

    #[test]
    fn a_framework_that_is_too_old_is_named_with_the_version_that_the_driver_wants() {
        let manifest = include_str!("../../../../Cargo.toml");
        let minor = manifest.lines().find_map(|line| line.strip_prefix("target-kmdf-version-minor = "));
        let wanted = format!(
            "KMDF) of this Windows is older than the one that the driver was built for, 1.{}",
            minor.unwrap()
        );
        assert!(known(87).unwrap().advice.contains(&wanted), "{wanted}");
    }

    #[test]
    fn a_refusal_names_action_service_error_and_statuses() {
        let error = Error::Refused {
            doing: "starting",
            service: "wskdrv".to_owned(),
            code: 1450,
            statuses: vec![NamedStatus(wsk_sys::STATUS_INSUFFICIENT_RESOURCES)],
        };
        let text = error.to_string();
        assert!(text.starts_with("starting wskdrv failed with ERROR_NO_SYSTEM_RESOURCES (1450): "), "{text}");
        assert!(
            text.contains("STATUS_INSUFFICIENT_RESOURCES (0xC000009A: There is not enough memory)"),
            "{text}"
        );
        assert!(error.is_refusal());
    }

    #[test]
    fn an_unknown_error_is_shown_by_its_number() {
        let error = Error::refused("starting", "wskdrv", 9_999_999);
        let text = error.to_string();
        assert!(text.starts_with("starting wskdrv failed with Win32 error 9999999: "), "{text}");
        assert!(!text.contains("os error"), "{text}");
        assert_eq!(error.advice(), None);
    }
}
