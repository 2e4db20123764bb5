//! Datagrams that WSK hands to the driver by itself, and that are drained from the handle's queue.

use std::time::Duration;

use wsk_sys::NT_SUCCESS;
use wskdrv_abi as abi;
use wskdrv_abi::{Drained, Received, address};
use zerocopy::{FromBytes, IntoBytes};

use super::{Message, Session};
use crate::device::{Completed, Pending, Refused};
use crate::error::Error;

/// What was in a handle's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// The datagrams, the oldest first.
    pub messages: Vec<Message>,
    /// How many were dropped since the event was enabled.
    pub dropped: u64,
}

/// A drain under way. Dropped, it is cancelled.
#[derive(Debug)]
#[must_use = "a drain that is dropped is cancelled"]
pub struct Draining(Pending);

impl Draining {
    /// Asks for the drain to be cancelled; datagrams may come all the same.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether [`Draining::wait_for`] would return at once.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.0.is_done()
    }

    /// Waits for datagrams for some time.
    ///
    /// # Errors
    ///
    /// The drain itself, still under way.
    pub fn wait_for(self, limit: Duration) -> Result<Result<Drain, Error>, Self> {
        self.0.wait_for(limit).map(drained).map_err(Self)
    }

    /// The request below.
    pub fn into_pending(self) -> Pending {
        self.0
    }
}

impl Session {
    /// Has datagrams put into a queue of the handle from now on, one of `capacity` bytes: [`abi::QUEUE_MIN`] to
    /// [`abi::QUEUE_MAX`], a multiple of 8.
    ///
    /// # Errors
    ///
    /// `STATUS_INVALID_DEVICE_STATE` before the bind, or if it is enabled; otherwise what WSK says.
    pub fn enable_receive(&self, capacity: u32) -> Result<(), Error> {
        let head = abi::EnableReceive { capacity, reserved: 0 };
        self.nothing(abi::IOCTL_WSKDRV_ENABLE_RECEIVE, head.as_bytes().to_vec())
    }

    /// Ends that, and waits until nothing comes any more. What is in the queue can still be drained.
    ///
    /// # Errors
    ///
    /// The driver's refusal, or what WSK says.
    pub fn disable_receive(&self) -> Result<(), Error> {
        self.disable(abi::DISABLE_AND_WAIT).map(drop)
    }

    /// Ends that without waiting, and tells whether something may still come: whether WSK said `STATUS_EVENT_PENDING`.
    ///
    /// # Errors
    ///
    /// The driver's refusal, or what WSK says.
    pub fn disable_receive_soon(&self) -> Result<bool, Error> {
        self.disable(abi::DISABLE_SOON).map(|disabled| disabled.pending != 0)
    }

    fn disable(&self, form: u32) -> Result<abi::Disabled, Error> {
        let code = abi::IOCTL_WSKDRV_DISABLE_RECEIVE;
        let head = abi::DisableReceive { timeout_ms: self.timeout_ms(), form };
        let bytes = self.call(code, head.as_bytes().to_vec(), size_of::<abi::Disabled>())?;
        let wrong = |_size| Error::Reply { code, what: format!("{} bytes", bytes.len()) };
        abi::Disabled::read_from_bytes(&bytes).map_err(wrong)
    }

    /// Takes datagrams out of the queue, as many as fit `room` bytes with their heads, and waits if there are none.
    ///
    /// # Errors
    ///
    /// `STATUS_IO_TIMEOUT` if none came; `STATUS_INVALID_DEVICE_STATE` if there are none and the event is not enabled.
    pub fn drain(&self, room: usize) -> Result<Drain, Error> {
        let Draining(pending) = self.begin_drain(room);
        drained(self.finish(abi::IOCTL_WSKDRV_DRAIN, pending)?)
    }

    /// Begins to take datagrams out of the queue.
    pub fn begin_drain(&self, room: usize) -> Draining {
        let input = self.timed().as_bytes().to_vec();
        Draining(self.handle.begin(abi::IOCTL_WSKDRV_DRAIN, input, vec![0; room]))
    }
}

/// Takes the answer to a drain apart.
fn drained(completed: Completed) -> Result<Drain, Error> {
    let code = abi::IOCTL_WSKDRV_DRAIN;
    let Completed { status, information, mut output } = completed;
    if !NT_SUCCESS(status) {
        return Err(Refused::new(status, code).into());
    }
    output.truncate(information);
    let wrong = |what: &str| Error::Reply { code, what: what.to_owned() };
    let (head, mut rest) = Drained::read_from_prefix(&output).map_err(|_short| wrong("it has no head"))?;
    let mut messages = Vec::new();
    for _ in 0..head.count {
        let (record, data) = Received::read_from_prefix(rest).map_err(|_short| wrong("a datagram is cut"))?;
        let (control, length) = (record.control_length as usize, record.length as usize);
        let (control, data) = data.split_at_checked(control).ok_or_else(|| wrong("a datagram is cut"))?;
        let data = data.get(..length).ok_or_else(|| wrong("a datagram is cut"))?;
        let from = record.address.get(..record.address_length as usize);
        let from = address::decode(from.unwrap_or_default()).map_err(|error| wrong(&error.to_string()))?;
        messages.push(Message { from, flags: record.flags, data: data.to_vec(), control: control.to_vec() });
        rest = rest.get(abi::event::record_size(control.len(), length)..).unwrap_or_default();
    }
    if !rest.is_empty() {
        return Err(wrong("there is something after the last datagram"));
    }
    Ok(Drain { messages, dropped: head.dropped })
}
