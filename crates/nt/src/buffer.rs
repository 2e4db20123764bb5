//! Non-paged memory with the MDL that describes it.
#![expect(unsafe_code, reason = "pool memory, described by an MDL")]

use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::slice;

use nt_sys::{FALSE, IoAllocateMdl, IoFreeMdl, MDL, MmBuildMdlForNonPagedPool, ULONG};

use crate::error::{Error, Result};
use crate::pool;

/// Bytes in non-paged pool, with an MDL made once.
///
/// As a slice it has the length that [`Buffer::fill`] or [`Buffer::set_len`] has set; the MDL describes all of its
/// capacity, and stays the same while the buffer lives.
///
/// ```
/// type Buffer = nt::Buffer<{ nt::pool::tag(b"Demo") }>;
///
/// # fn main() { hosted(|| driver().unwrap()); }
/// # fn hosted(driver: impl FnOnce()) {
/// #     let machine = ntos::Machine::boot(ntos::Config::default());
/// #     let entered = machine.enter();
/// #     driver();
/// #     drop(entered);
/// #     machine.shutdown();
/// # }
/// fn driver() -> nt::Result {
///     let mut buffer = Buffer::new(1500)?;
///     buffer.fill(b"to be sent")?;
///     assert_eq!((buffer.len(), buffer.capacity()), (10, 1500));
///     Ok(())
/// }
/// ```
///
/// # Invariants
/// `data` is an owned block of `capacity` initialised bytes, `mdl` describes all of it, `len <= capacity`.
#[derive(Debug)]
pub struct Buffer<const TAG: ULONG> {
    data: NonNull<u8>,
    mdl: NonNull<MDL>,
    capacity: usize,
    len: usize,
}

// SAFETY: a `Buffer` is its bytes, which nobody else reaches; the MDL only describes them.
unsafe impl<const TAG: ULONG> Send for Buffer<TAG> {}
// SAFETY: `&Buffer` gives `&[u8]`, and the address of the MDL, to use which is unsafe.
unsafe impl<const TAG: ULONG> Sync for Buffer<TAG> {}

impl<const TAG: ULONG> Buffer<TAG> {
    /// Allocates `capacity` zeroed bytes, which is also the initial length (`IoAllocateMdl`, `MmBuildMdlForNonPagedPool`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`INVALID_PARAMETER`](Error::INVALID_PARAMETER): no bytes, or more than an MDL describes.
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
    pub fn new(capacity: usize) -> Result<Buffer<TAG>> {
        if capacity == 0 {
            return Err(Error::INVALID_PARAMETER);
        }
        let length = ULONG::try_from(capacity).map_err(|_| Error::INVALID_PARAMETER)?;
        let data = pool::allocate_bytes(capacity, TAG)?;
        // SAFETY: the range is the block just allocated. No IRP is given, so the MDL belongs to nobody else.
        let mdl = unsafe { IoAllocateMdl(data.as_ptr().cast(), length, FALSE, FALSE, ptr::null_mut()) };
        let Some(mdl) = NonNull::new(mdl) else {
            // SAFETY: the block was allocated just now, and nobody uses it.
            unsafe { pool::free(data, TAG) };
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

    /// The MDL, which describes all of the capacity. Its pages are non-paged pool; nothing is to be unlocked or unmapped.
    ///
    /// Whoever is given it, such as the next driver of an IRP, may write to the bytes: then the buffer is not borrowed until
    /// that is over, and lives so long.
    #[must_use]
    pub const fn mdl(&self) -> NonNull<MDL> {
        self.mdl
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

impl<const TAG: ULONG> Deref for Buffer<TAG> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: by the type's invariant these bytes are owned and initialised.
        unsafe { slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }
}

impl<const TAG: ULONG> DerefMut for Buffer<TAG> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: by the type's invariant these bytes are owned and initialised, and the borrow is exclusive.
        unsafe { slice::from_raw_parts_mut(self.data.as_ptr(), self.len) }
    }
}

impl<const TAG: ULONG> Drop for Buffer<TAG> {
    fn drop(&mut self) {
        // SAFETY: the MDL came from IoAllocateMdl; one built for non-paged pool needs no unlocking or unmapping.
        unsafe { IoFreeMdl(self.mdl.as_ptr()) };
        // SAFETY: the block is owned, and nothing describes it any more.
        unsafe { pool::free(self.data, TAG) };
    }
}
