//! What options do to datagrams, as far as it can be seen: on a network in memory, which shows all of a datagram.

use wsk_requests::Row;

use super::lab::Lab;
use super::outcome::Outcome;

/// The effect of an option, where it can be seen.
#[cfg(not(feature = "hosted"))]
pub(super) fn effect(_: &Lab, _: &Row) -> Outcome {
    Ok(())
}

/// The effect of an option, where it can be seen.
#[cfg(feature = "hosted")]
pub(super) fn effect(lab: &Lab, row: &Row) -> Outcome {
    in_memory::effect(lab, row)
}

#[cfg(feature = "hosted")]
mod in_memory {
    use std::net::SocketAddr;

    use netio::memory::{Arrived, Peer};
    use wsk_requests::Row;
    use wsk_requests::rows::{ip, ipv6, socket};
    use wsk_sys::{
        STATUS_ACCESS_DENIED, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_STATE, STATUS_IO_TIMEOUT,
    };

    use super::super::lab::{Lab, Outsider};
    use super::super::options::{get_number, numbers, set_number};
    use super::super::outcome::{Failure, Outcome, SOON, equal, refused};
    use crate::family::Family;
    use crate::session::Session;

    /// How long a datagram is awaited that must not come.
    const SHORT: std::time::Duration = std::time::Duration::from_millis(50);

    type Effect = fn(&Stage<'_>, &Row) -> Outcome;

    /// A bound socket and a peer of it.
    struct Stage<'a> {
        lab: &'a Lab,
        session: Session,
        address: SocketAddr,
        outsider: Outsider,
    }

    const EFFECTS: [(Row, Effect); 21] = [
        (socket::SO_BROADCAST, broadcast),
        (ip::IP_TTL, hops),
        (ipv6::IPV6_UNICAST_HOPS, hops),
        (ip::IP_TOS, traffic_class),
        (ipv6::IPV6_TCLASS, traffic_class),
        (ip::IP_MULTICAST_TTL, multicast_hops),
        (ipv6::IPV6_MULTICAST_HOPS, multicast_hops),
        (ip::IP_MULTICAST_IF, multicast_interface),
        (ipv6::IPV6_MULTICAST_IF, multicast_interface),
        (ip::IP_DONTFRAGMENT, dont_fragment),
        (ipv6::IPV6_DONTFRAG, dont_fragment),
        (ip::IP_MTU_DISCOVER, dont_fragment),
        (ipv6::IPV6_MTU_DISCOVER, dont_fragment),
        (ip::IP_USER_MTU, user_mtu),
        (ipv6::IPV6_USER_MTU, user_mtu),
        (ip::IP_RECEIVE_BROADCAST, receive_broadcast),
        (ip::IP_IFLIST, interface_list),
        (ip::IP_ADD_IFLIST, interface_list),
        (ip::IP_DEL_IFLIST, interface_list),
        (ip::IP_GET_IFLIST, interface_list),
        (ip::IP_MTU, mtu),
    ];

    pub(super) fn effect(lab: &Lab, row: &Row) -> Outcome {
        let Some((_, effect)) = EFFECTS.iter().find(|(one, _)| one.kind == row.kind) else { return Ok(()) };
        let family = if row.families == wsk_requests::Families::V6 { Family::V6 } else { Family::V4 };
        let outsider = lab.peer(family)?;
        if outsider.socket().memory_socket().is_none() {
            return Ok(());
        }
        let (session, address) = lab.bound(family)?;
        effect(&Stage { lab, session, address, outsider }, row)
    }

    impl Stage<'_> {
        fn peer(&self) -> Outcome<&Peer> {
            let peer = self.outsider.socket().memory_socket();
            let peer = peer.ok_or_else(|| Failure::new("expected: a network in memory"))?;
            peer.set_read_timeout(Some(SOON))?;
            Ok(peer)
        }

        /// What arrives at the peer after a send to an address.
        fn arrival(&self, to: SocketAddr) -> Outcome<Arrived> {
            self.session.send(b"look", Some(to))?;
            Ok(self.peer()?.receive()?)
        }

        /// A group that the peer has joined, with its port.
        fn group(&self, interface: u32) -> Outcome<SocketAddr> {
            let address: SocketAddr = self.outsider.address();
            let group: std::net::IpAddr =
                if address.is_ipv4() { [239, 77, 2, 1].into() } else { [0xFF15, 0, 0, 0, 0, 0, 0, 7].into() };
            self.peer()?.join_multicast(group, interface)?;
            Ok((group, address.port()).into())
        }
    }

    /// An address beyond the loopback interface.
    fn far(stage: &Stage<'_>) -> SocketAddr {
        if stage.address.is_ipv4() {
            ([192, 0, 2, 77], 9).into()
        } else {
            ([0x2001, 0xDB8, 0, 0, 0, 0, 0, 9], 9).into()
        }
    }

    fn broadcast(stage: &Stage<'_>, row: &Row) -> Outcome {
        let to = Some(([255; 4], 9).into());
        refused(stage.session.send(b"all", to), STATUS_ACCESS_DENIED, "a broadcast without leave")?;
        set_number(&stage.session, row, 1)?;
        equal(stage.session.send(b"all", to)?, 3, "bytes sent to all")
    }

    fn hops(stage: &Stage<'_>, row: &Row) -> Outcome {
        set_number(&stage.session, row, 9)?;
        equal(stage.arrival(stage.outsider.address())?.hops, 9, "hops")
    }

    fn traffic_class(stage: &Stage<'_>, row: &Row) -> Outcome {
        set_number(&stage.session, row, 0xB9)?;
        equal(stage.arrival(stage.outsider.address())?.traffic_class, 0xB9, "the traffic class")
    }

    fn multicast_hops(stage: &Stage<'_>, row: &Row) -> Outcome {
        let group = stage.group(0)?;
        equal(stage.arrival(group)?.hops, 1, "hops, by default")?;
        set_number(&stage.session, row, 9)?;
        equal(stage.arrival(group)?.hops, 9, "hops")
    }

    fn multicast_interface(stage: &Stage<'_>, row: &Row) -> Outcome {
        let interface = super::super::options_group::loopback(stage.lab)?;
        let group = stage.group(interface)?;
        let value = if stage.address.is_ipv4() { interface.to_be() } else { interface };
        set_number(&stage.session, row, value)?;
        equal(stage.arrival(group)?.interface, interface, "the interface")
    }

    fn dont_fragment(stage: &Stage<'_>, row: &Row) -> Outcome {
        // On, or IP_PMTUDISC_DO.
        let (session, _) = wildcard(stage)?;
        equal(session.send(&[0; 2000], Some(far(stage)))?, 2000, "bytes sent in fragments")?;
        set_number(&session, row, 1)?;
        let sent = session.send(&[0; 2000], Some(far(stage)));
        refused(sent, STATUS_INVALID_BUFFER_SIZE, "a datagram that would have to be fragmented")?;
        equal(session.send(&[0; 1400], Some(far(stage)))?, 1400, "bytes sent in one piece")
    }

    fn user_mtu(stage: &Stage<'_>, row: &Row) -> Outcome {
        let dont = if stage.address.is_ipv4() { &ip::IP_DONTFRAGMENT } else { &ipv6::IPV6_DONTFRAG };
        set_number(&stage.session, dont, 1)?;
        let to = Some(stage.outsider.address());
        equal(stage.session.send(&[0; 1400], to)?, 1400, "bytes sent without a bound")?;
        set_number(&stage.session, row, 1000)?;
        refused(stage.session.send(&[0; 1400], to), STATUS_INVALID_BUFFER_SIZE, "a datagram beyond the bound")
    }

    /// A socket on the wildcard address, and its port.
    fn wildcard(stage: &Stage<'_>) -> Outcome<(Session, u16)> {
        let family = if stage.address.is_ipv4() { Family::V4 } else { Family::V6 };
        let session = stage.lab.socket(family)?;
        session.bind(match family {
            Family::V4 => ([0; 4], 0).into(),
            Family::V6 => ([0; 16], 0).into(),
        })?;
        let port = session.local_address()?.port();
        Ok((session, port))
    }

    fn receive_broadcast(stage: &Stage<'_>, row: &Row) -> Outcome {
        let (session, port) = wildcard(stage)?;
        let peer = stage.peer()?;
        peer.set_broadcast(true)?;
        let all = ([255; 4], port).into();
        peer.send_to(b"all", all)?;
        equal(session.receive(100)?.data, b"all", "a broadcast")?;
        set_number(&session, row, 0)?;
        peer.send_to(b"all", all)?;
        refused(session.within(SHORT).receive(100), STATUS_IO_TIMEOUT, "a broadcast that is not wanted")
    }

    fn interface_list(stage: &Stage<'_>, _: &Row) -> Outcome {
        let (session, port) = wildcard(stage)?;
        let (near, far) = (([127, 0, 0, 1], port).into(), ([192, 0, 2, 77], port).into());
        let interface = super::super::options_group::loopback(stage.lab)?;
        let list = || {
            let (level, name) = numbers(&ip::IP_GET_IFLIST);
            session.get_option(level, name, 264)
        };
        let peer = stage.peer()?;
        equal(list()?, [0; 0], "the list of a new socket")?;
        set_number(&session, &ip::IP_IFLIST, 1)?;
        peer.send_to(b"no interface", near)?;
        set_number(&session, &ip::IP_ADD_IFLIST, interface)?;
        equal(list()?, interface.to_ne_bytes(), "the list")?;
        peer.send_to(b"far", far)?;
        peer.send_to(b"near", near)?;
        equal(session.receive(100)?.data, b"near", "what came on the interface of the list")?;
        set_number(&session, &ip::IP_DEL_IFLIST, interface)?;
        peer.send_to(b"near", near)?;
        refused(session.within(SHORT).receive(100), STATUS_IO_TIMEOUT, "what came on another")?;
        set_number(&session, &ip::IP_IFLIST, 0)?;
        peer.send_to(b"far", far)?;
        equal(session.receive(100)?.data, b"far", "what comes on any interface")
    }

    fn mtu(stage: &Stage<'_>, row: &Row) -> Outcome {
        let (session, _) = wildcard(stage)?;
        let (level, name) = numbers(row);
        let none = session.get_option(level, name, 4);
        refused(none, STATUS_INVALID_DEVICE_STATE, "the MTU of no path")?;
        session.set_remote_address(Some(far(stage)))?;
        equal(get_number(&session, row)?, 1500, "the MTU of the path")
    }
}
