//! Several datagrams with one call, as Linux has it.

use std::io::{IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, sendmsg};

use super::Socket;
use crate::bench::Error;

/// Has this process as many descriptors as it may have.
pub(in crate::bench) fn allow_many_sockets() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // If it cannot, the sockets that do not open say so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

fn system(error: nix::Error) -> Error {
    Error::System(error.into())
}

/// Sends a datagram several times with one call.
pub(in crate::bench) struct Sender<'s> {
    socket: &'s Socket,
    headers: MultiHeaders<SockaddrIn>,
    to: Vec<Option<SockaddrIn>>,
    data: Vec<[IoSlice<'s>; 1]>,
}

impl<'s> Sender<'s> {
    /// The name of the call.
    pub(in crate::bench) const NAME: Option<&'static str> = Some("sendmmsg");
    /// The name of the call that sends one datagram which the system divides.
    pub(in crate::bench) const DIVIDED: Option<&'static str> = Some("sendmsg with UDP_SEGMENT");

    pub(in crate::bench) fn new(
        socket: &'s Socket,
        data: &'s [u8],
        to: SocketAddr,
        count: usize,
    ) -> Sender<'s> {
        let to = match to {
            SocketAddr::V4(to) => Some(SockaddrIn::from(to)),
            SocketAddr::V6(_) => None,
        };
        Sender {
            socket,
            headers: MultiHeaders::preallocate(count, None),
            to: vec![to; count],
            data: (0..count).map(|_| [IoSlice::new(data)]).collect(),
        }
    }

    pub(in crate::bench) fn send(&mut self) -> Result<(), Error> {
        let sent = sendmmsg(
            self.socket.socket.as_raw_fd(),
            &mut self.headers,
            &self.data,
            &self.to,
            [],
            MsgFlags::empty(),
        );
        match sent.map_err(system)?.count() {
            count if count == self.data.len() => Ok(()),
            count => Err(Error::Lost { came: count, sent: self.data.len() }),
        }
    }

    /// Sends the data once, which the system divides into datagrams of this size.
    pub(in crate::bench) fn send_divided(&self, size: u16) -> Result<(), Error> {
        let segments = ControlMessage::UdpGsoSegments(&size);
        let Some(data) = self.data.first() else { return Ok(()) };
        let to = self.to.first().and_then(Option::as_ref);
        sendmsg(self.socket.socket.as_raw_fd(), data, &[segments], MsgFlags::empty(), to)
            .map(drop)
            .map_err(system)
    }
}

/// Receives several datagrams with one call.
pub(in crate::bench) struct Receiver<'s> {
    socket: &'s Socket,
    headers: MultiHeaders<SockaddrIn>,
    room: Vec<u8>,
    size: usize,
}

impl<'s> Receiver<'s> {
    /// The name of the call.
    pub(in crate::bench) const NAME: Option<&'static str> = Some("recvmmsg");

    pub(in crate::bench) fn new(socket: &'s Socket, size: usize, count: usize) -> Receiver<'s> {
        let headers = MultiHeaders::preallocate(count, None);
        Receiver { socket, headers, room: vec![0; size * count], size }
    }

    pub(in crate::bench) fn receive(&mut self) -> Result<(), Error> {
        let mut parts: Vec<[IoSliceMut<'_>; 1]> =
            self.room.chunks_mut(self.size).map(|part| [IoSliceMut::new(part)]).collect();
        let count = parts.len();
        let received = recvmmsg(
            self.socket.socket.as_raw_fd(),
            &mut self.headers,
            parts.iter_mut(),
            MsgFlags::empty(),
            None,
        );
        match received.map_err(system)?.count() {
            came if came == count => Ok(()),
            came => Err(Error::Lost { came, sent: count }),
        }
    }
}
