//! Non-paged memory for datagrams, with the MDL that WSK wants.
#![expect(unsafe_code, reason = "pool memory, described by an MDL")]

use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::slice;

use wsk_sys::{FALSE, IoAllocateMdl, IoFreeMdl, MDL, MmBuildMdlForNonPagedPool, ULONG, WSK_BUF};

use crate::error::{Error, Result};
use crate::op::Payload;
use crate::pool;

/// Bytes in non-paged pool, with an MDL made once.
///
/// As a slice it is what will be sent, or what was received. A receive has all of the capacity for its room, and sets
/// the length to that of the datagram; one that fails leaves it empty. For what is sent, [`Buffer::fill`] and
/// [`Buffer::set_len`] set it.
///
/// # Invariants
/// `data` is an owned block of `capacity` initialised bytes, `mdl` describes all of it, `len <= capacity`.
#[derive(Debug)]
pub struct Buffer {
    data: NonNull<u8>,
    mdl: NonNull<MDL>,
    capacity: usize,
    len: usize,
}

// SAFETY: a `Buffer` is its bytes, which nobody else reaches; the MDL only describes them.
unsafe impl Send for Buffer {}
// SAFETY: `&Buffer` gives `&[u8]` only.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Allocates `capacity` zeroed bytes, which is also the initial length.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`INVALID_PARAMETER`](Error::INVALID_PARAMETER): no bytes, or more than an MDL describes.
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
    pub fn new(capacity: usize) -> Result<Buffer> {
        if capacity == 0 {
            return Err(Error::INVALID_PARAMETER);
        }
        let length = ULONG::try_from(capacity).map_err(|_| Error::INVALID_PARAMETER)?;
        let data = pool::allocate_bytes(capacity)?;
        // SAFETY: the range is the block just allocated. No IRP is given, so the MDL belongs to nobody else.
        let mdl = unsafe { IoAllocateMdl(data.as_ptr().cast(), length, FALSE, FALSE, ptr::null_mut()) };
        let Some(mdl) = NonNull::new(mdl) else {
            // SAFETY: the block was allocated just now, and nobody uses it.
            unsafe { pool::free(data) };
            return Err(Error::INSUFFICIENT_RESOURCES);
        };
        // SAFETY: the MDL describes non-paged pool, all of one block.
        unsafe { MmBuildMdlForNonPagedPool(mdl.as_ptr()) };
        // INVARIANT: the pool block is zeroed, and the MDL was made for all of it.
        Ok(Buffer { data, mdl, capacity, len: capacity })
    }

    /// The number of bytes that were allocated.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Sets the length; beyond the capacity, to the capacity. Bytes beyond the old length are what was there before: zeros,
    /// or an earlier content.
    pub fn set_len(&mut self, len: usize) {
        // INVARIANT: at most the capacity.
        self.len = len.min(self.capacity);
    }

    /// Replaces the content.
    ///
    /// # Errors
    /// [`BUFFER_TOO_SMALL`](Error::BUFFER_TOO_SMALL): more than the capacity; nothing is changed.
    pub fn fill(&mut self, content: &[u8]) -> Result {
        if content.len() > self.capacity {
            return Err(Error::BUFFER_TOO_SMALL);
        }
        self.set_len(content.len());
        self.copy_from_slice(content);
        Ok(())
    }
}

// SAFETY: by the type's invariant the MDL describes non-paged memory that the value owns; `len` and `capacity` fit it.
unsafe impl Payload for Buffer {
    fn buffer(&self) -> WSK_BUF {
        // Without data there is no MDL: WSK's page of WSK_BUF allows null for a length of zero.
        let mdl = if self.len == 0 { ptr::null_mut() } else { self.mdl.as_ptr() };
        WSK_BUF { Mdl: mdl, Offset: 0, Length: self.len }
    }

    fn room(&self) -> WSK_BUF {
        WSK_BUF { Mdl: self.mdl.as_ptr(), Offset: 0, Length: self.capacity }
    }

    fn set_received(&mut self, length: usize) {
        self.set_len(length);
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: by the type's invariant these bytes are owned and initialised.
        unsafe { slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and the borrow is exclusive.
        unsafe { slice::from_raw_parts_mut(self.data.as_ptr(), self.len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the MDL came from IoAllocateMdl; one built for non-paged pool needs no unlocking or unmapping.
        unsafe { IoFreeMdl(self.mdl.as_ptr()) };
        // SAFETY: the block is owned, and nothing describes it any more.
        unsafe { pool::free(self.data) };
    }
}
