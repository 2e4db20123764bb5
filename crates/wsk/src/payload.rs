//! The data of datagrams, as WSK wants it described: part of a chain of MDLs, or a list of such parts.
#![expect(unsafe_code, reason = "the traits promise what WSK relies on, and MDLs are read")]

use core::ptr;

use wsk_sys::{MDL, MmGetMdlByteCount, WSK_BUF, WSK_BUF_LIST};

use crate::error::{Error, Result};

/// The data of a datagram: part of a chain of MDLs.
///
/// What is sent and the room to receive are told apart: a receive may fill all of the room, however little was sent
/// before, and then says how much of it is data. So what is sent afterwards is what came, and nothing that lay in the
/// memory before.
///
/// `Offset` and `Length` are checked against the chain when an operation is submitted; what does not fit is refused
/// with [`INVALID_BUFFER_SIZE`](Error::INVALID_BUFFER_SIZE), because WSK does not look, and crashes.
///
/// # Safety
/// Until the value is dropped or borrowed mutably, every MDL of the chain that `buffer` or `room` has given is valid and
/// unchanged, and describes memory that is locked or non-paged. WSK may read the memory of `buffer`, and write that of
/// `room`, while an operation with this value is submitted. The MDL is null only if there is no data.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the data of a datagram",
    note = "bytes are copied into a `wsk::Buffer`, which has the memory that WSK wants: `Buffer::new(1500)?`, then `fill`"
)]
pub unsafe trait Payload {
    /// The bytes to send.
    fn buffer(&self) -> WSK_BUF;

    /// The room for a datagram to receive.
    fn room(&self) -> WSK_BUF;

    /// The first `length` bytes of the room, which are no more than there is room for, are what was received.
    ///
    /// Called with zero when a receive is submitted, and then where its result is taken, if it is a success: so after one
    /// that fails there is nothing.
    fn set_received(&mut self, length: usize);
}

/// A payload, and what a driver keeps beside it: the request that it serves, how often it was sent.
// SAFETY: the payload is the first part's, which is borrowed and dropped with the pair.
unsafe impl<P: Payload, C> Payload for (P, C) {
    fn buffer(&self) -> WSK_BUF {
        self.0.buffer()
    }

    fn room(&self) -> WSK_BUF {
        self.0.room()
    }

    fn set_received(&mut self, length: usize) {
        self.0.set_received(length);
    }
}

/// The data of several datagrams: a list of parts of chains of MDLs.
///
/// Each part is checked as that of a [`Payload`] is.
///
/// # Safety
/// Until the value is dropped or borrowed mutably, the nodes of the list that `list` has given are valid, non-paged and
/// unchanged; each one's `Buffer` is as a [`Payload`] promises; the list ends.
pub unsafe trait PayloadList {
    /// The first node; null if there is none.
    fn list(&self) -> *mut WSK_BUF_LIST;
}

/// The payload's bytes to send, if they fit its MDLs.
///
/// # Errors
/// [`INVALID_BUFFER_SIZE`](Error::INVALID_BUFFER_SIZE)
#[inline]
pub(crate) fn checked(payload: &impl Payload) -> Result<WSK_BUF> {
    let buffer = payload.buffer();
    // SAFETY: by the trait's contract the chain is valid while the payload is borrowed.
    if unsafe { fits(buffer) } { Ok(buffer) } else { Err(Error::INVALID_BUFFER_SIZE) }
}

/// The payload's room to receive, if it fits its MDLs.
///
/// # Errors
/// [`INVALID_BUFFER_SIZE`](Error::INVALID_BUFFER_SIZE)
#[inline]
pub(crate) fn checked_room(payload: &impl Payload) -> Result<WSK_BUF> {
    let room = payload.room();
    // SAFETY: by the trait's contract the chain is valid while the payload is borrowed.
    if unsafe { fits(room) } { Ok(room) } else { Err(Error::INVALID_BUFFER_SIZE) }
}

/// The payload's list, if there is one and all of it fits, and how many bytes it has.
///
/// # Errors
/// [`INVALID_PARAMETER`](Error::INVALID_PARAMETER): there is no node.
/// [`INVALID_BUFFER_SIZE`](Error::INVALID_BUFFER_SIZE)
pub(crate) fn checked_list(payload: &impl PayloadList) -> Result<(*mut WSK_BUF_LIST, usize)> {
    let list = payload.list();
    if list.is_null() {
        return Err(Error::INVALID_PARAMETER);
    }
    let (mut node, mut total) = (list, 0_usize);
    while !node.is_null() {
        // SAFETY: by the trait's contract the nodes are valid while the payload is borrowed.
        let WSK_BUF_LIST { Next: next, Buffer: buffer } = unsafe { ptr::read(node) };
        // SAFETY: so are their MDLs.
        if !unsafe { fits(buffer) } {
            return Err(Error::INVALID_BUFFER_SIZE);
        }
        total = total.saturating_add(buffer.Length);
        node = next;
    }
    Ok((list, total))
}

/// Whether offset and length lie within the chain of MDLs, which is mostly one.
///
/// # Safety
/// The chain is valid.
#[inline]
unsafe fn fits(buffer: WSK_BUF) -> bool {
    if buffer.Length == 0 {
        return true;
    }
    if buffer.Mdl.is_null() {
        return false;
    }
    // SAFETY: the first MDL of the chain.
    let count = unsafe { MmGetMdlByteCount(buffer.Mdl) } as usize;
    let offset = buffer.Offset as usize;
    // SAFETY: passed on.
    offset < count
        && (buffer.Length <= count - offset || unsafe { chain_fits(buffer.Mdl, offset, buffer.Length) })
}

/// Whether so many bytes lie within the chain, from the offset on.
///
/// # Safety
/// The chain is valid, and the offset lies in its first MDL.
#[inline(never)]
unsafe fn chain_fits(mut mdl: *mut MDL, mut offset: usize, mut left: usize) -> bool {
    while !mdl.is_null() {
        // SAFETY: an MDL of the chain.
        let (next, count) = unsafe { step(mdl) };
        let here = count - offset;
        if left <= here {
            return true;
        }
        (left, mdl, offset) = (left - here, next, 0);
    }
    false
}

/// The MDL that holds the byte at `position` of a buffer, and the byte's offset there; `None` beyond the chain.
///
/// # Safety
/// The chain is valid.
pub(crate) unsafe fn locate(buffer: &WSK_BUF, position: usize) -> Option<(*mut MDL, usize)> {
    let mut mdl = buffer.Mdl;
    let mut offset = (buffer.Offset as usize).checked_add(position)?;
    while !mdl.is_null() {
        // SAFETY: an MDL of the chain.
        let (next, count) = unsafe { step(mdl) };
        if offset < count {
            return Some((mdl, offset));
        }
        (offset, mdl) = (offset - count, next);
    }
    None
}

/// The next MDL, and the number of bytes that this one describes.
///
/// # Safety
/// `mdl` is a valid MDL.
unsafe fn step(mdl: *mut MDL) -> (*mut MDL, usize) {
    // SAFETY: the caller's promise.
    let count = unsafe { MmGetMdlByteCount(mdl) };
    // SAFETY: the caller's promise; the chain does not change.
    let next = unsafe { (*mdl).Next };
    (next, count as usize)
}
