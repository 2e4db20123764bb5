//! The order of destinations by how well this machine reaches them: RFC 6724, with its default policy or that of RFC 3484.
//!
//! What the network does not tell is left out: that addresses are deprecated or temporary, home addresses, tunnels.

use core::cmp::Reverse;
use core::net::{IpAddr, Ipv6Addr, SocketAddrV6};

use readings::{Readings, SortPolicy, SortScope, SortUnreachable};
use wsk_sys::ULONG;

use crate::net::LocalAddress;

/// A row of the policy: a prefix, its length, its precedence and its label.
type Policy = (u128, u32, u8, u8);

/// The default policy (section 2.1), the longest prefixes first.
static RFC_6724: [Policy; 9] = [
    (Ipv6Addr::LOCALHOST.to_bits(), 128, 50, 0),
    (0xFFFF << 32, 96, 35, 4),
    (0, 96, 1, 3),
    (0x2001 << 112, 32, 5, 5),
    (0x2002 << 112, 16, 30, 2),
    (0x3FFE << 112, 16, 1, 12),
    (0xFEC0 << 112, 10, 1, 11),
    (0xFC00 << 112, 7, 3, 13),
    (0, 0, 40, 1),
];

/// The default policy of RFC 3484 (section 2.1), the longest prefixes first.
static RFC_3484: [Policy; 5] = [
    (Ipv6Addr::LOCALHOST.to_bits(), 128, 50, 0),
    (0xFFFF << 32, 96, 10, 4),
    (0, 96, 20, 3),
    (0x2002 << 112, 16, 30, 2),
    (0, 0, 40, 1),
];

/// The scopes of addresses, by the numbers of multicast addresses (section 3.1).
const LINK_LOCAL: u8 = 0x2;
const SITE_LOCAL: u8 = 0x5;
const GLOBAL: u8 = 0xE;

/// How much of two IPv6 addresses is compared: a longer prefix names no network.
const LONGEST_PREFIX: u32 = 64;

/// An address and what the RFC calls its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Address {
    /// An IPv4 address is a mapped one.
    ip: Ipv6Addr,
    scope: u8,
    precedence: u8,
    label: u8,
}

impl Address {
    fn new(ip: Ipv6Addr, policy: SortPolicy) -> Address {
        let policies: &[Policy] = match policy {
            SortPolicy::Rfc6724 => &RFC_6724,
            SortPolicy::Rfc3484 => &RFC_3484,
        };
        let matches = |(prefix, length, ..): &&Policy| (ip.to_bits() ^ prefix).leading_zeros() >= *length;
        // The last one matches everything.
        let (_, _, precedence, label) = *policies.iter().find(matches).unwrap_or(&RFC_6724[8]);
        Address { ip, scope: scope(ip), precedence, label }
    }

    fn is_v4(self) -> bool {
        self.ip.to_ipv4_mapped().is_some()
    }

    /// How many bits of the two addresses are the same from the beginning, as far as they name networks.
    fn common_prefix(self, other: Address) -> u32 {
        let common = (self.ip.to_bits() ^ other.ip.to_bits()).leading_zeros();
        // How long the prefix of an IPv4 network is, is not known here. n/d
        if self.is_v4() { common } else { common.min(LONGEST_PREFIX) }
    }
}

fn scope(ip: Ipv6Addr) -> u8 {
    match ip.to_ipv4_mapped() {
        Some(v4) if v4.is_loopback() || v4.is_link_local() => LINK_LOCAL,
        None if ip.is_multicast() => ip.octets()[1] & 0xF,
        None if ip.is_loopback() || ip.is_unicast_link_local() => LINK_LOCAL,
        None if ip.segments()[0] & 0xFFC0 == 0xFEC0 => SITE_LOCAL,
        _ => GLOBAL,
    }
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn is_loopback(ip: Ipv6Addr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Whether something can be sent to a destination from a local address: it is the same one; or both are loopback addresses, or
/// neither is; and on one link, if the destination says on which.
fn is_candidate(local: &LocalAddress, to: &SocketAddrV6) -> bool {
    let (source, ip) = (mapped(local.address), *to.ip());
    let same_family = source.to_ipv4_mapped().is_some() == ip.to_ipv4_mapped().is_some();
    let elsewhere = scope(ip) == LINK_LOCAL && ![0, local.interface].contains(&to.scope_id());
    source == ip || (same_family && is_loopback(source) == is_loopback(ip) && !elsewhere)
}

/// The address that datagrams to a destination come from (section 5), and its link; none if there is no way to it.
fn source_of(to: &SocketAddrV6, locals: &[LocalAddress], policy: SortPolicy) -> Option<(Address, ULONG)> {
    if to.ip().to_canonical().is_unspecified() {
        return None;
    }
    let destination = Address::new(*to.ip(), policy);
    let candidates = locals.iter().filter(|local| is_candidate(local, to));
    let sources = candidates.map(|local| (Address::new(mapped(local.address), policy), local.interface));
    sources.min_by_key(|(source, _)| {
        // Of scopes that reach it, the smallest; otherwise, of those that do not, the largest.
        let reaches = source.scope >= destination.scope;
        let scope = if reaches { source.scope } else { u8::MAX - source.scope };
        (
            source.ip != destination.ip,
            scope,
            source.label != destination.label,
            Reverse(source.common_prefix(destination)),
        )
    })
}

/// Sorts destinations, the best first, for a machine with these addresses (section 6). IPv4 addresses are mapped ones.
pub(crate) fn sort(
    destinations: Vec<SocketAddrV6>,
    locals: &[LocalAddress],
    readings: &Readings,
) -> Vec<SocketAddrV6> {
    let policy = readings.of();
    let (mut usable, mut others) = (Vec::new(), Vec::new());
    for mut to in destinations {
        let Some((source, link)) = source_of(&to, locals, policy) else {
            others.push(to);
            continue;
        };
        let is_linked = to.ip().is_unicast_link_local() && to.scope_id() == 0;
        if is_linked && readings.of::<SortScope>() == SortScope::Filled {
            to.set_scope_id(link);
        }
        usable.push((source, to));
    }
    // Stable, as the last rule has it.
    usable.sort_by_key(|(source, to)| {
        let destination = Address::new(*to.ip(), policy);
        (
            destination.scope != source.scope,
            destination.label != source.label,
            Reverse(destination.precedence),
            destination.scope,
            // Only of one family, as the precedences of the two differ.
            Reverse(destination.common_prefix(*source)),
        )
    });
    if readings.of::<SortUnreachable>() == SortUnreachable::LeftOut {
        others.clear();
    }
    usable.into_iter().map(|(_, to)| to).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locals(addresses: &[&str]) -> Vec<LocalAddress> {
        let local = |text: &&str| {
            let address: IpAddr = text.parse().unwrap();
            LocalAddress { interface: if address.is_loopback() { 1 } else { 2 }, address, scope: 0 }
        };
        addresses.iter().map(local).collect()
    }

    fn destination(text: &str) -> SocketAddrV6 {
        SocketAddrV6::new(mapped(text.parse().unwrap()), 7, 0, 0)
    }

    fn sorted(sources: &[&str], destinations: &[&str]) -> Vec<String> {
        let destinations = destinations.iter().map(|text| destination(text)).collect();
        let sorted = sort(destinations, &locals(sources), &Readings::STRICT);
        sorted.iter().map(|to| to.ip().to_canonical().to_string()).collect()
    }

    /// Section 10.2, but for the examples with home and deprecated addresses.
    #[test]
    fn the_examples_of_the_rfc_come_out() {
        let (six, four) = ("2001:db8:1::1", "198.51.100.121");
        for (sources, best, second) in [
            (&["2001:db8:1::2", "fe80::1", "169.254.13.78"][..], six, four),
            (&["fe80::1", "198.51.100.117"], four, six),
            (&["2001:db8:1::2", "fe80::1", "10.1.2.4"], six, "10.1.2.3"),
            (&["2001:db8:1::2", "fe80::2"], "fe80::1", six),
            (&["2001:db8:1::2", "2001:db8:3f44::2", "fe80::2"], six, "2001:db8:3ffe::1"),
            (&["2002:c633:6401::2", "fe80::2"], "2002:c633:6401::1", six),
            (&["2002:c633:6401::2", "2001:db8:1::2", "fe80::2"], six, "2002:c633:6401::1"),
        ] {
            for given in [[best, second], [second, best]] {
                assert_eq!(sorted(sources, &given), [best, second], "{given:?} from {sources:?}");
            }
        }
    }

    /// Sections 3.1 and 10.1, but for the examples with temporary addresses.
    #[test]
    fn the_source_is_the_rfcs() {
        for (to, sources, expected) in [
            ("2001:db8:1::1", &["2001:db8:3::1", "fe80::1"][..], "2001:db8:3::1"),
            ("ff05::1", &["2001:db8:3::1", "fe80::1"], "2001:db8:3::1"),
            ("2001:db8:1::1", &["2001:db8:1::1", "2001:db8:1::2"], "2001:db8:1::1"),
            ("ff0e::1", &["fe80::1", "fec0::1"], "fec0::1"),
            ("fe80::1", &["fe80::2", "2001:db8:1::1"], "fe80::2"),
            ("2001:db8:1::1", &["2001:db8:1::2", "2001:db8:3::2"], "2001:db8:1::2"),
            ("2002:c633:6401::1", &["2002:c633:6401::2", "2001:db8:1::2"], "2002:c633:6401::2"),
            // A tunnel's address has more bits in common, and another label.
            ("2001:100::1", &["2001::2", "2400::2"], "2400::2"),
            ("127.0.0.1", &["10.0.0.1", "127.0.0.1"], "127.0.0.1"),
            ("10.0.0.9", &["127.0.0.1", "10.0.0.1"], "10.0.0.1"),
        ] {
            let mut locals = locals(sources);
            for _ in 0..2 {
                let source = source_of(&destination(to), &locals, SortPolicy::Rfc6724).unwrap().0;
                assert_eq!(source.ip, mapped(expected.parse().unwrap()), "to {to} from {locals:?}");
                locals.reverse();
            }
        }
    }

    #[test]
    fn what_cannot_be_reached_is_left_out_and_equals_stay() {
        let (loopback, wire) = (["127.0.0.1", "::1"], ["2001:db8::1", "2001:db8::2"]);
        assert_eq!(sorted(&loopback, &["10.0.0.1", "::1", "2001:db8::1", "127.0.0.1"]), ["::1", "127.0.0.1"]);
        assert_eq!(sorted(&["10.0.0.1"], &["::1", "::", "0.0.0.0", "10.0.0.9"]), ["10.0.0.9"]);
        assert_eq!(sorted(&[], &["10.0.0.1"]), [""; 0]);
        assert_eq!(sorted(&["2001:db8::9"], &wire), wire);
        assert_eq!(sorted(&["2001:db8::9"], &[wire[1], wire[0], wire[1]]), [wire[1], wire[0], wire[1]]);
    }

    #[test]
    fn a_link_is_reached_from_itself_and_the_whole_address_comes_back() {
        let locals = locals(&["fe80::2", "::1"]);
        let on = |link| SocketAddrV6::new("fe80::1".parse().unwrap(), 9, 5, link);
        let sort = |readings| sort(vec![on(3), on(2), on(0)], &locals, &readings);
        assert_eq!(sort(Readings::STRICT), [on(2), on(0)]);
        assert_eq!(sort(Readings::STRICT.with(SortScope::Filled)), [on(2), on(2)]);
        assert_eq!(sort(Readings::STRICT.with(SortUnreachable::Last)), [on(2), on(0), on(3)]);
    }

    #[test]
    fn the_older_policy_has_ipv4_behind_every_ipv6() {
        let destinations = ["::ffff:10.0.0.9", "2002::1"].map(destination);
        let sorted = |policy| {
            let locals = locals(&["10.0.0.1", "2002::5"]);
            sort(destinations.to_vec(), &locals, &Readings::STRICT.with(policy))
        };
        let [four, six] = destinations;
        assert_eq!(sorted(SortPolicy::Rfc6724), [four, six]);
        assert_eq!(sorted(SortPolicy::Rfc3484), [six, four]);
    }

    #[test]
    fn policy_and_scope_go_by_the_prefix() {
        for (ip, expected) in [
            ("::1", (2, 50, 0)),
            ("2001:db8::1", (14, 40, 1)),
            ("::ffff:10.0.0.1", (14, 35, 4)),
            ("::ffff:169.254.0.1", (2, 35, 4)),
            ("2002::1", (14, 30, 2)),
            ("2001::1", (14, 5, 5)),
            ("fd00::1", (14, 3, 13)),
            ("::2", (14, 1, 3)),
            ("fec0::1", (5, 1, 11)),
            ("3ffe::1", (14, 1, 12)),
            ("ff05::1", (5, 40, 1)),
        ] {
            let Address { scope, precedence, label, .. } =
                Address::new(ip.parse().unwrap(), SortPolicy::Rfc6724);
            assert_eq!((scope, precedence, label), expected, "{ip}");
        }
    }
}
