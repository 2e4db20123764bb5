//! One block of a machine's memory, and where the host has it.
//!
//! In special pool it has pages of its own between others that nothing can access, and lies at one end of them: what reaches
//! beyond that end is a fault, at once. What is left of the pages is filled and looked at when the block is freed. Then access
//! to the pages is taken away, so whatever uses the block later is a fault, too.
//!
//! Elsewhere a block stands between two red zones, and is filled when it is freed, so a write past either end, and one after
//! the free, are found later. Such a block, if it is small, lies within a page, is aligned to 16 bytes, and deliberately to no
//! more: what Windows does not promise must not work there.
#![cfg_attr(
    any(miri, not(any(unix, windows))),
    allow(dead_code, reason = "there are no faults to report there")
)]
#![expect(unsafe_code, reason = "this is the allocator: it hands out memory by address")]

use std::alloc::{self, Layout};
use std::fmt;
use std::ops::Range;

use wsk_sys::PAGE_SIZE;

use crate::ex::pool::fill::Fill;
use crate::ex::pool::pages::{Region, page_size};
use crate::machine::owner::Owner;
use crate::sync::Pointer;

/// The alignment of blocks, and the least size of a red zone.
pub(crate) const GRANULE: usize = 16;
/// `SYSTEM_CACHE_ALIGNMENT_SIZE`.
pub(crate) const CACHE_LINE: usize = 64;
/// How many bytes nothing can access, at either side of the pages of a block in special pool.
const GUARD: usize = 64 << 10;

/// What a block is used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A driver's allocation.
    Pool,
    /// A memory descriptor list.
    Mdl,
    /// An I/O work item.
    WorkItem,
    /// An I/O request packet.
    Irp,
    /// A device object, with its extension.
    Device,
    /// A file object.
    File,
    /// A buffer of a process, for the time of a request.
    User,
}

impl Kind {
    /// The function by which a driver comes by such a block.
    pub(crate) fn allocated_by(self) -> &'static str {
        match self {
            Kind::Pool => "ExAllocatePool2",
            Kind::Mdl => "IoAllocateMdl",
            Kind::WorkItem => "IoAllocateWorkItem",
            Kind::Irp => "IoAllocateIrp",
            Kind::Device => "IoCreateDevice",
            Kind::File | Kind::User => "create_file",
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    pub(crate) size: usize,
    pub(crate) tag: u32,
    pub(crate) paged: bool,
    pub(crate) zeroed: bool,
    /// A power of two up to that of a page; in special pool. Elsewhere it is [`GRANULE`], if not [`CACHE_LINE`].
    pub(crate) align: usize,
}

impl Request {
    /// Non-paged memory of zeros.
    pub(crate) fn zeroed(kind: Kind, size: usize, tag: [u8; 4]) -> Request {
        let tag = u32::from_le_bytes(tag);
        Request { kind, size, tag, paged: false, zeroed: true, align: GRANULE }
    }
}

/// Where in its pages a block of special pool lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At their start.
    First,
    /// At their end, as near as its alignment allows.
    Last,
}

/// What the host was asked for.
#[derive(Clone, Copy, Debug)]
enum Memory {
    Heap(Layout),
    Pages(Region),
}

/// A block, as it is known to its registry. It may be gone by the time that this is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    pub(crate) size: usize,
    pub(crate) tag: u32,
    pub(crate) paged: bool,
    pub(crate) owner: Owner,
    /// Where the memory begins that is filled around the block, and how long it is.
    base: Pointer<u8>,
    length: usize,
    /// How far behind that the block begins.
    front: usize,
    fill: Fill,
    memory: Memory,
}

/// Four characters, as debuggers show a tag.
pub(crate) struct TagName(pub(crate) u32);

impl fmt::Display for TagName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let characters: String = self
            .0
            .to_le_bytes()
            .iter()
            .map(|&byte| if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' })
            .collect();
        write!(f, "'{characters}'")
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::Pool => "pool block",
            Kind::Mdl => "MDL",
            Kind::WorkItem => "work item",
            Kind::Irp => "IRP",
            Kind::Device => "device object and extension",
            Kind::File => "file object",
            Kind::User => "user buffer",
        };
        write!(f, "{what} {:#x} of {} bytes, tag {}", self.start().addr(), self.size, TagName(self.tag))
    }
}

impl Block {
    /// A block of special pool, at this end of its pages; the `number` is for what its memory is filled with. `None` if
    /// the host has no such pages left.
    pub(super) fn special(request: &Request, number: usize, end: End) -> Option<Block> {
        let length = request.size.checked_next_multiple_of(page_size())?;
        let region = Region::reserve(length.checked_add(2 * GUARD)?)?;
        if !region.commit(GUARD..GUARD + length) {
            // SAFETY: just reserved, and handed to nobody.
            unsafe { region.release() };
            return None;
        }
        // A block of a page or more begins with one.
        let align =
            if request.size >= PAGE_SIZE && request.align >= GRANULE { PAGE_SIZE } else { request.align };
        let front = if end == End::First { 0 } else { length - request.size.next_multiple_of(align) };
        Some(Block::new(request, number, (region.at(GUARD), length, front), Memory::Pages(region)))
    }

    /// A block of the heap's. `None` if the host has no memory.
    pub(super) fn heap(request: &Request, number: usize) -> Option<Block> {
        let rounded = request.size.checked_next_multiple_of(GRANULE)?;
        let front = if request.align == CACHE_LINE { CACHE_LINE } else { GRANULE };
        // What fits into a page lies within one, and so begins behind the front zone of a larger power of two.
        let front = if rounded > PAGE_SIZE - front { 0 } else { front };
        let length = rounded.checked_add(front)?.checked_add(GRANULE)?;
        let align = if front == 0 { PAGE_SIZE } else { length.next_power_of_two().min(PAGE_SIZE) };
        let layout = Layout::from_size_align(length, align).ok()?;
        // SAFETY: the size is not zero, as there is a red zone.
        let base = unsafe { alloc::alloc(layout) };
        if base.is_null() {
            return None;
        }
        Some(Block::new(request, number, (base, length, front), Memory::Heap(layout)))
    }

    /// Fills the new memory, and makes it a block. The three are where it begins, its length, and where the block begins.
    fn new(
        request: &Request,
        number: usize,
        (base, length, front): (*mut u8, usize, usize),
        memory: Memory,
    ) -> Block {
        let block = Block {
            kind: request.kind,
            size: request.size,
            tag: request.tag,
            paged: request.paged,
            owner: Owner::current(),
            base: Pointer(base),
            length,
            front,
            fill: Fill::new(number),
            memory,
        };
        // What a driver wants as it is stays so under Miri, which sees a read of it. Zeros come below.
        let kept = if cfg!(miri) || request.zeroed { front..front + request.size } else { length..length };
        for part in [0..kept.start, kept.end..length] {
            // SAFETY: the memory is new, and this long.
            unsafe { block.fill.write(base, part) };
        }
        if request.zeroed {
            // SAFETY: the block lies inside the memory.
            unsafe { block.start().write_bytes(0, request.size) };
        }
        block
    }

    /// The address that was handed out.
    pub(crate) fn start(&self) -> *mut u8 {
        self.base.0.wrapping_add(self.front)
    }

    /// The addresses of the block.
    pub(crate) fn range(&self) -> Range<usize> {
        let start = self.start().addr();
        start..start + self.size
    }

    /// All addresses at which there can be nothing else: for a block of special pool, with those that nothing can access.
    pub(crate) fn reach(&self) -> Range<usize> {
        match self.memory {
            Memory::Heap(_) => self.base.key()..self.base.key() + self.length,
            Memory::Pages(region) => region.range(),
        }
    }

    /// The pages of a block in special pool, and which part of them is in use.
    pub(super) fn pages(&self) -> Option<(Region, Range<usize>)> {
        match self.memory {
            Memory::Heap(_) => None,
            Memory::Pages(region) => Some((region, GUARD..GUARD + self.length)),
        }
    }

    /// What is written around the block.
    ///
    /// # Safety
    /// The memory is still the registry's, and no driver may use it any more.
    pub(super) unsafe fn damage(&self) -> Option<&'static str> {
        let end = self.front + self.size;
        // SAFETY: this function's own contract.
        if !unsafe { self.fill.is_whole(self.base.0, end..self.length) } {
            return Some("written past its end");
        }
        // SAFETY: this function's own contract.
        let front_is_whole = unsafe { self.fill.is_whole(self.base.0, 0..self.front) };
        (!front_is_whole).then_some("written before its start")
    }

    /// Takes the block from its driver: nothing can access it any more, or what is written to it is found.
    ///
    /// # Safety
    /// No driver may use the block any more.
    pub(super) unsafe fn retire(&self) {
        match self.pages() {
            Some((region, part)) => {
                region.discard(part);
            }
            // SAFETY: this function's own contract; the block lies inside its memory.
            None => unsafe { self.fill.write(self.base.0, self.front..self.front + self.size) },
        }
    }

    /// Whether the block was written to after it was retired.
    ///
    /// # Safety
    /// The block is retired, and its memory is still the registry's.
    pub(super) unsafe fn is_written(&self) -> bool {
        // SAFETY: this function's own contract.
        self.pages().is_none()
            && !unsafe { self.fill.is_whole(self.base.0, self.front..self.front + self.size) }
    }

    /// Gives the memory back to the host.
    ///
    /// # Safety
    /// The block is in no registry any more.
    pub(super) unsafe fn dealloc(self) {
        match self.memory {
            // SAFETY: allocated with this layout, and given back once, as no registry has it.
            Memory::Heap(layout) => unsafe { alloc::dealloc(self.base.0, layout) },
            // SAFETY: given back once, as no registry has it.
            Memory::Pages(region) => unsafe { region.release() },
        }
    }
}
