//! Values that are more than a number: their bytes in C, and how people write them.

use core::fmt;
use core::mem::offset_of;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use wsk_sys::{
    AF_INET, AF_INET6, GROUP_REQ, GROUP_SOURCE_REQ, IP_MREQ, IP_MREQ_SOURCE, IPV6_MREQ, SOCKADDR_IN,
    SOCKADDR_IN6, ULONG,
};

use crate::row::ValueKind;

/// The largest value of a request that is not a list: a `GROUP_SOURCE_REQ`.
pub const MAX_SIZE: usize = size_of::<GROUP_SOURCE_REQ>();

/// `PMTUD_STATE`: how the MTU of a path is discovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum PathMtuDiscovery {
    /// `IP_PMTUDISC_NOT_SET`: as the system does by default.
    NotSet = 0,
    /// `IP_PMTUDISC_DO`: datagrams are not fragmented, and the path's MTU is heeded.
    Do = 1,
    /// `IP_PMTUDISC_DONT`: datagrams may be fragmented.
    Dont = 2,
    /// `IP_PMTUDISC_PROBE`: datagrams are not fragmented, and the known MTU of the path is ignored.
    Probe = 3,
}

impl PathMtuDiscovery {
    /// The state with this number.
    #[must_use]
    pub const fn from_number(number: ULONG) -> Option<PathMtuDiscovery> {
        Some(match number {
            0 => PathMtuDiscovery::NotSet,
            1 => PathMtuDiscovery::Do,
            2 => PathMtuDiscovery::Dont,
            3 => PathMtuDiscovery::Probe,
            _ => return None,
        })
    }
}

/// A `PROTECTION_LEVEL_` number: the scope that a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ProtectionLevel {
    /// `PROTECTION_LEVEL_UNRESTRICTED`: the whole internet, through address translators too.
    Unrestricted = 10,
    /// `PROTECTION_LEVEL_EDGERESTRICTED`: the whole internet, except through address translators.
    EdgeRestricted = 20,
    /// `PROTECTION_LEVEL_RESTRICTED`: the local network.
    Restricted = 30,
    /// `PROTECTION_LEVEL_DEFAULT`: none was set, and the firewall decides. It is got, and cannot be set.
    Unspecified = u32::MAX,
}

impl ProtectionLevel {
    /// The level with this number.
    #[must_use]
    pub const fn from_number(number: ULONG) -> Option<ProtectionLevel> {
        Some(match number {
            10 => ProtectionLevel::Unrestricted,
            20 => ProtectionLevel::EdgeRestricted,
            30 => ProtectionLevel::Restricted,
            u32::MAX => ProtectionLevel::Unspecified,
            _ => return None,
        })
    }
}

/// A network interface, as IPv4's options name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interface {
    /// The one that the route leads to.
    #[default]
    Any,
    /// By its index, which is less than 2^24 in IPv4's structures.
    Index(ULONG),
    /// By one of its addresses.
    Address(Ipv4Addr),
}

impl Interface {
    /// The four bytes of IPv4's structures: an address, or an index in network byte order.
    ///
    /// `None`: the index is too large.
    #[must_use]
    pub const fn to_network(self) -> Option<[u8; 4]> {
        match self {
            Interface::Any => Some([0; 4]),
            Interface::Index(index) if index < 1 << 24 => Some(index.to_be_bytes()),
            Interface::Index(_) => None,
            Interface::Address(address) => Some(address.octets()),
        }
    }

    /// What four bytes of IPv4's structures say: an address of 0.0.0.0/8 is an index.
    #[must_use]
    pub const fn from_network(bytes: [u8; 4]) -> Interface {
        match (bytes, u32::from_be_bytes(bytes)) {
            ([0, _, _, _], index) => Interface::from_index(index),
            ([a, b, c, d], _) => Interface::Address(Ipv4Addr::new(a, b, c, d)),
        }
    }

    /// The interface with this index; 0 is any.
    #[must_use]
    pub const fn from_index(index: ULONG) -> Interface {
        if index == 0 { Interface::Any } else { Interface::Index(index) }
    }

    /// The index, if it is known by that.
    #[must_use]
    pub const fn index(self) -> Option<ULONG> {
        match self {
            Interface::Any => Some(0),
            Interface::Index(index) => Some(index),
            Interface::Address(_) => None,
        }
    }
}

/// `any`, an index, or an address.
impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Interface::Any => f.write_str("any"),
            Interface::Index(index) => index.fmt(f),
            Interface::Address(address) => address.fmt(f),
        }
    }
}

/// That a text is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl FromStr for Interface {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Interface, Unreadable> {
        if text.eq_ignore_ascii_case("any") {
            return Ok(Interface::Any);
        }
        match (text.parse(), text.parse::<Ipv4Addr>()) {
            (Ok(index), _) => Ok(Interface::from_index(index)),
            (_, Ok(address)) => Ok(Interface::from_network(address.octets())),
            _ => Err(Unreadable),
        }
    }
}

/// A multicast group, the interface on which it is joined, and a source: what all of C's structures say of it.
///
/// As text: `239.1.2.3`, `239.1.2.3,on=127.0.0.1`, `ff02::1:3,on=2,from=fe80::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Multicast {
    /// The group.
    pub group: IpAddr,
    /// The interface.
    pub interface: Interface,
    /// The source, where the structure has one.
    pub source: Option<IpAddr>,
}

impl Multicast {
    /// The bytes in C, for a kind of value, at the beginning of `to`; the number of bytes.
    ///
    /// `None`: the kind is none of a group's, or has no room for these addresses or this interface, or `to` is too
    /// small.
    #[must_use]
    pub fn encode(&self, kind: ValueKind, to: &mut [u8]) -> Option<usize> {
        let (size, _) = kind.bounds(0);
        let to = to.get_mut(..size)?;
        to.fill(0);
        match (kind, self.group, self.source) {
            (ValueKind::Membership, IpAddr::V4(group), None) => {
                put(to, offset_of!(IP_MREQ, imr_multiaddr), &group.octets());
                put(to, offset_of!(IP_MREQ, imr_interface), &self.interface.to_network()?);
            }
            (ValueKind::SourceMembership, IpAddr::V4(group), Some(IpAddr::V4(source))) => {
                put(to, offset_of!(IP_MREQ_SOURCE, imr_multiaddr), &group.octets());
                put(to, offset_of!(IP_MREQ_SOURCE, imr_sourceaddr), &source.octets());
                put(to, offset_of!(IP_MREQ_SOURCE, imr_interface), &self.interface.to_network()?);
            }
            (ValueKind::MembershipV6, IpAddr::V6(group), None) => {
                put(to, offset_of!(IPV6_MREQ, ipv6mr_multiaddr), &group.octets());
                put(to, offset_of!(IPV6_MREQ, ipv6mr_interface), &self.interface.index()?.to_ne_bytes());
            }
            (ValueKind::Group, group, None) => {
                put(to, offset_of!(GROUP_REQ, gr_interface), &self.interface.index()?.to_ne_bytes());
                put_address(to, offset_of!(GROUP_REQ, gr_group), group);
            }
            (ValueKind::GroupSource, group, Some(source)) if group.is_ipv4() == source.is_ipv4() => {
                put(to, offset_of!(GROUP_SOURCE_REQ, gsr_interface), &self.interface.index()?.to_ne_bytes());
                put_address(to, offset_of!(GROUP_SOURCE_REQ, gsr_group), group);
                put_address(to, offset_of!(GROUP_SOURCE_REQ, gsr_source), source);
            }
            _ => return None,
        }
        Some(size)
    }

    /// What the bytes of a kind of value say.
    ///
    /// `None`: they are none, because of the kind, their number, the family of an address, or two families.
    #[must_use]
    pub fn decode(kind: ValueKind, from: &[u8]) -> Option<Multicast> {
        if from.len() != kind.bounds(0).0 {
            return None;
        }
        let v4 = |at| take(from, at).map(Ipv4Addr::from);
        let network = |at| take(from, at).map(Interface::from_network);
        let index = |at| take(from, at).map(|bytes| Interface::from_index(ULONG::from_ne_bytes(bytes)));
        Some(match kind {
            ValueKind::Membership => Multicast {
                group: v4(offset_of!(IP_MREQ, imr_multiaddr))?.into(),
                interface: network(offset_of!(IP_MREQ, imr_interface))?,
                source: None,
            },
            ValueKind::SourceMembership => Multicast {
                group: v4(offset_of!(IP_MREQ_SOURCE, imr_multiaddr))?.into(),
                interface: network(offset_of!(IP_MREQ_SOURCE, imr_interface))?,
                source: Some(v4(offset_of!(IP_MREQ_SOURCE, imr_sourceaddr))?.into()),
            },
            ValueKind::MembershipV6 => Multicast {
                group: Ipv6Addr::from(take::<16>(from, offset_of!(IPV6_MREQ, ipv6mr_multiaddr))?).into(),
                interface: index(offset_of!(IPV6_MREQ, ipv6mr_interface))?,
                source: None,
            },
            ValueKind::Group => Multicast {
                group: take_address(from, offset_of!(GROUP_REQ, gr_group))?,
                interface: index(offset_of!(GROUP_REQ, gr_interface))?,
                source: None,
            },
            ValueKind::GroupSource => {
                let group = take_address(from, offset_of!(GROUP_SOURCE_REQ, gsr_group))?;
                let source = take_address(from, offset_of!(GROUP_SOURCE_REQ, gsr_source))?;
                if group.is_ipv4() != source.is_ipv4() {
                    return None;
                }
                let interface = index(offset_of!(GROUP_SOURCE_REQ, gsr_interface))?;
                Multicast { group, interface, source: Some(source) }
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Multicast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.group.fmt(f)?;
        if self.interface != Interface::Any {
            write!(f, ",on={}", self.interface)?;
        }
        match self.source {
            Some(source) => write!(f, ",from={source}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Multicast {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Multicast, Unreadable> {
        let mut parts = text.split(',');
        let group = parts.next().and_then(|group| group.parse().ok()).ok_or(Unreadable)?;
        let mut multicast = Multicast { group, interface: Interface::Any, source: None };
        for part in parts {
            match part.split_once('=') {
                Some(("on", interface)) => multicast.interface = interface.parse()?,
                Some(("from", source)) => multicast.source = Some(source.parse().map_err(|_| Unreadable)?),
                _ => return Err(Unreadable),
            }
        }
        Ok(multicast)
    }
}

/// Puts bytes where there is room for them: callers have made it.
fn put(to: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(to) = to.get_mut(at..).and_then(|to| to.get_mut(..bytes.len())) {
        to.copy_from_slice(bytes);
    }
}

fn take<const N: usize>(from: &[u8], at: usize) -> Option<[u8; N]> {
    from.get(at..)?.first_chunk().copied()
}

/// An address in the form of a `SOCKADDR_STORAGE`, with port 0.
fn put_address(to: &mut [u8], at: usize, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            put(to, at, &AF_INET.to_ne_bytes());
            put(to, at + offset_of!(SOCKADDR_IN, sin_addr), &address.octets());
        }
        IpAddr::V6(address) => {
            put(to, at, &AF_INET6.to_ne_bytes());
            put(to, at + offset_of!(SOCKADDR_IN6, sin6_addr), &address.octets());
        }
    }
}

fn take_address(from: &[u8], at: usize) -> Option<IpAddr> {
    match u16::from_ne_bytes(take(from, at)?) {
        AF_INET => take(from, at + offset_of!(SOCKADDR_IN, sin_addr)).map(|bytes: [u8; 4]| bytes.into()),
        AF_INET6 => take(from, at + offset_of!(SOCKADDR_IN6, sin6_addr)).map(|bytes: [u8; 16]| bytes.into()),
        _ => None,
    }
}
