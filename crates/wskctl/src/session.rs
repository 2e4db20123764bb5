//! The typed layer: one handle, one socket, and each request of the contract as a method.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use wsk_sys::{SIO_WSK_SET_REMOTE_ADDRESS, SIO_WSK_SET_SENDTO_ADDRESS};
use wskdrv_abi as abi;
use wskdrv_abi::{Create, IoctlRequest, NO_TIMEOUT, OptionRequest, RawRequest, Timed, address};
use zerocopy::{FromBytes, IntoBytes};

use crate::device::{Completed, Handle, Pending};
use crate::error::Error;
use crate::family::Family;
use crate::interrupt::{Interrupt, Watching};

mod client;
mod datagrams;
mod events;
mod others;
mod waiting;

pub use datagrams::{Datagram, Drain, Room};
pub use waiting::Waiting;

/// How much longer than the driver's own time limit an answer may take, before the driver counts as hung.
const GRACE: Duration = Duration::from_secs(10);

/// A handle of the driver with the requests as methods; each takes at most the session's time limit.
#[derive(Clone, Debug)]
pub struct Session {
    handle: Handle,
    limit: Option<Duration>,
    cancel_after: Option<Duration>,
    /// Cancels the handle's requests when the interrupt is raised.
    watching: Option<Arc<Watching>>,
    /// Further handles, by name.
    others: Option<Arc<others::Others>>,
}

impl Session {
    /// A session over a handle, without a time limit.
    #[must_use]
    pub const fn new(handle: Handle) -> Session {
        Session { handle, limit: None, cancel_after: None, watching: None, others: None }
    }

    /// The same handle with another time limit for each request; `None` is none.
    #[must_use]
    pub fn within(&self, limit: impl Into<Option<Duration>>) -> Session {
        Session { limit: limit.into(), ..self.clone() }
    }

    /// The same handle, where each request that this program waits for is cancelled (`CancelIoEx`) if it has not ended
    /// after so long; it may succeed all the same.
    #[must_use]
    pub fn cancelling_after(&self, time: impl Into<Option<Duration>>) -> Session {
        Session { cancel_after: time.into(), ..self.clone() }
    }

    /// The same handle, whose requests are cancelled when `interrupt` is raised.
    #[must_use]
    pub fn interruptible(&self, interrupt: &Interrupt) -> Session {
        let handle = self.handle.clone();
        let watching = Some(Arc::new(interrupt.watch(move || handle.cancel_all())));
        Session { watching, ..self.clone() }
    }

    /// The time limit of each request.
    #[must_use]
    pub const fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// After how long each request is cancelled.
    #[must_use]
    pub const fn cancel_after(&self) -> Option<Duration> {
        self.cancel_after
    }

    /// Waits for so long.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if the session is interrupted before that.
    pub fn sleep(&self, time: Duration) -> Result<(), Error> {
        if let Some(watching) = &self.watching {
            return watching.interrupt().sleep(time).then_some(()).ok_or(Error::Interrupted);
        }
        thread::sleep(time);
        Ok(())
    }

    /// The handle below.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Closes the handle, and so the socket.
    pub fn close(self) {
        self.handle.close();
    }

    /// Which version of contract and driver answers.
    ///
    /// # Errors
    ///
    /// The driver's refusal.
    pub fn version(&self) -> Result<abi::Version, Error> {
        self.structure(abi::IOCTL_WSKDRV_VERSION, Vec::new())
    }

    /// Which WSK versions the provider offers.
    ///
    /// # Errors
    ///
    /// The driver's refusal.
    pub fn provider(&self) -> Result<abi::Provider, Error> {
        self.structure(abi::IOCTL_WSKDRV_PROVIDER, Vec::new())
    }

    /// What the driver has counted.
    ///
    /// # Errors
    ///
    /// The driver's refusal.
    pub fn statistics(&self) -> Result<abi::Statistics, Error> {
        self.structure(abi::IOCTL_WSKDRV_STATISTICS, Vec::new())
    }

    /// Creates the handle's socket.
    ///
    /// # Errors
    ///
    /// `STATUS_INVALID_DEVICE_STATE` if the handle has one; otherwise what WSK says.
    pub fn create(&self, family: Family) -> Result<(), Error> {
        let head = Create { timeout_ms: self.timeout_ms(), family: family.number(), reserved: 0 };
        self.nothing(abi::IOCTL_WSKDRV_CREATE, head.as_bytes().to_vec())
    }

    /// Binds the socket to a local address.
    ///
    /// # Errors
    ///
    /// `STATUS_INVALID_DEVICE_STATE` if there is no socket or it is bound; otherwise what WSK says.
    pub fn bind(&self, address: SocketAddr) -> Result<(), Error> {
        self.nothing(abi::IOCTL_WSKDRV_BIND, with_address(self.timed().as_bytes(), Some(address)))
    }

    /// Where the socket is bound.
    ///
    /// # Errors
    ///
    /// `STATUS_INVALID_DEVICE_STATE` before bind.
    pub fn local_address(&self) -> Result<SocketAddr, Error> {
        let code = abi::IOCTL_WSKDRV_LOCAL_ADDRESS;
        let bytes = self.call(code, self.timed().as_bytes().to_vec(), abi::MAX_SOCKADDR_LENGTH)?;
        address::decode(&bytes).map_err(|error| Error::Reply { code, what: error.to_string() })
    }

    /// Reads a socket option of at most `size` bytes.
    ///
    /// # Errors
    ///
    /// The driver's refusal, or what WSK says.
    pub fn get_option(&self, level: u32, name: u32, size: usize) -> Result<Vec<u8>, Error> {
        let head = OptionRequest { timeout_ms: self.timeout_ms(), level, name, reserved: 0 };
        self.call(abi::IOCTL_WSKDRV_GET_OPTION, head.as_bytes().to_vec(), size)
    }

    /// Sets a socket option.
    ///
    /// # Errors
    ///
    /// The driver's refusal, or what WSK says.
    pub fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Result<(), Error> {
        let head = OptionRequest { timeout_ms: self.timeout_ms(), level, name, reserved: 0 };
        self.nothing(abi::IOCTL_WSKDRV_SET_OPTION, [head.as_bytes(), value].concat())
    }

    /// Carries out a socket IOCTL.
    ///
    /// # Errors
    ///
    /// The driver's refusal, or what WSK says.
    pub fn ioctl(&self, code: u32, input: &[u8], output_length: usize) -> Result<Vec<u8>, Error> {
        let head = IoctlRequest { timeout_ms: self.timeout_ms(), code };
        self.call(abi::IOCTL_WSKDRV_IOCTL, [head.as_bytes(), input].concat(), output_length)
    }

    /// `SIO_WSK_SET_REMOTE_ADDRESS`: send to this address, and receive from no other; `None` ends it.
    ///
    /// # Errors
    ///
    /// The driver's refusal, or what WSK says.
    pub fn set_remote_address(&self, address: Option<SocketAddr>) -> Result<(), Error> {
        self.ioctl(SIO_WSK_SET_REMOTE_ADDRESS, &with_address(&[], address), 0).map(drop)
    }

    /// `SIO_WSK_SET_SENDTO_ADDRESS`: send to this address, and receive from all; `None` ends it.
    ///
    /// # Errors
    ///
    /// The driver's refusal, or what WSK says.
    pub fn set_sendto_address(&self, address: Option<SocketAddr>) -> Result<(), Error> {
        self.ioctl(SIO_WSK_SET_SENDTO_ADDRESS, &with_address(&[], address), 0).map(drop)
    }

    /// A control request that has no typed row: `request_type` is one of [`abi::RAW_SET_OPTION`],
    /// [`abi::RAW_GET_OPTION`] and [`abi::RAW_IOCTL`].
    ///
    /// # Errors
    ///
    /// `STATUS_ACCESS_DENIED` for what may not come from user mode as bytes; otherwise what WSK says.
    pub fn raw(
        &self,
        request_type: u32,
        code: u32,
        level: u32,
        input: &[u8],
        output_length: usize,
    ) -> Result<Vec<u8>, Error> {
        let head = RawRequest { timeout_ms: self.timeout_ms(), request_type, code, level };
        self.call(abi::IOCTL_WSKDRV_RAW_CONTROL, [head.as_bytes(), input].concat(), output_length)
    }

    fn timeout_ms(&self) -> u32 {
        self.limit.map_or(NO_TIMEOUT, |limit| {
            u32::try_from(limit.as_millis()).unwrap_or(NO_TIMEOUT - 1).min(NO_TIMEOUT - 1)
        })
    }

    fn timed(&self) -> Timed {
        Timed { timeout_ms: self.timeout_ms(), reserved: 0 }
    }

    /// Waits as long as the driver may take, and a while longer; then cancels, and gives up.
    fn finish(&self, code: u32, pending: Pending) -> Result<Completed, Error> {
        // Looked at when the request has begun: raised from here on, the interrupt finds it on the handle.
        if self.watching.as_ref().is_some_and(|watching| watching.interrupt().is_raised()) {
            pending.cancel();
        }
        let pending = match self.cancel_after {
            None => pending,
            Some(time) => match pending.wait_for(time) {
                Ok(completed) => return Ok(completed),
                Err(pending) => {
                    pending.cancel();
                    pending
                }
            },
        };
        let Some(limit) = self.limit else {
            return Ok(pending.wait());
        };
        pending.wait_for(limit.saturating_add(GRACE)).or_else(|pending| {
            pending.cancel();
            pending.wait_for(GRACE).map_err(|_hung| Error::NoAnswer { code })
        })
    }

    fn call(&self, code: u32, input: Vec<u8>, output_length: usize) -> Result<Vec<u8>, Error> {
        let pending = self.handle.begin(code, input, vec![0; output_length]);
        Ok(self.finish(code, pending)?.into_output(code)?)
    }

    fn nothing(&self, code: u32, input: Vec<u8>) -> Result<(), Error> {
        self.call(code, input, 0).map(drop)
    }

    fn structure<T: FromBytes>(&self, code: u32, input: Vec<u8>) -> Result<T, Error> {
        let bytes = self.call(code, input, size_of::<T>())?;
        T::read_from_bytes(&bytes).map_err(|_size| Error::Reply {
            code,
            what: format!("{} bytes instead of {}", bytes.len(), size_of::<T>()),
        })
    }
}

fn with_address(head: &[u8], address: Option<SocketAddr>) -> Vec<u8> {
    let mut input = head.to_vec();
    if let Some(address) = address {
        let (bytes, length) = address::encode(address);
        input.extend_from_slice(&bytes[..length]);
    }
    input
}

#[cfg(test)]
mod tests;
