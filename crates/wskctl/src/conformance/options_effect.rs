//! What options do to datagrams, as far as it can be seen: by sockets outside the driver, and by what the driver is told.

use std::net::SocketAddr;

use readings::{FragmentForbidden, NoPath, TypeOfService, UnicastInterface};
use wsk_requests::rows::ip::{self, Request as Ip};
use wsk_requests::rows::ipv6::{self, Request as Ipv6};
use wsk_requests::rows::socket::Request as Socket;
use wsk_requests::rows::udp::Request as Udp;
use wsk_requests::{Request, Row};
use wsk_sys::{
    MSG_BCAST, STATUS_ACCESS_DENIED, STATUS_INVALID_ADDRESS_COMPONENT, STATUS_INVALID_BUFFER_SIZE,
    STATUS_INVALID_CONNECTION, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_IO_TIMEOUT,
    STATUS_NETWORK_UNREACHABLE,
};

use super::lab::{Lab, Outsider};
use super::options::{get_number, numbers, set_number};
use super::options_group::{self, loopback};
use super::outcome::{Failure, Outcome, equal, holds, refused, refused_with};
use crate::device::Arrived;
use crate::family::Family;
use crate::session::{Room, Session};

/// How long a datagram is awaited that must not come.
const SHORT: std::time::Duration = std::time::Duration::from_millis(50);

type Effect = fn(&Setup<'_>, &Row) -> Outcome;

/// A bound socket and a peer of it.
struct Setup<'a> {
    lab: &'a Lab,
    family: Family,
    session: Session,
    outsider: Outsider,
}

/// The effect of an option, where it can be seen: of most, with the hosted WSK only.
pub(super) fn effect(lab: &Lab, row: &Row) -> Outcome {
    let effect: Effect = match row.request {
        Request::Socket(Socket::Broadcast) => broadcast,
        Request::Ip(Ip::TimeToLive) | Request::Ipv6(Ipv6::UnicastHops) => hops,
        Request::Ip(Ip::TypeOfService) | Request::Ipv6(Ipv6::TrafficClass) => traffic_class,
        Request::Ip(Ip::MulticastTimeToLive) | Request::Ipv6(Ipv6::MulticastHops) => multicast_hops,
        Request::Ip(Ip::UnicastInterface) | Request::Ipv6(Ipv6::UnicastInterface) => unicast_interface,
        Request::Ip(Ip::MulticastInterface) | Request::Ipv6(Ipv6::MulticastInterface) => multicast_interface,
        Request::Ip(Ip::DontFragment | Ip::MtuDiscovery)
        | Request::Ipv6(Ipv6::DontFragment | Ipv6::MtuDiscovery) => dont_fragment,
        Request::Ip(Ip::UserMtu) | Request::Ipv6(Ipv6::UserMtu) => user_mtu,
        Request::Ip(Ip::ReceiveBroadcast) => receive_broadcast,
        Request::Ip(Ip::InterfaceList | Ip::AddInterface | Ip::DeleteInterface | Ip::Interfaces) => {
            interface_list
        }
        Request::Ip(Ip::Mtu) | Request::Ipv6(Ipv6::Mtu) => mtu,
        Request::Ip(
            Ip::AddMembership
            | Ip::DropMembership
            | Ip::AddSourceMembership
            | Ip::DropSourceMembership
            | Ip::BlockSource
            | Ip::UnblockSource,
        )
        | Request::IpGroup(_)
        | Request::Ipv6(Ipv6::JoinMembership | Ipv6::LeaveMembership)
        | Request::Ipv6Group(_) => return options_group::effect(lab, row),
        // Other themes look at what they do, or the IPv4 option of the same meaning is looked at, or nothing is to be seen.
        Request::Socket(Socket::ReuseAddress | Socket::ExclusiveAddressUse | Socket::ReceiveBuffer)
        | Request::Ip(
            Ip::HeaderOptions
            | Ip::MulticastLoopback
            | Ip::PacketInformation
            | Ip::ReceiveTimeToLive
            | Ip::Protection
            | Ip::ReceiveInterface
            | Ip::ReceiveTypeOfService
            | Ip::OriginalArrivalInterface
            | Ip::ReceiveCongestion
            | Ip::ReceiveErrors,
        )
        | Request::Ipv6(
            Ipv6::HeaderIncluded
            | Ipv6::MulticastLoopback
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
            | Ipv6::ReceiveErrors,
        )
        | Request::Udp(
            Udp::NoChecksum | Udp::SendMessageSize | Udp::ReceiveMaxCoalescedSize | Udp::ChecksumCoverage,
        )
        | Request::Pointer(_)
        | Request::Ioctl(_)
        | Request::Client(_) => return Ok(()),
    };
    let family = if row.families == wsk_requests::Families::V6 { Family::V6 } else { Family::V4 };
    if !lab.device().is_ours() || !lab.takes_control_information()? {
        return Ok(());
    }
    let ((session, _), outsider) = (lab.bound(family)?, lab.peer(family)?);
    effect(&Setup { lab, family, session, outsider }, row)
}

impl Setup<'_> {
    /// Whether the network is one in memory, where every address is this machine's, and nothing leaves it.
    fn in_memory(&self) -> bool {
        self.lab.device().delivers_at_once()
    }

    /// What arrives at the peer after a send.
    fn arrival(&self) -> Outcome<Arrived> {
        self.session.send(b"look", Some(self.outsider.address()))?;
        self.outsider.arrival()
    }

    /// A socket on the wildcard address, and its port.
    fn wildcard(&self) -> Outcome<(Session, u16)> {
        let session = self.lab.socket(self.family)?;
        session.bind(self.family.wildcard())?;
        let port = session.local_address()?.port();
        Ok((session, port))
    }

    /// Waits until what has arrived at any socket of the driver is there, or was refused.
    fn settle(&self) -> Outcome {
        let (fence, address) = self.lab.bound(self.family)?;
        self.outsider.send(b"fence", address)?;
        equal(fence.receive(100)?.data, b"fence", "what is sent to another socket")
    }
}

/// An address beyond the loopback interface.
fn far(setup: &Setup<'_>) -> SocketAddr {
    match setup.family {
        Family::V4 => ([192, 0, 2, 77], 9).into(),
        Family::V6 => ([0x2001, 0xDB8, 0, 0, 0, 0, 0, 9], 9).into(),
    }
}

fn broadcast(setup: &Setup<'_>, row: &Row) -> Outcome {
    // From the loopback address, it does not leave the machine.
    let to = Some(([255; 4], 9).into());
    refused(setup.session.send(b"all", to), STATUS_ACCESS_DENIED, "a broadcast without leave")?;
    set_number(&setup.session, row, 1)?;
    equal(setup.session.send(b"all", to)?, 3, "bytes sent to all")
}

fn hops(setup: &Setup<'_>, row: &Row) -> Outcome {
    equal(setup.arrival()?.hops, 128, "hops, by default")?;
    set_number(&setup.session, row, 9)?;
    equal(setup.arrival()?.hops, 9, "hops")
}

fn traffic_class(setup: &Setup<'_>, row: &Row) -> Outcome {
    set_number(&setup.session, row, 0xB8)?;
    let ignored =
        setup.family == Family::V4 && setup.lab.followed::<TypeOfService>().contains(&TypeOfService::Ignored);
    let found = setup.arrival()?.traffic_class;
    holds(found == 0xB8 || (ignored && found == 0), format_args!("{found:#x} is the traffic class"))
}

/// A multicast datagram on the loopback interface, and its index; none where that interface has no multicast.
fn to_a_group(setup: &Setup<'_>) -> Outcome<Option<(Arrived, u32)>> {
    let interface = loopback(setup.lab)?;
    let witness = setup.lab.peer_anywhere(setup.family)?;
    let (group, row, value): (std::net::IpAddr, _, _) = match setup.family {
        Family::V4 => ([239, 77, 2, 1].into(), &ip::IP_MULTICAST_IF, interface.to_be()),
        Family::V6 => ([0xFF15, 0, 0, 0, 0, 0, 0, 7].into(), &ipv6::IPV6_MULTICAST_IF, interface),
    };
    witness.socket().join(group, interface)?;
    set_number(&setup.session, row, value)?;
    match setup.session.send(b"look", Some((group, witness.address().port()).into())) {
        Ok(_) => Ok(Some((witness.arrival()?, interface))),
        Err(error) if setup.family == Family::V6 && !setup.in_memory() => {
            equal(
                error.status(),
                Some(STATUS_NETWORK_UNREACHABLE),
                "the status where there is no multicast",
            )?;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn unicast_interface(setup: &Setup<'_>, row: &Row) -> Outcome {
    /// The interface of the network in memory that does not lead to the loopback addresses.
    const WIRE: u32 = 2;
    let set = |interface: u32| {
        let value = if setup.family == Family::V4 { interface.to_be() } else { interface };
        set_number(&setup.session, row, value)
    };
    let interface = loopback(setup.lab)?;
    set(interface)?;
    equal(setup.arrival()?.interface, interface, "the interface that leads there")?;
    if setup.in_memory() {
        set(WIRE)?;
        let astray = setup.session.send(b"look", Some(setup.outsider.address()));
        let statuses = setup.lab.followed().into_iter().filter_map(|reading| match reading {
            UnicastInterface::Unreachable => Some(STATUS_NETWORK_UNREACHABLE),
            UnicastInterface::InvalidAddress => Some(STATUS_INVALID_ADDRESS_COMPONENT),
            UnicastInterface::Ignored => None,
        });
        let statuses: Vec<_> = statuses.collect();
        if statuses.is_empty() {
            astray?;
            equal(setup.outsider.arrival()?.interface, interface, "the interface that leads there")?;
        } else {
            refused_with(astray, &statuses, "a send by an interface that does not lead there")?;
        }
    }
    set(0)?;
    equal(setup.arrival()?.interface, interface, "the interface that the route chooses")
}

fn multicast_hops(setup: &Setup<'_>, row: &Row) -> Outcome {
    let Some((arrived, _)) = to_a_group(setup)? else { return Ok(()) };
    equal(arrived.hops, 1, "hops, by default")?;
    set_number(&setup.session, row, 9)?;
    let Some((arrived, _)) = to_a_group(setup)? else { return Ok(()) };
    equal(arrived.hops, 9, "hops")
}

fn multicast_interface(setup: &Setup<'_>, _: &Row) -> Outcome {
    let Some((arrived, interface)) = to_a_group(setup)? else { return Ok(()) };
    equal(arrived.interface, interface, "the interface")
}

fn dont_fragment(setup: &Setup<'_>, row: &Row) -> Outcome {
    let (to, large, small) = match (setup.in_memory(), setup.family) {
        (true, _) => (far(setup), 2000, 1400),
        // The largest that there is has to be fragmented even on the loopback interface.
        (false, Family::V6) => (setup.outsider.address(), 65527, 1200),
        (false, Family::V4) => return Ok(()),
    };
    let (session, _) = setup.wildcard()?;
    equal(session.send(&vec![0; large], Some(to))?, large, "bytes sent in fragments")?;
    // On, or IP_PMTUDISC_DO.
    set_number(&session, row, 1)?;
    let mut sent = session.send(&vec![0; large], Some(to));
    if sent.is_ok() && setup.lab.followed().contains(&FragmentForbidden::FirstLost) {
        sent = session.send(&vec![0; large], Some(to));
    }
    refused(sent, STATUS_INVALID_BUFFER_SIZE, "a datagram that would have to be fragmented")?;
    equal(session.send(&vec![0; small], Some(to))?, small, "bytes sent in one piece")
}

fn user_mtu(setup: &Setup<'_>, row: &Row) -> Outcome {
    let dont = match setup.family {
        Family::V4 => &ip::IP_DONTFRAGMENT,
        Family::V6 => &ipv6::IPV6_DONTFRAG,
    };
    set_number(&setup.session, dont, 1)?;
    let to = Some(setup.outsider.address());
    equal(setup.session.send(&[0; 1400], to)?, 1400, "bytes sent without a bound")?;
    set_number(&setup.session, row, 1000)?;
    refused(setup.session.send(&[0; 1400], to), STATUS_INVALID_BUFFER_SIZE, "a datagram beyond the bound")
}

fn receive_broadcast(setup: &Setup<'_>, row: &Row) -> Outcome {
    let (session, port) = setup.wildcard()?;
    setup.outsider.socket().allow_broadcast()?;
    let all = ([255; 4], port).into();
    setup.outsider.send(b"all", all)?;
    let batch = session.receive_many(Room { datagrams: 1, payload: 64, control: 0 })?;
    let datagram = batch.first().ok_or_else(|| Failure::new("expected: a broadcast"))?;
    equal((&datagram.data[..], datagram.flags), (&b"all"[..], MSG_BCAST), "a broadcast, and its flags")?;
    set_number(&session, row, 0)?;
    setup.outsider.send(b"all", all)?;
    setup.outsider.send(b"one", (setup.family.loopback().ip(), port).into())?;
    equal(session.receive(100)?.data, b"one", "what comes first after a broadcast that is not wanted")
}

fn interface_list(setup: &Setup<'_>, _: &Row) -> Outcome {
    let (session, port) = setup.wildcard()?;
    let (near, far) = (([127, 0, 0, 1], port).into(), ([192, 0, 2, 77], port).into());
    let interface = loopback(setup.lab)?;
    let list = || {
        let (level, name) = numbers(&ip::IP_GET_IFLIST);
        session.get_option(level, name, 264)
    };
    let peer = &setup.outsider;
    equal(list()?, [0; 0], "the list of a new socket")?;
    set_number(&session, &ip::IP_IFLIST, 1)?;
    peer.send(b"no interface", near)?;
    setup.settle()?;
    set_number(&session, &ip::IP_ADD_IFLIST, interface)?;
    equal(list()?, interface.to_ne_bytes(), "the list")?;
    if setup.in_memory() {
        peer.send(b"far", far)?;
    }
    peer.send(b"near", near)?;
    equal(session.receive(100)?.data, b"near", "what came on the interface of the list")?;
    set_number(&session, &ip::IP_DEL_IFLIST, interface)?;
    peer.send(b"near", near)?;
    setup.settle()?;
    refused(session.within(SHORT).receive(100), STATUS_IO_TIMEOUT, "what came on another")?;
    set_number(&session, &ip::IP_IFLIST, 0)?;
    peer.send(b"any", near)?;
    equal(session.receive(100)?.data, b"any", "what comes on any interface")
}

fn mtu(setup: &Setup<'_>, row: &Row) -> Outcome {
    let (session, _) = setup.wildcard()?;
    let (level, name) = numbers(row);
    let none = session.get_option(level, name, 4);
    let statuses = setup.lab.followed().into_iter().map(|reading| match reading {
        NoPath::InvalidState => STATUS_INVALID_DEVICE_STATE,
        NoPath::NotConnected => STATUS_INVALID_CONNECTION,
        NoPath::InvalidParameter => STATUS_INVALID_PARAMETER,
    });
    refused_with(none, &statuses.collect::<Vec<_>>(), "the MTU of no path")?;
    if setup.in_memory() {
        session.set_remote_address(Some(far(setup)))?;
        return equal(get_number(&session, row)?, 1500, "the MTU of the path");
    }
    session.set_remote_address(Some(setup.outsider.address()))?;
    let mtu = get_number(&session, row)?;
    holds((1280..=65536).contains(&mtu), format_args!("{mtu} is the MTU of a loopback interface"))?;
    let user_mtu = if setup.family == Family::V4 { &ip::IP_USER_MTU } else { &ipv6::IPV6_USER_MTU };
    set_number(&session, user_mtu, 1279)?;
    equal(get_number(&session, row)?, 1279, "the MTU, with a bound")
}
