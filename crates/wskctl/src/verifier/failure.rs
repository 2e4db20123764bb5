//! Why the verifiers could not be turned on or off.

use std::{fmt, io};

use thiserror::Error;

/// A command line that verifier.exe refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The command line.
    pub line: String,
    /// The exit code.
    pub code: i32,
    /// What it printed.
    pub output: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal { line, code, output } = self;
        write!(f, "`{line}` ended with exit code {code}")?;
        if output.is_empty() { Ok(()) } else { write!(f, ": {output}") }
    }
}

/// Why the verifiers could not be turned on or off.
#[derive(Debug, Error)]
pub enum Error {
    /// This system is not Windows.
    #[error("Driver Verifier is a part of Windows")]
    NotWindows,
    /// The service does not exist, and its values would have no place.
    #[error("{service} is not installed")]
    NotInstalled {
        /// Its name.
        service: String,
    },
    /// Driver Verifier is set already, for these files.
    #[error("Driver Verifier is set already, for {}", list(drivers))]
    Busy {
        /// The files.
        drivers: Vec<String>,
    },
    /// `on` was done before.
    #[error("the verifiers are on for {service} already")]
    AlreadyOn {
        /// For which service.
        service: String,
    },
    /// `on` was not done.
    #[error("`wskctl verifier on` has not been run for {service}")]
    NotOn {
        /// For which service.
        service: String,
    },
    /// The driver's entry cannot be taken out of Driver Verifier's settings alone.
    #[error("Driver Verifier also watches {}, with flags that cannot be read", list(drivers))]
    Entangled {
        /// The files that are verified beside the driver.
        drivers: Vec<String>,
    },
    /// What `on` has recorded cannot be read.
    #[error(r"the record in HKLM\{key} cannot be read: {what}")]
    Record {
        /// The record's key.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// The registry refused.
    #[error(r"HKLM\{key}: {source}")]
    Registry {
        /// The key.
        key: String,
        /// The system's word.
        source: io::Error,
    },
    /// verifier.exe could not be run.
    #[error("verifier.exe cannot be run: {source}")]
    NotRun {
        /// The system's word.
        source: io::Error,
    },
    /// verifier.exe failed.
    #[error("{0}")]
    Failed(Refusal),
    /// verifier.exe refused each way to turn it on at once.
    #[error("Driver Verifier cannot be turned on without a restart: {}", refusals(tried))]
    NoWay {
        /// What was tried.
        tried: Vec<Refusal>,
    },
}

impl Error {
    /// Whether Windows said no, rather than that the command does not fit the machine.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. }
                | Self::Entangled { .. }
                | Self::Registry { .. }
                | Self::Failed(_)
                | Self::NoWay { .. }
        )
    }

    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        const ELEVATED: &str = "Run this from an elevated prompt (Run as administrator).";
        match self {
            Self::NotWindows => Some(
                "`wskctl verifier on --print` shows what it would do. Here the hosted kernel watches the driver by \
                 the same rules: `cargo test`.",
            ),
            Self::NotInstalled { .. } => Some("`wskctl driver install PATH-TO-SYS` makes it."),
            Self::Busy { .. } => Some(
                "It has one set of flags for all drivers, so this would change theirs. Clear it with `verifier \
                 /reset` if nobody needs them, or set all of them by hand on one command line.",
            ),
            Self::AlreadyOn { .. } => {
                Some("To turn it on otherwise, turn it off first: `wskctl verifier off`.")
            }
            Self::NotOn { .. } => Some(
                "What was turned on by hand is turned off by hand: `verifier /reset`, which is for all drivers.",
            ),
            Self::Entangled { .. } => Some(
                "Give the others anew with their flags: `verifier /flags FLAGS /driver NAMES`; then \
                 `wskctl verifier off` undoes the rest.",
            ),
            Self::Record { .. } => Some("Undo it by hand (`wskctl verifier status`), and delete the key."),
            Self::Registry { source, .. } | Self::NotRun { source }
                if source.kind() == io::ErrorKind::PermissionDenied || source.raw_os_error() == Some(740) =>
            {
                Some(ELEVATED)
            }
            Self::Registry { .. } => None,
            Self::NotRun { .. } => Some(
                "Windows has verifier.exe in its System32 folder, Wine has none; --framework-only does without it.",
            ),
            Self::Failed(_) => Some(ELEVATED),
            Self::NoWay { .. } => Some(
                "From an elevated prompt, with the driver unloaded? Then `wskctl verifier on`, and restart Windows.",
            ),
        }
    }
}

fn refusals(tried: &[Refusal]) -> String {
    tried.iter().map(Refusal::to_string).collect::<Vec<_>>().join("; ")
}

fn list(drivers: &[String]) -> String {
    if drivers.iter().any(|driver| driver == "*") { "all drivers".to_owned() } else { drivers.join(", ") }
}
