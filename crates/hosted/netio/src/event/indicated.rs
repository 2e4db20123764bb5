//! A datagram in the hands of a client: the indication, and the memory that it points to.
//!
//! Strictly, it is made so that a client that reads it carelessly is found out: the data comes in two MDLs, from an offset
//! in the first. An empty datagram has none.
#![expect(unsafe_code, reason = "builds what the client reads")]

use core::net::SocketAddr;
use std::fmt;
use std::ptr;

use readings::{IndicatedMdls, Readings};
use wsk_sys::{
    CMSGHDR, ExAllocatePool2, ExFreePoolWithTag, FALSE, IoAllocateMdl, IoFreeMdl, MDL,
    MmBuildMdlForNonPagedPool, POOL_FLAG_NON_PAGED, SOCKADDR, ULONG, WSK_BUF, WSK_DATAGRAM_INDICATION,
};

use crate::call::sockaddr;
use crate::net::control_info;
use crate::net::inbox::Datagram;
use crate::net::option::Values;
use crate::platform::{self, Owner};

/// The pool tag of indications.
const TAG: ULONG = u32::from_le_bytes(*b"WskI");
/// Where the data begins in its first MDL.
const OFFSET: usize = 3;

/// A block of pool, and perhaps the MDL that describes it.
#[derive(Debug)]
struct Block {
    memory: *mut u8,
    mdl: *mut MDL,
}

impl Block {
    fn new(size: usize) -> Option<Block> {
        // SAFETY: a valid size, one pool, and a tag.
        let memory = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, size, TAG) };
        (!memory.is_null()).then(|| Block { memory: memory.cast(), mdl: ptr::null_mut() })
    }

    /// A block with `offset` bytes of anything, then these.
    fn with(offset: usize, bytes: &[u8]) -> Option<Block> {
        let mut block = Block::new(offset + bytes.len())?;
        let length = ULONG::try_from(offset + bytes.len()).ok()?;
        // SAFETY: the block was allocated with this size.
        let data = unsafe { block.memory.add(offset) };
        // SAFETY: the block was allocated with this size; the bytes are elsewhere.
        unsafe { data.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        // SAFETY: the range is the block; no IRP is given.
        block.mdl = unsafe { IoAllocateMdl(block.memory.cast(), length, FALSE, FALSE, ptr::null_mut()) };
        if block.mdl.is_null() {
            return None;
        }
        // SAFETY: the MDL describes non-paged pool.
        unsafe { MmBuildMdlForNonPagedPool(block.mdl) };
        Some(block)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if !self.mdl.is_null() {
            // SAFETY: from IoAllocateMdl, and freed nowhere else.
            unsafe { IoFreeMdl(self.mdl) };
        }
        // SAFETY: from ExAllocatePool2 with this tag, and freed nowhere else.
        unsafe { ExFreePoolWithTag(self.memory.cast(), TAG) };
    }
}

/// What the indication itself occupies.
#[repr(C, align(8))]
struct Node {
    indication: WSK_DATAGRAM_INDICATION,
    address: [u64; 4],
}

/// One indication, with everything that it points to but the next one.
///
/// # Invariants
/// `node` is in one of the blocks, and holds an indication.
#[derive(Debug)]
pub(crate) struct Indication {
    /// Freed with it.
    _blocks: Vec<Block>,
    node: *mut WSK_DATAGRAM_INDICATION,
    from: SocketAddr,
    length: usize,
}

// SAFETY: pool belongs to no thread, and what is in the blocks is the client's to read until the indication is dropped.
unsafe impl Send for Indication {}

/// A list of these datagrams, in their order, with the control information that these options ask for; none if memory is
/// short.
pub(crate) fn list(datagrams: &[Datagram], values: &Values, readings: &Readings) -> Option<Vec<Indication>> {
    platform::on_behalf_of(Owner::SYSTEM, || {
        let mut list = Vec::with_capacity(datagrams.len());
        let mut next = ptr::null_mut();
        // From the last to the first, so that each knows the next.
        for datagram in datagrams.iter().rev() {
            let control = control_info::of(datagram, values, readings);
            let indication = Indication::new(datagram, control.as_bytes(), next, readings.of())?;
            next = indication.node;
            list.push(indication);
        }
        list.reverse();
        Some(list)
    })
}

impl Indication {
    fn new(
        datagram: &Datagram,
        control_info: &[u8],
        next: *mut WSK_DATAGRAM_INDICATION,
        mdls: IndicatedMdls,
    ) -> Option<Indication> {
        let mut blocks = Vec::new();
        let place = Block::new(size_of::<Node>())?;
        let node: *mut Node = place.memory.cast();
        blocks.push(place);
        // SAFETY: the block was allocated for a node; only the field's address is taken.
        let remote: *mut SOCKADDR = unsafe { &raw mut (*node).address }.cast();
        // SAFETY: thirty-two bytes, enough for an address of either family.
        unsafe { sockaddr::write(remote, datagram.from) };
        let (control, control_length) = control(&mut blocks, control_info)?;
        let indication = WSK_DATAGRAM_INDICATION {
            Next: next,
            Buffer: buffer(&mut blocks, &datagram.bytes, mdls)?,
            ControlInfo: control,
            ControlInfoLength: control_length,
            RemoteAddress: remote,
        };
        // SAFETY: the block was allocated for a node; only the field's address is taken.
        let node = unsafe { &raw mut (*node).indication };
        // SAFETY: a fresh block, of pool, which is aligned to 16 bytes.
        unsafe { node.write(indication) };
        // INVARIANT: the indication was just written, into the first of the blocks.
        Some(Indication { _blocks: blocks, node, from: datagram.from, length: datagram.bytes.len() })
    }

    /// What the client knows it by.
    pub(crate) fn pointer(&self) -> *mut WSK_DATAGRAM_INDICATION {
        self.node
    }

    /// The one that it is linked to, which is what the client has made of it.
    pub(crate) fn next(&self) -> *mut WSK_DATAGRAM_INDICATION {
        // SAFETY: by the type's invariant an indication, which the client leaves alone while it releases it.
        unsafe { (*self.node).Next }
    }
}

/// What reports say of it.
impl fmt::Display for Indication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes from {} at {:p}", self.length, self.from, self.node)
    }
}

/// The control information, in a block of its own.
fn control(blocks: &mut Vec<Block>, bytes: &[u8]) -> Option<(*mut CMSGHDR, ULONG)> {
    if bytes.is_empty() {
        return Some((ptr::null_mut(), 0));
    }
    let block = Block::new(bytes.len())?;
    // SAFETY: the block was allocated with this size.
    unsafe { block.memory.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    #[expect(clippy::cast_ptr_alignment, reason = "a block of pool is aligned to 16 bytes")]
    let control = block.memory.cast::<CMSGHDR>();
    blocks.push(block);
    Some((control, ULONG::try_from(bytes.len()).ok()?))
}

/// The data; strictly, as a client must expect it: in pieces, and not from the beginning.
fn buffer(blocks: &mut Vec<Block>, bytes: &[u8], mdls: IndicatedMdls) -> Option<WSK_BUF> {
    if bytes.is_empty() {
        return Some(WSK_BUF { Mdl: ptr::null_mut(), Offset: 0, Length: 0 });
    }
    let (offset, (front, back)) = match mdls {
        IndicatedMdls::Two => (OFFSET, bytes.split_at(bytes.len().div_ceil(2))),
        IndicatedMdls::One => (0, (bytes, &[][..])),
    };
    let first = Block::with(offset, front)?;
    let mdl = first.mdl;
    blocks.push(first);
    if !back.is_empty() {
        let second = Block::with(0, back)?;
        // SAFETY: the MDL was built above, and nobody has seen it yet.
        unsafe { (*mdl).Next = second.mdl };
        blocks.push(second);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
    Some(WSK_BUF { Mdl: mdl, Offset: offset as ULONG, Length: bytes.len() })
}
