//! Driver Verifier and the framework's own verifier, turned on and off for one driver.
//!
//! [`Options::plan`] says what is to be run and written, and needs no Windows; [`on`], [`off`] and [`status`] do it on
//! a [`System`]. What was there before is recorded, so that `off` undoes what `on` did and nothing else.
//!
//! Sources: Microsoft's "Driver Verifier Command Syntax" and "Registry Values for Debugging WDF Drivers".

mod change;
mod checks;
mod failure;
mod now;
mod plan;
#[cfg(windows)]
mod windows;

use std::io;

pub use change::{Done, Overview, Settings, off, on, on_now, status, undo};
pub use checks::{CHECKS, Check, STANDARD, names};
pub use failure::{Error, Refusal};
pub use now::Way;
pub use plan::{FRAMEWORK, Framework, KMDF_VALUES, LowResources, Options, Plan, line};
use serde::{Deserialize, Serialize};

/// A value of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// `REG_DWORD`.
    Dword(u32),
    /// `REG_SZ`.
    Text(String),
    /// `REG_MULTI_SZ`.
    Strings(Vec<String>),
}

/// What a run of verifier.exe came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its exit code: 0 done, 1 error, 2 done and Windows must be restarted.
    pub code: i32,
    /// What it printed.
    pub output: String,
}

/// The parts of Windows that this touches. Keys are below `HKEY_LOCAL_MACHINE`.
pub trait System {
    /// Whether the key exists.
    ///
    /// # Errors
    ///
    /// The system's word; so in each of these functions.
    fn has_key(&self, key: &str) -> io::Result<bool>;

    /// A value; `None` if there is none.
    ///
    /// # Errors
    ///
    /// As for [`System::has_key`]; also if the value is of a type that [`Value`] has not.
    fn get(&self, key: &str, name: &str) -> io::Result<Option<Value>>;

    /// Writes a value; makes the key.
    ///
    /// # Errors
    ///
    /// As for [`System::has_key`].
    fn set(&self, key: &str, name: &str, value: &Value) -> io::Result<()>;

    /// Deletes a value; that there is none is no error.
    ///
    /// # Errors
    ///
    /// As for [`System::has_key`].
    fn delete(&self, key: &str, name: &str) -> io::Result<()>;

    /// Deletes the key if there is nothing in it.
    ///
    /// # Errors
    ///
    /// As for [`System::has_key`].
    fn prune(&self, key: &str) -> io::Result<()>;

    /// Runs verifier.exe, and waits for its end.
    ///
    /// # Errors
    ///
    /// As for [`System::has_key`]; not found, if this Windows has none.
    fn verifier(&self, arguments: &[String]) -> io::Result<Run>;
}

/// The running system.
///
/// # Errors
///
/// [`Error::NotWindows`] on a system other than Windows.
#[cfg(windows)]
pub fn system() -> Result<Box<dyn System>, Error> {
    Ok(Box::new(windows::Local))
}

/// The running system.
///
/// # Errors
///
/// [`Error::NotWindows`] on a system other than Windows.
#[cfg(not(windows))]
pub fn system() -> Result<Box<dyn System>, Error> {
    Err(Error::NotWindows)
}
