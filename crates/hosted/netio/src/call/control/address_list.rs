//! Lists of addresses: `SIO_ADDRESS_LIST_QUERY` and `SIO_ADDRESS_LIST_SORT`.
#![expect(unsafe_code, reason = "reads and writes a structure with pointers in the client's buffers")]
#![expect(clippy::cast_ptr_alignment, reason = "the buffer is the client's, and written unaligned")]

use core::mem::offset_of;
use core::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::ptr;

use readings::{DualStackAddresses, SortRoom};
use wsk_sys::{
    LONG, NTSTATUS, SIZE_T, SOCKADDR, SOCKET_ADDRESS, SOCKET_ADDRESS_LIST, STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use crate::call::sockaddr;
use crate::net::address::Family;
use crate::net::sort::sort;
use crate::provider::Provider;
use crate::socket::Socket;

/// Where the entries of a list begin, and what each occupies.
const ENTRIES: usize = offset_of!(SOCKET_ADDRESS_LIST, Address);
const ENTRY: usize = size_of::<SOCKET_ADDRESS>();

/// Writes the addresses of the socket's family into the client's buffer. Returns the status, and the size of the list.
///
/// # Safety
/// `output` is null and `capacity` zero, or it points to `capacity` bytes of the client's.
pub(crate) unsafe fn query(
    provider: &Provider,
    socket: &Socket,
    output: *mut u8,
    capacity: usize,
) -> (NTSTATUS, SIZE_T) {
    let places = match provider.config.network.local_addresses() {
        Ok(places) => places,
        Err(status) => return (status, 0),
    };
    let mapped = provider.reading::<DualStackAddresses>() == DualStackAddresses::Mapped
        && !socket.options().values.v6_only();
    let addresses: Vec<SocketAddr> = places
        .iter()
        .filter_map(|local| match (socket.family, local.address) {
            (Family::V4, IpAddr::V4(address)) => Some((address, 0).into()),
            (Family::V6, IpAddr::V6(address)) => Some(SocketAddrV6::new(address, 0, 0, local.scope).into()),
            (Family::V6, IpAddr::V4(address)) if mapped => Some((address.to_ipv6_mapped(), 0).into()),
            _ => None,
        })
        .collect();
    // SAFETY: this function's contract.
    unsafe { write(&addresses, socket.family, output, capacity) }
}

/// Sorts the addresses of a list by how well this machine reaches them. Returns the status, and the size of the list.
///
/// The addresses are IPv6 ones, with IPv4 addresses mapped, whatever the socket's family is. n/d
///
/// # Errors
/// `STATUS_INVALID_PARAMETER`: the list is shorter than it says, or has an address of another family. n/d
///
/// # Safety
/// `input` is a `SOCKET_ADDRESS_LIST` of the client's, in a request that is not completed, whose pointers point to as
/// much as their lengths say; `output` is as in [`query`].
pub(crate) unsafe fn sorted(
    provider: &Provider,
    input: &[u8],
    output: *mut u8,
    capacity: usize,
) -> Result<(NTSTATUS, SIZE_T), NTSTATUS> {
    // SAFETY: this function's contract.
    let addresses = unsafe { read(input) }?;
    let addresses: Vec<SocketAddr> =
        sort(addresses, &provider.config.network.local_addresses()?, &provider.config.readings)
            .into_iter()
            .map(SocketAddr::from)
            .collect();
    // SAFETY: this function's contract.
    let (status, size) = unsafe { write(&addresses, Family::V6, output, capacity) };
    match provider.reading() {
        SortRoom::TooSmall if status == STATUS_BUFFER_OVERFLOW => Err(STATUS_BUFFER_TOO_SMALL),
        SortRoom::TooSmall | SortRoom::Overflow => Ok((status, size)),
    }
}

/// Reads the addresses of a list.
///
/// # Safety
/// As for the input of [`sorted`].
unsafe fn read(list: &[u8]) -> Result<Vec<SocketAddrV6>, NTSTATUS> {
    let word = |at: usize| list.get(at..)?.first_chunk::<4>().map(|bytes| LONG::from_ne_bytes(*bytes));
    let count = word(offset_of!(SOCKET_ADDRESS_LIST, iAddressCount)).ok_or(STATUS_INVALID_PARAMETER)?;
    let count = usize::try_from(count).map_err(|_| STATUS_INVALID_PARAMETER)?;
    let entries = list.get(ENTRIES..).unwrap_or_default().chunks_exact(ENTRY);
    if entries.len() < count {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let mut addresses = Vec::with_capacity(count);
    for entry in entries.take(count) {
        // SAFETY: the bytes are as many as the structure has, which is read unaligned and has no values that cannot be.
        let entry = unsafe { entry.as_ptr().cast::<SOCKET_ADDRESS>().read_unaligned() };
        if usize::try_from(entry.iSockaddrLength) != Ok(Family::V6.sockaddr_size()) {
            return Err(STATUS_INVALID_PARAMETER);
        }
        // The list was read as bytes.
        let address = ptr::with_exposed_provenance(entry.lpSockaddr.addr());
        // SAFETY: by this function's contract null, which is refused, or the client's address, with a SOCKADDR_IN6's
        // length, which is the largest of those of the two families.
        match unsafe { sockaddr::decode(address, Family::V6) }.ok_or(STATUS_INVALID_PARAMETER)? {
            SocketAddr::V6(address) => addresses.push(address),
            SocketAddr::V4(_) => return Err(STATUS_INVALID_PARAMETER),
        }
    }
    Ok(addresses)
}

/// Writes a list of addresses of one family. Returns the status, and the size of the list.
///
/// # Safety
/// As for the output of [`query`].
unsafe fn write(
    addresses: &[SocketAddr],
    family: Family,
    output: *mut u8,
    capacity: usize,
) -> (NTSTATUS, SIZE_T) {
    let length = family.sockaddr_size();
    let size = ENTRIES + addresses.len() * (ENTRY + length);
    if capacity < size {
        return (STATUS_BUFFER_OVERFLOW, size);
    }
    let (Ok(count), Ok(each)) = (LONG::try_from(addresses.len()), LONG::try_from(length)) else {
        return (STATUS_INVALID_PARAMETER, 0);
    };
    // SAFETY: the buffer is large enough for the list, by the comparison above; the count is at its beginning.
    unsafe { output.cast::<LONG>().write_unaligned(count) };
    for (at, item) in addresses.iter().enumerate() {
        let address = output.wrapping_add(ENTRIES + addresses.len() * ENTRY + at * length).cast::<SOCKADDR>();
        // The client reads the address through the pointer in the list.
        let _ = address.expose_provenance();
        let to = output.wrapping_add(ENTRIES + at * ENTRY).cast::<SOCKET_ADDRESS>();
        // SAFETY: the buffer is large enough for the list, by the comparison above; the count is at its beginning; the
        // entries follow the count.
        unsafe { to.write_unaligned(SOCKET_ADDRESS { lpSockaddr: address, iSockaddrLength: each }) };
        // SAFETY: the buffer is large enough for the list, by the comparison above; the count is at its beginning; the
        // addresses follow the entries, each with the size of its family's SOCKADDR.
        unsafe { sockaddr::write(address, *item) };
    }
    (STATUS_SUCCESS, size)
}
