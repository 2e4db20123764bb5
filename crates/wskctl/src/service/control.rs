//! What to do with a service in which state.

use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fmt, io};

use serde::Serialize;
use windows_sys::Win32::Foundation::{
    ERROR_SERVICE_ALREADY_RUNNING, ERROR_SERVICE_MARKED_FOR_DELETE, ERROR_SERVICE_NOT_ACTIVE,
};

use super::{Error, Manager, State, Status, registered, same_file};

/// How often the state is looked at while it is pending.
const POLL: Duration = Duration::from_millis(50);

/// A driver's service.
pub struct Driver<'m> {
    manager: &'m dyn Manager,
    service: String,
    limit: Option<Duration>,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// There was no such service; there is one now.
    Installed {
        /// The file.
        path: String,
    },
    /// The service existed with another configuration.
    Updated {
        /// The file.
        path: String,
        /// The file that was registered before.
        before: String,
        /// Whether the driver is loaded, from the old file.
        running: bool,
    },
    /// The service existed as it was to be.
    AlreadyInstalled {
        /// The file.
        path: String,
        /// Whether the driver is loaded.
        running: bool,
    },
    /// The driver has been loaded.
    Started,
    /// It was loaded already.
    AlreadyRunning,
    /// The driver has been unloaded.
    Stopped,
    /// It was not loaded.
    AlreadyStopped,
    /// The service is gone.
    Removed,
    /// The service goes away when the last handle to it is closed.
    Marked,
    /// There was nothing to remove.
    NotInstalled,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let old_image = "; the file that is loaded stays until `driver stop` and `driver start`";
        match self {
            Self::Installed { path } => write!(f, "installed: {path}"),
            Self::Updated { path, before, running } => {
                let note = if *running { old_image } else { "" };
                write!(f, "updated: {path} (was {before}){note}")
            }
            Self::AlreadyInstalled { path, running } => {
                let note = if *running { old_image } else { "" };
                write!(f, "was installed already: {path}{note}")
            }
            Self::Started => f.write_str("started"),
            Self::AlreadyRunning => f.write_str("was running already"),
            Self::Stopped => f.write_str("stopped"),
            Self::AlreadyStopped => f.write_str("was not running"),
            Self::Removed => f.write_str("removed"),
            Self::Marked => f.write_str(
                "is marked for deletion: it goes when the last program that has the service open (services.msc, \
                 Task Manager) closes it",
            ),
            Self::NotInstalled => f.write_str("is not installed: nothing to remove"),
        }
    }
}

impl<'m> Driver<'m> {
    /// The service of this name; a start or stop that pends is waited for up to `limit`, without one for ever.
    #[must_use]
    pub fn new(manager: &'m dyn Manager, service: &str, limit: Option<Duration>) -> Self {
        Self { manager, service: service.to_owned(), limit }
    }

    /// Registers the file where it lies: a kernel driver, started on demand. A service that exists is changed.
    ///
    /// # Errors
    ///
    /// [`Error::Path`], [`Error::NotADriver`] if the name is taken by another kind of service, or what the service
    /// manager says.
    pub fn install(&self, path: &str) -> Result<Outcome, Error> {
        let path = registered(path)?;
        let Some(status) = self.manager.query(&self.service)? else {
            self.manager.create(&self.service, &path)?;
            return Ok(Outcome::Installed { path });
        };
        if !status.kernel_driver {
            return Err(Error::NotADriver { service: self.service.clone() });
        }
        let running = status.state != State::Stopped;
        if same_file(&status.path, &path) && status.start == super::Start::Demand {
            return Ok(Outcome::AlreadyInstalled { path, running });
        }
        self.manager.configure(&self.service, &path)?;
        Ok(Outcome::Updated { path, before: status.path, running })
    }

    /// Loads the driver.
    ///
    /// # Errors
    ///
    /// [`Error::Pending`] if it is still being unloaded, or what the service manager says; for a `DriverEntry` that
    /// failed, with what Windows makes of its status.
    pub fn start(&self) -> Result<Outcome, Error> {
        match self.installed()?.state {
            State::Running => return Ok(Outcome::AlreadyRunning),
            // Only when it is gone can it be loaded anew.
            State::StopPending => {
                if self.settle(State::StopPending)?.state == State::StopPending {
                    return Err(self.pending(State::StopPending));
                }
            }
            State::Stopped | State::StartPending | State::Paused => {}
        }
        match self.manager.start(&self.service) {
            Err(error) if error.code() == Some(ERROR_SERVICE_ALREADY_RUNNING) => {
                return Ok(Outcome::AlreadyRunning);
            }
            done => done?,
        }
        let status = self.settle(State::StartPending)?;
        match status.state {
            State::Running => Ok(Outcome::Started),
            State::Stopped => Err(Error::Refused {
                doing: "starting",
                service: self.service.clone(),
                source: io::Error::from_raw_os_error(status.exit_code.cast_signed()),
            }),
            state => Err(self.pending(state)),
        }
    }

    /// Unloads the driver, and waits until it is.
    ///
    /// # Errors
    ///
    /// [`Error::Pending`] if somebody still has a device of it open, or what the service manager says.
    pub fn stop(&self) -> Result<Outcome, Error> {
        match self.installed()?.state {
            State::Stopped => return Ok(Outcome::AlreadyStopped),
            State::StopPending => {}
            State::Running | State::StartPending | State::Paused => match self.manager.stop(&self.service) {
                Err(error) if error.code() == Some(ERROR_SERVICE_NOT_ACTIVE) => {
                    return Ok(Outcome::AlreadyStopped);
                }
                done => done?,
            },
        }
        let until = self.until();
        loop {
            // For a moment after the request the state may still be the old one.
            let state = self.installed()?.state;
            if state == State::Stopped {
                return Ok(Outcome::Stopped);
            }
            if passed(until) {
                return Err(self.pending(state));
            }
            sleep(POLL);
        }
    }

    /// Unloads the driver and deletes the service. The file stays.
    ///
    /// # Errors
    ///
    /// As for [`Driver::stop`]; then nothing has been deleted.
    pub fn remove(&self) -> Result<Outcome, Error> {
        let Some(status) = self.manager.query(&self.service)? else {
            return Ok(Outcome::NotInstalled);
        };
        if !status.kernel_driver {
            return Err(Error::NotADriver { service: self.service.clone() });
        }
        if status.state != State::Stopped {
            self.stop()?;
        }
        match self.manager.delete(&self.service) {
            Err(error) if error.code() == Some(ERROR_SERVICE_MARKED_FOR_DELETE) => {
                return Ok(Outcome::Marked);
            }
            done => done?,
        }
        let left = self.manager.query(&self.service)?;
        Ok(if left.is_some() { Outcome::Marked } else { Outcome::Removed })
    }

    /// What the service manager knows of it; `None` if it is not installed.
    ///
    /// # Errors
    ///
    /// What the service manager says.
    pub fn status(&self) -> Result<Option<Status>, Error> {
        self.manager.query(&self.service)
    }

    fn installed(&self) -> Result<Status, Error> {
        let status = self.manager.query(&self.service)?;
        status.ok_or_else(|| Error::NotInstalled { service: self.service.clone() })
    }

    /// The status once it is no longer `pending`, or when the limit has passed.
    fn settle(&self, pending: State) -> Result<Status, Error> {
        let until = self.until();
        loop {
            let status = self.installed()?;
            if status.state != pending || passed(until) {
                return Ok(status);
            }
            sleep(POLL);
        }
    }

    fn until(&self) -> Option<Instant> {
        // A limit beyond the clock's end is none.
        self.limit.and_then(|limit| Instant::now().checked_add(limit))
    }

    fn pending(&self, state: State) -> Error {
        Error::Pending { service: self.service.clone(), state, limit: self.limit.unwrap_or_default() }
    }
}

fn passed(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() >= until)
}

#[cfg(test)]
#[path = "control_tests.rs"]
mod tests;
