//! UDP sockets of the host.
//!
//! Who may share an address with whom is decided by WSK's table, over all machines of this process. The host's own
//! rules are then relaxed just as far as that decision needs; towards other processes they hold.

mod interfaces;
#[cfg(target_os = "linux")]
mod linux;
mod option;
#[cfg(not(target_os = "linux"))]
mod other;
mod poll;

use core::net::{IpAddr, SocketAddr};
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use parking_lot::Mutex;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use wsk_requests::Row;
use wsk_sys::{
    NTSTATUS, STATUS_ACCESS_DENIED, STATUS_ADDRESS_ALREADY_EXISTS, STATUS_HOST_UNREACHABLE,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_ADDRESS_COMPONENT, STATUS_INVALID_BUFFER_SIZE,
    STATUS_INVALID_PARAMETER, STATUS_NETWORK_UNREACHABLE, STATUS_NOT_SUPPORTED, STATUS_PORT_UNREACHABLE,
    STATUS_UNSUCCESSFUL, ULONG,
};

use crate::net;
use crate::net::address::canonical;
use crate::net::bind_table::{Binding, Place, Table};
use crate::net::control_info::Overrides;
use crate::net::filter::Filter;
use crate::net::inbox::Inbox;
use crate::net::multicast::{Change, Group, Memberships};
use crate::net::option::{Outgoing, Values};

#[cfg(target_os = "linux")]
use linux as own;
#[cfg(not(target_os = "linux"))]
use other as own;

pub(crate) use poll::Poller;
use poll::Source;

/// The bindings of this process.
static TABLE: Mutex<Table> = Mutex::new(Table::new());

/// How long a send waits for space in the host's buffer.
const SEND_LIMIT: Duration = Duration::from_secs(5);

/// A bound socket of the host.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Dropped first: the socket.
    source: Source,
    local: SocketAddr,
    // Dropped last: before, the address is still taken.
    _taken: Taken,
}

/// A row of [`TABLE`].
#[derive(Debug)]
struct Taken(Place);

impl Drop for Taken {
    fn drop(&mut self) {
        TABLE.lock().remove(self.0);
    }
}

/// Makes and binds a socket.
pub(crate) fn bind(
    poller: &Poller,
    mut binding: Binding,
    values: &Values,
    groups: &Memberships,
    inbox: &Arc<Inbox>,
) -> Result<Endpoint, NTSTATUS> {
    // Held until the row is entered, so that no other bind comes between.
    let mut table = TABLE.lock();
    let port = binding.address.port();
    table.check(&binding)?;
    let shared = port != 0 && table.has_port(port);
    let socket = open(&binding, values, groups, shared).map_err(|error| status_of(&error))?;
    let local = socket.local_addr().ok().and_then(|local| local.as_socket()).ok_or(STATUS_UNSUCCESSFUL)?;
    binding.address = local;
    let taken = Taken(table.insert(binding));
    drop(table);
    let socket = UdpSocket::from_std(socket.into());
    let filter = Filter::new(values, groups);
    let source = poller.add(socket, Arc::clone(inbox), filter).map_err(|error| status_of(&error))?;
    Ok(Endpoint { source, local, _taken: taken })
}

fn open(binding: &Binding, values: &Values, groups: &Memberships, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(binding.address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if binding.address.is_ipv6() {
        socket.set_only_v6(values.v6_only())?;
    }
    socket.set_recv_buffer_size(option::receive_buffer(values))?;
    own::prepare(&SockRef::from(&socket), binding.address.is_ipv6(), values)?;
    for row in values.changed() {
        option::apply(&SockRef::from(&socket), row, values)?;
    }
    // The host must not refuse what the table allows; and must refuse what is not in the table, that is, an
    // address that another process has. So sharing is allowed before the bind only where a socket of ours is.
    if shared {
        share(&socket)?;
    }
    socket.bind(&SockAddr::from(binding.address))?;
    // For those who come later. Windows takes this only before the bind, and does not need it afterwards; Wine takes
    // it, and does.
    if !shared {
        let allowed = share(&socket);
        if cfg!(unix) {
            allowed?;
        }
    }
    option::join(&SockRef::from(&socket), groups)?;
    Ok(socket)
}

/// The addresses of the host.
pub(crate) fn local_addresses() -> Result<Vec<net::LocalAddress>, NTSTATUS> {
    let local = |one: interfaces::Address| {
        let link_local = matches!(one.address, IpAddr::V6(address) if address.is_unicast_link_local());
        let scope = if link_local { one.interface } else { 0 };
        net::LocalAddress { interface: one.interface, address: one.address, scope }
    };
    let found = interfaces::addresses().map_err(|error| status_of(&error))?;
    Ok(found.into_iter().map(local).collect())
}

fn share(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)?;
    // Elsewhere than on Linux, two sockets with exactly the same address need this too.
    #[cfg(all(
        unix,
        not(any(target_os = "linux", target_os = "android", target_os = "solaris", target_os = "illumos"))
    ))]
    socket.set_reuse_port(true)?;
    Ok(())
}

impl net::Endpoint for Endpoint {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn has(&self, source: IpAddr) -> Result<bool, NTSTATUS> {
        let own = canonical(self.local).ip();
        if !own.is_unspecified() {
            return Ok(own == source);
        }
        // All of 127.0.0.0/8 is the machine's, though it is in no list.
        Ok(source.is_loopback() || local_addresses()?.iter().any(|local| local.address == source))
    }

    fn send(
        &self,
        bytes: &[u8],
        to: SocketAddr,
        outgoing: &Outgoing,
        overrides: &Overrides,
    ) -> Result<(), NTSTATUS> {
        self.send_all(&[bytes], to, outgoing, overrides).1
    }

    fn send_all(
        &self,
        datagrams: &[&[u8]],
        to: SocketAddr,
        outgoing: &Outgoing,
        overrides: &Overrides,
    ) -> (usize, Result<(), NTSTATUS>) {
        // The host has no option for a bound of ours.
        let forbidden = datagrams.iter().position(|bytes| outgoing.forbids(bytes, to));
        let allowed = &datagrams[..forbidden.unwrap_or(datagrams.len())];
        let (mut sent, mut echoes, mut begun) = (0, 0, Instant::now());
        while sent < allowed.len() {
            match own::send(self.source.socket(), self.local, &allowed[sent..], to, overrides) {
                Ok(more) => (sent, echoes, begun) = (sent + more, 0, Instant::now()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // WSK does not buffer: the request lasts until the host takes the datagram.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if begun.elapsed() >= SEND_LIMIT {
                        return (sent, Err(STATUS_INSUFFICIENT_RESOURCES));
                    }
                    thread::sleep(Duration::from_micros(100));
                }
                Err(error) if echoes == own::ECHOES => return (sent, Err(status_of(&error))),
                Err(_) => echoes += 1,
            }
        }
        (sent, forbidden.map_or(Ok(()), |_| Err(STATUS_INVALID_BUFFER_SIZE)))
    }

    fn changed(&self, row: &Row, values: &Values, groups: &Memberships) -> Result<(), NTSTATUS> {
        option::apply(&SockRef::from(self.source.socket()), row, values)
            .map_err(|error| status_of(&error))?;
        self.source.set_filter(Filter::new(values, groups));
        Ok(())
    }

    fn changed_group(
        &self,
        values: &Values,
        groups: &Memberships,
        change: Change,
        group: Group,
        source: Option<IpAddr>,
    ) -> Result<(), NTSTATUS> {
        option::change(&SockRef::from(self.source.socket()), groups, change, group, source)
            .map_err(|error| status_of(&error))?;
        self.source.set_filter(Filter::new(values, groups));
        Ok(())
    }

    fn mtu(&self, to: IpAddr) -> Result<ULONG, NTSTATUS> {
        own::mtu(to).map_err(|error| status_of(&error))
    }
}

/// The status for an error of the host, by the names that Winsock has for both. n/d
fn status_of(error: &io::Error) -> NTSTATUS {
    if own::is_too_long(error) {
        return STATUS_INVALID_BUFFER_SIZE;
    }
    match error.kind() {
        io::ErrorKind::AddrInUse => STATUS_ADDRESS_ALREADY_EXISTS,
        io::ErrorKind::AddrNotAvailable => STATUS_INVALID_ADDRESS_COMPONENT,
        io::ErrorKind::PermissionDenied => STATUS_ACCESS_DENIED,
        io::ErrorKind::InvalidInput => STATUS_INVALID_PARAMETER,
        io::ErrorKind::NetworkUnreachable => STATUS_NETWORK_UNREACHABLE,
        io::ErrorKind::HostUnreachable => STATUS_HOST_UNREACHABLE,
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => STATUS_PORT_UNREACHABLE,
        io::ErrorKind::OutOfMemory => STATUS_INSUFFICIENT_RESOURCES,
        io::ErrorKind::Unsupported => STATUS_NOT_SUPPORTED,
        _ => STATUS_UNSUCCESSFUL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Endpoint as _;

    use crate::net::bind_table::Share;
    use crate::net::guard::{Guard, Who};

    fn bind_at(
        poller: &Poller,
        address: &str,
        port: u16,
        share: Share,
        guard: Guard,
    ) -> Result<Endpoint, NTSTATUS> {
        let mut address: SocketAddr = address.parse().unwrap();
        address.set_port(port);
        let inbox = Arc::new(Inbox::new(1000, None));
        bind(
            poller,
            Binding { address, dual: false, share, guard },
            &Values::default(),
            &Memberships::default(),
            &inbox,
        )
    }

    /// Every cell of the table that allows sharing must get past the host, too.
    #[test]
    #[cfg_attr(miri, ignore = "Miri has no UDP sockets")]
    fn what_the_table_allows_the_host_allows() {
        let poller = Poller::default();
        let kinds = [Share::None, Share::Reuse, Share::Exclusive]
            .into_iter()
            .flat_map(|share| [("0.0.0.0:0", share), ("127.0.0.1:0", share)]);
        // A descriptor that lets nobody share, and one without a list, which lets everybody.
        let everybody = [&[1, 0, 4, 0x80][..], &[0; 16]].concat();
        let guards = [Guard::default(), Guard::new(Who::System, Some(&everybody))];
        for (guard, shares) in guards.into_iter().zip([9, 14]) {
            let mut shared = 0;
            for (first, first_share) in kinds.clone() {
                for (second, second_share) in kinds.clone() {
                    let one = bind_at(&poller, first, 0, first_share, guard).unwrap();
                    let port = one.local().port();
                    let wanted = Binding {
                        address: SocketAddr::new(second.parse::<SocketAddr>().unwrap().ip(), port),
                        dual: false,
                        share: second_share,
                        guard,
                    };
                    let expected = TABLE.lock().check(&wanted);
                    let result = bind_at(&poller, second, port, second_share, guard).map(drop);
                    assert_eq!(result, expected, "{second} {second_share:?} after {first} {first_share:?}");
                    shared += usize::from(result.is_ok());
                }
            }
            assert_eq!(shared, shares);
        }
        poller.stop();
    }

    /// Whatever the thread does that watches the sockets, who has closed one finds its address free.
    #[test]
    #[cfg_attr(miri, ignore = "Miri has no UDP sockets")]
    fn a_closed_address_is_free() {
        let bind =
            |poller: &Poller, port| bind_at(poller, "127.0.0.1:0", port, Share::None, Guard::default());
        for _ in 0..20 {
            let poller = Poller::default();
            let one = bind(&poller, 0).unwrap();
            let local = one.local();
            // The thread has been woken since, and polls.
            (0..20).for_each(|_| drop(bind(&poller, 0).unwrap()));
            drop(one);
            assert_eq!(bind(&poller, local.port()).map(|again| again.local()), Ok(local));
            poller.stop();
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no UDP sockets")]
    fn a_foreign_socket_is_in_the_way() {
        let poller = Poller::default();
        let foreign = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = foreign.local_addr().unwrap().port();
        let status = bind_at(&poller, "127.0.0.1:0", port, Share::Reuse, Guard::default()).unwrap_err();
        assert_eq!(status, STATUS_ADDRESS_ALREADY_EXISTS);
        let mine = bind_at(&poller, "127.0.0.1:0", 0, Share::None, Guard::default()).unwrap();
        std::net::UdpSocket::bind(mine.local()).unwrap_err();
        poller.stop();
    }
}
