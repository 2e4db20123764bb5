//! The system's own calls, beside which the device's requests are measured.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::{Bench, Error};
use crate::device::Peer;
use crate::family::Family;

#[cfg(target_os = "linux")]
use linux as own;
#[cfg(not(target_os = "linux"))]
use other as own;

pub(super) use own::{Receiver, Sender, allow_many_sockets};

/// By then a datagram has come, or is lost.
const LIMIT: Duration = Duration::from_secs(2);

/// A socket that is none of the device's, on the loopback interface.
pub(super) struct Socket {
    pub(super) socket: UdpSocket,
    pub(super) address: SocketAddr,
}

impl Socket {
    pub(super) fn new() -> Result<Socket, Error> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(LIMIT))?;
        Ok(Socket { address: socket.local_addr()?, socket })
    }

    /// Sends a datagram so often, with a call each.
    pub(super) fn send(&self, data: &[u8], to: SocketAddr, count: usize) -> Result<(), Error> {
        for _ in 0..count {
            self.socket.send_to(data, to)?;
        }
        Ok(())
    }

    /// Receives so many datagrams, with a call each.
    pub(super) fn receive(&self, buffer: &mut [u8], count: usize) -> Result<(), Error> {
        for _ in 0..count {
            self.socket.recv_from(buffer)?;
        }
        Ok(())
    }
}

/// The other end of what the device sends: on its network, which may be one in memory.
pub(super) enum Outside {
    System(Socket),
    Memory(Peer),
}

impl Outside {
    pub(super) fn new(bench: &Bench) -> Result<Outside, Error> {
        if bench.device.delivers_at_once() {
            return Ok(Self::Memory(bench.device.peer(Family::V4.loopback())?));
        }
        Ok(Self::System(Socket::new()?))
    }

    pub(super) const fn address(&self) -> SocketAddr {
        match self {
            Self::System(socket) => socket.address,
            Self::Memory(peer) => peer.address(),
        }
    }

    pub(super) fn send(&self, data: &[u8], to: SocketAddr, count: usize) -> Result<(), Error> {
        match self {
            Self::System(socket) => socket.send(data, to, count),
            Self::Memory(peer) => (0..count).try_for_each(|_| Ok(peer.send(data, to)?)),
        }
    }

    /// Takes so many datagrams, of at most this size.
    pub(super) fn receive(&self, size: usize, count: usize) -> Result<(), Error> {
        match self {
            Self::System(socket) => socket.receive(&mut vec![0; size], count),
            Self::Memory(peer) => (0..count).try_for_each(|_| Ok(peer.receive(LIMIT).map(drop)?)),
        }
    }
}
