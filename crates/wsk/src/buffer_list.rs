//! Several datagrams in one payload, as the list of buffers that `WskSendMessages` takes.
#![expect(unsafe_code, reason = "the nodes are pool memory that WSK walks")]

use core::ptr::{self, NonNull};

use wsk_sys::{ULONG, WSK_BUF, WSK_BUF_LIST};

use crate::error::{Error, Result};
use crate::payload::{Payload, PayloadList, locate};
use crate::pool;

/// A payload divided into datagrams, which lie in it one after the other.
///
/// Nothing is copied: the nodes of the list point into the payload's MDLs.
///
/// # Invariants
/// `nodes` is an owned block for `capacity` nodes, the first `len` of them linked into a list that ends. Each describes a
/// part of what `payload` describes, as it was when it was divided; `len` is zero once it may be another.
#[derive(Debug)]
pub struct BufferList<P> {
    payload: P,
    nodes: NonNull<WSK_BUF_LIST>,
    capacity: usize,
    len: usize,
}

// SAFETY: the nodes are this value's own, and what they point to is the payload's.
unsafe impl<P: Send> Send for BufferList<P> {}
// SAFETY: `&BufferList` gives `&P`, and nodes that nobody changes.
unsafe impl<P: Sync> Sync for BufferList<P> {}

impl<P: Payload> BufferList<P> {
    /// Allocates a list for at most `capacity` datagrams; there is none in it yet.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`INVALID_PARAMETER`](Error::INVALID_PARAMETER): a list for none, or for more than memory holds.
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
    pub fn new(payload: P, capacity: usize) -> Result<BufferList<P>> {
        let size = capacity.checked_mul(size_of::<WSK_BUF_LIST>()).filter(|size| *size != 0);
        let nodes = pool::allocate_bytes(size.ok_or(Error::INVALID_PARAMETER)?)?.cast();
        // INVARIANT: a block for `capacity` nodes, none of them in use.
        Ok(BufferList { payload, nodes, capacity, len: 0 })
    }

    /// Divides the payload into datagrams of these lengths, from its beginning; what is left over is not sent.
    ///
    /// # Errors
    /// The list is empty afterwards. [`BUFFER_TOO_SMALL`](Error::BUFFER_TOO_SMALL): more datagrams than the list has
    /// capacity for. [`INVALID_BUFFER_SIZE`](Error::INVALID_BUFFER_SIZE): more bytes than the payload has.
    pub fn divide(&mut self, lengths: impl IntoIterator<Item = usize>) -> Result {
        let whole = self.payload.buffer();
        let (mut position, mut len) = (0_usize, 0);
        self.len = 0;
        for length in lengths {
            if len == self.capacity {
                return Err(Error::BUFFER_TOO_SMALL);
            }
            let end = position.checked_add(length).filter(|end| *end <= whole.Length);
            let end = end.ok_or(Error::INVALID_BUFFER_SIZE)?;
            let part = part(&whole, position, length).ok_or(Error::INVALID_BUFFER_SIZE)?;
            // SAFETY: the block has room for `capacity` nodes.
            let place = unsafe { self.nodes.add(len) };
            // SAFETY: the block has room for `capacity` nodes; the block is this value's own.
            unsafe { place.write(WSK_BUF_LIST { Next: ptr::null_mut(), Buffer: part }) };
            if let Some(before) = len.checked_sub(1) {
                // SAFETY: the block has room for `capacity` nodes.
                let mut before = unsafe { self.nodes.add(before) };
                // SAFETY: written by an earlier round.
                let before = unsafe { before.as_mut() };
                before.Next = place.as_ptr();
            }
            (position, len) = (end, len + 1);
        }
        // INVARIANT: so many were written and linked, each from `part`.
        self.len = len;
        Ok(())
    }

    /// The payload.
    #[must_use]
    pub const fn payload(&self) -> &P {
        &self.payload
    }

    /// The payload, to change. Afterwards the list is empty, and the payload to be divided anew.
    #[must_use]
    pub const fn payload_mut(&mut self) -> &mut P {
        // INVARIANT: the payload may become another.
        self.len = 0;
        &mut self.payload
    }

    /// The number of datagrams.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// How many of the datagrams, from the first, so many bytes are: those that were sent, where fewer bytes were sent than
    /// there are.
    #[must_use]
    pub fn count_within(&self, bytes: usize) -> usize {
        let ends = (0..self.len).scan(0_usize, |end, node| {
            // SAFETY: by the type's invariant the first `len` nodes are written.
            let node = unsafe { self.nodes.add(node) };
            // SAFETY: by the type's invariant the first `len` nodes are written, and nobody changes them.
            *end += unsafe { node.as_ref() }.Buffer.Length;
            Some(*end)
        });
        ends.take_while(|end| *end <= bytes).count()
    }

    /// Whether there is no datagram.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// `length` bytes of a payload's buffer, from `position`.
fn part(whole: &WSK_BUF, position: usize, length: usize) -> Option<WSK_BUF> {
    if length == 0 {
        // WSK's page of WSK_BUF allows null for a length of zero.
        return Some(WSK_BUF { Mdl: ptr::null_mut(), Offset: 0, Length: 0 });
    }
    // SAFETY: the chain is that of a payload, whose contract says that it is valid.
    let (mdl, offset) = unsafe { locate(whole, position) }?;
    Some(WSK_BUF { Mdl: mdl, Offset: ULONG::try_from(offset).ok()?, Length: length })
}

// SAFETY: by the type's invariant the nodes are a list in non-paged pool, unchanged while the value is not borrowed
// mutably, and describe parts of the payload's memory, for which its own contract stands.
unsafe impl<P: Payload> PayloadList for BufferList<P> {
    fn list(&self) -> *mut WSK_BUF_LIST {
        if self.len == 0 { ptr::null_mut() } else { self.nodes.as_ptr() }
    }
}

impl<P> Drop for BufferList<P> {
    fn drop(&mut self) {
        // SAFETY: the block is owned; a node has nothing to drop.
        unsafe { pool::free(self.nodes, pool::POOL_TAG) };
    }
}
