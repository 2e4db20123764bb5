//! The blocks of a machine's memory: what lives, and what was freed lately.
//!
//! A freed block is kept for a while, so that a late access to it is found and named; by Miri at once, where it runs, since
//! nothing is kept there.
#![cfg_attr(
    any(miri, not(any(unix, windows))),
    allow(dead_code, reason = "there are no faults to report there")
)]
#![expect(unsafe_code, reason = "decides when no driver may use a block any more")]

use std::backtrace::Backtrace;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

pub(crate) use crate::ex::pool::block::{Block, Kind, Request, TagName};

use crate::ex::pool::SpecialPool;
use crate::ex::pool::block::End;
use crate::ex::pool::paged::Paged;
use crate::machine::frames;
use crate::machine::owner::LeakScope;

/// How many freed blocks of the heap's are kept, and how many bytes. Miri finds a late access only to memory that is really
/// free.
const KEPT_BLOCKS: usize = if cfg!(miri) { 0 } else { 512 };
const KEPT_BYTES: usize = 4 << 20;
/// How many bytes of addresses freed blocks of special pool keep. There is no memory behind them.
const KEPT_ADDRESSES: usize = 256 << 20;

/// The blocks of one machine.
#[derive(Debug)]
pub(crate) struct Registry {
    special: SpecialPool,
    /// How many blocks there have been.
    count: AtomicUsize,
    paged: Paged,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    live: BTreeMap<usize, Block>,
    /// Where the live blocks were allocated, if that is asked for.
    allocated: HashMap<usize, Backtrace>,
    /// The MDLs that have locked pages of live blocks, by block.
    locked: HashMap<usize, Vec<usize>>,
    freed: BTreeMap<usize, Freed>,
    /// The starts of the freed blocks, the oldest first.
    order: VecDeque<usize>,
    /// How many bytes the freed blocks keep.
    kept: usize,
}

/// A block that was freed, and where it was allocated and freed, if that is asked for.
#[derive(Debug)]
struct Freed {
    block: Block,
    allocation: Option<Backtrace>,
    free: Option<Backtrace>,
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

/// The block next to an address, for the report of a fault.
#[derive(Debug)]
pub(crate) struct Near {
    pub(crate) block: Block,
    pub(crate) is_live: bool,
    /// Where it was allocated, and freed.
    pub(crate) history: String,
}

impl Registry {
    pub(crate) fn new(special: SpecialPool) -> Registry {
        Registry { special, count: AtomicUsize::new(0), paged: Paged::default(), state: Mutex::default() }
    }

    /// The paged blocks.
    pub(crate) fn paged(&self) -> &Paged {
        &self.paged
    }

    /// A new block; null if the host has no memory.
    pub(crate) fn allocate(&self, request: &Request) -> *mut u8 {
        // Relaxed: only a number.
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let end = match self.special {
            SpecialPool::Off => None,
            SpecialPool::VerifyEnd => Some(End::Last),
            SpecialPool::VerifyStart => Some(End::First),
            // To reach too far is the more frequent mistake.
            SpecialPool::ByTurns => Some(if number % 4 == 3 { End::First } else { End::Last }),
        };
        let special = end.and_then(|end| Block::special(request, number, end));
        // As in Windows, what special pool has no room for is of the other.
        let Some(block) = special.or_else(|| Block::heap(request, number)) else {
            return std::ptr::null_mut();
        };
        let start = block.start();
        if block.paged {
            self.paged.insert(&block);
        }
        // Captured outside of the lock: it takes as long as the stack is deep.
        let frames = frames::capture();
        let mut state = self.state.lock();
        if let Some(frames) = frames {
            state.allocated.insert(start.addr(), frames);
        }
        state.live.insert(start.addr(), block);
        start
    }

    /// The block that starts at `address`.
    pub(crate) fn get(&self, address: usize) -> Option<Block> {
        self.state.lock().live.get(&address).copied()
    }

    /// What is at `address`.
    pub(crate) fn lookup(&self, address: usize) -> Lookup {
        let state = self.state.lock();
        let contains = |block: &Block| block.range().contains(&address);
        let below = state.live.range(..=address).next_back().map(|(_, block)| *block);
        if let Some(block) = below.filter(contains) {
            return Lookup::Live(block);
        }
        let below = state.freed.range(..=address).next_back().map(|(_, freed)| freed.block);
        below.filter(contains).map_or(Lookup::Unknown, Lookup::Freed)
    }

    /// The block of special pool to whose addresses `address` belongs, for the report of a fault. `None` also if that cannot
    /// be found out now: the faulting thread may have the lock.
    pub(crate) fn near(&self, address: usize) -> Option<Near> {
        fn at<T>(blocks: &BTreeMap<usize, T>, address: usize, block: impl Fn(&T) -> Block) -> Option<&T> {
            let below = blocks.range(..=address).next_back();
            let near = below.into_iter().chain(blocks.range(address..).next());
            near.map(|(_, entry)| entry).find(|entry| block(entry).reach().contains(&address))
        }
        let state = self.state.try_lock()?;
        if let Some(block) = at(&state.live, address, |block| *block) {
            let frames = state.allocated.get(&block.start().addr());
            let history = frames::caller(frames, "allocated", &[block.kind.allocated_by()]);
            return Some(Near { block: *block, is_live: true, history });
        }
        let freed = at(&state.freed, address, |freed| freed.block)?;
        Some(Near { block: freed.block, is_live: false, history: freed.history() })
    }

    /// Removes the block that starts at `address`. `Err` says what is wrong around it, or is `None` if there is no such
    /// block. Until it is handed to [`Registry::keep`], no report can name it.
    pub(crate) fn free(&self, address: usize) -> Result<FreedBlock, Option<(Block, &'static str)>> {
        let (block, allocation) = {
            let mut state = self.state.lock();
            let block = state.live.remove(&address).ok_or(None)?;
            state.locked.remove(&address);
            (block, state.allocated.remove(&address))
        };
        // SAFETY: the block has left the live ones, and its owner has given it up.
        if let Some(damage) = unsafe { block.damage() } {
            return Err(Some((block, damage)));
        }
        if block.paged {
            self.paged.remove(&block);
        }
        // SAFETY: the block has left the live ones, and its owner has given it up.
        unsafe { block.retire() };
        Ok(FreedBlock(Freed { block, allocation, free: frames::capture() }))
    }

    /// Keeps a freed block for a while; returns one whose time is over and that was written to since it was freed.
    pub(crate) fn keep(&self, FreedBlock(freed): FreedBlock) -> Option<Block> {
        let (blocks, bytes) = match self.special {
            SpecialPool::Off => (KEPT_BLOCKS, KEPT_BYTES),
            _ => (usize::MAX, KEPT_ADDRESSES),
        };
        let mut state = self.state.lock();
        let start = freed.block.start().addr();
        state.kept += freed.block.reach().len();
        state.order.push_back(start);
        state.freed.insert(start, freed);
        while state.order.len() > blocks || state.kept > bytes {
            let oldest = state.order.pop_front()?;
            let oldest = state.freed.remove(&oldest)?.block;
            state.kept -= oldest.reach().len();
            // SAFETY: retired, and in no list any more.
            if unsafe { oldest.is_written() } {
                return Some(oldest);
            }
            // SAFETY: taken out of the list, which was the last to have it.
            unsafe { oldest.dealloc() };
        }
        None
    }

    /// A freed block that was written to since.
    pub(crate) fn find_late_write(&self) -> Option<Block> {
        let state = self.state.lock();
        let mut blocks = state.freed.values().map(|freed| freed.block);
        // SAFETY: the blocks in the list are retired, and stay there while it is locked.
        blocks.find(|block| unsafe { block.is_written() })
    }

    /// A live block around which something is damaged, of those that `scope` covers.
    pub(crate) fn find_damage(&self, scope: LeakScope) -> Option<(Block, &'static str)> {
        let state = self.state.lock();
        let mut covered = state.live.values().filter(|block| scope.covers(block.owner));
        // SAFETY: only what is around is read, which no driver may use; that one does so now is the race of its error.
        covered.find_map(|block| unsafe { block.damage() }.map(|damage| (*block, damage)))
    }

    /// Who allocated the live block at `address` with the exported function `export`, for a report.
    pub(crate) fn allocated(&self, address: usize, export: &str) -> String {
        let frames = self.state.lock().allocated.remove(&address);
        frames::caller(frames.as_ref(), "allocated", &[export])
    }

    /// The live blocks of a kind, of those that `scope` covers.
    pub(crate) fn left(&self, kind: Kind, scope: LeakScope) -> Vec<Block> {
        let state = self.state.lock();
        let left = state.live.values().filter(|block| block.kind == kind && scope.covers(block.owner));
        left.copied().collect()
    }

    /// Takes note that the MDL at `mdl` has locked pages, from `address` on: of a block, if there is one.
    pub(crate) fn lock_pages(&self, address: usize, mdl: usize) {
        if let Lookup::Live(block) = self.lookup(address) {
            self.paged.lock(address);
            self.state.lock().locked.entry(block.start().addr()).or_default().push(mdl);
        }
    }

    /// Undoes [`Registry::lock_pages`].
    pub(crate) fn unlock_pages(&self, address: usize, mdl: usize) {
        if let Lookup::Live(block) = self.lookup(address)
            && let Some(mdls) = self.state.lock().locked.get_mut(&block.start().addr())
        {
            mdls.retain(|other| *other != mdl);
            self.paged.unlock(address);
        }
    }

    /// The address of an MDL that has locked pages of a block.
    pub(crate) fn locked_by(&self, block: &Block) -> Option<usize> {
        self.state.lock().locked.get(&block.start().addr())?.last().copied()
    }
}

/// A block that was freed, on its way to [`Registry::keep`].
pub(crate) struct FreedBlock(Freed);

impl Freed {
    /// Where the block was allocated and freed, for a report.
    fn history(&self) -> String {
        /// By which a driver frees, or causes the kernel to.
        const FREE: [&str; 6] = [
            "ExFreePool",
            "ExFreePoolWithTag",
            "IoFreeMdl",
            "IoFreeWorkItem",
            "IoFreeIrp",
            "IofCompleteRequest",
        ];
        if self.allocation.is_none() && self.free.is_none() {
            return frames::caller(None, "allocated and freed", &[]);
        }
        let allocated =
            frames::caller(self.allocation.as_ref(), "allocated", &[self.block.kind.allocated_by()]);
        format!("{allocated}{}", frames::caller(self.free.as_ref(), "freed", &FREE))
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // The machine is gone, and with it everybody who could use what a lenient one let leak.
        let live = std::mem::take(&mut self.live).into_values();
        let freed = std::mem::take(&mut self.freed).into_values().map(|freed| freed.block);
        for block in live.chain(freed) {
            // SAFETY: the registry is being dropped, and each block is in one of its two lists once.
            unsafe { block.dealloc() };
        }
    }
}
