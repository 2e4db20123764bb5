//! Bytes in a request's state: as many as it uses are initialised, as to fill all of the room would cost more than the rest of
//! the request.
#![expect(unsafe_code, reason = "what is initialised is known by its length")]

use core::mem::MaybeUninit;
use core::slice;

/// Room for `N` bytes, aligned for any value that WSK takes.
///
/// # Invariants
/// The first `length` bytes are initialised, and there are so many.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub struct Room<const N: usize> {
    bytes: MaybeUninit<[u8; N]>,
    length: usize,
}

impl<const N: usize> Room<N> {
    /// Without a byte, in place: to move one in would be to write all of it.
    #[inline]
    pub(super) fn begin(place: &mut MaybeUninit<Room<N>>) -> &mut Room<N> {
        // SAFETY: a field's address.
        let length = unsafe { &raw mut (*place.as_mut_ptr()).length };
        // SAFETY: a field of what the caller has borrowed.
        unsafe { length.write(0) };
        // SAFETY: its length is there, and no byte need be.
        unsafe { place.assume_init_mut() }
    }

    /// Without a byte.
    #[inline]
    pub(super) fn empty() -> Room<N> {
        let mut room = MaybeUninit::uninit();
        Room::begin(&mut room);
        // SAFETY: begun just now.
        unsafe { room.assume_init() }
    }

    /// Begins anew with so many zeros, at most `N`.
    #[inline]
    pub(super) fn zeros(&mut self, length: usize) -> &mut [u8] {
        let length = if length < N { length } else { N };
        // SAFETY: so many bytes there are.
        unsafe { self.bytes.as_mut_ptr().cast::<u8>().write_bytes(0, length) };
        // INVARIANT: written just now.
        self.length = length;
        // SAFETY: the bytes are initialised, and borrowed with the room.
        unsafe { slice::from_raw_parts_mut(self.bytes.as_mut_ptr().cast(), length) }
    }

    /// Cuts off what is beyond.
    pub(super) fn truncate(&mut self, length: usize) {
        // INVARIANT: no more than before.
        self.length = self.length.min(length);
    }

    /// The number of bytes.
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// The bytes.
    pub(super) const fn as_slice(&self) -> &[u8] {
        // SAFETY: by the type's invariant.
        unsafe { slice::from_raw_parts(self.bytes.as_ptr().cast(), self.length) }
    }

    /// Where the bytes are: there may be written to as many as there are.
    pub(super) const fn as_mut_ptr(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr().cast()
    }
}
