//! Paged pool, which a thread above `APC_LEVEL` cannot access.
//!
//! When a thread goes above `APC_LEVEL`, access to the pages of all paged blocks is taken away. It is given back, block by
//! block, to a thread at or below that level which then uses one: its fault has no other consequence. So what a thread above
//! uses is a fault that stays, unless another thread has used the same block at the same time. Blocks whose pages are locked
//! stay as they are.
//!
//! Access is the process', not the thread's. Protection keys would make it the thread's, on the processors that have them.
#![cfg_attr(
    any(miri, not(any(unix, windows))),
    allow(dead_code, reason = "there are no faults to report there")
)]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::ex::pool::block::Block;
use crate::ex::pool::pages::Region;
use crate::machine::Machine;

/// How many blocks of paged pool this process has, in all of its machines.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// The paged blocks of one machine, by their addresses.
///
/// Its lock is taken where memory faults. So nothing else is locked, and no block is touched, by who has it.
#[derive(Debug, Default)]
pub(crate) struct Paged(Mutex<BTreeMap<usize, Resident>>);

/// Whether a paged block can be accessed.
#[derive(Debug)]
struct Resident {
    end: usize,
    /// Its pages, in special pool.
    pages: Option<(Region, Range<usize>)>,
    open: bool,
    /// How many MDLs have locked its pages.
    locks: usize,
}

impl Resident {
    /// Lets the block be accessed; `false` if it could be already.
    fn open(&mut self) -> bool {
        let closed = !self.open;
        if let Some((region, part)) = self.pages.as_ref().filter(|_| closed) {
            self.open = region.open(part.clone());
        }
        closed
    }
}

fn at(blocks: &mut BTreeMap<usize, Resident>, address: usize) -> Option<&mut Resident> {
    let (_, block) = blocks.range_mut(..=address).next_back()?;
    (address < block.end).then_some(block)
}

impl Paged {
    pub(super) fn insert(&self, block: &Block) {
        let Range { start, end } = block.range();
        let resident = Resident { end, pages: block.pages(), open: true, locks: 0 };
        // Relaxed: who uses the block has its address from the caller.
        LIVE.fetch_add(1, Ordering::Relaxed);
        self.0.lock().insert(start, resident);
    }

    pub(super) fn remove(&self, block: &Block) {
        if self.0.lock().remove(&block.range().start).is_some() {
            LIVE.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether there is paged pool at this address.
    pub(crate) fn contains(&self, address: usize) -> bool {
        // Relaxed: as for `insert`.
        LIVE.load(Ordering::Relaxed) != 0 && at(&mut self.0.lock(), address).is_some()
    }

    /// Keeps the block at this address accessible, if it is paged, until [`Paged::unlock`].
    pub(crate) fn lock(&self, address: usize) {
        if let Some(block) = at(&mut self.0.lock(), address) {
            block.locks += 1;
            block.open();
        }
    }

    /// Undoes one [`Paged::lock`].
    pub(crate) fn unlock(&self, address: usize) {
        if let Some(block) = at(&mut self.0.lock(), address) {
            block.locks = block.locks.saturating_sub(1);
        }
    }

    /// Gives access to the block at this address back, where that is why memory faulted.
    pub(crate) fn reopen(&self, address: usize) -> bool {
        let mut blocks = self.0.lock();
        // Its pages, not only the block: what is around it is looked at when it is freed.
        let block = blocks.values_mut().find(|block| {
            block.pages.as_ref().is_some_and(|(region, part)| {
                (region.at(part.start).addr()..region.at(part.end).addr()).contains(&address)
            })
        });
        block.is_some_and(Resident::open)
    }

    fn close(&self) {
        for block in self.0.lock().values_mut().filter(|block| block.open && block.locks == 0) {
            if let Some((region, part)) = &block.pages {
                block.open = !region.close(part.clone());
            }
        }
    }
}

impl Drop for Paged {
    fn drop(&mut self) {
        LIVE.fetch_sub(self.0.lock().len(), Ordering::Relaxed);
    }
}

/// Takes access to the calling thread's machine's paged pool away: the thread goes above `APC_LEVEL`.
pub(crate) fn close() {
    // Relaxed: as for `insert`.
    if LIVE.load(Ordering::Relaxed) != 0
        && let Some(machine) = Machine::try_here()
    {
        machine.parts.pool.paged().close();
    }
}
