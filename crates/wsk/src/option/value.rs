//! The values of options: their Rust types, and how they lie in C.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::Deref;

use wsk_requests::{Interface, Multicast, PathMtuDiscovery, ProtectionLevel, ValueKind};

use super::sealed::Value;
use crate::CONTROL_MAX;
use crate::error::{Error, Result};

fn put(bytes: &[u8], to: &mut [u8]) -> Result<usize> {
    to.get_mut(..bytes.len()).ok_or(Error::BUFFER_TOO_SMALL)?.copy_from_slice(bytes);
    Ok(bytes.len())
}

impl Value for u32 {
    fn encode(&self, to: &mut [u8]) -> Result<usize> {
        put(&self.to_ne_bytes(), to)
    }

    fn decode(from: &[u8]) -> Result<u32> {
        if let Ok(bytes) = from.try_into() {
            return Ok(u32::from_ne_bytes(bytes));
        }
        let mut bytes = [0; 4];
        bytes.get_mut(..from.len()).ok_or(Error::INFO_LENGTH_MISMATCH)?.copy_from_slice(from);
        Ok(u32::from_ne_bytes(bytes))
    }
}

impl Value for bool {
    fn encode(&self, to: &mut [u8]) -> Result<usize> {
        u32::from(*self).encode(to)
    }

    fn decode(from: &[u8]) -> Result<bool> {
        u32::decode(from).map(|value| value != 0)
    }
}

/// The index of an interface, which goes to WSK in network byte order and comes back in the machine's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct InterfaceIndex(pub u32);

impl Value for InterfaceIndex {
    fn encode(&self, to: &mut [u8]) -> Result<usize> {
        put(&self.0.to_be_bytes(), to)
    }

    fn decode(from: &[u8]) -> Result<InterfaceIndex> {
        u32::decode(from).map(InterfaceIndex)
    }
}

/// Goes to WSK as an address or an index, comes back as an index.
impl Value for Interface {
    fn encode(&self, to: &mut [u8]) -> Result<usize> {
        put(&self.to_network().ok_or(Error::INVALID_PARAMETER)?, to)
    }

    fn decode(from: &[u8]) -> Result<Interface> {
        u32::decode(from).map(Interface::from_index)
    }
}

impl Value for PathMtuDiscovery {
    fn encode(&self, to: &mut [u8]) -> Result<usize> {
        (*self as u32).encode(to)
    }

    fn decode(from: &[u8]) -> Result<PathMtuDiscovery> {
        PathMtuDiscovery::from_number(u32::decode(from)?).ok_or(Error::INVALID_PARAMETER)
    }
}

impl Value for ProtectionLevel {
    fn encode(&self, to: &mut [u8]) -> Result<usize> {
        (*self as u32).encode(to)
    }

    fn decode(from: &[u8]) -> Result<ProtectionLevel> {
        ProtectionLevel::from_number(u32::decode(from)?).ok_or(Error::INVALID_PARAMETER)
    }
}

/// `IP_MREQ`: a group to join or leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Membership {
    /// The group.
    pub group: Ipv4Addr,
    /// The interface on which.
    pub interface: Interface,
}

/// `IP_MREQ_SOURCE`: a group to join or leave, or to hear or not, for what one source sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceMembership {
    /// The group.
    pub group: Ipv4Addr,
    /// The source.
    pub source: Ipv4Addr,
    /// The interface on which.
    pub interface: Interface,
}

/// `IPV6_MREQ`: a group to join or leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MembershipV6 {
    /// The group.
    pub group: Ipv6Addr,
    /// The index of the interface on which; 0 lets the route decide.
    pub interface: u32,
}

/// `GROUP_REQ`: a group of the level's family, to join or leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// The group.
    pub group: IpAddr,
    /// The index of the interface on which; 0 lets the route decide.
    pub interface: u32,
}

/// `GROUP_SOURCE_REQ`: a group of the level's family, to join or leave, or to hear or not, for what one source sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupSource {
    /// The group.
    pub group: IpAddr,
    /// The source, of the same family.
    pub source: IpAddr,
    /// The index of the interface on which; 0 lets the route decide.
    pub interface: u32,
}

/// The values that name a multicast group can be set only; they are read for tests.
macro_rules! groups {
    ($($Type:ident: $read:expr, $write:expr;)+) => {$(
        impl Value for $Type {
            fn encode(&self, to: &mut [u8]) -> Result<usize> {
                let write: fn(&$Type) -> Multicast = $write;
                // A kind has the name of its type.
                write(self).encode(ValueKind::$Type, to).ok_or(Error::INVALID_PARAMETER)
            }

            fn decode(from: &[u8]) -> Result<$Type> {
                let read: fn(Multicast) -> Option<$Type> = $read;
                Multicast::decode(ValueKind::$Type, from).and_then(read).ok_or(Error::INVALID_PARAMETER)
            }
        }
    )+};
}

groups! {
    Membership:
        |it| match it.group {
            IpAddr::V4(group) => Some(Membership { group, interface: it.interface }),
            IpAddr::V6(_) => None,
        },
        |it| Multicast { group: it.group.into(), interface: it.interface, source: None };
    SourceMembership:
        |it| match (it.group, it.source) {
            (IpAddr::V4(group), Some(IpAddr::V4(source))) => {
                Some(SourceMembership { group, source, interface: it.interface })
            }
            _ => None,
        },
        |it| Multicast { group: it.group.into(), interface: it.interface, source: Some(it.source.into()) };
    MembershipV6:
        |it| match it.group {
            IpAddr::V6(group) => Some(MembershipV6 { group, interface: it.interface.index()? }),
            IpAddr::V4(_) => None,
        },
        |it| Multicast {
            group: it.group.into(),
            interface: Interface::from_index(it.interface),
            source: None,
        };
    Group:
        |it| Some(Group { group: it.group, interface: it.interface.index()? }),
        |it| Multicast { group: it.group, interface: Interface::from_index(it.interface), source: None };
    GroupSource:
        |it| Some(GroupSource { group: it.group, source: it.source?, interface: it.interface.index()? }),
        |it| Multicast {
            group: it.group,
            interface: Interface::from_index(it.interface),
            source: Some(it.source),
        };
}

/// The options of an IPv4 header, as they go on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpOptions {
    bytes: [u8; IpOptions::MAX],
    length: usize,
}

impl IpOptions {
    /// As many bytes as a header has room for.
    pub const MAX: usize = 40;

    /// No options, which clears them.
    pub const NONE: IpOptions = IpOptions { bytes: [0; IpOptions::MAX], length: 0 };

    /// Options of these bytes.
    ///
    /// # Errors
    /// [`INVALID_BUFFER_SIZE`](Error::INVALID_BUFFER_SIZE): more than [`IpOptions::MAX`]
    pub fn new(bytes: &[u8]) -> Result<IpOptions> {
        let mut options = IpOptions::NONE;
        options.length = put(bytes, &mut options.bytes).map_err(|_| Error::INVALID_BUFFER_SIZE)?;
        Ok(options)
    }
}

impl Deref for IpOptions {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Value for IpOptions {
    fn encode(&self, to: &mut [u8]) -> Result<usize> {
        put(self, to)
    }

    fn decode(from: &[u8]) -> Result<IpOptions> {
        IpOptions::new(from).map_err(|_| Error::INFO_LENGTH_MISMATCH)
    }
}

/// The indexes of interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceIndexes {
    indexes: [u32; InterfaceIndexes::MAX],
    length: usize,
}

impl InterfaceIndexes {
    /// As many as an operation has room for.
    pub const MAX: usize = CONTROL_MAX / size_of::<u32>();
}

impl Deref for InterfaceIndexes {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.indexes[..self.length]
    }
}

impl Value for InterfaceIndexes {
    fn encode(&self, to: &mut [u8]) -> Result<usize> {
        let mut size = 0;
        for index in self.iter() {
            size += put(&index.to_ne_bytes(), to.get_mut(size..).ok_or(Error::BUFFER_TOO_SMALL)?)?;
        }
        Ok(size)
    }

    fn decode(from: &[u8]) -> Result<InterfaceIndexes> {
        let (chunks, rest) = from.as_chunks();
        if !rest.is_empty() || chunks.len() > InterfaceIndexes::MAX {
            return Err(Error::INFO_LENGTH_MISMATCH);
        }
        let mut list = InterfaceIndexes { indexes: [0; InterfaceIndexes::MAX], length: chunks.len() };
        for (to, from) in list.indexes.iter_mut().zip(chunks) {
            *to = u32::from_ne_bytes(*from);
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use core::fmt::Debug;

    use super::*;

    #[test]
    fn a_value_is_a_ulong() {
        let mut buffer = [0xAA; 6];
        assert_eq!(0x0102_0304_u32.encode(&mut buffer), Ok(4));
        assert_eq!((u32::decode(&buffer[..4]), &buffer[4..]), (Ok(0x0102_0304), &[0xAA, 0xAA][..]));
        assert_eq!(true.encode(&mut buffer), Ok(4));
        assert_eq!((bool::decode(&buffer[..4]), bool::decode(&[0; 4])), (Ok(true), Ok(false)));
    }

    #[test]
    fn a_short_reply_is_a_value_and_a_long_one_is_not() {
        assert_eq!(u32::decode(&[7]), Ok(u32::from_ne_bytes([7, 0, 0, 0])));
        assert_eq!(u32::decode(&[0; 5]), Err(Error::INFO_LENGTH_MISMATCH));
        assert_eq!(7_u32.encode(&mut [0; 3]), Err(Error::BUFFER_TOO_SMALL));
    }

    fn round_trip<V: Value + PartialEq + Debug>(value: V) {
        let mut buffer = [0xAA; CONTROL_MAX];
        let size = value.encode(&mut buffer).unwrap();
        assert_eq!(V::decode(&buffer[..size]), Ok(value));
    }

    #[test]
    fn values_survive_the_way_through_bytes() {
        round_trip(PathMtuDiscovery::Probe);
        round_trip(ProtectionLevel::Restricted);
        let group = Ipv4Addr::new(239, 1, 2, 3);
        let interface = Interface::Address(Ipv4Addr::LOCALHOST);
        round_trip(Membership { group, interface });
        round_trip(SourceMembership { group, interface, source: Ipv4Addr::new(10, 0, 0, 1) });
        let v6: Ipv6Addr = "ff02::7".parse().unwrap();
        round_trip(MembershipV6 { group: v6, interface: 3 });
        round_trip(Group { group: v6.into(), interface: 3 });
        round_trip(GroupSource { group: v6.into(), source: Ipv6Addr::LOCALHOST.into(), interface: 0 });
        round_trip(IpOptions::new(&[7, 3, 4]).unwrap());
        round_trip(IpOptions::NONE);
    }

    #[test]
    fn indexes_of_ipv4_have_two_byte_orders() {
        let mut buffer = [0; 4];
        assert_eq!(InterfaceIndex(258).encode(&mut buffer), Ok(4));
        assert_eq!(buffer, [0, 0, 1, 2]);
        assert_eq!(InterfaceIndex::decode(&258_u32.to_ne_bytes()), Ok(InterfaceIndex(258)));
        assert_eq!(Interface::Index(258).encode(&mut buffer), Ok(4));
        assert_eq!(buffer, [0, 0, 1, 2]);
        assert_eq!(Interface::decode(&258_u32.to_ne_bytes()), Ok(Interface::Index(258)));
    }

    #[test]
    fn what_cannot_be_a_value_is_refused() {
        assert_eq!(PathMtuDiscovery::decode(&4_u32.to_ne_bytes()), Err(Error::INVALID_PARAMETER));
        assert_eq!(ProtectionLevel::decode(&[]), Err(Error::INVALID_PARAMETER));
        assert_eq!(Interface::Index(1 << 24).encode(&mut [0; 4]), Err(Error::INVALID_PARAMETER));
        assert_eq!(IpOptions::new(&[0; 41]), Err(Error::INVALID_BUFFER_SIZE));
        assert_eq!(InterfaceIndexes::decode(&[0; 5]), Err(Error::INFO_LENGTH_MISMATCH));
        assert_eq!(InterfaceIndexes::decode(&[0; CONTROL_MAX]).unwrap().len(), InterfaceIndexes::MAX);
        let list = InterfaceIndexes::decode(&[1, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(list[..], [u32::from_ne_bytes([1, 0, 0, 0]), 0]);
        assert_eq!(list.encode(&mut [0; 7]), Err(Error::BUFFER_TOO_SMALL));
    }
}
