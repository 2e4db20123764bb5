//! The driver as a service: installed, started, stopped and removed through Windows' service manager.
//!
//! What to do in which state is decided in [`Driver`], which works against a [`Manager`]; the one of the running
//! Windows system comes from [`manager`]. Nothing is copied: the file is registered where it lies, and must stay
//! there as long as the service exists.

mod control;
mod failure;
mod path;
#[cfg(windows)]
mod windows;

use std::fmt;

pub use control::{Driver, Outcome};
pub use failure::Error;
pub use path::{located, registered, same_file};
use serde::Serialize;

/// What a service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// `SERVICE_STOPPED`: the driver is not loaded.
    Stopped,
    /// `SERVICE_START_PENDING`.
    StartPending,
    /// `SERVICE_STOP_PENDING`: to be unloaded when the last handle to its devices is closed.
    StopPending,
    /// `SERVICE_RUNNING`: the driver is loaded.
    Running,
    /// `SERVICE_PAUSED` and what leads there and back; no driver is ever in it.
    Paused,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "stopped",
            Self::StartPending => "starting",
            Self::StopPending => "stopping",
            Self::Running => "running",
            Self::Paused => "paused",
        })
    }
}

/// When a service is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// `SERVICE_BOOT_START`.
    Boot,
    /// `SERVICE_SYSTEM_START`.
    System,
    /// `SERVICE_AUTO_START`.
    Automatic,
    /// `SERVICE_DEMAND_START`: when somebody asks for it. What `install` sets.
    Demand,
    /// `SERVICE_DISABLED`.
    Disabled,
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boot => "at boot, by the boot loader",
            Self::System => "at boot, by the kernel",
            Self::Automatic => "at boot, by the service manager",
            Self::Demand => "on demand",
            Self::Disabled => "disabled",
        })
    }
}

/// What the service manager knows of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// What it does.
    pub state: State,
    /// Whether it is a kernel driver, `SERVICE_KERNEL_DRIVER`.
    pub kernel_driver: bool,
    /// The file, as it is registered.
    pub path: String,
    /// When it is started.
    pub start: Start,
    /// The Win32 error with which the last start or stop ended; 0 is success.
    pub exit_code: u32,
    /// The service's own error, if `exit_code` is `ERROR_SERVICE_SPECIFIC_ERROR`.
    pub service_exit_code: u32,
}

/// A service manager, reduced to what is needed of it. Each call opens and closes its own handle, so none of ours
/// keeps a service from going away.
pub trait Manager {
    /// The service's status; `None` if there is no service of the name.
    ///
    /// # Errors
    ///
    /// What the service manager says, as [`Error::Refused`]; so in each of these functions.
    fn query(&self, service: &str) -> Result<Option<Status>, Error>;

    /// `CreateService`: a kernel driver, started on demand, whose failure to start is logged.
    ///
    /// # Errors
    ///
    /// As for [`Manager::query`].
    fn create(&self, service: &str, path: &str) -> Result<(), Error>;

    /// `ChangeServiceConfig`, to what [`Manager::create`] makes.
    ///
    /// # Errors
    ///
    /// As for [`Manager::query`].
    fn configure(&self, service: &str, path: &str) -> Result<(), Error>;

    /// `StartService`: loads the driver, and returns when `DriverEntry` has.
    ///
    /// # Errors
    ///
    /// As for [`Manager::query`].
    fn start(&self, service: &str) -> Result<(), Error>;

    /// `ControlService` with `SERVICE_CONTROL_STOP`: asks for the driver to be unloaded.
    ///
    /// # Errors
    ///
    /// As for [`Manager::query`].
    fn stop(&self, service: &str) -> Result<(), Error>;

    /// `DeleteService`.
    ///
    /// # Errors
    ///
    /// As for [`Manager::query`].
    fn delete(&self, service: &str) -> Result<(), Error>;
}

/// The service manager of the running system.
///
/// # Errors
///
/// [`Error::NoManager`] on a system other than Windows.
#[cfg(windows)]
pub fn manager() -> Result<Box<dyn Manager>, Error> {
    Ok(Box::new(windows::Local))
}

/// The service manager of the running system.
///
/// # Errors
///
/// [`Error::NoManager`] on a system other than Windows.
#[cfg(not(windows))]
pub fn manager() -> Result<Box<dyn Manager>, Error> {
    Err(Error::NoManager)
}
