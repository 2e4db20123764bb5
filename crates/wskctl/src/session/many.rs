//! Several datagrams with one request, and the control information that goes with them.

use std::net::SocketAddr;
use std::time::Duration;

use wsk_sys::NT_SUCCESS;
use wskdrv_abi as abi;
use wskdrv_abi::{Received, address};
use zerocopy::{FromBytes, IntoBytes};

use super::Session;
use crate::device::{Completed, Pending, Refused};
use crate::error::Error;

/// A received datagram with its control information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who sent it.
    pub from: SocketAddr,
    /// `MSG_TRUNC`, `MSG_CTRUNC`, `MSG_BCAST`, `MSG_MCAST`.
    pub flags: u32,
    /// Its payload, as far as it fitted.
    pub data: Vec<u8>,
    /// Its control information, as WSK gave it; [`wsk_cmsg::Messages`] reads it.
    pub control: Vec<u8>,
}

impl Message {
    /// The control information, read.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub fn controls(&self) -> Result<Vec<wsk_cmsg::Message<'_>>, wsk_cmsg::Malformed> {
        wsk_cmsg::Messages::new(&self.control).map(|message| message?.decode()).collect()
    }
}

/// The room for datagrams that a request brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How many: 1 to [`abi::RECEIVE_MANY_MAX`].
    pub datagrams: u32,
    /// The payload that each may have, in bytes; the room is rounded up to a multiple of 8.
    pub payload: u32,
    /// The control information that each may have, in bytes: a multiple of 8, at most [`abi::CONTROL_INFO_MAX`].
    pub control: u32,
}

impl Room {
    fn head(self, timeout_ms: u32) -> abi::ReceiveMany {
        let slot = (size_of::<Received>() as u64 + u64::from(self.control) + u64::from(self.payload))
            .next_multiple_of(8);
        // What is too much for a slot is too much for the driver as well: let it say so.
        let slot = u32::try_from(slot).unwrap_or(u32::MAX);
        abi::ReceiveMany { timeout_ms, count: self.datagrams, slot, control_room: self.control }
    }
}

/// A receive of several datagrams under way. Dropped, it is cancelled.
#[derive(Debug)]
#[must_use = "a receive that is dropped is cancelled"]
pub struct ReceivingMany {
    pending: Pending,
    layout: abi::ReceiveMany,
}

impl ReceivingMany {
    /// Asks for the receive to be cancelled; datagrams may come all the same.
    pub fn cancel(&self) {
        self.pending.cancel();
    }

    /// Waits for the datagrams.
    ///
    /// # Errors
    ///
    /// The status with which the receive ended.
    pub fn wait(self) -> Result<Vec<Message>, Error> {
        messages(&self.layout, self.pending.wait())
    }

    /// Waits for the datagrams for some time.
    ///
    /// # Errors
    ///
    /// The receive itself, still under way.
    pub fn wait_for(self, limit: Duration) -> Result<Result<Vec<Message>, Error>, Self> {
        let layout = self.layout;
        self.pending
            .wait_for(limit)
            .map(|completed| messages(&layout, completed))
            .map_err(|pending| Self { pending, layout })
    }

    /// The request below.
    pub fn into_pending(self) -> Pending {
        self.pending
    }
}

impl Session {
    /// Sends datagrams to `to`, or to the address that the socket is fixed to, each with the same control information,
    /// and says how many bytes of payload went.
    ///
    /// # Errors
    ///
    /// The driver's refusal, or what WSK says; some of the datagrams may have been sent.
    pub fn send_many(
        &self,
        datagrams: &[impl AsRef<[u8]>],
        to: Option<SocketAddr>,
        control: &[u8],
    ) -> Result<usize, Error> {
        let code = abi::IOCTL_WSKDRV_SEND_MANY;
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let (bytes, length) = to.map_or(([0; _], 0), address::encode);
        let head = abi::SendMany {
            timeout_ms: self.timeout_ms(),
            flags: 0,
            count: number(datagrams.len()),
            address_length: number(length),
            control_length: number(control.len()),
            reserved: 0,
        };
        let mut input = head.as_bytes().to_vec();
        for datagram in datagrams {
            input.extend(number(datagram.as_ref().len()).to_ne_bytes());
        }
        input.extend_from_slice(&bytes[..length]);
        input.extend_from_slice(control);
        let payload = datagrams.iter().flat_map(AsRef::as_ref).copied().collect();
        let completed = self.finish(code, self.handle.begin(code, input, payload))?;
        let sent = completed.information;
        completed.into_output(code)?;
        Ok(sent)
    }

    /// Receives datagrams: waits for the first, and takes those that have come by then.
    ///
    /// # Errors
    ///
    /// `STATUS_IO_TIMEOUT` if none came; otherwise what WSK says.
    pub fn receive_many(&self, room: Room) -> Result<Vec<Message>, Error> {
        let ReceivingMany { pending, layout } = self.begin_receive_many(room);
        messages(&layout, self.finish(abi::IOCTL_WSKDRV_RECEIVE_MANY, pending)?)
    }

    /// Begins to receive datagrams.
    pub fn begin_receive_many(&self, room: Room) -> ReceivingMany {
        let layout = room.head(self.timeout_ms());
        // Without a size the driver refuses.
        let output = vec![0; layout.size().unwrap_or(0)];
        let input = layout.as_bytes().to_vec();
        let pending = self.handle.begin(abi::IOCTL_WSKDRV_RECEIVE_MANY, input, output);
        ReceivingMany { pending, layout }
    }
}

/// Takes the slots of an answer apart.
fn messages(layout: &abi::ReceiveMany, completed: Completed) -> Result<Vec<Message>, Error> {
    let code = abi::IOCTL_WSKDRV_RECEIVE_MANY;
    let Completed { status, information, mut output } = completed;
    if !NT_SUCCESS(status) {
        return Err(Refused::new(status, code).into());
    }
    output.truncate(information);
    let slots = output.chunks_exact(layout.slot as usize);
    slots.filter_map(|slot| message(layout, slot).transpose()).collect()
}

/// What is in a slot; nothing if its head is empty.
fn message(layout: &abi::ReceiveMany, slot: &[u8]) -> Result<Option<Message>, Error> {
    let code = abi::IOCTL_WSKDRV_RECEIVE_MANY;
    let wrong = |what: &str| Error::Reply { code, what: what.to_owned() };
    let (head, rest) = Received::read_from_prefix(slot).map_err(|_short| wrong("a slot has no head"))?;
    if head.address_length == 0 {
        return Ok(None);
    }
    let from = head.address.get(..head.address_length as usize).ok_or_else(|| wrong("the address is cut"))?;
    let from = address::decode(from).map_err(|error| wrong(&error.to_string()))?;
    let (control, data) = rest
        .split_at_checked(layout.control_room as usize)
        .ok_or_else(|| wrong("a slot has no room for control information"))?;
    let control = control.get(..head.control_length as usize);
    let control = control.ok_or_else(|| wrong("the control information is cut"))?;
    let data = data.get(..head.length as usize).ok_or_else(|| wrong("the payload is cut"))?;
    Ok(Some(Message { from, flags: head.flags, data: data.to_vec(), control: control.to_vec() }))
}
