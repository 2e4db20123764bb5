//! The blocks of a machine's memory: what lives, and what was freed lately.
//!
//! Each block stands between two red zones, and is filled and kept for a while after it was freed. So a write past
//! either end, and a write after the free, are found; by Miri at once, where it runs, since nothing is kept there.
//! Small blocks are aligned to 16 bytes and deliberately to no more: what Windows does not promise must not work here.
#![expect(unsafe_code, reason = "this is the allocator: it hands out memory by address")]

use std::alloc::{self, Layout};
use std::backtrace::Backtrace;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::slice;
use std::sync::Mutex;

use wsk_sys::PAGE_SIZE;

use crate::machine::frames;
use crate::machine::owner::{LeakScope, Owner};
use crate::sync::{Pointer, lock};

/// The bytes around a block.
const RED_ZONE: u8 = 0xFD;
/// The bytes of a block that was asked for uninitialised.
const UNINITIALIZED: u8 = 0xCD;
/// The bytes of a freed block.
const FREED: u8 = 0xDD;
/// The alignment of blocks, and the least size of a red zone.
const GRANULE: usize = 16;
/// `SYSTEM_CACHE_ALIGNMENT_SIZE`.
const CACHE_LINE: usize = 64;

/// How many freed blocks are kept, and how many bytes. Miri finds a late access only to memory that is really free.
const KEPT_BLOCKS: usize = if cfg!(miri) { 0 } else { 512 };
const KEPT_BYTES: usize = 4 << 20;

/// What a block is used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A driver's allocation.
    Pool,
    /// A memory descriptor list.
    Mdl,
    /// An I/O work item.
    WorkItem,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) kind: Kind,
    pub(crate) size: usize,
    pub(crate) tag: u32,
    pub(crate) paged: bool,
    pub(crate) zeroed: bool,
    pub(crate) cache_aligned: bool,
}

/// A block, as it is known to its registry. It may be gone by the time that this is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    pub(crate) size: usize,
    pub(crate) tag: u32,
    pub(crate) paged: bool,
    pub(crate) owner: Owner,
    base: Pointer<u8>,
    layout: Layout,
    front: usize,
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
        };
        write!(f, "{what} {:#x} of {} bytes, tag {}", self.start().addr(), self.size, TagName(self.tag))
    }
}

impl Block {
    /// Takes memory from the host, fills it, and sets up the red zones. `None` if the host has none.
    fn new(request: &Request) -> Option<Block> {
        let rounded = request.size.checked_next_multiple_of(GRANULE)?;
        let (align, front) = if request.size >= PAGE_SIZE {
            (PAGE_SIZE, 0)
        } else if request.cache_aligned {
            (CACHE_LINE, CACHE_LINE)
        } else {
            (2 * GRANULE, GRANULE)
        };
        let total = rounded.checked_add(front)?.checked_add(GRANULE)?;
        let layout = Layout::from_size_align(total, align).ok()?;
        // SAFETY: the size is not zero, as there is a red zone.
        let base = unsafe { alloc::alloc(layout) };
        if base.is_null() {
            return None;
        }
        let block = Block {
            kind: request.kind,
            size: request.size,
            tag: request.tag,
            paged: request.paged,
            owner: Owner::current(),
            base: Pointer(base),
            layout,
            front,
        };
        // SAFETY: the memory was just allocated with this size.
        unsafe { base.write_bytes(RED_ZONE, total) };
        let fill = if request.zeroed { 0 } else { UNINITIALIZED };
        // SAFETY: the block lies inside the memory, `front` bytes after its start.
        unsafe { block.start().write_bytes(fill, request.size) };
        Some(block)
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

    /// Whether all the bytes from `from` to `to`, counted from the base, are `byte`.
    ///
    /// # Safety
    /// The memory is still the registry's, and no driver may use it any more.
    unsafe fn is_filled(&self, from: usize, to: usize, byte: u8) -> bool {
        let start = self.base.0.wrapping_add(from);
        // SAFETY: inside the memory of `layout`, all of which was written when it was allocated.
        let bytes = unsafe { slice::from_raw_parts(start, to - from) };
        // Equal to itself, one byte on: the fastest way to say that all bytes are the same.
        bytes.first().is_none_or(|&first| first == byte)
            && bytes[bytes.len().min(1)..] == bytes[..bytes.len().saturating_sub(1)]
    }

    /// Where the red zones are damaged.
    ///
    /// # Safety
    /// As for `is_filled`.
    unsafe fn damage(&self) -> Option<&'static str> {
        let end = self.front + self.size;
        // SAFETY: this function's own contract.
        if !unsafe { self.is_filled(end, self.layout.size(), RED_ZONE) } {
            return Some("written past its end");
        }
        // SAFETY: this function's own contract.
        let front_is_whole = unsafe { self.is_filled(0, self.front, RED_ZONE) };
        (!front_is_whole).then_some("written before its start")
    }

    /// Gives the memory back to the host.
    ///
    /// # Safety
    /// The block is in no registry any more.
    unsafe fn dealloc(self) {
        // SAFETY: allocated with this layout, and given back once, as no registry has it.
        unsafe { alloc::dealloc(self.base.0, self.layout) };
    }
}

/// The blocks of one machine.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    live: BTreeMap<usize, Block>,
    /// Where the live blocks were allocated, if that is asked for.
    allocated: HashMap<usize, Backtrace>,
    freed: VecDeque<Block>,
    freed_bytes: usize,
}

/// What an address is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lookup {
    /// The start of a block, or an address inside it.
    Live(Block),
    /// The same, of a block freed lately.
    Freed(Block),
    /// Neither.
    Unknown,
}

impl Registry {
    /// A new block; null if the host has no memory.
    pub(crate) fn allocate(&self, request: &Request) -> *mut u8 {
        let Some(block) = Block::new(request) else {
            return std::ptr::null_mut();
        };
        let start = block.start();
        // Captured outside of the lock: it takes as long as the stack is deep.
        let frames = frames::capture();
        let mut state = lock(&self.state);
        if let Some(frames) = frames {
            state.allocated.insert(start.addr(), frames);
        }
        state.live.insert(start.addr(), block);
        start
    }

    /// The block that starts at `address`.
    pub(crate) fn get(&self, address: usize) -> Option<Block> {
        lock(&self.state).live.get(&address).copied()
    }

    /// What is at `address`.
    pub(crate) fn lookup(&self, address: usize) -> Lookup {
        let state = lock(&self.state);
        let below = state.live.range(..=address).next_back().map(|(_, block)| *block);
        if let Some(block) = below.filter(|block| block.range().contains(&address)) {
            return Lookup::Live(block);
        }
        let freed = state.freed.iter().rev().find(|block| block.range().contains(&address));
        freed.map_or(Lookup::Unknown, |block| Lookup::Freed(*block))
    }

    /// Removes the block that starts at `address`. `Err` says what is wrong with its red zones, or is `None` if there
    /// is no such block.
    pub(crate) fn free(&self, address: usize) -> Result<Block, Option<(Block, &'static str)>> {
        let (block, frames) = {
            let mut state = lock(&self.state);
            let block = state.live.remove(&address).ok_or(None)?;
            (block, state.allocated.remove(&address))
        };
        drop(frames);
        // SAFETY: the block has left the live ones, and its owner has given it up.
        if let Some(damage) = unsafe { block.damage() } {
            return Err(Some((block, damage)));
        }
        // SAFETY: the block has left the live ones, and its owner has given it up; the block lies inside its memory.
        unsafe { block.start().write_bytes(FREED, block.size) };
        Ok(block)
    }

    /// Keeps a freed block for a while; returns one whose time is over and that was written to since it was freed.
    pub(crate) fn keep(&self, block: Block) -> Option<Block> {
        let mut state = lock(&self.state);
        state.freed_bytes += block.size;
        state.freed.push_back(block);
        while state.freed.len() > KEPT_BLOCKS || state.freed_bytes > KEPT_BYTES {
            let oldest = state.freed.pop_front()?;
            state.freed_bytes -= oldest.size;
            // SAFETY: freed, so nobody may use it.
            if unsafe { late_write(&oldest) } {
                return Some(oldest);
            }
            // SAFETY: taken out of the queue, which was the last to have it.
            unsafe { oldest.dealloc() };
        }
        None
    }

    /// A freed block that was written to since.
    pub(crate) fn find_late_write(&self) -> Option<Block> {
        let state = lock(&self.state);
        // SAFETY: the blocks in the queue are freed, so nobody may use them.
        state.freed.iter().find(|block| unsafe { late_write(block) }).copied()
    }

    /// A live block whose red zones are damaged, of those that `scope` covers.
    pub(crate) fn find_damage(&self, scope: LeakScope) -> Option<(Block, &'static str)> {
        let state = lock(&self.state);
        let mut covered = state.live.values().filter(|block| scope.covers(block.owner));
        // SAFETY: only the red zones are read, which no driver may use; that one does so now is the race of its error.
        covered.find_map(|block| unsafe { block.damage() }.map(|damage| (*block, damage)))
    }

    /// Who allocated the live block at `address` with the exported function `export`, for a report.
    pub(crate) fn allocated(&self, address: usize, export: &str) -> String {
        let frames = lock(&self.state).allocated.remove(&address);
        frames::caller(frames.as_ref(), "allocated", export)
    }

    /// The live blocks of a kind, of those that `scope` covers.
    pub(crate) fn left(&self, kind: Kind, scope: LeakScope) -> Vec<Block> {
        let state = lock(&self.state);
        let left = state.live.values().filter(|block| block.kind == kind && scope.covers(block.owner));
        left.copied().collect()
    }
}

/// Whether a freed block was written to since it was freed.
///
/// # Safety
/// As for `Block::is_filled`.
unsafe fn late_write(block: &Block) -> bool {
    // SAFETY: this function's own contract.
    !unsafe { block.is_filled(block.front, block.front + block.size, FREED) }
}

impl Drop for State {
    fn drop(&mut self) {
        // The machine is gone, and with it everybody who could use what a lenient one let leak.
        let live = std::mem::take(&mut self.live).into_values();
        for block in live.chain(self.freed.drain(..)) {
            // SAFETY: the registry is being dropped, and each block is in one of its two lists once.
            unsafe { block.dealloc() };
        }
    }
}
