//! The memory of a queue of datagrams: written at one end under a lock, read at the other without it.
#![expect(unsafe_code, reason = "one writer and one reader share the memory, each with a part of its own")]

use core::ptr::NonNull;
use core::slice;

use wsk::{DispatchDrop, Error, Result, Shared};
use wsk_sys::{ExAllocatePool2, ExFreePoolWithTag, POOL_FLAG_NON_PAGED, ULONG};

/// The pool tag of queues: `WskQ`.
const TAG: ULONG = ULONG::from_le_bytes(*b"WskQ");

/// Non-paged memory that is used in a circle.
///
/// # Invariants
/// `bytes` is an owned block of `capacity` initialised bytes; `capacity` is not zero.
#[derive(Debug)]
pub(crate) struct Ring {
    bytes: NonNull<u8>,
    capacity: usize,
}

// SAFETY: the memory belongs to no thread; who may use which part of it is the contract of `write` and `read`.
unsafe impl Send for Ring {}
// SAFETY: as above.
unsafe impl Sync for Ring {}

// SAFETY: its drop frees non-paged pool, which may be done at DISPATCH_LEVEL.
unsafe impl DispatchDrop for Ring {}

impl Ring {
    /// Allocates `capacity` bytes, which is not zero.
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
    pub(crate) fn new(capacity: usize) -> Result<Shared<Ring>> {
        // SAFETY: IRQL <= DISPATCH_LEVEL, as everywhere in the driver; the size is not zero, the tag neither, and the
        // flags name one pool.
        let bytes = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, capacity, TAG) };
        let bytes = NonNull::new(bytes.cast()).ok_or(Error::INSUFFICIENT_RESOURCES)?;
        // INVARIANT: allocated just now, zeroed.
        Shared::new(Ring { bytes, capacity })
    }

    /// The number of bytes.
    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Where `at` is, and how many bytes there are from there to the end.
    fn place(&self, at: usize) -> (NonNull<u8>, usize) {
        let at = at % self.capacity;
        // SAFETY: less than the capacity.
        (unsafe { self.bytes.add(at) }, self.capacity - at)
    }

    /// Copies bytes in, from the place `at` on.
    ///
    /// # Safety
    /// Nobody else uses these places; they are at most as many as there are.
    pub(crate) unsafe fn write(&self, at: usize, from: &[u8]) {
        let (place, straight) = self.place(at);
        let (first, second) = from.split_at(straight.min(from.len()));
        // SAFETY: so many bytes are there before the end, and nobody else uses them.
        unsafe { place.as_ptr().copy_from_nonoverlapping(first.as_ptr(), first.len()) };
        // SAFETY: the rest goes to the beginning, which lies before the first part: there are enough bytes in all.
        unsafe { self.bytes.as_ptr().copy_from_nonoverlapping(second.as_ptr(), second.len()) };
    }

    /// The bytes from the place `at` on, in one piece or two.
    ///
    /// # Safety
    /// Nobody writes to these places while the result is used; they are at most as many as there are.
    pub(crate) unsafe fn read(&self, at: usize, length: usize) -> [&[u8]; 2] {
        let (place, straight) = self.place(at);
        let first = straight.min(length);
        // SAFETY: as in `write`; nobody writes to them.
        let front = unsafe { slice::from_raw_parts(place.as_ptr(), first) };
        // SAFETY: as above.
        let back = unsafe { slice::from_raw_parts(self.bytes.as_ptr(), length - first) };
        [front, back]
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: allocated with this tag; by the type's invariant it is owned, and it is not used again.
        unsafe { ExFreePoolWithTag(self.bytes.as_ptr().cast(), TAG) };
    }
}
