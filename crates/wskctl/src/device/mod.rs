//! The driver's device, wherever it is: on this Windows system, or hosted inside the program.
//!
//! A [`Device`] is opened into a [`Handle`], and a handle takes the requests that the contract (`wskdrv-abi`)
//! describes, as bytes. [`Session`](crate::Session) is the typed layer above it. There are two kinds of device and
//! one way to use them; which of the two it is shows only in what can be *seen* beside the requests: the hosted
//! kernel keeps a log of IRPs and counts what is alive in it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wsk_sys::{NT_SUCCESS, NTSTATUS};

mod failure;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(feature = "hosted")]
mod hosted;
mod irp;
#[cfg(windows)]
mod windows;

pub use failure::{OpenError, Refused};
pub use irp::{IrpEvent, IrpStep};

/// When the hosted WSK completes an IRP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Completion {
    /// Before the call returns, on the caller's stack.
    Inline,
    /// On another thread, at `DISPATCH_LEVEL`.
    #[default]
    Deferred,
    /// On another thread, at `DISPATCH_LEVEL`, after a delay and in an order drawn from this seed.
    Delayed(u64),
}

/// How to boot the hosted kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hosted {
    /// When WSK completes an IRP.
    pub completion: Completion,
}

/// Where requests can be sent: a device of the driver.
#[derive(Clone)]
pub struct Device(Arc<dyn Kind>);

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Device").field(&self.0.describe()).finish()
    }
}

impl Device {
    /// Boots a kernel in this process and loads the driver into it.
    ///
    /// # Errors
    ///
    /// The status with which the driver refused to load; [`OpenError::NotHosted`] if it is not in this build.
    pub fn hosted(config: &Hosted) -> Result<Self, OpenError> {
        #[cfg(feature = "hosted")]
        return Ok(Self(Arc::new(hosted::Machine::boot(config)?)));
        #[cfg(not(feature = "hosted"))]
        Err(OpenError::NotHosted { config: *config })
    }

    /// The device at a path of the running system, such as [`wskdrv_abi::USER_PATH`]; nothing is opened yet.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoDevices`] on a system other than Windows.
    pub fn at(path: &str) -> Result<Self, OpenError> {
        #[cfg(windows)]
        return Ok(Self(Arc::new(windows::Path::new(path))));
        #[cfg(not(windows))]
        Err(OpenError::NoDevices { path: path.to_owned() })
    }

    /// What and where the device is, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        self.0.describe()
    }

    /// Opens a handle for reading and writing: a socket of its own, yet to be created.
    ///
    /// # Errors
    ///
    /// Why the device cannot be opened, with what to do about it.
    pub fn open(&self) -> Result<Handle, OpenError> {
        self.0.open().map(Handle)
    }

    /// The IRPs of the device's kernel since the log was last cleared; `None` where there is no such log.
    #[must_use]
    pub fn irp_log(&self) -> Option<Vec<IrpEvent>> {
        self.0.irp_log()
    }

    /// Empties the log of IRPs.
    pub fn clear_irp_log(&self) {
        self.0.clear_irp_log();
    }

    /// What is alive in the device's kernel, each with its number; empty where that cannot be seen.
    #[must_use]
    pub fn alive(&self) -> Vec<(&'static str, u64)> {
        self.0.alive()
    }

    /// Unloads the driver, waiting up to `limit` for open handles; `None` where that is not ours to do.
    #[must_use]
    pub fn unload(&self, limit: Duration) -> Option<Result<(), Refused>> {
        self.0.unload(limit)
    }
}

/// An open handle; clones are the same handle, for use by several threads.
#[derive(Clone)]
pub struct Handle(Arc<dyn File>);

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// A handle that a process of a hosted machine has opened.
#[cfg(feature = "hosted")]
impl From<ntos::File> for Handle {
    fn from(file: ntos::File) -> Self {
        Self(Arc::new(hosted::OpenFile::new(file)))
    }
}

impl Handle {
    /// Sends a request and waits for its answer, of which at most `output_length` bytes are taken.
    ///
    /// # Errors
    ///
    /// The status, if it is not a success.
    pub fn call(&self, code: u32, input: &[u8], output_length: usize) -> Result<Vec<u8>, Refused> {
        self.begin(code, input.to_vec(), vec![0; output_length]).wait().into_output(code)
    }

    /// Sends a request without waiting. `output` is the whole output buffer, which a code of method
    /// [`InDirect`](wskdrv_abi::code::Method::InDirect) reads.
    pub fn begin(&self, code: u32, input: Vec<u8>, output: Vec<u8>) -> Pending {
        Pending(self.0.begin(code, input, output))
    }

    /// Asks for every request on the handle to be cancelled (`CancelIoEx` without a request).
    pub fn cancel_all(&self) {
        self.0.cancel_all();
    }

    /// Closes the handle, of all clones. Requests still under way are cancelled.
    pub fn close(self) {
        self.0.close();
    }
}

/// A request under way. Dropped, it is cancelled.
#[must_use = "a request that is dropped is cancelled"]
pub struct Pending(Box<dyn Request>);

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("done", &self.is_done()).finish()
    }
}

impl Pending {
    /// Asks for the request to be cancelled (`CancelIoEx`); it may succeed all the same.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether the answer is there.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.0.is_done()
    }

    /// Waits for the answer.
    #[must_use]
    pub fn wait(self) -> Completed {
        self.0.wait()
    }

    /// Waits for the answer for some time.
    ///
    /// # Errors
    ///
    /// The request itself, still under way.
    pub fn wait_for(self, limit: Duration) -> Result<Completed, Self> {
        self.0.wait_for(limit).map_err(Self)
    }
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// `IO_STATUS_BLOCK.Status`.
    pub status: NTSTATUS,
    /// `IO_STATUS_BLOCK.Information`: how many bytes were transferred.
    pub information: usize,
    /// The whole output buffer.
    pub output: Vec<u8>,
}

impl Completed {
    /// The bytes that the driver wrote.
    ///
    /// # Errors
    ///
    /// The status, if it is not a success; `code` says of which request.
    pub fn into_output(mut self, code: u32) -> Result<Vec<u8>, Refused> {
        if !NT_SUCCESS(self.status) {
            return Err(Refused::new(self.status, code));
        }
        self.output.truncate(self.information);
        Ok(self.output)
    }
}

/// What a kind of device does.
pub(crate) trait Kind: Send + Sync {
    fn describe(&self) -> String;
    fn open(&self) -> Result<Arc<dyn File>, OpenError>;
    fn irp_log(&self) -> Option<Vec<IrpEvent>> {
        None
    }
    fn clear_irp_log(&self) {}
    fn alive(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
    fn unload(&self, _limit: Duration) -> Option<Result<(), Refused>> {
        None
    }
}

/// What a kind of device does for an open handle.
pub(crate) trait File: Send + Sync {
    fn begin(&self, code: u32, input: Vec<u8>, output: Vec<u8>) -> Box<dyn Request>;
    fn cancel_all(&self);
    fn close(&self);
}

/// What a kind of device does for a request under way; dropping it cancels.
pub(crate) trait Request: Send {
    fn cancel(&self);
    fn is_done(&self) -> bool;
    fn wait(self: Box<Self>) -> Completed;
    fn wait_for(self: Box<Self>, limit: Duration) -> Result<Completed, Box<dyn Request>>;
}

/// A request that was over at once.
#[cfg(any(test, windows))]
impl Request for Completed {
    fn cancel(&self) {}

    fn is_done(&self) -> bool {
        true
    }

    fn wait(self: Box<Self>) -> Completed {
        *self
    }

    fn wait_for(self: Box<Self>, _limit: Duration) -> Result<Completed, Box<dyn Request>> {
        Ok(*self)
    }
}
