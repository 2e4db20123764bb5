//! Sockets that are not the driver's: the other end of what it sends, and a witness of what it does.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// A UDP socket outside the driver, on the network that the driver sends to.
#[derive(Debug)]
pub struct Peer {
    socket: Socket,
    address: SocketAddr,
}

#[derive(Debug)]
enum Socket {
    Host(UdpSocket),
    #[cfg(feature = "hosted")]
    Memory(netio::memory::Peer),
}

impl Peer {
    /// A socket of this computer.
    pub(super) fn of_host(local: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(local)?;
        Ok(Self { address: socket.local_addr()?, socket: Socket::Host(socket) })
    }

    /// A socket of a network in memory.
    #[cfg(feature = "hosted")]
    pub(super) fn in_memory(peer: netio::memory::Peer) -> io::Result<Self> {
        Ok(Self { address: peer.local_addr()?, socket: Socket::Memory(peer) })
    }

    /// Where it is bound.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// What the network says.
    pub fn send(&self, data: &[u8], to: SocketAddr) -> io::Result<()> {
        let sent = match &self.socket {
            Socket::Host(socket) => socket.send_to(data, to),
            #[cfg(feature = "hosted")]
            Socket::Memory(peer) => peer.send_to(data, to),
        }?;
        if sent == data.len() { Ok(()) } else { Err(ErrorKind::WriteZero.into()) }
    }

    /// Receives one datagram, and says who sent it.
    ///
    /// # Errors
    ///
    /// `TimedOut` if none came within `limit`; otherwise what the network says.
    pub fn receive(&self, limit: Duration) -> io::Result<(Vec<u8>, SocketAddr)> {
        let end = Instant::now() + limit;
        let mut buffer = vec![0; 65536];
        loop {
            // A limit of zero is refused by the socket.
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let received = match &self.socket {
                Socket::Host(socket) => {
                    socket.set_read_timeout(Some(left))?;
                    socket.recv_from(&mut buffer)
                }
                #[cfg(feature = "hosted")]
                Socket::Memory(peer) => {
                    peer.set_read_timeout(Some(left))?;
                    peer.recv_from(&mut buffer)
                }
            };
            match received {
                Ok((length, from)) => {
                    buffer.truncate(length);
                    return Ok((buffer, from));
                }
                // Windows tells a socket so when what it sent earlier found nobody.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(io::Error::new(
                        ErrorKind::TimedOut,
                        format!("no datagram came within {limit:?}"),
                    ));
                }
                Err(error) => return Err(error),
            }
            if Instant::now() >= end {
                return Err(ErrorKind::TimedOut.into());
            }
        }
    }

    /// The socket itself, if it is one of this computer, for options that only it has.
    #[must_use]
    pub const fn host_socket(&self) -> Option<&UdpSocket> {
        match &self.socket {
            Socket::Host(socket) => Some(socket),
            #[cfg(feature = "hosted")]
            Socket::Memory(_) => None,
        }
    }

    /// The socket itself, if it is one of a network in memory.
    #[cfg(feature = "hosted")]
    #[must_use]
    pub const fn memory_socket(&self) -> Option<&netio::memory::Peer> {
        match &self.socket {
            Socket::Host(_) => None,
            Socket::Memory(peer) => Some(peer),
        }
    }
}
