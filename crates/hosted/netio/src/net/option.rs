//! The values of a socket's options. Which options there are is the table of `wsk_requests`.

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use readings::{DefaultProtection, FragmentForbidden, Readings, TypeOfService, UnicastInterface};
use wsk_requests::rows::{ip, ipv6, socket, udp};
use wsk_requests::{Kind, PathMtuDiscovery, ProtectionLevel, Row};
use wsk_sys::ULONG;

use crate::net::address::canonical;
use crate::net::bind_table::Share;

/// The values of a socket's options. Clones are cheap, and independent of each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values {
    /// Those that were set and are numbers.
    numbers: Arc<BTreeMap<Kind, ULONG>>,
    /// What the pages leave open about options.
    readings: Arc<Readings>,
    /// The interface lists: IPv4's and IPv6's.
    lists: [Arc<BTreeSet<ULONG>>; 2],
}

/// How datagrams go out to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// The time to live, or the hop limit.
    pub(crate) hops: u8,
    /// The type of service, or the traffic class.
    pub(crate) traffic_class: u8,
    /// Whether a datagram that is larger than the path's MTU is refused.
    pub(crate) dont_fragment: bool,
    /// Whether the first such datagram to an address is lost instead.
    pub(crate) forbidden: FragmentForbidden,
    /// The path's MTU is no larger than this.
    pub(crate) user_mtu: ULONG,
    /// The interface of all other datagrams; 0 leaves it to the route.
    pub(crate) unicast_interface: ULONG,
    /// What a datagram comes to that this interface does not lead to its destination.
    pub(crate) elsewhere: UnicastInterface,
    /// The interface of multicast datagrams; 0 is the default one.
    pub(crate) multicast_interface: ULONG,
    /// Whether broadcast addresses are allowed.
    pub(crate) may_broadcast: bool,
}

impl Outgoing {
    /// Whether a datagram to an address is too long for the bound that the options set.
    pub(crate) fn forbids(&self, bytes: &[u8], to: SocketAddr) -> bool {
        self.dont_fragment && size_on_the_wire(bytes, to) > self.user_mtu as usize
    }
}

/// The length of a datagram with its headers: of IPv4 and UDP, or IPv6 and UDP.
pub(crate) fn size_on_the_wire(bytes: &[u8], to: SocketAddr) -> usize {
    bytes.len() + if canonical(to).is_ipv4() { 28 } else { 48 }
}

impl Values {
    /// Those of a new socket.
    pub(crate) fn new(readings: &Readings) -> Values {
        Values { readings: Arc::new(readings.clone()), ..Values::default() }
    }

    /// The value of an option that is a number.
    pub(crate) fn number(&self, row: &Row) -> ULONG {
        self.numbers.get(&row.kind).copied().unwrap_or_else(|| self.default_of(row))
    }

    /// The value of an option that is 0 or 1.
    pub(crate) fn flag(&self, row: &Row) -> bool {
        self.number(row) != 0
    }

    /// Sets the value of an option that is a number.
    pub(crate) fn set(&mut self, row: &Row, value: ULONG) {
        Arc::make_mut(&mut self.numbers).insert(row.kind, value);
    }

    /// The options that were set, by their rows.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &'static Row> + '_ {
        self.numbers.keys().filter_map(|kind| Row::find(*kind))
    }

    /// The interface list of a family.
    pub(crate) fn list(&self, v6: bool) -> &BTreeSet<ULONG> {
        &self.lists[usize::from(v6)]
    }

    /// The interface list of a family, to change.
    pub(crate) fn list_mut(&mut self, v6: bool) -> &mut BTreeSet<ULONG> {
        Arc::make_mut(&mut self.lists[usize::from(v6)])
    }

    /// How a socket with these options shares its address. The two are never set together.
    pub(crate) fn share(&self) -> Share {
        match (self.flag(&socket::SO_EXCLUSIVEADDRUSE), self.flag(&socket::SO_REUSEADDR)) {
            (true, _) => Share::Exclusive,
            (false, true) => Share::Reuse,
            (false, false) => Share::None,
        }
    }

    /// Whether an IPv6 socket is for IPv6 only.
    pub(crate) fn v6_only(&self) -> bool {
        self.flag(&ipv6::IPV6_V6ONLY)
    }

    /// Whether a receive ends by an unreachable port, without an option that asks to be told.
    #[cfg(target_os = "linux")]
    pub(crate) fn errors_end_receives(&self) -> bool {
        self.readings.of::<readings::PortUnreachable>() == readings::PortUnreachable::Receive
    }

    /// The size of the receive buffer.
    pub(crate) fn receive_buffer(&self) -> usize {
        self.number(&socket::SO_RCVBUF) as usize
    }

    /// The value of an option that was not set: the documented one, or the transport's own.
    fn default_of(&self, row: &Row) -> ULONG {
        row.default.unwrap_or(match row.kind {
            kind if kind == socket::SO_RCVBUF.kind => 0x1_0000,
            // Windows' usual hop limit. n/d
            kind if kind == ip::IP_TTL.kind || kind == ipv6::IPV6_UNICAST_HOPS.kind => 128,
            kind if kind == ip::IP_PROTECTION_LEVEL.kind || kind == ipv6::IPV6_PROTECTION_LEVEL.kind => {
                let level = match self.readings.of() {
                    DefaultProtection::Unspecified => ProtectionLevel::Unspecified,
                    DefaultProtection::EdgeRestricted => ProtectionLevel::EdgeRestricted,
                    DefaultProtection::Unrestricted => ProtectionLevel::Unrestricted,
                };
                level as ULONG
            }
            kind if kind == udp::UDP_CHECKSUM_COVERAGE.kind => 1,
            _ => 0,
        })
    }

    /// How datagrams go out to an address, as [`canonical`] gives it.
    pub(crate) fn outgoing(&self, to: IpAddr) -> Outgoing {
        let rows = if to.is_ipv4() { &V4 } else { &V6 };
        let hops = if to.is_multicast() { &rows.multicast_hops } else { &rows.hops };
        let byte = |row| u8::try_from(self.number(row)).unwrap_or(u8::MAX);
        let discovery = PathMtuDiscovery::from_number(self.number(&rows.discovery));
        let is_class_set = to.is_ipv6() || self.readings.of::<TypeOfService>() == TypeOfService::Set;
        Outgoing {
            hops: byte(hops),
            traffic_class: if is_class_set { byte(&rows.traffic_class) } else { 0 },
            dont_fragment: self.flag(&rows.dont_fragment)
                || matches!(discovery, Some(PathMtuDiscovery::Do | PathMtuDiscovery::Probe)),
            forbidden: self.readings.of(),
            user_mtu: self.number(&rows.user_mtu),
            unicast_interface: self.number(&rows.unicast_interface),
            elsewhere: self.readings.of(),
            multicast_interface: self.number(&rows.multicast_interface),
            may_broadcast: self.flag(&socket::SO_BROADCAST),
        }
    }
}

/// The options of a family that concern sends.
struct Sending {
    hops: Row,
    multicast_hops: Row,
    traffic_class: Row,
    dont_fragment: Row,
    discovery: Row,
    user_mtu: Row,
    unicast_interface: Row,
    multicast_interface: Row,
}

static V4: Sending = Sending {
    hops: ip::IP_TTL,
    multicast_hops: ip::IP_MULTICAST_TTL,
    traffic_class: ip::IP_TOS,
    dont_fragment: ip::IP_DONTFRAGMENT,
    discovery: ip::IP_MTU_DISCOVER,
    user_mtu: ip::IP_USER_MTU,
    unicast_interface: ip::IP_UNICAST_IF,
    multicast_interface: ip::IP_MULTICAST_IF,
};

static V6: Sending = Sending {
    hops: ipv6::IPV6_UNICAST_HOPS,
    multicast_hops: ipv6::IPV6_MULTICAST_HOPS,
    traffic_class: ipv6::IPV6_TCLASS,
    dont_fragment: ipv6::IPV6_DONTFRAG,
    discovery: ipv6::IPV6_MTU_DISCOVER,
    user_mtu: ipv6::IPV6_USER_MTU,
    unicast_interface: ipv6::IPV6_UNICAST_IF,
    multicast_interface: ipv6::IPV6_MULTICAST_IF,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_and_clones_are_independent() {
        let mut values = Values::default();
        assert_eq!((values.number(&ip::IP_TTL), values.changed().count()), (128, 0));
        let before = values.clone();
        values.set(&ip::IP_TTL, 7);
        values.list_mut(true).insert(3);
        assert_eq!((values.number(&ip::IP_TTL), before.number(&ip::IP_TTL)), (7, 128));
        assert_eq!((values.list(true).len(), values.list(false).len(), before.list(true).len()), (1, 0, 0));
        assert_eq!(values.changed().map(|row| row.name).collect::<Vec<_>>(), ["IP_TTL"]);
    }

    #[test]
    fn sharing_follows_the_options() {
        let mut values = Values::default();
        assert_eq!(values.share(), Share::None);
        values.set(&socket::SO_REUSEADDR, 1);
        assert_eq!(values.share(), Share::Reuse);
        values.set(&socket::SO_EXCLUSIVEADDRUSE, 1);
        assert_eq!(values.share(), Share::Exclusive);
    }

    #[test]
    fn each_family_goes_out_by_its_own_options() {
        let mut values = Values::default();
        values.set(&ip::IP_TTL, 3);
        values.set(&ip::IP_MTU_DISCOVER, PathMtuDiscovery::Do as u32);
        values.set(&ipv6::IPV6_MULTICAST_HOPS, 9);
        let v4 = values.outgoing("10.0.0.1".parse().unwrap());
        assert_eq!((v4.hops, v4.dont_fragment, v4.user_mtu), (3, true, u32::MAX));
        assert_eq!(values.outgoing("239.0.0.1".parse().unwrap()).hops, 1);
        assert_eq!(values.outgoing("ff02::1".parse().unwrap()).hops, 9);
        let v6 = values.outgoing("fe80::1".parse().unwrap());
        assert_eq!((v6.hops, v6.dont_fragment), (128, false));
    }
}
