//! The options of the host's sockets.
//!
//! What no portable function sets is set on Linux only; elsewhere such options are kept and reported.

use core::net::{IpAddr, Ipv4Addr};
use std::io;

use socket2::{InterfaceIndexOrAddress, SockRef};
use wsk_requests::Row;
use wsk_requests::rows::{ip, ipv6, socket as level};

use crate::multicast::{Change, Group, Sources};
use crate::option::Values;

/// The host's buffer is at least so large; the bound of `SO_RCVBUF` is that of the inbox.
const HOST_BUFFER: usize = 0x1_0000;

/// The size of the host's receive buffer.
pub(crate) fn receive_buffer(values: &Values) -> usize {
    values.receive_buffer().clamp(HOST_BUFFER, i32::MAX as usize)
}

/// Applies one option as it is in `values`; one that the host does not have is left alone.
pub(crate) fn apply(socket: &SockRef<'_>, row: &Row, values: &Values) -> io::Result<()> {
    let number = values.number(row);
    match row.kind {
        kind if kind == level::SO_BROADCAST.kind => socket.set_broadcast(number != 0),
        kind if kind == level::SO_RCVBUF.kind => socket.set_recv_buffer_size(receive_buffer(values)),
        kind if kind == ip::IP_TTL.kind => socket.set_ttl_v4(number),
        kind if kind == ip::IP_TOS.kind => socket.set_tos_v4(number),
        kind if kind == ip::IP_MULTICAST_IF.kind => socket.set_multicast_if_v4(&address_of(number)?),
        kind if kind == ip::IP_MULTICAST_TTL.kind => socket.set_multicast_ttl_v4(number),
        // POSIX has these two on the sending socket. n/d what a sender's choice means on Windows.
        kind if kind == ip::IP_MULTICAST_LOOP.kind => socket.set_multicast_loop_v4(number != 0),
        kind if kind == ipv6::IPV6_MULTICAST_LOOP.kind => socket.set_multicast_loop_v6(number != 0),
        kind if kind == ipv6::IPV6_UNICAST_HOPS.kind => socket.set_unicast_hops_v6(number),
        kind if kind == ipv6::IPV6_MULTICAST_IF.kind => socket.set_multicast_if_v6(number),
        kind if kind == ipv6::IPV6_MULTICAST_HOPS.kind => socket.set_multicast_hops_v6(number),
        _ => own::apply(socket, row, values),
    }
}

/// The first IPv4 address of an interface; of none, the wildcard.
fn address_of(interface: u32) -> io::Result<Ipv4Addr> {
    if interface == 0 {
        return Ok(Ipv4Addr::UNSPECIFIED);
    }
    let of_it = |found: if_addrs::Interface| match found.ip() {
        IpAddr::V4(address) if found.index == Some(interface) => Some(address),
        _ => None,
    };
    if_addrs::get_if_addrs()?
        .into_iter()
        .find_map(of_it)
        .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// An interface, as joining and leaving wants it. Windows has a form of addresses for indexes, which Wine does not know.
fn named(interface: u32) -> io::Result<InterfaceIndexOrAddress> {
    if cfg!(windows) {
        address_of(interface).map(InterfaceIndexOrAddress::Address)
    } else {
        Ok(InterfaceIndexOrAddress::Index(interface))
    }
}

/// Joins a group that was joined before the bind.
pub(crate) fn join(socket: &SockRef<'_>, group: Group, sources: &Sources) -> io::Result<()> {
    match sources {
        Sources::Except(_) => change(socket, Change::Join, group, None),
        Sources::Only(sources) => {
            sources.iter().try_for_each(|source| change(socket, Change::JoinSource, group, Some(*source)))
        }
    }
}

/// Joins or leaves a group. Blocked sources, and single sources of IPv6, are kept only.
pub(crate) fn change(
    socket: &SockRef<'_>,
    change: Change,
    group: Group,
    source: Option<IpAddr>,
) -> io::Result<()> {
    let interface = group.interface;
    match (change, group.address, source) {
        (Change::Join, IpAddr::V4(group), _) => socket.join_multicast_v4_n(&group, &named(interface)?),
        (Change::Leave, IpAddr::V4(group), _) => socket.leave_multicast_v4_n(&group, &named(interface)?),
        (Change::Join, IpAddr::V6(group), _) => socket.join_multicast_v6(&group, interface),
        (Change::Leave, IpAddr::V6(group), _) => socket.leave_multicast_v6(&group, interface),
        (Change::JoinSource, IpAddr::V4(group), Some(IpAddr::V4(source))) => {
            socket.join_ssm_v4(&source, &group, &address_of(interface)?)
        }
        (Change::LeaveSource, IpAddr::V4(group), Some(IpAddr::V4(source))) => {
            socket.leave_ssm_v4(&source, &group, &address_of(interface)?)
        }
        _ => Ok(()),
    }
}

/// What a fresh socket needs, so that it receives as one of Windows does.
pub(crate) fn prepare(socket: &SockRef<'_>, v6: bool) -> io::Result<()> {
    own::prepare(socket, v6)
}

#[cfg(target_os = "linux")]
mod own {
    //! Linux' own.
    #![expect(unsafe_code, reason = "no safe function sets these options")]

    use std::io;
    use std::os::fd::AsRawFd;

    use socket2::SockRef;
    use wsk_requests::rows::{ip, ipv6};
    use wsk_requests::{Kind, PathMtuDiscovery, Row};

    use crate::option::Values;

    /// A group that another socket has joined is not this one's.
    pub(super) fn prepare(socket: &SockRef<'_>, v6: bool) -> io::Result<()> {
        if v6 { socket.set_multicast_all_v6(false) } else { socket.set_multicast_all_v4(false) }
    }

    pub(super) fn apply(socket: &SockRef<'_>, row: &Row, values: &Values) -> io::Result<()> {
        const V4: [Kind; 2] = [ip::IP_DONTFRAGMENT.kind, ip::IP_MTU_DISCOVER.kind];
        const V6: [Kind; 2] = [ipv6::IPV6_DONTFRAG.kind, ipv6::IPV6_MTU_DISCOVER.kind];
        if V4.contains(&row.kind) {
            let state = state(values, &ip::IP_DONTFRAGMENT, &ip::IP_MTU_DISCOVER);
            return set(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, state);
        }
        if V6.contains(&row.kind) {
            let state = state(values, &ipv6::IPV6_DONTFRAG, &ipv6::IPV6_MTU_DISCOVER);
            return set(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, state);
        }
        if row.kind == ipv6::IPV6_TCLASS.kind {
            let class = values.number(row).try_into().unwrap_or(0);
            return set(socket, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, class);
        }
        Ok(())
    }

    /// How Linux discovers the MTU of a path.
    fn state(values: &Values, dont_fragment: &Row, discovery: &Row) -> libc::c_int {
        match PathMtuDiscovery::from_number(values.number(discovery)) {
            Some(PathMtuDiscovery::Do) => libc::IP_PMTUDISC_DO,
            Some(PathMtuDiscovery::Probe) => libc::IP_PMTUDISC_PROBE,
            _ if values.flag(dont_fragment) => libc::IP_PMTUDISC_DO,
            Some(PathMtuDiscovery::Dont) => libc::IP_PMTUDISC_DONT,
            Some(PathMtuDiscovery::NotSet) | None => libc::IP_PMTUDISC_WANT,
        }
    }

    fn set(
        socket: &SockRef<'_>,
        level: libc::c_int,
        name: libc::c_int,
        value: libc::c_int,
    ) -> io::Result<()> {
        #[expect(clippy::cast_possible_truncation, reason = "an int has four bytes")]
        let size = size_of_val(&value) as libc::socklen_t;
        // SAFETY: the descriptor is the socket's, which is borrowed; the value is an int in this frame, which the
        // call only reads.
        let result =
            unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), size) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

#[cfg(not(target_os = "linux"))]
mod own {
    //! Other hosts have nothing that no portable function does.

    use std::io;

    use socket2::SockRef;
    use wsk_requests::Row;

    use crate::option::Values;

    #[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
    pub(super) fn prepare(_: &SockRef<'_>, _: bool) -> io::Result<()> {
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "as on Linux")]
    pub(super) fn apply(_: &SockRef<'_>, _: &Row, _: &Values) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    use socket2::{Domain, Protocol, Socket, Type};

    #[test]
    #[cfg_attr(miri, ignore = "Miri has no UDP sockets")]
    fn options_reach_the_host() {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        let mut values = Values::default();
        for (row, value) in [
            (&ip::IP_TTL, 7),
            (&ip::IP_TOS, 0x28),
            (&ip::IP_MULTICAST_TTL, 3),
            (&ip::IP_MULTICAST_LOOP, 0),
            (&level::SO_BROADCAST, 1),
            (&ip::IP_DONTFRAGMENT, 1),
        ] {
            values.set(row, value);
            apply(&SockRef::from(&socket), row, &values).unwrap();
        }
        assert_eq!((socket.ttl_v4().unwrap(), socket.tos_v4().unwrap()), (7, 0x28));
        assert_eq!((socket.multicast_ttl_v4().unwrap(), socket.multicast_loop_v4().unwrap()), (3, false));
        assert!(socket.broadcast().unwrap());
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP)).unwrap();
        for (row, value) in [
            (&ipv6::IPV6_UNICAST_HOPS, 7),
            (&ipv6::IPV6_MULTICAST_HOPS, 3),
            (&ipv6::IPV6_TCLASS, 9),
            (&ipv6::IPV6_DONTFRAG, 1),
        ] {
            values.set(row, value);
            apply(&SockRef::from(&socket), row, &values).unwrap();
        }
        assert_eq!((socket.unicast_hops_v6().unwrap(), socket.multicast_hops_v6().unwrap()), (7, 3));
    }
}
