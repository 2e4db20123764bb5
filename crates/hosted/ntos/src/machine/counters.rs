//! Counts of the objects that a machine has and had.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many objects of one kind there are, and how many were ever made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Now.
    pub live: usize,
    /// Since boot.
    pub total: usize,
}

/// What a machine has and had; see [`Machine::counters`](crate::Machine::counters).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Blocks of pool. `total` is the number of allocations.
    pub pool_blocks: Count,
    /// Bytes of pool.
    pub pool_bytes: Count,
    /// I/O request packets.
    pub irps: Count,
    /// Memory descriptor lists.
    pub mdls: Count,
    /// I/O work items.
    pub work_items: Count,
    /// System threads.
    pub threads: Count,
    /// Device objects.
    pub devices: Count,
    /// File objects.
    pub files: Count,
    /// What has had another thread run.
    pub switches: Switches,
}

/// How often a driver has had another thread run, or waited for one, since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// Work items that were queued.
    pub work_items: usize,
    /// DPCs that were queued, by a driver; not those of timers.
    pub dpcs: usize,
    /// Waits for objects that were not signalled.
    pub waits: usize,
}

/// One running count.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    live: AtomicUsize,
    total: AtomicUsize,
}

// Relaxed throughout: the counts publish nothing, and a reader that wants an exact one has joined the writers.
impl Gauge {
    /// Counts `n` more.
    pub(crate) fn add(&self, n: usize) {
        self.live.fetch_add(n, Ordering::Relaxed);
        self.total.fetch_add(n, Ordering::Relaxed);
    }

    /// Counts `n` fewer alive.
    pub(crate) fn remove(&self, n: usize) {
        self.live.fetch_sub(n, Ordering::Relaxed);
    }

    /// The number alive.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    fn read(&self) -> Count {
        Count { live: self.live(), total: self.total.load(Ordering::Relaxed) }
    }
}

/// The running counts behind [`Counters`].
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub(crate) pool_blocks: Gauge,
    pub(crate) pool_bytes: Gauge,
    pub(crate) irps: Gauge,
    pub(crate) mdls: Gauge,
    pub(crate) work_items: Gauge,
    pub(crate) threads: Gauge,
    pub(crate) devices: Gauge,
    pub(crate) files: Gauge,
    pub(crate) queued_work_items: Gauge,
    pub(crate) queued_dpcs: Gauge,
    pub(crate) waits: Gauge,
}

impl Gauges {
    /// All of them, each read once.
    pub(crate) fn read(&self) -> Counters {
        Counters {
            pool_blocks: self.pool_blocks.read(),
            pool_bytes: self.pool_bytes.read(),
            irps: self.irps.read(),
            mdls: self.mdls.read(),
            work_items: self.work_items.read(),
            threads: self.threads.read(),
            devices: self.devices.read(),
            files: self.files.read(),
            switches: Switches {
                work_items: self.queued_work_items.read().total,
                dpcs: self.queued_dpcs.read().total,
                waits: self.waits.read().total,
            },
        }
    }
}
