//! The other end: a user-mode socket, of another machine.

use core::net::{IpAddr, SocketAddr};
use std::io;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use readings::Readings;
use wsk_requests::Row;
use wsk_requests::rows::{ip, ipv6, socket};
use wsk_sys::{STATUS_ACCESS_DENIED, STATUS_INVALID_BUFFER_SIZE};

use super::{Endpoint, WIRE};
use crate::net::Endpoint as _;
use crate::net::address::canonical;
use crate::net::control_info::Overrides;
use crate::net::inbox::Datagram;
use crate::net::multicast::{Change, Group, Memberships};
use crate::net::option::Values;

/// A user-mode socket on a [`Net`](super::Net), in the likeness of [`std::net::UdpSocket`].
///
/// ```
/// use netio::memory::Net;
/// use netio::{Config, Network};
/// use ntos::Machine;
///
/// let net = Net::new();
/// let machine = Machine::boot(ntos::Config::default());
/// netio::install(&machine, Config { network: Network::Memory(net.clone()), ..Config::default() });
///
/// // The other ends of a driver's sockets; here, each other's.
/// let (client, server) = (net.peer("10.0.0.1:0".parse()?)?, net.peer("10.0.0.2:7".parse()?)?);
/// client.send_to(b"hello", server.local_addr()?)?;
/// let mut bytes = [0; 16];
/// assert_eq!(server.recv_from(&mut bytes)?, (5, client.local_addr()?));
/// assert_eq!(&bytes[..5], b"hello");
/// machine.shutdown();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Peer {
    endpoint: Endpoint,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    timeout: Option<Duration>,
    values: Values,
    groups: Memberships,
}

/// How long a socket waits for a datagram, unless it is told otherwise: a test that waits in vain is told so.
const READ_TIMEOUT: Duration = Duration::from_mins(2);

/// A datagram that has arrived at a [`Peer`], and what the network tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The data.
    pub bytes: Vec<u8>,
    /// The sender.
    pub from: SocketAddr,
    /// The address that it was sent to.
    pub to: IpAddr,
    /// The index of the interface on which it came.
    pub interface: u32,
    /// The time to live, or the hop limit.
    pub hops: u8,
    /// The type of service, or the traffic class.
    pub traffic_class: u8,
    /// Whether it must not be fragmented.
    pub dont_fragment: bool,
}

impl Peer {
    pub(super) fn new(endpoint: Endpoint) -> Peer {
        let state =
            State { timeout: Some(READ_TIMEOUT), values: Values::default(), groups: Memberships::default() };
        Peer { endpoint, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn set(&self, row: &Row, value: u32) {
        self.state().values.set(row, value);
    }

    /// The address that the socket is bound to.
    ///
    /// # Errors
    /// None; the type is that of `std`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.endpoint.local())
    }

    /// Sets how long [`Peer::recv_from`] waits: at first, two minutes; `None` is for ever.
    ///
    /// # Errors
    /// None; the type is that of `std`.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.state().timeout = timeout;
        Ok(())
    }

    /// Allows or forbids sending to the broadcast address.
    ///
    /// # Errors
    /// None; the type is that of `std`.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.set(&socket::SO_BROADCAST, on.into());
        Ok(())
    }

    /// Sets the time to live, or the hop limit, of unicast datagrams.
    ///
    /// # Errors
    /// None; the type is that of `std`.
    pub fn set_ttl(&self, hops: u8) -> io::Result<()> {
        self.set(&ip::IP_TTL, hops.into());
        self.set(&ipv6::IPV6_UNICAST_HOPS, hops.into());
        Ok(())
    }

    /// Sets the type of service, or the traffic class, of datagrams.
    ///
    /// # Errors
    /// None; the type is that of the other setters.
    pub fn set_traffic_class(&self, class: u8) -> io::Result<()> {
        self.set(&ip::IP_TOS, class.into());
        self.set(&ipv6::IPV6_TCLASS, class.into());
        Ok(())
    }

    /// Sets the interface of multicast datagrams, by its index.
    ///
    /// # Errors
    /// None; the type is that of the other setters.
    pub fn set_multicast_interface(&self, interface: u32) -> io::Result<()> {
        self.set(&ip::IP_MULTICAST_IF, interface);
        self.set(&ipv6::IPV6_MULTICAST_IF, interface);
        Ok(())
    }

    /// Joins a multicast group on an interface, by its index; 0 is the one that multicast datagrams take by default.
    ///
    /// # Errors
    /// `InvalidInput`: no group, or one that is joined already.
    pub fn join_multicast(&self, group: IpAddr, interface: u32) -> io::Result<()> {
        self.change_group(Change::Join, group, interface)
    }

    /// Leaves a multicast group.
    ///
    /// # Errors
    /// `InvalidInput`: it is not joined.
    pub fn leave_multicast(&self, group: IpAddr, interface: u32) -> io::Result<()> {
        self.change_group(Change::Leave, group, interface)
    }

    fn change_group(&self, change: Change, address: IpAddr, interface: u32) -> io::Result<()> {
        let mut state = self.state();
        let group = Group { address, interface: if interface == 0 { WIRE } else { interface } };
        state
            .groups
            .change(&Readings::STRICT, change, group, None)
            .map_err(|_| io::ErrorKind::InvalidInput)?;
        self.endpoint.filter(&state.values, &state.groups);
        Ok(())
    }

    /// Sends a datagram. That nobody receives it is no error.
    ///
    /// # Errors
    /// `PermissionDenied`: the broadcast address, not allowed. `NetworkUnreachable`: an address of the other family.
    pub fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        let outgoing = self.state().values.outgoing(canonical(to).ip());
        match self.endpoint.send(bytes, to, &outgoing, &Overrides::default()) {
            Ok(()) => Ok(bytes.len()),
            Err(STATUS_ACCESS_DENIED) => Err(io::ErrorKind::PermissionDenied.into()),
            Err(STATUS_INVALID_BUFFER_SIZE) => Err(io::ErrorKind::InvalidInput.into()),
            Err(_) => Err(io::ErrorKind::NetworkUnreachable.into()),
        }
    }

    /// Receives a datagram; what does not fit into the buffer is lost.
    ///
    /// # Errors
    /// `TimedOut`: nothing came within the read timeout.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let datagram = self.wait()?;
        let length = datagram.bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram.bytes[..length]);
        Ok((length, datagram.from))
    }

    /// Receives a datagram, with what the network tells of it.
    ///
    /// # Errors
    /// `TimedOut`: nothing came within the read timeout.
    pub fn receive(&self) -> io::Result<Arrived> {
        let Datagram { from, bytes, header, .. } = self.wait()?;
        Ok(Arrived {
            bytes,
            from,
            to: header.to.unwrap_or(self.endpoint.local().ip()),
            interface: header.interface,
            hops: header.hops.unwrap_or_default(),
            traffic_class: header.traffic_class.unwrap_or_default(),
            dont_fragment: header.dont_fragment.unwrap_or_default(),
        })
    }

    fn wait(&self) -> io::Result<Datagram> {
        let timeout = self.state().timeout;
        Ok(self.endpoint.inbox.wait(timeout).ok_or(io::ErrorKind::TimedOut)?)
    }
}
