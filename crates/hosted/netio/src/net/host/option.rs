//! The options of the host's sockets.
//!
//! What no portable function sets is set on Linux only; elsewhere such options are kept and reported.

use core::net::{IpAddr, Ipv4Addr};
use std::io;

use socket2::{InterfaceIndexOrAddress, SockRef};
use wsk_requests::rows::ip::Request as Ip;
use wsk_requests::rows::ipv6::Request as Ipv6;
use wsk_requests::rows::socket::Request as Socket;
use wsk_requests::rows::udp::Request as Udp;
use wsk_requests::{Request, Row};

use super::{interfaces, own};
use crate::net::multicast::{Change, Group, Memberships, Sources};
use crate::net::option::Values;

/// The host's buffer is at least so large, if the host allows it: the bound of `SO_RCVBUF` is that of the inbox, and the
/// host counts some hundred bytes for each datagram, however small.
const HOST_BUFFER: usize = 0x10_0000;

/// The size of the host's receive buffer.
pub(crate) fn receive_buffer(values: &Values) -> usize {
    values.receive_buffer().clamp(HOST_BUFFER, i32::MAX as usize)
}

/// Applies one option as it is in `values`; one that the host does not have is left alone.
pub(crate) fn apply(socket: &SockRef<'_>, row: &Row, values: &Values) -> io::Result<()> {
    let number = values.number(row);
    match row.request {
        Request::Socket(Socket::Broadcast) => socket.set_broadcast(number != 0),
        Request::Socket(Socket::ReceiveBuffer) => socket.set_recv_buffer_size(receive_buffer(values)),
        Request::Ip(Ip::TimeToLive) => socket.set_ttl_v4(number),
        Request::Ip(Ip::TypeOfService) => {
            let outgoing = values.outgoing(Ipv4Addr::UNSPECIFIED.into());
            socket.set_tos_v4(outgoing.traffic_class.into())
        }
        Request::Ip(Ip::MulticastInterface) => socket.set_multicast_if_v4(&address_of(number)?),
        Request::Ip(Ip::MulticastTimeToLive) => socket.set_multicast_ttl_v4(number),
        // POSIX has these two on the sending socket. n/d what a sender's choice means on Windows.
        Request::Ip(Ip::MulticastLoopback) => socket.set_multicast_loop_v4(number != 0),
        Request::Ipv6(Ipv6::MulticastLoopback) => socket.set_multicast_loop_v6(number != 0),
        Request::Ipv6(Ipv6::UnicastHops) => socket.set_unicast_hops_v6(number),
        Request::Ipv6(Ipv6::MulticastInterface) => socket.set_multicast_if_v6(number),
        Request::Ipv6(Ipv6::MulticastHops) => socket.set_multicast_hops_v6(number),
        Request::Ip(Ip::DontFragment | Ip::MtuDiscovery | Ip::UnicastInterface | Ip::ReceiveErrors)
        | Request::Ipv6(
            Ipv6::DontFragment
            | Ipv6::MtuDiscovery
            | Ipv6::UnicastInterface
            | Ipv6::TrafficClass
            | Ipv6::ReceiveErrors,
        ) => own::apply(socket, row, values),
        // The provider itself does what they ask for, or keeps them and reports them.
        Request::Socket(Socket::ReuseAddress | Socket::ExclusiveAddressUse)
        | Request::Ip(
            Ip::HeaderOptions
            | Ip::AddMembership
            | Ip::DropMembership
            | Ip::AddSourceMembership
            | Ip::DropSourceMembership
            | Ip::BlockSource
            | Ip::UnblockSource
            | Ip::PacketInformation
            | Ip::ReceiveTimeToLive
            | Ip::ReceiveBroadcast
            | Ip::Protection
            | Ip::ReceiveInterface
            | Ip::InterfaceList
            | Ip::AddInterface
            | Ip::DeleteInterface
            | Ip::Interfaces
            | Ip::ReceiveTypeOfService
            | Ip::OriginalArrivalInterface
            | Ip::ReceiveCongestion
            | Ip::Mtu
            | Ip::UserMtu,
        )
        | Request::Ipv6(
            Ipv6::HeaderIncluded
            | Ipv6::JoinMembership
            | Ipv6::LeaveMembership
            | Ipv6::PacketInformation
            | Ipv6::ReceiveHopLimit
            | Ipv6::Protection
            | Ipv6::ReceiveInterface
            | Ipv6::V6Only
            | Ipv6::InterfaceList
            | Ipv6::AddInterface
            | Ipv6::DeleteInterface
            | Ipv6::Interfaces
            | Ipv6::ReceiveTrafficClass
            | Ipv6::OriginalArrivalInterface
            | Ipv6::ReceiveCongestion
            | Ipv6::Mtu
            | Ipv6::UserMtu,
        )
        | Request::Udp(
            Udp::NoChecksum | Udp::SendMessageSize | Udp::ReceiveMaxCoalescedSize | Udp::ChecksumCoverage,
        )
        | Request::Pointer(_)
        | Request::IpGroup(_)
        | Request::Ipv6Group(_)
        | Request::Ioctl(_)
        | Request::Client(_) => Ok(()),
    }
}

/// The first IPv4 address of an interface; of none, the wildcard.
fn address_of(interface: u32) -> io::Result<Ipv4Addr> {
    if interface == 0 {
        return Ok(Ipv4Addr::UNSPECIFIED);
    }
    let of_it = |found: interfaces::Address| match found.address {
        IpAddr::V4(address) if found.interface == interface => Some(address),
        _ => None,
    };
    interfaces::addresses()?.into_iter().find_map(of_it).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// An interface, as joining and leaving wants it. Windows has a form of addresses for indexes, which Wine does not know.
fn named(interface: u32) -> io::Result<InterfaceIndexOrAddress> {
    if cfg!(windows) {
        address_of(interface).map(InterfaceIndexOrAddress::Address)
    } else {
        Ok(InterfaceIndexOrAddress::Index(interface))
    }
}

/// Joins the groups that were joined before the bind.
pub(crate) fn join(socket: &SockRef<'_>, groups: &Memberships) -> io::Result<()> {
    groups.iter().try_for_each(|(group, sources)| match sources {
        Sources::Except(_) => change(socket, groups, Change::Join, *group, None),
        Sources::Only(sources) => sources
            .iter()
            .try_for_each(|source| change(socket, groups, Change::JoinSource, *group, Some(*source))),
    })
}

/// Joins or leaves a group, which `groups` have already. Blocked sources, and single sources of IPv6, are the filter's
/// where the host tells enough for it; elsewhere they are kept only.
pub(crate) fn change(
    socket: &SockRef<'_>,
    groups: &Memberships,
    change: Change,
    group: Group,
    source: Option<IpAddr>,
) -> io::Result<()> {
    let interface = group.interface;
    match (change, group.address, source) {
        // For all of its sources, once.
        (Change::JoinSource, IpAddr::V6(group), _) if own::TELLS => {
            match socket.join_multicast_v6(&group, interface) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(()),
                result => result,
            }
        }
        (Change::LeaveSource, IpAddr::V6(address), _) if own::TELLS => {
            if groups.iter().any(|(joined, _)| *joined == group) {
                return Ok(());
            }
            socket.leave_multicast_v6(&address, interface)
        }
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use wsk_requests::rows::{ip, ipv6, socket as level};

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
