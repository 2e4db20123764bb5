//! A UDP internet in memory: deterministic, lossless up to the receivers' buffers, without threads.
//!
//! There is one host, and it has every address. A datagram reaches the socket that is bound to its destination,
//! or else the one that is bound to the wildcard address and the port; of several, the one bound last. n/d
//! A socket bound to the wildcard address sends from the loopback address.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wsk_sys::{NTSTATUS, STATUS_ACCESS_DENIED, STATUS_ADDRESS_ALREADY_EXISTS, STATUS_NETWORK_UNREACHABLE};

use crate::address::{Family, canonical, in_family};
use crate::bind_table::{Binding, Share, Table};
use crate::inbox::{Datagram, Inbox};

/// The first of the ports that are given to sockets that ask for none.
const FIRST_DYNAMIC_PORT: u16 = 49152;
/// The room of a peer's receive buffer.
const PEER_BUFFER: usize = 4 << 20;

/// An in-memory UDP internet. Clones are the same net.
#[derive(Clone, Debug, Default)]
pub struct Net(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    table: Table,
    places: Vec<Place>,
    taken_ports: u16,
}

#[derive(Debug)]
struct Place {
    id: u64,
    binding: Binding,
    inbox: Arc<Inbox>,
}

impl Place {
    /// How well the place fits a destination: not, by the wildcard address, or exactly.
    fn fit(&self, to: SocketAddr) -> u8 {
        if self.binding.address.port() != to.port() {
            return 0;
        }
        let claim = self.binding.claims()[usize::from(to.is_ipv6())];
        match claim {
            Some(ip) if ip == to.ip() => 2,
            Some(ip) if ip.is_unspecified() => 1,
            _ => 0,
        }
    }

    fn family(&self) -> Family {
        if self.binding.address.is_ipv6() { Family::V6 } else { Family::V4 }
    }
}

impl Net {
    /// An empty net.
    #[must_use]
    pub fn new() -> Net {
        Net::default()
    }

    /// Binds a user-mode socket, the other end of a test.
    ///
    /// # Errors
    /// `AddrInUse`: another socket has the address.
    pub fn peer(&self, address: SocketAddr) -> io::Result<Peer> {
        let inbox = Arc::new(Inbox::new(PEER_BUFFER, None));
        let binding = Binding { address, dual: false, share: Share::None };
        match self.bind(binding, inbox) {
            Ok(endpoint) => Ok(Peer { endpoint, timeout: Mutex::new(None), broadcast: Mutex::new(false) }),
            Err(_) => Err(io::ErrorKind::AddrInUse.into()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Binds a socket. Port 0 is replaced by a free one.
    pub(crate) fn bind(&self, mut binding: Binding, inbox: Arc<Inbox>) -> Result<Endpoint, NTSTATUS> {
        let mut state = self.lock();
        if binding.address.port() == 0 {
            let port = state.free_port().ok_or(STATUS_ADDRESS_ALREADY_EXISTS)?;
            binding.address.set_port(port);
        }
        state.table.check(&binding)?;
        let id = state.table.insert(binding);
        state.places.push(Place { id, binding, inbox: Arc::clone(&inbox) });
        drop(state);
        Ok(Endpoint { net: self.clone(), id, binding, inbox })
    }

    fn send(
        &self,
        sender: &Binding,
        to: SocketAddr,
        bytes: &[u8],
        may_broadcast: bool,
    ) -> Result<(), NTSTATUS> {
        let to = canonical(to);
        let claim = sender.claims()[usize::from(to.is_ipv6())].ok_or(STATUS_NETWORK_UNREACHABLE)?;
        let broadcast = to.ip() == IpAddr::V4(Ipv4Addr::BROADCAST);
        if broadcast && !may_broadcast {
            return Err(STATUS_ACCESS_DENIED);
        }
        let source = match claim {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            specific => specific,
        };
        let from = SocketAddr::new(source, sender.address.port());
        // An inbox wakes its owner: the net's lock must not be held then.
        let receivers = self.lock().receivers(to, broadcast);
        for (inbox, family) in receivers {
            let from = in_family(from, family);
            inbox.push(Datagram { from, broadcast, bytes: bytes.to_vec() });
        }
        Ok(())
    }
}

impl State {
    fn free_port(&mut self) -> Option<u16> {
        let ports = u16::MAX - FIRST_DYNAMIC_PORT;
        for _ in 0..=ports {
            let port = FIRST_DYNAMIC_PORT + self.taken_ports;
            self.taken_ports = if self.taken_ports == ports { 0 } else { self.taken_ports + 1 };
            if !self.table.has_port(port) {
                return Some(port);
            }
        }
        None
    }

    fn receivers(&self, to: SocketAddr, broadcast: bool) -> Vec<(Arc<Inbox>, Family)> {
        let name = |place: &Place| (Arc::clone(&place.inbox), place.family());
        if broadcast {
            let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, to.port()));
            return self.places.iter().filter(|place| place.fit(everywhere) == 2).map(name).collect();
        }
        // `max_by_key` takes the last of equals: the one bound last.
        let best = self.places.iter().filter(|place| place.fit(to) > 0).max_by_key(|place| place.fit(to));
        best.map(name).into_iter().collect()
    }
}

/// A bound socket of a net; unbound when dropped.
#[derive(Debug)]
pub(crate) struct Endpoint {
    net: Net,
    id: u64,
    binding: Binding,
    inbox: Arc<Inbox>,
}

impl Endpoint {
    pub(crate) fn local(&self) -> SocketAddr {
        self.binding.address
    }

    pub(crate) fn send(&self, bytes: &[u8], to: SocketAddr, may_broadcast: bool) -> Result<(), NTSTATUS> {
        self.net.send(&self.binding, to, bytes, may_broadcast)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let mut state = self.net.lock();
        state.table.remove(self.id);
        state.places.retain(|place| place.id != self.id);
    }
}

/// A user-mode socket on a [`Net`], in the likeness of [`std::net::UdpSocket`].
#[derive(Debug)]
pub struct Peer {
    endpoint: Endpoint,
    timeout: Mutex<Option<Duration>>,
    broadcast: Mutex<bool>,
}

impl Peer {
    /// The address that the socket is bound to.
    ///
    /// # Errors
    /// None; the type is that of `std`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.endpoint.local())
    }

    /// Sets how long [`Peer::recv_from`] waits; `None`, as at the beginning, is for ever.
    ///
    /// # Errors
    /// None; the type is that of `std`.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        *self.timeout.lock().unwrap_or_else(PoisonError::into_inner) = timeout;
        Ok(())
    }

    /// Allows or forbids sending to the broadcast address.
    ///
    /// # Errors
    /// None; the type is that of `std`.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        *self.broadcast.lock().unwrap_or_else(PoisonError::into_inner) = on;
        Ok(())
    }

    /// Sends a datagram. That nobody receives it is no error.
    ///
    /// # Errors
    /// `PermissionDenied`: the broadcast address, not allowed. `NetworkUnreachable`: an address of the other family.
    pub fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        let broadcast = *self.broadcast.lock().unwrap_or_else(PoisonError::into_inner);
        match self.endpoint.send(bytes, to, broadcast) {
            Ok(()) => Ok(bytes.len()),
            Err(STATUS_ACCESS_DENIED) => Err(io::ErrorKind::PermissionDenied.into()),
            Err(_) => Err(io::ErrorKind::NetworkUnreachable.into()),
        }
    }

    /// Receives a datagram; what does not fit into the buffer is lost.
    ///
    /// # Errors
    /// `TimedOut`: nothing came within the read timeout.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let timeout = *self.timeout.lock().unwrap_or_else(PoisonError::into_inner);
        let datagram = self.endpoint.inbox.wait(timeout).ok_or(io::ErrorKind::TimedOut)?;
        let length = datagram.bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram.bytes[..length]);
        Ok((length, datagram.from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(peer: &Peer) -> Option<(Vec<u8>, SocketAddr)> {
        peer.set_read_timeout(Some(Duration::ZERO)).unwrap();
        let mut buffer = [0; 64];
        let (length, from) = peer.recv_from(&mut buffer).ok()?;
        Some((buffer[..length].to_vec(), from))
    }

    #[test]
    fn datagrams_reach_the_closest_binding() {
        let net = Net::new();
        let wildcard = net.peer("0.0.0.0:7".parse().unwrap()).unwrap();
        let sender = net.peer("10.0.0.1:9".parse().unwrap()).unwrap();
        let to = "10.0.0.2:7".parse().unwrap();
        sender.send_to(b"one", to).unwrap();
        assert_eq!(receive(&wildcard), Some((b"one".to_vec(), "10.0.0.1:9".parse().unwrap())));
        wildcard.send_to(b"back", "10.0.0.1:9".parse().unwrap()).unwrap();
        assert_eq!(receive(&sender), Some((b"back".to_vec(), "127.0.0.1:7".parse().unwrap())));
        assert_eq!(receive(&sender), None);
    }

    #[test]
    fn a_taken_address_is_refused_and_a_dropped_one_is_free() {
        let net = Net::new();
        let first = net.peer("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_addr().unwrap();
        assert_eq!(address.port(), FIRST_DYNAMIC_PORT);
        assert_eq!(net.peer(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let second = net.peer("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_ne!(second.local_addr().unwrap(), address);
        drop(first);
        net.peer(address).unwrap();
    }

    #[test]
    fn broadcast_needs_leave() {
        let net = Net::new();
        let receivers =
            ["10.0.0.1:7", "0.0.0.0:7"].map(|address| net.peer(address.parse().unwrap()).unwrap());
        let sender = net.peer("0.0.0.0:9".parse().unwrap()).unwrap();
        let everyone = "255.255.255.255:7".parse().unwrap();
        let refused = sender.send_to(b"all", everyone).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        sender.set_broadcast(true).unwrap();
        sender.send_to(b"all", everyone).unwrap();
        assert!(receive(&receivers[1]).is_some());
        assert_eq!(receive(&receivers[0]), None);
    }

    #[test]
    fn a_dual_stack_socket_speaks_both() {
        let net = Net::new();
        let inbox = Arc::new(Inbox::new(1000, None));
        let binding = Binding { address: "[::]:7".parse().unwrap(), dual: true, share: Share::None };
        let dual = net.bind(binding, Arc::clone(&inbox)).unwrap();
        let v4 = net.peer("127.0.0.1:9".parse().unwrap()).unwrap();
        let v6 = net.peer("[::1]:9".parse().unwrap()).unwrap();
        v4.send_to(b"4", "127.0.0.1:7".parse().unwrap()).unwrap();
        v6.send_to(b"6", "[::1]:7".parse().unwrap()).unwrap();
        assert_eq!(inbox.pop(None).unwrap().from, "[::ffff:127.0.0.1]:9".parse().unwrap());
        assert_eq!(inbox.pop(None).unwrap().from, "[::1]:9".parse().unwrap());
        dual.send(b"x", "[::ffff:127.0.0.1]:9".parse().unwrap(), false).unwrap();
        assert_eq!(receive(&v4).unwrap().1, "127.0.0.1:7".parse().unwrap());
        let crossed = v6.send_to(b"x", "127.0.0.1:9".parse().unwrap()).unwrap_err();
        assert_eq!(crossed.kind(), io::ErrorKind::NetworkUnreachable);
    }
}
