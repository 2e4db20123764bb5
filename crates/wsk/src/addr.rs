//! Socket addresses: `core::net` outside, `SOCKADDR_IN` and `SOCKADDR_IN6` inside.
#![expect(unsafe_code, reason = "SOCKADDR_INET is a union")]

use core::net::SocketAddr;
use core::ptr;

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

/// A C form that is no address, for WSK to write one.
pub(crate) const UNSPECIFIED: SOCKADDR_INET = SOCKADDR_INET {
    Ipv6: SOCKADDR_IN6 {
        sin6_family: 0,
        sin6_port: 0,
        sin6_flowinfo: 0,
        sin6_addr: [0; 16],
        sin6_scope_id: 0,
    },
};

/// The C form of an address.
#[inline]
pub(crate) fn encode(address: &SocketAddr) -> SOCKADDR_INET {
    // Field by field, as it is read soon: what was written as bytes and is read as words is waited for.
    let mut raw = UNSPECIFIED;
    match address {
        SocketAddr::V4(v4) => {
            raw.Ipv4 = SOCKADDR_IN {
                sin_family: AF_INET,
                sin_port: v4.port().to_be(),
                sin_addr: u32::from_ne_bytes(v4.ip().octets()),
                sin_zero: [0; 8],
            };
        }
        SocketAddr::V6(v6) => {
            raw.Ipv6 = SOCKADDR_IN6 {
                sin6_family: AF_INET6,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: v6.ip().octets(),
                sin6_scope_id: v6.scope_id(),
            };
        }
    }
    raw
}

/// Writes the first `size_of` bytes of the C form, and tells how many; `None` if there is no room for them.
#[inline]
pub(crate) fn write(address: &SocketAddr, to: &mut [u8]) -> Option<usize> {
    // SAFETY: every byte is defined, and both types are plain data of 28 bytes.
    let bytes = unsafe { core::mem::transmute::<SOCKADDR_INET, [u8; 28]>(encode(address)) };
    match address {
        SocketAddr::V4(_) => {
            const SIZE: usize = Family::V4.address_size();
            *to.first_chunk_mut::<SIZE>()? = *bytes.first_chunk()?;
            Some(SIZE)
        }
        SocketAddr::V6(_) => {
            const SIZE: usize = Family::V6.address_size();
            *to.first_chunk_mut::<SIZE>()? = *bytes.first_chunk()?;
            Some(SIZE)
        }
    }
}

/// The address of a C form all of whose bytes are defined, or `None` if its family is neither IPv4 nor IPv6.
#[inline]
pub(crate) fn decode(raw: &SOCKADDR_INET) -> Option<SocketAddr> {
    // SAFETY: every byte is defined, says the caller, and the type is plain data of 28 bytes.
    decode_bytes(unsafe { &*ptr::from_ref(raw).cast::<[u8; 28]>() })
}

/// The address at the beginning of these bytes, or `None` if there is none: too few, or another family.
#[inline]
pub(crate) fn decode_bytes(bytes: &[u8]) -> Option<SocketAddr> {
    // Each of its own size, which is then known where it is read.
    match Family::from_number(u16::from_ne_bytes(*bytes.first_chunk()?))? {
        Family::V4 => wsk_sockaddr::decode(bytes.get(..const { Family::V4.address_size() })?).ok(),
        Family::V6 => wsk_sockaddr::decode(bytes.get(..const { Family::V6.address_size() })?).ok(),
    }
}

/// The first `size_of` bytes of the C form, as `WskControlSocket` takes them.
pub(crate) fn encode_bytes(address: &SocketAddr) -> ([u8; 28], usize) {
    wsk_sockaddr::encode(*address)
}

#[cfg(test)]
mod tests {
    use super::{Family, decode, decode_bytes, encode, encode_bytes, write};

    #[test]
    fn addresses_survive_the_c_form() {
        for text in ["127.0.0.1:5", "255.1.2.3:65535", "[::1]:9", "[fe80::1%7]:80", "[::ffff:1.2.3.4]:0"] {
            let address = text.parse().unwrap();
            assert_eq!(decode(&encode(&address)), Some(address));
            let (bytes, size) = encode_bytes(&address);
            let raw = encode(&address);
            // SAFETY: every byte is defined.
            let raw = unsafe { core::mem::transmute::<super::SOCKADDR_INET, [u8; 28]>(raw) };
            assert_eq!(raw, bytes);
            let mut room = [0; 28];
            assert_eq!((write(&address, &mut room), &room[..size]), (Some(size), &bytes[..size]));
            assert_eq!(write(&address, &mut room[..size - 1]), None);
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
