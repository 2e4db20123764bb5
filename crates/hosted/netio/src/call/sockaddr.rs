//! The client's `SOCKADDR`s: between its memory and `core::net`.
#![expect(unsafe_code, reason = "reads and writes the client's SOCKADDR buffers")]

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use wsk_sys::{
    ADDRESS_FAMILY, AF_INET, AF_INET6, NTSTATUS, SOCKADDR, SOCKADDR_IN, SOCKADDR_IN6,
    STATUS_INVALID_PARAMETER,
};

use crate::net::address::Family;
use crate::platform::Used;

/// The memory of an address of the family, or of the room for one, which a request uses; none if it is null.
pub(crate) fn used(role: &'static str, address: *const SOCKADDR, family: Family) -> Used {
    Used::new(role, address, if address.is_null() { 0 } else { family.sockaddr_size() })
}

/// Reads an address of the family from the client's buffer.
///
/// # Errors
/// `STATUS_INVALID_PARAMETER`: there is no buffer, or it holds an address of another family. n/d
///
/// # Safety
/// `from` is null or points to a `SOCKADDR` of the size that its own family field calls for.
pub(crate) unsafe fn read(from: *const SOCKADDR, family: Family) -> Result<SocketAddr, NTSTATUS> {
    if from.is_null() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: not null, so by this function's contract it points to a SOCKADDR, which begins with its family.
    let number = unsafe { from.cast::<ADDRESS_FAMILY>().read_unaligned() };
    if Family::from_number(number) != Some(family) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    Ok(match family {
        Family::V4 => {
            // SAFETY: its family is AF_INET, so the buffer holds a SOCKADDR_IN.
            let raw = unsafe { from.cast::<SOCKADDR_IN>().read_unaligned() };
            SocketAddrV4::new(Ipv4Addr::from(raw.sin_addr.to_ne_bytes()), u16::from_be(raw.sin_port)).into()
        }
        Family::V6 => {
            // SAFETY: its family is AF_INET6, so the buffer holds a SOCKADDR_IN6.
            let raw = unsafe { from.cast::<SOCKADDR_IN6>().read_unaligned() };
            SocketAddrV6::new(
                Ipv6Addr::from(raw.sin6_addr),
                u16::from_be(raw.sin6_port),
                raw.sin6_flowinfo,
                raw.sin6_scope_id,
            )
            .into()
        }
    })
}

/// Writes an address into the client's buffer.
///
/// # Safety
/// `to` points to a writable buffer of at least the size of the address's `SOCKADDR`.
pub(crate) unsafe fn write(to: *mut SOCKADDR, address: SocketAddr) {
    match address {
        SocketAddr::V4(address) => {
            let raw = SOCKADDR_IN {
                sin_family: AF_INET,
                sin_port: address.port().to_be(),
                sin_addr: u32::from_ne_bytes(address.ip().octets()),
                sin_zero: [0; 8],
            };
            // SAFETY: by this function's contract the buffer has room for a SOCKADDR_IN.
            unsafe { to.cast::<SOCKADDR_IN>().write_unaligned(raw) };
        }
        SocketAddr::V6(address) => {
            let raw = SOCKADDR_IN6 {
                sin6_family: AF_INET6,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: address.flowinfo(),
                sin6_addr: address.ip().octets(),
                sin6_scope_id: address.scope_id(),
            };
            // SAFETY: by this function's contract the buffer has room for a SOCKADDR_IN6.
            unsafe { to.cast::<SOCKADDR_IN6>().write_unaligned(raw) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through_memory(address: SocketAddr, family: Family) -> Result<SocketAddr, NTSTATUS> {
        let mut buffer = [0_u16; 14];
        let place = buffer.as_mut_ptr().cast::<SOCKADDR>();
        // SAFETY: the buffer has 28 bytes, the larger of the two sizes.
        unsafe { write(place, address) };
        // SAFETY: `write` has just put an address there.
        unsafe { read(place, family) }
    }

    #[test]
    fn addresses_survive_the_way_through_memory() {
        let v4: SocketAddr = "192.0.2.7:4660".parse().unwrap();
        assert_eq!(through_memory(v4, Family::V4), Ok(v4));
        let v6 = SocketAddr::from(SocketAddrV6::new("fe80::1".parse().unwrap(), 4660, 5, 6));
        assert_eq!(through_memory(v6, Family::V6), Ok(v6));
    }

    #[test]
    fn bytes_are_in_network_order() {
        let mut buffer = [0_u8; 16];
        // SAFETY: sixteen bytes are a SOCKADDR_IN; the function asks for no alignment.
        unsafe { write(buffer.as_mut_ptr().cast(), "1.2.3.4:258".parse().unwrap()) };
        assert_eq!(buffer[2..8], [1, 2, 1, 2, 3, 4]);
    }

    #[test]
    fn the_wrong_family_and_no_address_are_refused() {
        let v4: SocketAddr = "192.0.2.7:1".parse().unwrap();
        assert_eq!(through_memory(v4, Family::V6), Err(STATUS_INVALID_PARAMETER));
        // SAFETY: null is allowed.
        let none = unsafe { read(core::ptr::null(), Family::V4) };
        assert_eq!(none, Err(STATUS_INVALID_PARAMETER));
    }
}
