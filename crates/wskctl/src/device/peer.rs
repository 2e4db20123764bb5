//! Sockets that are not the driver's: the other end of what it sends, and a witness of what it does.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use linux as own;
#[cfg(not(target_os = "linux"))]
use other as own;

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

/// A datagram that has arrived at a [`Peer`], and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The data.
    pub data: Vec<u8>,
    /// The sender.
    pub from: SocketAddr,
    /// The address that it was sent to.
    pub to: IpAddr,
    /// The index of the interface on which it came.
    pub interface: u32,
    /// The time to live, or the hop limit, that it had left.
    pub hops: u8,
    /// The type of service, or the traffic class.
    pub traffic_class: u8,
}

impl Peer {
    /// A socket of this computer.
    pub(super) fn of_host(local: SocketAddr) -> io::Result<Peer> {
        let socket = UdpSocket::bind(local)?;
        own::watch(&socket)?;
        Ok(Peer { address: socket.local_addr()?, socket: Socket::Host(socket) })
    }

    /// A socket of a network in memory.
    #[cfg(feature = "hosted")]
    pub(super) fn in_memory(peer: netio::memory::Peer) -> io::Result<Peer> {
        Ok(Peer { address: peer.local_addr()?, socket: Socket::Memory(peer) })
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
        let mut buffer = vec![0; 65536];
        let (length, from) = self.wait(limit, || match &self.socket {
            Socket::Host(socket) => socket.recv_from(&mut buffer),
            #[cfg(feature = "hosted")]
            Socket::Memory(peer) => peer.recv_from(&mut buffer),
        })?;
        buffer.truncate(length);
        Ok((buffer, from))
    }

    /// Receives one datagram, and says how it came.
    ///
    /// # Errors
    ///
    /// `TimedOut` if none came within `limit`; `Unsupported` if this system does not tell; otherwise what the network
    /// says.
    pub fn arrival(&self, limit: Duration) -> io::Result<Arrived> {
        self.wait(limit, || match &self.socket {
            Socket::Host(socket) => own::receive(socket),
            #[cfg(feature = "hosted")]
            Socket::Memory(peer) => {
                let arrived = peer.receive()?;
                Ok(Arrived {
                    data: arrived.bytes,
                    from: arrived.from,
                    to: arrived.to,
                    interface: arrived.interface,
                    hops: arrived.hops,
                    traffic_class: arrived.traffic_class,
                })
            }
        })
    }

    fn wait<T>(&self, limit: Duration, mut receive: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        let end = Instant::now() + limit;
        loop {
            // A limit of zero is refused by the socket.
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            match &self.socket {
                Socket::Host(socket) => socket.set_read_timeout(Some(left))?,
                #[cfg(feature = "hosted")]
                Socket::Memory(peer) => peer.set_read_timeout(Some(left))?,
            }
            match receive() {
                // Windows tells a socket so when what it sent earlier found nobody.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Err(io::Error::new(
                        ErrorKind::TimedOut,
                        format!("no datagram came within {limit:?}"),
                    ));
                }
                ended => return ended,
            }
            if Instant::now() >= end {
                return Err(ErrorKind::TimedOut.into());
            }
        }
    }

    /// Has what is sent from now on go out with these hops, and this type of service or traffic class.
    ///
    /// # Errors
    ///
    /// `Unsupported` if this program cannot have that on this system; otherwise what the network says.
    pub fn mark(&self, hops: u8, class: u8) -> io::Result<()> {
        match &self.socket {
            Socket::Host(socket) => own::mark(socket, hops, class),
            #[cfg(feature = "hosted")]
            Socket::Memory(peer) => {
                peer.set_ttl(hops)?;
                peer.set_traffic_class(class)
            }
        }
    }

    /// Allows sending to broadcast addresses.
    ///
    /// # Errors
    ///
    /// What the network says.
    pub fn allow_broadcast(&self) -> io::Result<()> {
        match &self.socket {
            Socket::Host(socket) => socket.set_broadcast(true),
            #[cfg(feature = "hosted")]
            Socket::Memory(peer) => peer.set_broadcast(true),
        }
    }

    /// Joins a multicast group on the loopback interface, whose index is given.
    ///
    /// # Errors
    ///
    /// What the network says.
    pub fn join(&self, group: IpAddr, loopback: u32) -> io::Result<()> {
        match (&self.socket, group) {
            (Socket::Host(socket), IpAddr::V4(group)) => {
                socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)
            }
            (Socket::Host(socket), IpAddr::V6(group)) => socket.join_multicast_v6(&group, loopback),
            #[cfg(feature = "hosted")]
            (Socket::Memory(peer), _) => peer.join_multicast(group, loopback),
        }
    }
}
