//! What only Linux lets one ask of a socket: options that no portable function sets, and control information.
#![expect(unsafe_code, reason = "no safe function sets or gets some of these options")]

mod many;
mod message;
#[cfg(test)]
mod tests;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::SockRef;
use wsk_requests::rows::{ip, ipv6};
use wsk_requests::{Kind, PathMtuDiscovery, Row};
use wsk_sys::ULONG;

use crate::net::option::Values;

pub(super) use message::{Reader, send};

/// With every datagram it is told where it was sent to and by whom: so the filter can do what the host does not.
pub(super) const TELLS: bool = true;

/// How often a send that fails is tried again: an error of an earlier datagram, which comes by its own way, also fails
/// the next send, which then has done nothing.
pub(super) const ECHOES: u32 = 4;

/// A group that another socket has joined is not this one's; whatever may be told of datagrams, is; and what options
/// have by default is what goes out. On an IPv6 socket the options of both families count, each for its datagrams.
pub(super) fn prepare(socket: &SockRef<'_>, v6: bool, chosen: &Values) -> io::Result<()> {
    let values = Values::default();
    apply(socket, &ip::IP_RECVERR, chosen)?;
    setsockopt(&**socket, sockopt::Ipv4PacketInfo, &true)?;
    setsockopt(&**socket, sockopt::Ipv4RecvTtl, &true)?;
    setsockopt(&**socket, sockopt::IpRecvTos, &true)?;
    super::option::apply(socket, &ip::IP_TTL, &values)?;
    if !v6 {
        return socket.set_multicast_all_v4(false);
    }
    setsockopt(&**socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    setsockopt(&**socket, sockopt::Ipv6RecvHopLimit, &true)?;
    setsockopt(&**socket, sockopt::Ipv6RecvTClass, &true)?;
    apply(socket, &ipv6::IPV6_RECVERR, chosen)?;
    super::option::apply(socket, &ipv6::IPV6_UNICAST_HOPS, &values)?;
    socket.set_multicast_all_v6(false)
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
    // In network order, both of them.
    if row.kind == ip::IP_UNICAST_IF.kind {
        return set(socket, libc::IPPROTO_IP, libc::IP_UNICAST_IF, values.number(row).to_be().cast_signed());
    }
    if row.kind == ipv6::IPV6_UNICAST_IF.kind {
        return set(
            socket,
            libc::IPPROTO_IPV6,
            libc::IPV6_UNICAST_IF,
            values.number(row).to_be().cast_signed(),
        );
    }
    // Linux tells of errors only who asks, also where a receive is to end by one.
    let errors = values.flag(row) || values.errors_end_receives();
    if row.kind == ip::IP_RECVERR.kind {
        setsockopt(&**socket, sockopt::Ipv4RecvErr, &errors)?;
    }
    if row.kind == ipv6::IPV6_RECVERR.kind {
        setsockopt(&**socket, sockopt::Ipv6RecvErr, &errors)?;
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

/// The MTU of the path to an address: of a socket that is connected to it, for that is whom Linux tells.
pub(super) fn mtu(to: IpAddr) -> io::Result<ULONG> {
    let (any, level, name): (IpAddr, _, _) = match to {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), libc::IPPROTO_IP, libc::IP_MTU),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED.into(), libc::IPPROTO_IPV6, libc::IPV6_MTU),
    };
    let socket = UdpSocket::bind((any, 0))?;
    // Any port will do: nothing is sent.
    socket.connect((to, 9))?;
    let mtu = get(&SockRef::from(&socket), level, name)?;
    mtu.try_into().map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Whether a send was refused because the datagram is too long, as it is or for its path.
pub(super) fn is_too_long(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EMSGSIZE)
}

fn set(socket: &SockRef<'_>, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    #[expect(clippy::cast_possible_truncation, reason = "an int has four bytes")]
    let size = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the descriptor is the socket's, which is borrowed; the value is an int in this frame, which the call
    // only reads.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn get(socket: &SockRef<'_>, level: libc::c_int, name: libc::c_int) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    #[expect(clippy::cast_possible_truncation, reason = "an int has four bytes")]
    let mut size = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the descriptor is the socket's, which is borrowed; the call writes no more than `size` bytes to the int,
    // which has so many.
    let result =
        unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut size) };
    if result == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}
