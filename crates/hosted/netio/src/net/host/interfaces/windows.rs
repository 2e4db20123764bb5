//! `GetAdaptersAddresses`, without the prefixes of the interfaces: nobody here needs them, and Wine 10 fails if it is asked
//! for them.
#![expect(unsafe_code, reason = "reads lists that the system writes")]

use core::net::IpAddr;
use core::ptr;
use std::io;

use socket2::{SockAddr, SockAddrStorage};
use windows_sys::Win32::Foundation::{ERROR_BUFFER_OVERFLOW, ERROR_NO_DATA, ERROR_SUCCESS};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    GAA_FLAG_SKIP_ANYCAST, GAA_FLAG_SKIP_DNS_SERVER, GAA_FLAG_SKIP_FRIENDLY_NAME, GAA_FLAG_SKIP_MULTICAST,
    GetAdaptersAddresses, IP_ADAPTER_ADDRESSES_LH, IP_ADAPTER_UNICAST_ADDRESS_LH,
};
use windows_sys::Win32::Networking::WinSock::{AF_UNSPEC, SOCKET_ADDRESS};

use super::Address;

/// What the page of the function says to begin with.
const FIRST_SIZE: u32 = 0x4000;
/// How often the list may have grown since its size was told.
const TRIES: usize = 5;

/// All addresses of interfaces that have an index.
pub(crate) fn addresses() -> io::Result<Vec<Address>> {
    let adapters = adapters()?;
    let mut found = Vec::new();
    let mut next: *const IP_ADAPTER_ADDRESSES_LH = adapters.as_ptr().cast();
    // An empty list has no first element, as the buffer is empty then.
    while !adapters.is_empty() && !next.is_null() {
        // SAFETY: an element of the list that the system has written into the buffer, which is borrowed.
        let adapter = unsafe { &*next };
        // SAFETY: both variants of the union are plain numbers.
        let index = unsafe { adapter.Anonymous1.Anonymous.IfIndex };
        // The two are the same wherever an interface has both families, and Wine tells the first only.
        let interface = if index == 0 { adapter.Ipv6IfIndex } else { index };
        let mut unicast: *const IP_ADAPTER_UNICAST_ADDRESS_LH = adapter.FirstUnicastAddress;
        while !unicast.is_null() {
            // SAFETY: an element of the adapter's list, in the same buffer.
            let one = unsafe { &*unicast };
            if let Some(address) = ip(&one.Address).filter(|_| interface != 0) {
                found.push(Address { interface, address });
            }
            unicast = one.Next;
        }
        next = adapter.Next;
    }
    Ok(found)
}

/// The list as the system writes it, aligned as its elements are; empty if there is nothing in it.
fn adapters() -> io::Result<Vec<u64>> {
    let mut size = FIRST_SIZE;
    let flags = GAA_FLAG_SKIP_ANYCAST
        | GAA_FLAG_SKIP_MULTICAST
        | GAA_FLAG_SKIP_DNS_SERVER
        | GAA_FLAG_SKIP_FRIENDLY_NAME;
    for _ in 0..TRIES {
        let mut buffer = vec![0_u64; (size as usize).div_ceil(size_of::<u64>())];
        // SAFETY: the buffer has that many bytes at least; the size is a local.
        let error = unsafe {
            GetAdaptersAddresses(
                u32::from(AF_UNSPEC),
                flags,
                ptr::null(),
                buffer.as_mut_ptr().cast(),
                &raw mut size,
            )
        };
        match error {
            ERROR_SUCCESS => return Ok(buffer),
            ERROR_NO_DATA => return Ok(Vec::new()),
            ERROR_BUFFER_OVERFLOW => {}
            other => return Err(io::Error::from_raw_os_error(other.cast_signed())),
        }
    }
    Err(io::ErrorKind::OutOfMemory.into())
}

/// The IP address in an address of Winsock's.
fn ip(address: &SOCKET_ADDRESS) -> Option<IpAddr> {
    let length = usize::try_from(address.iSockaddrLength).ok()?;
    let copy = |storage: *mut SockAddrStorage, size: *mut i32| {
        // SAFETY: `try_init` gives the storage's size.
        let room = unsafe { size.read() };
        if address.iSockaddrLength > room {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let bytes: *const u8 = address.lpSockaddr.cast();
        // SAFETY: the system's address has that length, and there is room for it.
        unsafe { storage.cast::<u8>().copy_from_nonoverlapping(bytes, length) };
        // SAFETY: where `try_init` wants the address's own.
        unsafe { size.write(address.iSockaddrLength) };
        Ok(())
    };
    // SAFETY: the storage is zeroed before, and holds the system's address after.
    let ((), address) = unsafe { SockAddr::try_init(copy) }.ok()?;
    address.as_socket().map(|address| address.ip())
}
