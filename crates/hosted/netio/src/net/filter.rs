//! Which datagrams a socket takes from the network, by its options and groups.

use core::net::IpAddr;

use wsk_requests::rows::{ip, ipv6};
use wsk_sys::ULONG;

use crate::net::multicast::{Group, Memberships};
use crate::net::option::Values;

/// Which datagrams a socket takes from the network, by its options and groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    values: Values,
    groups: Memberships,
}

impl Filter {
    pub(crate) fn new(values: &Values, groups: &Memberships) -> Filter {
        Filter { values: values.clone(), groups: groups.clone() }
    }

    /// Whether broadcast datagrams are taken.
    pub(crate) fn takes_broadcast(&self) -> bool {
        self.values.flag(&ip::IP_RECEIVE_BROADCAST)
    }

    /// Whether it is to be told what ICMP messages say of its datagrams.
    pub(crate) fn takes_errors(&self, v6: bool) -> bool {
        self.values.flag(if v6 { &ipv6::IPV6_RECVERR } else { &ip::IP_RECVERR })
    }

    /// Whether datagrams from this interface are taken.
    pub(crate) fn takes_from(&self, interface: ULONG, v6: bool) -> bool {
        let row = if v6 { &ipv6::IPV6_IFLIST } else { &ip::IP_IFLIST };
        !self.values.flag(row) || self.values.list(v6).contains(&interface)
    }

    /// Whether what a source has sent to a group is taken, sent by this machine or not.
    pub(crate) fn takes_group(&self, group: Group, source: IpAddr, own: bool) -> bool {
        let row = if group.address.is_ipv6() { &ipv6::IPV6_MULTICAST_LOOP } else { &ip::IP_MULTICAST_LOOP };
        (!own || self.values.flag(row)) && self.groups.hear(group, source)
    }
}
