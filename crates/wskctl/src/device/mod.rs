//! The driver's device, wherever it is: on this Windows system, or hosted inside the program.
//!
//! A [`Device`] is opened into a [`Handle`], and a handle takes the requests that the contract (`wskdrv-abi`)
//! describes, as bytes. [`Session`](crate::Session) is the typed layer above it. There are two kinds of device and
//! one way to use them; which of the two it is shows only in what can be *seen* beside the requests: the hosted
//! kernel keeps a log of IRPs and counts what is alive in it.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{fmt, io};

use readings::Readings;
use wsk_sys::{NT_SUCCESS, NTSTATUS, NamedStatus};

#[cfg(feature = "hosted")]
mod disturbed;
mod failure;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(feature = "hosted")]
mod hosted;
mod irp;
mod peer;
#[cfg(windows)]
mod windows;

#[cfg(feature = "hosted")]
pub use disturbed::{Disturbance, Disturber, Ended};
pub use failure::{OpenError, Refused};
pub use irp::{IrpEvent, IrpStep};
pub use peer::{Arrived, Peer};

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
    /// In one of these ways, drawn for each request from this seed.
    Mixed(u64),
}

/// Where the hosted WSK sends its datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// The network of this computer.
    #[default]
    Host,
    /// A network in memory, of this device alone.
    Memory,
}

/// How to boot the hosted kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosted {
    /// When WSK completes an IRP.
    pub completion: Completion,
    /// Where datagrams go.
    pub network: Network,
    /// What the hosted WSK does where Microsoft's pages leave it open.
    pub readings: Readings,
    /// No block of pool has pages of its own: what is wrong is found later or not at all, and everything takes less time.
    pub plain_pool: bool,
}

/// Where requests can be sent: a device of the driver.
#[derive(Clone)]
pub struct Device(pub(crate) Arc<dyn Kind>);

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
    pub fn hosted(config: &Hosted) -> Result<Device, OpenError> {
        #[cfg(feature = "hosted")]
        return Ok(Device(Arc::new(hosted::Machine::boot(config)?)));
        #[cfg(not(feature = "hosted"))]
        Err(OpenError::NotHosted { config: config.clone() })
    }

    /// The device at a path of the running system, such as [`wskdrv_abi::USER_PATH`]; nothing is opened yet.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoDevices`] on a system other than Windows.
    pub fn at(path: &str) -> Result<Device, OpenError> {
        #[cfg(windows)]
        return Ok(Device(Arc::new(windows::Path::new(path))));
        #[cfg(not(windows))]
        Err(OpenError::NoDevices { path: path.to_owned() })
    }

    /// What and where the device is, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        self.0.describe()
    }

    /// Its path, if it is a device of the running system, by which other programs can open it too.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.0.path()
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

    /// How many bytes of pool are allocated in the device's kernel; `None` where that cannot be seen.
    #[must_use]
    pub fn pool_bytes(&self) -> Option<u64> {
        self.0.pool_bytes()
    }

    /// What the device's kernel does where Microsoft's pages leave it open; `None` where that is not ours to say.
    #[must_use]
    pub fn readings(&self) -> Option<&Readings> {
        self.0.readings()
    }

    /// Unloads the driver, waiting up to `limit` for open handles; `None` where that is not ours to do.
    #[must_use]
    pub fn unload(&self, limit: Duration) -> Option<Result<(), Refused>> {
        self.0.unload(limit)
    }

    /// A UDP socket that is not the driver's, on the network that the driver sends to.
    ///
    /// # Errors
    ///
    /// What the network says to binding it to `local`.
    pub fn peer(&self, local: SocketAddr) -> io::Result<Peer> {
        self.0.peer(local)
    }

    /// A process other than this one, which can open the device and be killed; `None` where this program cannot
    /// start one by itself.
    #[must_use]
    pub fn process(&self) -> Option<Process> {
        self.0.process().map(Process)
    }

    /// Makes every socket of the device's kernel dead, as if its transport were gone; false where that cannot be done.
    #[must_use]
    pub fn kill_sockets(&self) -> bool {
        self.0.kill_sockets()
    }

    /// Ends what waits for a change of the addresses or the transports of the device's kernel, as if there had been one;
    /// false where that cannot be done.
    #[must_use]
    pub fn announce_changes(&self) -> bool {
        self.0.announce_changes()
    }

    /// Whether nobody but this program uses the device, so that its counts begin at zero.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.0.is_ours()
    }

    /// Whether a datagram that was sent has arrived, or is lost, when the send returns.
    #[must_use]
    pub fn delivers_at_once(&self) -> bool {
        self.0.delivers_at_once()
    }

    /// Runs `f`, and gives up on it if the device's kernel stops with a bug check; where the kernel is that of the
    /// running system, nobody is left to learn of that.
    ///
    /// # Errors
    ///
    /// The report of the bug check. The kernel is dead then, and whoever enters it, also by dropping a handle, does
    /// not return.
    ///
    /// # Panics
    ///
    /// As `f` does.
    pub fn catch_bug_check<R: Send + 'static>(
        &self,
        f: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, String> {
        let (sender, receiver) = mpsc::channel();
        self.0.catch_bug_check(Box::new(move || {
            // Somebody receives, unless there was a bug check.
            let _ = sender.send(f());
        }))?;
        receiver.recv().map_err(|_nothing| "the kernel stopped without a report".to_owned())
    }

    /// Stops the device's kernel, if it is this program's: whatever was left behind in it is a bug check.
    pub fn shut_down(&self) {
        self.0.shut_down();
    }
}

/// A process other than this one; see [`Device::process`].
pub struct Process(Box<dyn OtherProcess>);

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").finish_non_exhaustive()
    }
}

impl Process {
    /// Opens a handle that belongs to the process.
    ///
    /// # Errors
    ///
    /// Why the device cannot be opened.
    pub fn open(&self) -> Result<Handle, OpenError> {
        self.0.open().map(Handle)
    }

    /// Ends the process: its requests are cancelled and its handles closed.
    pub fn kill(self) {
        self.0.kill();
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
    fn from(file: ntos::File) -> Handle {
        Handle(Arc::new(hosted::OpenFile::new(file)))
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
    pub fn wait_for(self, limit: Duration) -> Result<Completed, Pending> {
        self.0.wait_for(limit).map_err(Pending)
    }
}

/// The answer to a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Completed {
    /// `IO_STATUS_BLOCK.Status`.
    pub status: NTSTATUS,
    /// `IO_STATUS_BLOCK.Information`: how many bytes were transferred.
    pub information: usize,
    /// The whole output buffer.
    pub output: Vec<u8>,
}

impl fmt::Debug for Completed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completed")
            .field("status", &NamedStatus(self.status))
            .field("information", &self.information)
            .field("output", &self.output)
            .finish()
    }
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
    fn path(&self) -> Option<&str> {
        None
    }
    fn open(&self) -> Result<Arc<dyn File>, OpenError>;
    fn irp_log(&self) -> Option<Vec<IrpEvent>> {
        None
    }
    fn clear_irp_log(&self) {}
    fn alive(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
    fn pool_bytes(&self) -> Option<u64> {
        None
    }
    fn unload(&self, _limit: Duration) -> Option<Result<(), Refused>> {
        None
    }
    fn peer(&self, local: SocketAddr) -> io::Result<Peer> {
        Peer::of_host(local)
    }
    fn process(&self) -> Option<Box<dyn OtherProcess>> {
        None
    }
    fn kill_sockets(&self) -> bool {
        false
    }
    fn announce_changes(&self) -> bool {
        false
    }
    fn is_ours(&self) -> bool {
        false
    }
    fn readings(&self) -> Option<&Readings> {
        None
    }
    fn delivers_at_once(&self) -> bool {
        false
    }
    fn catch_bug_check(&self, f: Box<dyn FnOnce() + Send>) -> Result<(), String> {
        f();
        Ok(())
    }
    fn shut_down(&self) {}
}

/// What a kind of device does for another process.
pub(crate) trait OtherProcess: Send {
    fn open(&self) -> Result<Arc<dyn File>, OpenError>;
    fn kill(self: Box<Self>);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_shows_its_status_by_name() {
        let completed = Completed { status: wsk_sys::STATUS_CANCELLED, information: 0, output: Vec::new() };
        assert_eq!(
            format!("{completed:?}"),
            "Completed { status: STATUS_CANCELLED (0xC0000120), information: 0, output: [] }"
        );
        let step = IrpStep::Completed { status: NamedStatus(completed.status), information: 0 };
        assert!(format!("{step:?}").contains("STATUS_CANCELLED"), "{step:?}");
        let refused = Refused::new(completed.status, wskdrv_abi::IOCTL_WSKDRV_RECEIVE);
        assert!(format!("{refused:?}").contains("STATUS_CANCELLED"), "{refused:?}");
        assert!(format!("{refused:?}").contains("IOCTL_WSKDRV_RECEIVE"), "{refused:?}");
        let open = OpenError::Hosted { doing: "opening", status: NamedStatus(completed.status) };
        assert!(format!("{open:?}").contains("STATUS_CANCELLED"), "{open:?}");
    }
}
