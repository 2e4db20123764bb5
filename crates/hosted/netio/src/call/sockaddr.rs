//! The client's `SOCKADDR`s: between its memory and `core::net`.
#![expect(unsafe_code, reason = "reads and writes the client's SOCKADDR buffers")]

use core::net::SocketAddr;
use core::slice;

use readings::WrongFamily;
use wsk_sys::{
    ADDRESS_FAMILY, NTSTATUS, SOCKADDR, STATUS_INVALID_ADDRESS, STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
};

use crate::net::address::Family;
use crate::platform::Used;
use crate::provider::Provider;

/// The memory of an address of the family, or of the buffer for one, which a request uses; none if it is null.
pub(crate) fn used(role: &'static str, address: *const SOCKADDR, family: Family) -> Used {
    Used::new(role, address, if address.is_null() { 0 } else { family.sockaddr_size() })
}

/// Reads an address of the family from the client's buffer.
///
/// # Errors
/// That of [`WrongFamily`]: there is no buffer, or it holds an address of another family.
///
/// # Safety
/// `from` is null or points to a `SOCKADDR` of the size that its own family field calls for.
pub(crate) unsafe fn read(
    provider: &Provider,
    from: *const SOCKADDR,
    family: Family,
) -> Result<SocketAddr, NTSTATUS> {
    // SAFETY: this function's contract.
    unsafe { decode(from, family) }.ok_or(match provider.reading() {
        WrongFamily::InvalidParameter => STATUS_INVALID_PARAMETER,
        WrongFamily::InvalidAddress => STATUS_INVALID_ADDRESS,
        WrongFamily::NotSupported => STATUS_NOT_SUPPORTED,
    })
}

/// As [`read`]; none if it cannot be read.
///
/// # Safety
/// As [`read`].
pub(crate) unsafe fn decode(from: *const SOCKADDR, family: Family) -> Option<SocketAddr> {
    if from.is_null() {
        return None;
    }
    // SAFETY: not null, so by this function's contract it points to a SOCKADDR, which begins with its family.
    let number = unsafe { from.cast::<ADDRESS_FAMILY>().read_unaligned() };
    if Family::from_number(number) != Some(family) {
        return None;
    }
    // SAFETY: it has the size of its family's SOCKADDR, whose bytes the client leaves alone in this call.
    let bytes = unsafe { slice::from_raw_parts(from.cast(), family.sockaddr_size()) };
    wsk_sockaddr::decode(bytes).ok()
}

/// Writes an address into the client's buffer.
///
/// # Safety
/// `to` points to a writable buffer of at least the size of the address's `SOCKADDR`.
pub(crate) unsafe fn write(to: *mut SOCKADDR, address: SocketAddr) {
    let (bytes, length) = wsk_sockaddr::encode(address);
    // SAFETY: by this function's contract the buffer has the size of the `SOCKADDR` of its family, which is this.
    unsafe { to.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), length) };
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddrV6;

    use super::*;

    fn through_memory(address: SocketAddr, family: Family) -> Option<SocketAddr> {
        let mut buffer = [0_u16; 14];
        let pointer = buffer.as_mut_ptr().cast::<SOCKADDR>();
        // SAFETY: the buffer has 28 bytes, the larger of the two sizes.
        unsafe { write(pointer, address) };
        // SAFETY: `write` has just put an address there.
        unsafe { decode(pointer, family) }
    }

    #[test]
    fn addresses_survive_the_way_through_memory() {
        let v4: SocketAddr = "192.0.2.7:4660".parse().unwrap();
        assert_eq!(through_memory(v4, Family::V4), Some(v4));
        let v6 = SocketAddr::from(SocketAddrV6::new("fe80::1".parse().unwrap(), 4660, 5, 6));
        assert_eq!(through_memory(v6, Family::V6), Some(v6));
    }

    #[test]
    fn the_wrong_family_and_no_address_are_refused() {
        let v4: SocketAddr = "192.0.2.7:1".parse().unwrap();
        assert_eq!(through_memory(v4, Family::V6), None);
        // SAFETY: null is allowed.
        let none = unsafe { decode(core::ptr::null(), Family::V4) };
        assert_eq!(none, None);
    }
}
