//! Memory at addresses that stay: buffers with MDLs, socket addresses.

use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::ptr;

use wsk_sys::*;

/// What `allocate` makes; tries again if that was made to fail, as the faults of interest are the provider's.
pub fn sure<T>(allocate: impl Fn() -> *mut T) -> *mut T {
    let first = allocate();
    if first.is_null() { allocate() } else { first }
}

pub fn pool<T>(size: usize) -> *mut T {
    let tag = u32::from_le_bytes(*b"test");
    sure(|| unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, size, tag) }).cast()
}

/// A value at an address that stays valid wherever its owner goes, as a kernel's memory does.
pub struct Pinned<T>(*mut T);

// Whoever has the place has the value.
unsafe impl<T: Send> Send for Pinned<T> {}

impl<T> Pinned<T> {
    pub fn new(value: T) -> Pinned<T> {
        Pinned(Box::into_raw(Box::new(value)))
    }

    pub fn pointer(&self) -> *mut T {
        self.0
    }
}

impl<T> Deref for Pinned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        unsafe { &*self.0 }
    }
}

impl<T> DerefMut for Pinned<T> {
    fn deref_mut(&mut self) -> &mut T {
        unsafe { &mut *self.0 }
    }
}

impl<T> Drop for Pinned<T> {
    fn drop(&mut self) {
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// A buffer in non-paged pool, with an MDL for each of its parts.
pub struct Buffer {
    pool: *mut u8,
    length: usize,
    mdls: Vec<*mut MDL>,
    pub wsk: Pinned<WSK_BUF>,
}

// Pool belongs to no thread.
unsafe impl Send for Buffer {}

impl Buffer {
    pub fn new(bytes: &[u8]) -> Buffer {
        Buffer::in_parts(bytes, &[bytes.len()])
    }

    /// A buffer with MDLs of these lengths.
    pub fn in_parts(bytes: &[u8], parts: &[usize]) -> Buffer {
        let size = bytes.len().max(1);
        let pool: *mut u8 = pool(size);
        unsafe { pool.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        let mut mdls: Vec<*mut MDL> = Vec::new();
        let mut offset = 0;
        for part in parts.iter().copied().filter(|part| *part != 0) {
            let length = part.try_into().unwrap();
            let address = pool.wrapping_add(offset).cast();
            let mdl = sure(|| unsafe { IoAllocateMdl(address, length, FALSE, FALSE, ptr::null_mut()) });
            unsafe { MmBuildMdlForNonPagedPool(mdl) };
            if let Some(last) = mdls.last() {
                unsafe { (**last).Next = mdl };
            }
            mdls.push(mdl);
            offset += part;
        }
        let first = mdls.first().copied().unwrap_or(ptr::null_mut());
        let wsk = Pinned::new(WSK_BUF { Mdl: first, Offset: 0, Length: bytes.len() });
        Buffer { pool, length: bytes.len(), mdls, wsk }
    }

    pub fn wsk(&self) -> *mut WSK_BUF {
        self.wsk.pointer()
    }

    pub fn bytes(&self) -> Vec<u8> {
        unsafe { std::slice::from_raw_parts(self.pool, self.length) }.to_vec()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        for mdl in &self.mdls {
            unsafe { IoFreeMdl(*mdl) };
        }
        unsafe { ExFreePool(self.pool.cast()) };
    }
}

/// A `SOCKADDR` of either family.
pub struct Address(Pinned<Sockaddr>);

#[repr(C, align(8))]
struct Sockaddr([u8; 32]);

impl Address {
    pub fn empty() -> Address {
        Address(Pinned::new(Sockaddr([0; 32])))
    }

    pub fn new(address: SocketAddr) -> Address {
        let mut bytes = [0; 32];
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        match address {
            SocketAddr::V4(address) => {
                bytes[..2].copy_from_slice(&AF_INET.to_ne_bytes());
                bytes[4..8].copy_from_slice(&address.ip().octets());
            }
            SocketAddr::V6(address) => {
                bytes[..2].copy_from_slice(&AF_INET6.to_ne_bytes());
                bytes[8..24].copy_from_slice(&address.ip().octets());
            }
        }
        Address(Pinned::new(Sockaddr(bytes)))
    }

    pub fn bytes(&self) -> &[u8; 32] {
        let Sockaddr(bytes) = &*self.0;
        bytes
    }

    pub fn get(&self) -> SocketAddr {
        let bytes = self.bytes();
        let port = u16::from_be_bytes([bytes[2], bytes[3]]);
        match u16::from_ne_bytes([bytes[0], bytes[1]]) {
            AF_INET => (<[u8; 4]>::try_from(&bytes[4..8]).unwrap(), port).into(),
            AF_INET6 => (<[u8; 16]>::try_from(&bytes[8..24]).unwrap(), port).into(),
            other => panic!("family {other}"),
        }
    }

    pub fn pointer(&self) -> *mut SOCKADDR {
        self.0.pointer().cast()
    }

    pub fn size(&self) -> usize {
        if self.get().is_ipv4() { 16 } else { 28 }
    }
}
