//! Why something could not be done with the service, in Windows' words, and what to do about it.

use std::io;
use std::time::Duration;

use thiserror::Error;
use windows_sys::Win32::Foundation as win32;

use super::State;

/// Why something could not be done with the service.
#[derive(Debug, Error)]
pub enum Error {
    /// This system has no service manager.
    #[error("this system has no service manager: only Windows loads drivers")]
    NoManager,
    /// The service manager refused.
    #[error("{doing} {service} failed: {source}")]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// With which service.
        service: String,
        /// Windows' word, with the Win32 error.
        source: io::Error,
    },
    /// The service still is in a state that was to be left.
    #[error("{service} is still {state} after {}", humantime::format_duration(*limit))]
    Pending {
        /// Which service.
        service: String,
        /// In which state it is.
        state: State,
        /// How long it was waited for.
        limit: Duration,
    },
    /// There is no service of this name.
    #[error("{service} is not installed")]
    NotInstalled {
        /// Its name.
        service: String,
    },
    /// The service of this name is no kernel driver.
    #[error("there is a service {service} that is no kernel driver")]
    NotADriver {
        /// Its name.
        service: String,
    },
    /// The path is not one that can be registered.
    #[error("{path} cannot be registered: {what}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file cannot be read.
    #[error("there is no driver file {path}: {source}")]
    File {
        /// Its path.
        path: String,
        /// The system's word.
        source: io::Error,
    },
}

impl Error {
    /// The Win32 error, if that is what it was.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        match self {
            Self::Refused { source, .. } => source.raw_os_error().map(i32::cast_unsigned),
            _ => None,
        }
    }

    /// Whether Windows said no, rather than that the command does not fit the machine.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::Pending { .. } | Self::NotADriver { .. })
    }

    /// What to do about it, where there is something to say that Windows does not.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::NoManager => Some(
                "Here the driver runs inside this program: `cargo demo`, or `--device hosted` with any command. \
                 Under Wine, wskctl.exe has these commands.",
            ),
            Self::Refused { .. } => self.code().and_then(advice),
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
        }
    }
}

/// What to do about a Win32 error of a driver's service.
fn advice(code: u32) -> Option<&'static str> {
    Some(match code {
        win32::ERROR_FILE_NOT_FOUND | win32::ERROR_PATH_NOT_FOUND => {
            "See in `wskctl driver status` which file is registered, and install the one that exists. If it exists, then \
             a module that it imports from is missing."
        }
        win32::ERROR_ACCESS_DENIED | win32::ERROR_ELEVATION_REQUIRED => {
            "Run this from an elevated prompt (Run as administrator). If it is elevated, then the driver itself, or a \
             file that it needs, was denied access."
        }
        win32::ERROR_NOT_READY => "The WSK provider has not started yet: try again in a moment.",
        win32::ERROR_INVALID_FUNCTION
        | win32::ERROR_GEN_FAILURE
        | win32::ERROR_MR_MID_NOT_FOUND
        | win32::ERROR_FAILED_DRIVER_ENTRY => {
            "DriverEntry failed, or the framework. Read the System event log; under a debugger the driver says more."
        }
        win32::ERROR_SHARING_VIOLATION => {
            "Close the program that has the driver's file open (a build, a debugger, a virus scanner)."
        }
        win32::ERROR_INVALID_PARAMETER => {
            "If it came from the driver's start: the framework (KMDF) of this Windows is older than the one that the \
             driver was built for, 1.31, which came with Windows 10, version 2004; the System event log names both. \
             Otherwise its registration does not suit it: remove it and install it again."
        }
        win32::ERROR_NOT_SUPPORTED | win32::ERROR_MOD_NOT_FOUND | win32::ERROR_PROC_NOT_FOUND => {
            "The driver needs Windows 10, version 2004, or later."
        }
        win32::ERROR_ALREADY_EXISTS => {
            "Another copy of the driver has the device: find it with `driverquery` or `sc.exe query type= driver`, and \
             stop it."
        }
        win32::ERROR_BAD_EXE_FORMAT | win32::ERROR_EXE_MACHINE_TYPE_MISMATCH | win32::ERROR_BAD_DRIVER => {
            "Install a file that was built for this processor; `cargo xtask cross` builds for x86_64."
        }
        win32::ERROR_INVALID_IMAGE_HASH => {
            "On a test machine: turn Secure Boot off, `bcdedit /set testsigning on`, restart, and trust the test \
             certificate (certutil -addstore Root and TrustedPublisher)."
        }
        win32::ERROR_DRIVER_FAILED_PRIOR_UNLOAD | win32::ERROR_INVALID_SERVICE_CONTROL => {
            "The driver cannot be unloaded: restart Windows."
        }
        win32::ERROR_SERVICE_REQUEST_TIMEOUT | win32::ERROR_SERVICE_CANNOT_ACCEPT_CTRL => {
            "Look at `wskctl driver status` and try again; a driver that hangs needs a restart of Windows."
        }
        win32::ERROR_SERVICE_DISABLED => "`wskctl driver install` sets it to be started on demand.",
        win32::ERROR_SERVICE_MARKED_FOR_DELETE => {
            "Close services.msc, Task Manager and the like, stop the driver, and try again; at the latest it is gone after \
             a restart."
        }
        win32::ERROR_SERVICE_EXISTS | win32::ERROR_DUPLICATE_SERVICE_NAME => {
            "Choose another name with --service."
        }
        win32::ERROR_DRIVER_BLOCKED | win32::ERROR_SYSTEM_INTEGRITY_POLICY_VIOLATION => {
            "Look into the log Microsoft-Windows-CodeIntegrity/Operational; on a test machine turn Memory integrity (Core \
             isolation) off, or the policy that the log names."
        }
        win32::ERROR_NO_SYSTEM_RESOURCES => {
            "Close something and try again; under Driver Verifier with low resources this is to be expected."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: i32) -> Error {
        let source = io::Error::from_raw_os_error(code);
        Error::Refused { doing: "starting", service: "wskdrv".to_owned(), source }
    }

    #[test]
    fn a_framework_that_is_too_old_is_named_with_the_version_that_the_driver_wants() {
        let manifest = include_str!("../../../../Cargo.toml");
        let minor = manifest.lines().find_map(|line| line.strip_prefix("target-kmdf-version-minor = "));
        let wanted = format!("the driver was built for, 1.{},", minor.unwrap());
        assert!(refused(87).advice().unwrap().replace("  ", " ").contains(&wanted), "{wanted}");
    }

    #[test]
    fn a_refusal_has_the_action_the_service_and_the_systems_word() {
        let error = refused(577);
        let text = error.to_string();
        assert!(text.starts_with("starting wskdrv failed: ") && text.ends_with("(os error 577)"), "{text}");
        assert!(error.is_refusal() && error.advice().unwrap().contains("testsigning"));
        assert_eq!((error.code(), refused(9_999_999).advice()), (Some(577), None));
    }
}
