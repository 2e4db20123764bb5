//! A UDP internet in memory: deterministic, lossless up to the receivers' buffers, without threads.
//!
//! There is one host, and it has every address. A datagram reaches the socket that is bound to its destination,
//! or else the one that is bound to the wildcard address and the port; of several, the one bound last. n/d
//! A socket bound to the wildcard address sends from the loopback address.
//!
//! There are two interfaces: the loopback interface, 1, which has the loopback addresses, and the wire, 2, which has all
//! others. A multicast datagram goes out on the wire unless its sender says otherwise, and reaches every socket that has
//! joined the group on its interface and is bound to its port. For the options of multicast, the sockets of the
//! provider are one machine's, and each [`Peer`] is another's.
//!
//! A unicast datagram to a port that nobody is bound to comes back as an ICMP error, that the port is unreachable, for
//! senders whose options ask for that.

mod error;
mod peer;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};
use readings::{FragmentForbidden, UnicastInterface};
use wsk_requests::Row;
use wsk_sys::{
    NTSTATUS, STATUS_ACCESS_DENIED, STATUS_ADDRESS_ALREADY_EXISTS, STATUS_INVALID_ADDRESS_COMPONENT,
    STATUS_INVALID_BUFFER_SIZE, STATUS_NETWORK_UNREACHABLE, ULONG,
};

use crate::net;
use crate::net::address::{Family, canonical, in_family};
use crate::net::bind_table::{Binding, Place, Share, Table};
use crate::net::control_info::Overrides;
use crate::net::filter::Filter;
use crate::net::guard::Guard;
use crate::net::inbox::{Datagram, Header, Inbox};
use crate::net::multicast::{Change, Group, Memberships};
use crate::net::option::{Outgoing, Values, size_on_the_wire};

pub use peer::{Arrived, Peer};

/// The first of the ports that are given to sockets that ask for none.
const FIRST_DYNAMIC_PORT: u16 = 49152;
/// The size of a peer's receive buffer.
const PEER_BUFFER: usize = 4 << 20;
/// The index of the loopback interface.
const LOOPBACK: ULONG = 1;
/// The index of the interface with all other addresses.
pub(crate) const WIRE: ULONG = 2;
/// The MTU of the wire.
const WIRE_MTU: ULONG = 1500;

/// The MTU of the path to an address: over the loopback interface, none.
fn mtu(to: IpAddr) -> ULONG {
    if interface_of(to) == LOOPBACK { ULONG::MAX } else { WIRE_MTU }
}

/// Whether a socket with this place may send from an address. Every address that a test thinks of is this machine's.
fn may_be(claim: IpAddr, source: IpAddr) -> bool {
    claim.is_unspecified() || claim == source
}

/// The interface that an address is reached by.
fn interface_of(address: IpAddr) -> ULONG {
    if address.is_loopback() { LOOPBACK } else { WIRE }
}

/// An in-memory UDP internet. Clones are the same net.
#[derive(Clone, Debug, Default)]
pub struct Net(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    table: Table,
    sockets: Vec<Bound>,
    taken_ports: u16,
    /// The addresses of the wire that were added.
    addresses: Vec<IpAddr>,
    watchers: Vec<Weak<Watcher>>,
    /// The addresses of which it is known that the path's MTU is the wire's.
    known_paths: BTreeSet<IpAddr>,
}

/// Called, with no lock held, after an address has come or gone.
pub(crate) struct Watcher(pub(crate) Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

#[derive(Debug)]
struct Bound {
    id: Place,
    binding: Binding,
    inbox: Arc<Inbox>,
    filter: Filter,
    /// Whether it is a socket of the provider.
    own: bool,
}

impl Bound {
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

    /// Whether the place hears a multicast datagram to the group and port, from this source, and sent by one of its
    /// own machine or not. As on Windows, the address that it is bound to does not matter.
    fn hears(&self, group: Group, port: u16, source: IpAddr, own: bool) -> bool {
        let claim = self.binding.claims()[usize::from(group.address.is_ipv6())];
        self.binding.address.port() == port
            && claim.is_some()
            && self.filter.takes_group(group, source, own && self.own)
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
        let binding = Binding { address, dual: false, share: Share::None, guard: Guard::default() };
        match self.bind(binding, inbox, false) {
            Ok(endpoint) => Ok(Peer::new(endpoint)),
            Err(_) => Err(io::ErrorKind::AddrInUse.into()),
        }
    }

    /// Gives this machine one more address, on the interface that it belongs to. It receives there in any case; what
    /// changes is its list of addresses.
    pub fn add_address(&self, address: IpAddr) {
        self.change_addresses(|addresses| addresses.push(address));
    }

    /// Takes an address from this machine's list again.
    pub fn remove_address(&self, address: IpAddr) {
        self.change_addresses(|addresses| addresses.retain(|one| *one != address));
    }

    fn change_addresses(&self, change: impl FnOnce(&mut Vec<IpAddr>)) {
        let mut state = self.lock();
        change(&mut state.addresses);
        state.watchers.retain(|watcher| watcher.strong_count() != 0);
        let watchers: Vec<_> = state.watchers.iter().filter_map(Weak::upgrade).collect();
        drop(state);
        for watcher in watchers {
            (watcher.0)();
        }
    }

    /// Has the watcher called after each change of the addresses, as long as it lives.
    pub(crate) fn watch(&self, watcher: &Arc<Watcher>) {
        self.lock().watchers.push(Arc::downgrade(watcher));
    }

    /// The addresses of this machine.
    pub(crate) fn local_addresses(&self) -> Vec<net::LocalAddress> {
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let wire =
            [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into())];
        let added = self.lock().addresses.clone();
        let place = |address| net::LocalAddress { interface: interface_of(address), address, scope: 0 };
        loopback.into_iter().chain(wire).chain(added).map(place).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    /// Binds a socket. Port 0 is replaced by a free one.
    pub(crate) fn bind(
        &self,
        mut binding: Binding,
        inbox: Arc<Inbox>,
        own: bool,
    ) -> Result<Endpoint, NTSTATUS> {
        let mut state = self.lock();
        if binding.address.port() == 0 {
            let port = state.free_port().ok_or(STATUS_ADDRESS_ALREADY_EXISTS)?;
            binding.address.set_port(port);
        }
        state.table.check(&binding)?;
        let id = state.table.insert(binding);
        let filter = Filter::default();
        state.sockets.push(Bound { id, binding, inbox: Arc::clone(&inbox), filter, own });
        drop(state);
        Ok(Endpoint { net: self.clone(), id, binding, inbox, own })
    }

    fn send(
        &self,
        sender: &Endpoint,
        to: SocketAddr,
        bytes: &[u8],
        outgoing: &Outgoing,
        overrides: &Overrides,
    ) -> Result<(), NTSTATUS> {
        let to = canonical(to);
        let claim = sender.binding.claims()[usize::from(to.is_ipv6())].ok_or(STATUS_NETWORK_UNREACHABLE)?;
        let broadcast = to.ip() == IpAddr::V4(Ipv4Addr::BROADCAST);
        if broadcast && !outgoing.may_broadcast {
            return Err(STATUS_ACCESS_DENIED);
        }
        let multicast = to.ip().is_multicast();
        let by_option = if multicast { outgoing.multicast_interface } else { outgoing.unicast_interface };
        let wanted = if overrides.interface == 0 { by_option } else { overrides.interface };
        let interface = match (multicast, wanted) {
            (true, 0) => WIRE,
            (true, wanted) => wanted,
            (false, _) => interface_of(to.ip()),
        };
        // n/d: the status for an interface that is not there, or does not lead to the address
        if ![0, interface].contains(&wanted) || ![LOOPBACK, WIRE].contains(&interface) {
            match outgoing.elsewhere {
                _ if multicast || overrides.interface != 0 => return Err(STATUS_NETWORK_UNREACHABLE),
                UnicastInterface::Unreachable => return Err(STATUS_NETWORK_UNREACHABLE),
                UnicastInterface::InvalidAddress => return Err(STATUS_INVALID_ADDRESS_COMPONENT),
                UnicastInterface::Ignored => {}
            }
        }
        let size = size_on_the_wire(bytes, to);
        let path = if interface == LOOPBACK { ULONG::MAX } else { WIRE_MTU };
        // n/d: the counterpart of Winsock's WSAEMSGSIZE
        if outgoing.forbids(bytes, to) {
            return Err(STATUS_INVALID_BUFFER_SIZE);
        }
        if outgoing.dont_fragment && size > path as usize {
            match outgoing.forbidden {
                FragmentForbidden::FirstLost if self.lock().known_paths.insert(to.ip()) => return Ok(()),
                FragmentForbidden::FirstLost | FragmentForbidden::InvalidSize => {
                    return Err(STATUS_INVALID_BUFFER_SIZE);
                }
            }
        }
        let source = match overrides.source {
            Some(source) if may_be(claim, source) => source,
            Some(_) => return Err(STATUS_INVALID_ADDRESS_COMPONENT),
            None => claim,
        };
        let source = match source {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            specific => specific,
        };
        let from = SocketAddr::new(source, sender.binding.address.port());
        let header = Header {
            to: Some(to.ip()),
            interface,
            hops: Some(outgoing.hops),
            traffic_class: Some(outgoing.traffic_class),
            dont_fragment: Some(outgoing.dont_fragment),
            ..Header::default()
        };
        let state = self.lock();
        let receivers = state.receivers(to, source, &header, sender.own);
        let unreachable = state.is_unreachable(to).then(|| state.told_of_errors(sender.id, to));
        // An inbox wakes its owner: the net's lock must not be held then.
        drop(state);
        for (inbox, family) in receivers {
            let from = in_family(from, family);
            inbox.push(Datagram { from, broadcast, bytes: bytes.to_vec(), header });
        }
        match unreachable {
            Some(Some((inbox, family))) => {
                inbox.push(error::port_unreachable(in_family(to, family), source, bytes));
            }
            Some(None) => sender.inbox.fail(),
            None => {}
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

    fn receivers(
        &self,
        to: SocketAddr,
        source: IpAddr,
        header: &Header,
        own: bool,
    ) -> Vec<(Arc<Inbox>, Family)> {
        let name = |bound: &Bound| (Arc::clone(&bound.inbox), bound.family());
        let places =
            || self.sockets.iter().filter(|bound| bound.filter.takes_from(header.interface, to.is_ipv6()));
        if to.ip().is_multicast() {
            let group = Group { address: to.ip(), interface: header.interface };
            // Without hops it does not leave the machine.
            let reaches = |bound: &&Bound| bound.own == own || header.hops != Some(0);
            let hears = |bound: &&Bound| bound.hears(group, to.port(), source, own);
            return places().filter(reaches).filter(hears).map(name).collect();
        }
        if to.ip() == IpAddr::V4(Ipv4Addr::BROADCAST) {
            let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, to.port()));
            let takes = |bound: &&Bound| bound.fit(everywhere) == 2 && bound.filter.takes_broadcast();
            return places().filter(takes).map(name).collect();
        }
        // `max_by_key` takes the last of equals: the one bound last. Its options may refuse the datagram, in silence.
        let best = self.sockets.iter().filter(|bound| bound.fit(to) > 0).max_by_key(|bound| bound.fit(to));
        let takes = |bound: &&Bound| bound.filter.takes_from(header.interface, to.is_ipv6());
        best.filter(takes).map(name).into_iter().collect()
    }
}

/// A bound socket of a net; unbound when dropped.
#[derive(Debug)]
pub(crate) struct Endpoint {
    net: Net,
    id: Place,
    binding: Binding,
    inbox: Arc<Inbox>,
    /// Whether it is a socket of the provider.
    own: bool,
}

impl Endpoint {
    /// Sets what the socket takes from the net.
    pub(crate) fn filter(&self, values: &Values, groups: &Memberships) {
        let mut state = self.net.lock();
        if let Some(bound) = state.sockets.iter_mut().find(|bound| bound.id == self.id) {
            bound.filter = Filter::new(values, groups);
        }
    }
}

impl net::Endpoint for Endpoint {
    fn local(&self) -> SocketAddr {
        self.binding.address
    }

    fn has(&self, source: IpAddr) -> Result<bool, NTSTATUS> {
        let claim = self.binding.claims()[usize::from(source.is_ipv6())];
        Ok(claim.is_some_and(|claim| may_be(claim, source)))
    }

    fn send(
        &self,
        bytes: &[u8],
        to: SocketAddr,
        outgoing: &Outgoing,
        overrides: &Overrides,
    ) -> Result<(), NTSTATUS> {
        self.net.send(self, to, bytes, outgoing, overrides)
    }

    fn changed(&self, _: &Row, values: &Values, groups: &Memberships) -> Result<(), NTSTATUS> {
        self.filter(values, groups);
        Ok(())
    }

    fn changed_group(
        &self,
        values: &Values,
        groups: &Memberships,
        _: Change,
        _: Group,
        _: Option<IpAddr>,
    ) -> Result<(), NTSTATUS> {
        self.filter(values, groups);
        Ok(())
    }

    fn mtu(&self, to: IpAddr) -> Result<ULONG, NTSTATUS> {
        Ok(mtu(to))
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let mut state = self.net.lock();
        state.table.remove(self.id);
        state.sockets.retain(|bound| bound.id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::net::Endpoint as _;

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
        let binding = Binding {
            address: "[::]:7".parse().unwrap(),
            dual: true,
            share: Share::None,
            guard: Guard::default(),
        };
        let dual = net.bind(binding, Arc::clone(&inbox), true).unwrap();
        let v4 = net.peer("127.0.0.1:9".parse().unwrap()).unwrap();
        let v6 = net.peer("[::1]:9".parse().unwrap()).unwrap();
        v4.send_to(b"4", "127.0.0.1:7".parse().unwrap()).unwrap();
        v6.send_to(b"6", "[::1]:7".parse().unwrap()).unwrap();
        assert_eq!(inbox.pop(None).unwrap().from, "[::ffff:127.0.0.1]:9".parse().unwrap());
        assert_eq!(inbox.pop(None).unwrap().from, "[::1]:9".parse().unwrap());
        let to: SocketAddr = "[::ffff:127.0.0.1]:9".parse().unwrap();
        dual.send(b"x", to, &Values::default().outgoing(canonical(to).ip()), &Overrides::default()).unwrap();
        assert_eq!(receive(&v4).unwrap().1, "127.0.0.1:7".parse().unwrap());
        let crossed = v6.send_to(b"x", "127.0.0.1:9".parse().unwrap()).unwrap_err();
        assert_eq!(crossed.kind(), io::ErrorKind::NetworkUnreachable);
    }
}
