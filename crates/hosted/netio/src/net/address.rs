//! Address families, and what two addresses have to do with each other.

use core::net::{IpAddr, SocketAddr};

use wsk_sys::{ADDRESS_FAMILY, AF_INET, AF_INET6, SOCKADDR_IN, SOCKADDR_IN6};

/// The address family of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`.
    V6,
}

impl Family {
    /// The family with this number, if the provider has it.
    pub(crate) fn from_number(number: ADDRESS_FAMILY) -> Option<Family> {
        match number {
            AF_INET => Some(Family::V4),
            AF_INET6 => Some(Family::V6),
            _ => None,
        }
    }

    /// The C name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Family::V4 => "AF_INET",
            Family::V6 => "AF_INET6",
        }
    }

    /// The size of the family's `SOCKADDR`.
    pub(crate) fn sockaddr_size(self) -> usize {
        match self {
            Family::V4 => size_of::<SOCKADDR_IN>(),
            Family::V6 => size_of::<SOCKADDR_IN6>(),
        }
    }
}

/// The address as it is on the wire: an IPv4 address that a dual-stack socket shows mapped is an IPv4 address again.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => (ip, address.port()).into(),
            None => address,
        },
        IpAddr::V4(_) => address,
    }
}

/// The address as a socket of the family shows it: an IPv4 address is mapped on an IPv6 socket.
pub(crate) fn in_family(address: SocketAddr, family: Family) -> SocketAddr {
    match (address.ip(), family) {
        (IpAddr::V4(ip), Family::V6) => (ip.to_ipv6_mapped(), address.port()).into(),
        _ => address,
    }
}

/// Whether two addresses name the same peer: flow information and scope are not compared.
pub(crate) fn same_peer(one: SocketAddr, other: SocketAddr) -> bool {
    canonical(one).ip() == canonical(other).ip() && one.port() == other.port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_the_same_peer() {
        let v4: SocketAddr = "192.0.2.7:1".parse().unwrap();
        let mapped = in_family(v4, Family::V6);
        assert!(mapped.is_ipv6());
        assert_eq!(canonical(mapped), v4);
        assert!(same_peer(mapped, v4));
        assert!(!same_peer(mapped, "192.0.2.7:2".parse().unwrap()));
    }
}
