//! Non-paged pool memory: fallible, tagged, freed by its owner.
#![expect(unsafe_code, reason = "pool blocks are raw memory")]

use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use nt_sys::{ExAllocatePool2, ExFreePoolWithTag, POOL_FLAG_NON_PAGED, ULONG};

use crate::bug_check;
use crate::error::{Error, Result};
use crate::sync::{AtomicUsize, Ordering};

/// A pool tag, of the four characters that `!poolused` shows.
///
/// Each driver has one of its own; the types of this crate take it as a parameter, and a driver names them once:
///
/// ```
/// const TAG: u32 = nt::pool::tag(b"Demo");
/// type Shared<T> = nt::Shared<T, TAG>;
/// ```
#[must_use]
pub const fn tag(name: &[u8; 4]) -> ULONG {
    ULONG::from_le_bytes(*name)
}

/// The alignment of every pool block smaller than a page.
const POOL_ALIGNMENT: usize = 16;

/// Allocates a zeroed, non-paged block for a `T`, which [`free`] frees (`ExAllocatePool2`).
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
pub fn allocate<T>(tag: ULONG) -> Result<NonNull<T>> {
    const { assert!(size_of::<T>() > 0 && align_of::<T>() <= POOL_ALIGNMENT) };
    Ok(allocate_bytes(size_of::<T>(), tag)?.cast())
}

/// Allocates a zeroed, non-paged block of `size` bytes, which [`free`] frees (`ExAllocatePool2`).
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// [`INVALID_PARAMETER`](Error::INVALID_PARAMETER): no bytes, or a tag of zero.
/// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
pub fn allocate_bytes(size: usize, tag: ULONG) -> Result<NonNull<u8>> {
    if size == 0 || tag == 0 {
        return Err(Error::INVALID_PARAMETER);
    }
    // SAFETY: IRQL <= DISPATCH_LEVEL, where all of this crate's calls are allowed; the size is not zero, the tag
    // neither, and the flags name one pool.
    let block = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, size, tag) };
    NonNull::new(block.cast()).ok_or(Error::INSUFFICIENT_RESOURCES)
}

/// Frees a block of [`allocate`] or [`allocate_bytes`] (`ExFreePoolWithTag`). What was in it is not dropped.
///
/// # Safety
/// `block` came from one of them with this tag, and nobody uses it any more. IRQL <= `DISPATCH_LEVEL`.
pub unsafe fn free<T>(block: NonNull<T>, tag: ULONG) {
    // SAFETY: the caller gives up a block that was allocated with this tag.
    unsafe { ExFreePoolWithTag(block.as_ptr().cast(), tag) };
}

/// A value in a non-paged pool block of its own, with this tag; it never moves.
///
/// # Invariants
/// `block` is an exclusively owned block of [`allocate`], holding a valid `T`.
#[derive(Debug)]
pub struct PoolBox<T, const TAG: ULONG> {
    block: NonNull<T>,
    _owns: PhantomData<T>,
}

// SAFETY: a `PoolBox` is its `T`, which nobody else can reach.
unsafe impl<T: Send, const TAG: ULONG> Send for PoolBox<T, TAG> {}
// SAFETY: `&PoolBox` gives `&T` only.
unsafe impl<T: Sync, const TAG: ULONG> Sync for PoolBox<T, TAG> {}

impl<T, const TAG: ULONG> PoolBox<T, TAG> {
    /// Moves `value` into a new block.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES); the value is dropped.
    pub fn new(value: T) -> Result<PoolBox<T, TAG>> {
        let block = allocate::<T>(TAG)?;
        // SAFETY: the block is new, large and aligned enough for a `T`.
        unsafe { block.write(value) };
        // INVARIANT: written just now.
        Ok(PoolBox { block, _owns: PhantomData })
    }
}

impl<T, const TAG: ULONG> Deref for PoolBox<T, TAG> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: by the type's invariant the block holds a valid `T`, and the borrow keeps it.
        unsafe { self.block.as_ref() }
    }
}

impl<T, const TAG: ULONG> DerefMut for PoolBox<T, TAG> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: by the type's invariant the block holds a valid `T`, and the borrow is exclusive.
        unsafe { self.block.as_mut() }
    }
}

impl<T, const TAG: ULONG> Drop for PoolBox<T, TAG> {
    fn drop(&mut self) {
        // SAFETY: by the type's invariant the block holds a valid `T`, dropped here and never used again.
        unsafe { self.block.drop_in_place() };
        // SAFETY: the block is owned exclusively and its content is gone.
        unsafe { free(self.block, TAG) };
    }
}

#[derive(Debug)]
struct Counted<T> {
    handles: AtomicUsize,
    value: T,
}

/// A value in a non-paged pool block, with this tag, that several handles share; the last one drops it.
///
/// Should more handles be made and forgotten than can be counted, the system stops with the bug check
/// `REFERENCE_BY_POINTER`.
///
/// # Invariants
/// `block` holds a valid `Counted<T>` whose count is the number of handles.
#[derive(Debug)]
pub struct Shared<T, const TAG: ULONG> {
    block: NonNull<Counted<T>>,
    _shares: PhantomData<T>,
}

// SAFETY: handles on several threads give each of them `&T`, and the last one drops the `T` on its thread.
unsafe impl<T: Send + Sync, const TAG: ULONG> Send for Shared<T, TAG> {}
// SAFETY: `&Shared` gives `&T` and further handles, so the same holds.
unsafe impl<T: Send + Sync, const TAG: ULONG> Sync for Shared<T, TAG> {}

impl<T, const TAG: ULONG> Shared<T, TAG> {
    /// Moves `value` into a new block.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES); the value is dropped.
    pub fn new(value: T) -> Result<Shared<T, TAG>> {
        let block = allocate::<Counted<T>>(TAG)?;
        let counted = Counted { handles: AtomicUsize::new(1), value };
        // SAFETY: the block is new, large and aligned enough.
        unsafe { block.write(counted) };
        // INVARIANT: one handle, this one.
        Ok(Shared { block, _shares: PhantomData })
    }

    /// The value, if this is its only handle.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // Acquire: what other handles did to the value before they were dropped is seen here.
        if self.counted().handles.load(Ordering::Acquire) != 1 {
            return None;
        }
        // SAFETY: the only handle is this one, borrowed mutably, so nobody else reaches the value.
        let counted = unsafe { self.block.as_mut() };
        Some(&mut counted.value)
    }

    fn counted(&self) -> &Counted<T> {
        // SAFETY: by the type's invariant the block is valid while this handle lives.
        unsafe { self.block.as_ref() }
    }
}

/// More handles than this are a fault, as in `Arc`: some were forgotten. Threads that count at the same time do not get
/// from here to the end of the number: each stops.
const MOST: usize = usize::MAX / 2;

impl<T, const TAG: ULONG> Clone for Shared<T, TAG> {
    fn clone(&self) -> Shared<T, TAG> {
        // Relaxed: the new handle comes from one that keeps the value alive already.
        let before = self.counted().handles.fetch_add(1, Ordering::Relaxed);
        if before > MOST {
            bug_check::too_many_references(self.block.as_ptr(), before);
        }
        // INVARIANT: counted just now.
        Shared { block: self.block, _shares: PhantomData }
    }
}

impl<T, const TAG: ULONG> Deref for Shared<T, TAG> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.counted().value
    }
}

impl<T, const TAG: ULONG> Drop for Shared<T, TAG> {
    fn drop(&mut self) {
        // Release: what this handle did to the value happens before the last handle drops it. Acquire: the last handle's pairs
        // with the releases of the others.
        if self.counted().handles.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        // SAFETY: the last handle is being dropped, so nobody else reaches the block.
        unsafe { self.block.drop_in_place() };
        // SAFETY: the last handle is being dropped, and the content is gone.
        unsafe { free(self.block, TAG) };
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use ntos::{Config, Machine};

    use super::{MOST, Ordering, Shared, tag};

    #[test]
    #[cfg_attr(miri, ignore = "the thread of a bug check stays, which Miri takes for a leak")]
    fn a_count_of_handles_never_wraps() {
        let machine = Machine::boot(Config::default());
        let ended = machine.catch_bug_check(|| {
            let shared = Shared::<_, { tag(b"Test") }>::new(7_u32).unwrap();
            // As if so many had been cloned and forgotten.
            shared.counted().handles.fetch_add(MOST, Ordering::Relaxed);
            // Until here it is counted.
            shared.counted().handles.fetch_sub(1, Ordering::Relaxed);
            core::mem::forget(shared.clone());
            let _ = shared.clone();
        });
        let report = ended.map(drop).unwrap_err();
        assert_eq!((report.rule.code, report.parameters[3]), (0x18, MOST + 1));
    }
}
