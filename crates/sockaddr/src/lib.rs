//! Socket addresses as Windows lays them out: `SOCKADDR_IN` and `SOCKADDR_IN6`, to and from [`core::net`].
//!
//! | | bytes | family | port | flow | address | scope |
//! |---|---|---|---|---|---|---|
//! | `SOCKADDR_IN` | 16 | 0..2 | 2..4 | | 4..8, then 8 unused | |
//! | `SOCKADDR_IN6` | 28 | 0..2 | 2..4 | 4..8 | 8..24 | 24..28 |
//!
//! Port and address are in network byte order, the other fields in the machine's.
//!
//! ```
//! let (bytes, length) = wsk_sockaddr::encode("192.0.2.7:80".parse().unwrap());
//! assert_eq!(bytes[2..8], [0, 80, 192, 0, 2, 7]);
//! assert_eq!(wsk_sockaddr::decode(&bytes[..length]), Ok("192.0.2.7:80".parse().unwrap()));
//! ```
#![no_std]

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// `AF_INET`: Windows' number for IPv4.
pub const AF_INET: u16 = 2;
/// `AF_INET6`: Windows' number for IPv6, unlike that of other systems.
pub const AF_INET6: u16 = 23;

/// The size of a `SOCKADDR_IN`.
pub const SOCKADDR_IN_LENGTH: usize = 16;
/// The size of a `SOCKADDR_IN6`.
pub const SOCKADDR_IN6_LENGTH: usize = 28;
/// The size of the larger of the two.
pub const MAX_SOCKADDR_LENGTH: usize = SOCKADDR_IN6_LENGTH;

/// Why some bytes are no socket address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// There are not as many bytes as an address of this family has; family 0 when there is not even a family.
    Length {
        /// The family that the bytes name.
        family: u16,
        /// How many bytes there are.
        length: usize,
    },
    /// The family is neither [`AF_INET`] nor [`AF_INET6`].
    Family(u16),
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { family, length } => match length_of(*family) {
                Some(needed) => write!(f, "an address of family {family} has {needed} bytes, not {length}"),
                None => write!(f, "{length} bytes are too few for a socket address"),
            },
            Self::Family(family) => {
                write!(f, "address family {family} is neither AF_INET (2) nor AF_INET6 (23)")
            }
        }
    }
}

impl core::error::Error for AddressError {}

/// The number of an address's family.
#[must_use]
pub const fn family(address: &SocketAddr) -> u16 {
    match address {
        SocketAddr::V4(_) => AF_INET,
        SocketAddr::V6(_) => AF_INET6,
    }
}

/// The size of an address of this family, if the family is known.
#[must_use]
pub const fn length_of(family: u16) -> Option<usize> {
    match family {
        AF_INET => Some(SOCKADDR_IN_LENGTH),
        AF_INET6 => Some(SOCKADDR_IN6_LENGTH),
        _ => None,
    }
}

/// The bytes of an address, and how many of them count; the rest is zero.
#[must_use]
#[inline]
pub fn encode(address: SocketAddr) -> ([u8; MAX_SOCKADDR_LENGTH], usize) {
    let mut bytes = [0; MAX_SOCKADDR_LENGTH];
    bytes[0..2].copy_from_slice(&family(&address).to_ne_bytes());
    bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
    let length = match address {
        SocketAddr::V4(v4) => {
            bytes[4..8].copy_from_slice(&v4.ip().octets());
            SOCKADDR_IN_LENGTH
        }
        SocketAddr::V6(v6) => {
            bytes[4..8].copy_from_slice(&v6.flowinfo().to_ne_bytes());
            bytes[8..24].copy_from_slice(&v6.ip().octets());
            bytes[24..28].copy_from_slice(&v6.scope_id().to_ne_bytes());
            SOCKADDR_IN6_LENGTH
        }
    };
    (bytes, length)
}

/// The address that exactly these bytes are.
///
/// The unused bytes of a `SOCKADDR_IN` may hold anything.
///
/// # Errors
///
/// [`AddressError::Family`] if the family is unknown, [`AddressError::Length`] if the bytes are more or fewer than
/// the family has.
#[inline]
pub fn decode(bytes: &[u8]) -> Result<SocketAddr, AddressError> {
    let length = bytes.len();
    let Some((&family, rest)) = bytes.split_first_chunk() else {
        return Err(AddressError::Length { family: 0, length });
    };
    let family = u16::from_ne_bytes(family);
    let wrong_length = AddressError::Length { family, length };
    match family {
        AF_INET => v4(rest).ok_or(wrong_length),
        AF_INET6 => v6(rest).ok_or(wrong_length),
        _ => Err(AddressError::Family(family)),
    }
}

#[inline]
fn v4(bytes: &[u8]) -> Option<SocketAddr> {
    let (&port, bytes) = bytes.split_first_chunk()?;
    let (&address, bytes) = bytes.split_first_chunk::<4>()?;
    let _unused: &[u8; 8] = bytes.try_into().ok()?;
    Some(SocketAddrV4::new(Ipv4Addr::from(address), u16::from_be_bytes(port)).into())
}

#[inline]
fn v6(bytes: &[u8]) -> Option<SocketAddr> {
    let (&port, bytes) = bytes.split_first_chunk()?;
    let (&flow, bytes) = bytes.split_first_chunk()?;
    let (&address, bytes) = bytes.split_first_chunk::<16>()?;
    let scope = bytes.try_into().ok()?;
    let (flow, scope) = (u32::from_ne_bytes(flow), u32::from_ne_bytes(scope));
    Some(SocketAddrV6::new(Ipv6Addr::from(address), u16::from_be_bytes(port), flow, scope).into())
}

/// The addresses of a list: one after the other, each with its own size, as the driver hands out address lists.
///
/// After an error there are no more.
pub fn decode_all(mut bytes: &[u8]) -> impl Iterator<Item = Result<SocketAddr, AddressError>> {
    core::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let family = bytes.first_chunk().map_or(0, |family| u16::from_ne_bytes(*family));
        let size = length_of(family).unwrap_or(bytes.len()).min(bytes.len());
        let (address, rest) = bytes.split_at(size);
        let address = decode(address);
        bytes = if address.is_ok() { rest } else { &[] };
        Some(address)
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    fn round_trip(address: SocketAddr) {
        let (bytes, length) = encode(address);
        assert_eq!(decode(&bytes[..length]), Ok(address));
        for wrong in (0..64).filter(|&n| n != length) {
            let mut padded = [0; 64];
            padded[..MAX_SOCKADDR_LENGTH].copy_from_slice(&bytes);
            let family = if wrong < 2 { 0 } else { family(&address) };
            assert_eq!(decode(&padded[..wrong]), Err(AddressError::Length { family, length: wrong }));
        }
    }

    #[test]
    fn addresses_round_trip_at_their_length_and_no_other() {
        round_trip("192.0.2.7:65535".parse().unwrap());
        round_trip("0.0.0.0:0".parse().unwrap());
        round_trip("[2001:db8::1]:9".parse().unwrap());
        round_trip(SocketAddrV6::new("fe80::1".parse().unwrap(), 1, 0x0102_0304, 0x0506_0708).into());
    }

    #[test]
    fn lists_are_read_up_to_the_first_error() {
        let addresses = ["192.0.2.7:1", "[::1]:2", "192.0.2.8:3"];
        let addresses: [SocketAddr; 3] = addresses.map(|text| text.parse().unwrap());
        let mut list = std::vec::Vec::new();
        for address in addresses {
            let (bytes, length) = encode(address);
            list.extend_from_slice(&bytes[..length]);
        }
        assert_eq!(decode_all(&list).collect::<std::vec::Vec<_>>(), addresses.map(Ok));
        assert_eq!(decode_all(&[]).count(), 0);
        let cut: std::vec::Vec<_> = decode_all(&list[..30]).collect();
        assert_eq!(cut, [Ok(addresses[0]), Err(AddressError::Length { family: AF_INET6, length: 14 })]);
        let one: std::vec::Vec<_> = decode_all(&[9]).collect();
        assert_eq!(one, [Err(AddressError::Length { family: 0, length: 1 })]);
        let unknown: std::vec::Vec<_> = decode_all(&[7; 40]).collect();
        assert_eq!(unknown, [Err(AddressError::Family(0x0707))]);
    }

    #[test]
    fn bytes_are_those_of_windows() {
        let (bytes, length) = encode("127.0.0.1:258".parse().unwrap());
        assert_eq!(length, 16);
        assert_eq!(bytes[..2], 2_u16.to_ne_bytes());
        assert_eq!(bytes[2..16], [1, 2, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);

        let (bytes, length) = encode(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 258, 7, 9).into());
        assert_eq!(length, 28);
        assert_eq!(bytes[..2], 23_u16.to_ne_bytes());
        assert_eq!(bytes[2..4], [1, 2]);
        assert_eq!(bytes[4..8], 7_u32.to_ne_bytes());
        assert_eq!(bytes[8..24], Ipv6Addr::LOCALHOST.octets());
        assert_eq!(bytes[24..28], 9_u32.to_ne_bytes());
    }

    #[test]
    fn unknown_families_are_told_apart_from_wrong_lengths() {
        let mut bytes = encode("127.0.0.1:1".parse().unwrap()).0;
        for family in [0_u16, 1, 10, 22, 24, 0x0200, u16::MAX] {
            bytes[..2].copy_from_slice(&family.to_ne_bytes());
            assert_eq!(decode(&bytes[..16]), Err(AddressError::Family(family)));
            assert_eq!(decode(&bytes), Err(AddressError::Family(family)));
        }
    }

    #[test]
    fn errors_say_what_was_expected() {
        let text = decode(&encode("127.0.0.1:1".parse().unwrap()).0).unwrap_err().to_string();
        assert_eq!(text, "an address of family 2 has 16 bytes, not 28");
        assert_eq!(decode(&[]).unwrap_err().to_string(), "0 bytes are too few for a socket address");
    }
}
