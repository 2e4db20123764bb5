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

    /// Wipes the first bytes of a room that nobody uses any more.
    #[inline]
    pub(super) fn wipe(place: &mut MaybeUninit<Room<N>>, length: usize) {
        // SAFETY: the bytes are the first field of what the caller has borrowed, and there are so many.
        unsafe { place.as_mut_ptr().cast::<u8>().write_bytes(0, length.min(N)) };
    }

    /// Cuts off what is beyond.
    #[inline]
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

/// What is small of a state, and room behind it, which is not moved with it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Headed<H, const N: usize> {
    pub(super) head: H,
    pub(super) room: Room<N>,
}

impl<H, const N: usize> Headed<H, N> {
    /// With this head, and without a byte in the room.
    #[inline]
    pub(super) fn begin(place: &mut MaybeUninit<Headed<H, N>>, head: H) -> &mut Headed<H, N> {
        let this = place.as_mut_ptr();
        // SAFETY: a field's address.
        let to = unsafe { &raw mut (*this).head };
        // SAFETY: a field of what the caller has borrowed.
        unsafe { to.write(head) };
        // SAFETY: a field's address.
        let room = unsafe { &raw mut (*this).room }.cast::<MaybeUninit<Room<N>>>();
        // SAFETY: a field of what the caller has borrowed; it need not be initialised.
        Room::begin(unsafe { &mut *room });
        // SAFETY: both are there.
        unsafe { place.assume_init_mut() }
    }

    /// Wipes what is in it.
    ///
    /// # Safety
    /// `place` has one, or had one that was dropped and is as that has left it.
    #[inline]
    pub(super) unsafe fn wipe(place: &mut MaybeUninit<Headed<H, N>>) {
        let this = place.as_mut_ptr();
        // SAFETY: a field's address.
        let room = unsafe { &raw mut (*this).room }.cast::<MaybeUninit<Room<N>>>();
        // SAFETY: a field of what the caller has borrowed.
        let room = unsafe { &mut *room };
        // SAFETY: the room has nothing to drop, so it is still there.
        let length = unsafe { room.assume_init_ref() }.len();
        if length != 0 {
            Room::wipe(room, length);
        }
        // SAFETY: the head is at the beginning.
        unsafe { this.cast::<u8>().write_bytes(0, size_of::<H>()) };
    }
}
