//! Socket addresses: `core::net` outside, `SOCKADDR_IN` and `SOCKADDR_IN6` inside.
#![expect(unsafe_code, reason = "SOCKADDR_INET is a union")]

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use wsk_sys::{ADDRESS_FAMILY, AF_INET, AF_INET6, SOCKADDR_IN, SOCKADDR_IN6, SOCKADDR_INET};

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// `AF_INET`
    V4,
    /// `AF_INET6`. The socket is for IPv6 only until [`V6Only`](crate::option::ipv6::V6Only) is cleared.
    V6,
}

impl Family {
    /// The Winsock number.
    #[must_use]
    pub const fn number(self) -> ADDRESS_FAMILY {
        match self {
            Family::V4 => AF_INET,
            Family::V6 => AF_INET6,
        }
    }

    /// The family with this Winsock number.
    #[must_use]
    pub const fn from_number(number: ADDRESS_FAMILY) -> Option<Family> {
        match number {
            AF_INET => Some(Family::V4),
            AF_INET6 => Some(Family::V6),
            _ => None,
        }
    }

    /// The size in bytes of the family's socket address: 16 or 28.
    #[must_use]
    pub const fn address_size(self) -> usize {
        match self {
            Family::V4 => size_of::<SOCKADDR_IN>(),
            Family::V6 => size_of::<SOCKADDR_IN6>(),
        }
    }

    /// The family of an address.
    #[must_use]
    pub const fn of(address: &SocketAddr) -> Family {
        match address {
            SocketAddr::V4(_) => Family::V4,
            SocketAddr::V6(_) => Family::V6,
        }
    }
}

/// The C form of an address.
pub(crate) fn encode(address: &SocketAddr) -> SOCKADDR_INET {
    match address {
        SocketAddr::V4(address) => {
            // The IPv6 variant is the larger: setting it first leaves no byte undefined.
            let mut raw = SOCKADDR_INET { Ipv6: SOCKADDR_IN6::default() };
            raw.Ipv4 = SOCKADDR_IN {
                sin_family: AF_INET,
                sin_port: address.port().to_be(),
                sin_addr: u32::from_ne_bytes(address.ip().octets()),
                sin_zero: [0; 8],
            };
            raw
        }
        SocketAddr::V6(address) => SOCKADDR_INET {
            Ipv6: SOCKADDR_IN6 {
                sin6_family: AF_INET6,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: address.flowinfo(),
                sin6_addr: address.ip().octets(),
                sin6_scope_id: address.scope_id(),
            },
        },
    }
}

/// The address of a C form all of whose bytes are defined, or `None` if its family is neither IPv4 nor IPv6.
pub(crate) fn decode(raw: &SOCKADDR_INET) -> Option<SocketAddr> {
    // SAFETY: every byte is defined, and every bit pattern is an address of this type.
    let v6 = unsafe { raw.Ipv6 };
    match Family::from_number(v6.sin6_family)? {
        Family::V4 => {
            // SAFETY: as above.
            let v4 = unsafe { raw.Ipv4 };
            let ip = Ipv4Addr::from(v4.sin_addr.to_ne_bytes());
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        Family::V6 => {
            let ip = Ipv6Addr::from(v6.sin6_addr);
            let port = u16::from_be(v6.sin6_port);
            Some(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id).into())
        }
    }
}

/// The address of the bytes of a C form, or `None` if they are none: too few, or of another family.
pub(crate) fn decode_bytes(bytes: &[u8]) -> Option<SocketAddr> {
    let family = Family::from_number(u16::from_ne_bytes(*bytes.first_chunk()?))?;
    let mut whole = [0; size_of::<SOCKADDR_INET>()];
    let size = family.address_size();
    whole[..size].copy_from_slice(bytes.get(..size)?);
    // SAFETY: every byte is defined, and both types are plain data of 28 bytes.
    decode(&unsafe { core::mem::transmute::<[u8; 28], SOCKADDR_INET>(whole) })
}

/// The first `size_of` bytes of the C form, as `WskControlSocket` takes them.
pub(crate) fn encode_bytes(address: &SocketAddr) -> ([u8; 28], usize) {
    // SAFETY: every byte of an encoded address is defined, and both types are plain data of 28 bytes.
    let bytes = unsafe { core::mem::transmute::<SOCKADDR_INET, [u8; 28]>(encode(address)) };
    (bytes, Family::of(address).address_size())
}

#[cfg(test)]
mod tests {
    use super::{Family, decode, decode_bytes, encode, encode_bytes};

    #[test]
    fn addresses_survive_the_c_form() {
        for text in ["127.0.0.1:5", "255.1.2.3:65535", "[::1]:9", "[fe80::1%7]:80", "[::ffff:1.2.3.4]:0"] {
            let address = text.parse().unwrap();
            assert_eq!(decode(&encode(&address)), Some(address));
            let (bytes, size) = encode_bytes(&address);
            assert_eq!(decode_bytes(&bytes[..size]), Some(address));
            assert_eq!(decode_bytes(&bytes[..size - 1]), None);
        }
    }

    #[test]
    fn bytes_are_in_network_order() {
        let (bytes, size) = encode_bytes(&"1.2.3.4:258".parse().unwrap());
        assert_eq!((&bytes[..8], size), (&[2, 0, 1, 2, 1, 2, 3, 4][..], 16));
        let (bytes, size) = encode_bytes(&"[::1]:258".parse().unwrap());
        assert_eq!((&bytes[..4], bytes[23], size), (&[23, 0, 1, 2][..], 1, 28));
    }

    #[test]
    fn an_unknown_family_is_no_address() {
        let mut raw = encode(&"1.2.3.4:5".parse().unwrap());
        raw.si_family = 17;
        assert_eq!(decode(&raw), None);
        assert_eq!(Family::from_number(17), None);
    }
}
