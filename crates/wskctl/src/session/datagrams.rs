//! Datagrams out and in, with the control information that goes with them.

use std::net::SocketAddr;

use wskdrv_abi as abi;
use wskdrv_abi::{address, receive};
use zerocopy::IntoBytes;

use super::{Session, Waiting};
use crate::error::Error;

/// A received datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Who sent it.
    pub from: SocketAddr,
    /// `MSG_TRUNC`, `MSG_CTRUNC`, `MSG_BCAST`, `MSG_MCAST`.
    pub flags: u32,
    /// Its payload, as far as it fitted.
    pub data: Vec<u8>,
    /// Its control information, as WSK gave it; [`wsk_cmsg::Messages`] reads it.
    pub control: Vec<u8>,
}

impl Datagram {
    /// The control information, read.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub fn controls(&self) -> Result<Vec<wsk_cmsg::Message<'_>>, wsk_cmsg::Malformed> {
        wsk_cmsg::Messages::new(&self.control).map(|message| message?.decode()).collect()
    }
}

impl From<abi::Datagram<'_>> for Datagram {
    fn from(datagram: abi::Datagram<'_>) -> Datagram {
        let abi::Datagram { from, flags, payload, control } = datagram;
        Datagram { from, flags, data: payload.to_vec(), control: control.to_vec() }
    }
}

/// What was in a handle's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// The datagrams, the oldest first.
    pub datagrams: Vec<Datagram>,
    /// How many were dropped since the event was enabled.
    pub dropped: u64,
}

/// The room for datagrams that a request brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How many: 1 to [`abi::RECEIVE_MAX`].
    pub datagrams: u32,
    /// The payload that each may have, in bytes.
    pub payload: u32,
    /// The control information that each may have, in bytes: at most [`abi::CONTROL_INFO_MAX`].
    pub control: u32,
}

impl Session {
    /// Sends one datagram, to `to` or to the address that the socket is fixed to, and says how many bytes went.
    ///
    /// # Errors
    ///
    /// The driver's refusal, or what WSK says.
    pub fn send(&self, data: &[u8], to: Option<SocketAddr>) -> Result<usize, Error> {
        self.send_many(&[data], to, &[])
    }

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
        let code = abi::IOCTL_WSKDRV_SEND;
        let (bytes, length) = to.map_or(([0; _], 0), address::encode);
        let head = abi::Send {
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
        let payload: Vec<&[u8]> = datagrams.iter().map(AsRef::as_ref).collect();
        let completed = self.finish(code, self.handle.begin(code, input, payload.concat()))?;
        let sent = completed.information;
        completed.into_output(code)?;
        Ok(sent)
    }

    /// Receives one datagram of at most `capacity` bytes.
    ///
    /// # Errors
    ///
    /// `STATUS_IO_TIMEOUT` if none came; otherwise what WSK says.
    pub fn receive(&self, capacity: usize) -> Result<Datagram, Error> {
        self.wait(self.begin_receive(capacity))
    }

    /// Begins to receive one datagram of at most `capacity` bytes.
    pub fn begin_receive(&self, capacity: usize) -> Waiting<Datagram> {
        self.begin_receive_into(
            Room { datagrams: 1, payload: number(capacity), control: 0 },
            |code, output| match <[Datagram; 1]>::try_from(datagrams(code, output)?) {
                Ok([datagram]) => Ok(datagram),
                Err(all) => {
                    Err(Error::Reply { code, what: format!("{} datagrams instead of one", all.len()) })
                }
            },
        )
    }

    /// Receives datagrams: waits for the first, and takes those that have come by then.
    ///
    /// # Errors
    ///
    /// `STATUS_IO_TIMEOUT` if none came; otherwise what WSK says.
    pub fn receive_many(&self, room: Room) -> Result<Vec<Datagram>, Error> {
        self.wait(self.begin_receive_many(room))
    }

    /// Begins to receive datagrams.
    pub fn begin_receive_many(&self, room: Room) -> Waiting<Vec<Datagram>> {
        self.begin_receive_into(room, datagrams)
    }

    fn begin_receive_into<T>(&self, room: Room, read: fn(u32, &[u8]) -> Result<T, Error>) -> Waiting<T> {
        let Room { datagrams: count, payload: payload_room, control: control_room } = room;
        let head = abi::Receive { timeout_ms: self.timeout_ms(), count, payload_room, control_room };
        // Without a size the driver refuses.
        let output_length = head.size().unwrap_or(0);
        self.begin(abi::IOCTL_WSKDRV_RECEIVE, head.as_bytes().to_vec(), output_length, read)
    }

    /// Takes datagrams out of the queue, as many as fit `room` bytes with their heads, and waits if there are none.
    ///
    /// # Errors
    ///
    /// `STATUS_IO_TIMEOUT` if none came; `STATUS_INVALID_DEVICE_STATE` if there are none and the event is not enabled.
    pub fn drain(&self, room: usize) -> Result<Drain, Error> {
        self.wait(self.begin_drain(room))
    }

    /// Begins to take datagrams out of the queue.
    pub fn begin_drain(&self, room: usize) -> Waiting<Drain> {
        self.begin(abi::IOCTL_WSKDRV_DRAIN, self.timed().as_bytes().to_vec(), room, drained)
    }
}

fn number(value: usize) -> u32 {
    // What is too much for a number is too much for the driver as well: let it say so.
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn datagrams(code: u32, output: &[u8]) -> Result<Vec<Datagram>, Error> {
    drained(code, output).map(|drain| drain.datagrams)
}

fn drained(code: u32, output: &[u8]) -> Result<Drain, Error> {
    let malformed = |malformed: receive::Malformed| Error::Reply { code, what: malformed.to_string() };
    let (head, records) = receive::list(output).map_err(malformed)?;
    let datagrams = records.map(|record| record.map(Datagram::from)).collect::<Result<_, _>>();
    Ok(Drain { datagrams: datagrams.map_err(malformed)?, dropped: head.dropped })
}
