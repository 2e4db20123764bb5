//! What the machine knows about each IRP beside the IRP itself: its number, its owner, who has it now.
//!
//! Driver Verifier keeps such a shadow record to tell a request in use from one that is free to be freed. An address
//! is looked up here before the memory behind it is touched, so a stale pointer is a report and not a crash.
#![expect(unsafe_code, reason = "the registry owns the memory of IRPs, which drivers hold by address")]

use std::alloc;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;
use wsk_sys::{IRP, IoSizeOfIrp, NTSTATUS};

use crate::ex::pool::block::{Block, Kind};
use crate::ex::pool::{self, block};
use crate::io::irp::log::{IrpEventKind, IrpLog};
use crate::io::irp::packet::{self, Packet};
use crate::machine::Machine;
use crate::machine::bugcheck::Broken;
use crate::machine::owner::{LeakScope, Owner, leak_report};
use crate::process::request::Request;
use crate::rule::io::{FREE_IN_USE, IRP_LEAK, IRP_WRITTEN_AFTER_FREE};
use crate::sync::Pointer;

/// How many freed IRPs are known by their numbers.
const REMEMBERED: usize = 4096;
/// The tag under which Windows allocates IRPs.
const TAG: [u8; 4] = *b"Irp ";

/// Where an IRP comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `IoAllocateIrp`: a driver's own.
    Allocated,
    /// `IoInitializeIrp`: a driver's own, in memory of its own.
    Initialised,
    /// The I/O manager, for a request from user mode.
    System,
}

/// Who has an IRP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its owner, fresh: allocated or reused.
    Idle,
    /// A driver or provider below.
    Sent,
    /// Its owner, back from below. It must be reused before it is sent again.
    Completed,
}

/// One pass of an IRP through a dispatch routine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passage {
    /// Status and pending mark with which the location was completed; none while the driver has the IRP.
    pub(crate) done: Option<(NTSTATUS, bool)>,
    /// The driver passed the IRP on to one below.
    pub(crate) forwarded: bool,
}

pub(crate) struct Record {
    pub(crate) id: u64,
    pub(crate) origin: Origin,
    pub(crate) owner: Owner,
    pub(crate) state: State,
    /// A thread is inside `IofCompleteRequest` with it, between two completion routines.
    pub(crate) walking: bool,
    /// Counts the completions, to see whether a routine went on with the IRP behind the back of the walk.
    pub(crate) turn: u64,
    /// The passes in progress, by stack location.
    pub(crate) passages: Vec<(i8, Arc<Mutex<Passage>>)>,
    /// The request that the IRP carries, if the I/O manager made it.
    pub(crate) request: Option<Arc<Request>>,
    /// The process that asked for it; 0 for a driver's own.
    pub(crate) process: u32,
    irp: Pointer<IRP>,
}

impl Record {
    /// Whether a driver or provider below has the IRP.
    pub(crate) fn is_below(&self, packet: Packet) -> bool {
        self.state == State::Sent || packet.location() <= packet.stack_count()
    }
}

/// Why an address has no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// This IRP was there and was freed.
    Freed(u64),
    Unknown,
}

impl Missing {
    /// For a report: what the address is.
    pub(crate) fn describe(self) -> String {
        match self {
            Missing::Freed(id) => format!("IRP #{id}, which was freed already"),
            Missing::Unknown => "an address that is no IRP".to_owned(),
        }
    }
}

/// An IRP that the machine knows.
struct Entry {
    record: Record,
    /// It lies in a driver's memory.
    adopted: bool,
}

#[derive(Default)]
struct Table {
    last: u64,
    live: HashMap<usize, Entry>,
    /// The addresses of those in memory of drivers.
    adopted: BTreeSet<usize>,
    /// The numbers of freed IRPs, by the address that they had.
    freed: HashMap<usize, u64>,
    /// Address and number of freed IRPs, the oldest first.
    order: VecDeque<(usize, u64)>,
}

impl Table {
    /// Remembers the number of a freed IRP for a while.
    fn remember(&mut self, address: usize, id: u64) {
        self.freed.insert(address, id);
        self.order.push_back((address, id));
        if self.order.len() > REMEMBERED
            && let Some((address, id)) = self.order.pop_front()
            && self.freed.get(&address) == Some(&id)
        {
            self.freed.remove(&address);
        }
    }
}

/// A machine's IRPs.
pub(crate) struct Registry {
    log: Arc<IrpLog>,
    table: Mutex<Table>,
}

/// The registry of a machine.
pub(crate) fn of(machine: &Machine) -> Arc<Registry> {
    machine.extension::<Registry>(|| {
        machine.on_leak_check(check_leaks);
        let log = machine.extension::<IrpLog>(IrpLog::default);
        Registry { log, table: Mutex::default() }
    })
}

fn check_leaks(machine: &Machine, scope: LeakScope) -> Vec<Broken> {
    of(machine).leaks(machine, scope).into_iter().collect()
}

impl Registry {
    /// Makes a fresh IRP with `stack_count` locations.
    pub(crate) fn allocate(
        &self,
        machine: &Machine,
        stack_count: i8,
        origin: Origin,
        request: Option<Arc<Request>>,
        process: u32,
    ) -> *mut IRP {
        let layout = packet::layout(stack_count);
        let block = block::Request::zeroed(Kind::Irp, layout.size(), TAG);
        let irp: *mut IRP = machine.parts.pool.allocate(&block).cast();
        if irp.is_null() {
            alloc::handle_alloc_error(layout);
        }
        // SAFETY: the block is as large as an IRP with so many locations, and nobody else knows it.
        unsafe { packet::initialise(irp, IoSizeOfIrp(stack_count), stack_count) };
        let id = self.insert(irp, false, origin, request, process);
        machine.parts.gauges.irps.add(1);
        self.log.add(id, origin == Origin::System, || IrpEventKind::Allocated { stack_count });
        irp
    }

    /// Knows from now on an IRP in a driver's own memory.
    pub(crate) fn adopt(&self, irp: *mut IRP) {
        self.insert(irp, true, Origin::Initialised, None, 0);
    }

    fn insert(
        &self,
        irp: *mut IRP,
        adopted: bool,
        origin: Origin,
        request: Option<Arc<Request>>,
        process: u32,
    ) -> u64 {
        let mut table = self.table.lock();
        table.freed.remove(&irp.addr());
        table.last += 1;
        let record = Record {
            id: table.last,
            origin,
            owner: if origin == Origin::System { Owner::SYSTEM } else { Owner::current() },
            state: State::Idle,
            walking: false,
            turn: 0,
            passages: Vec::new(),
            request,
            process,
            irp: Pointer(irp),
        };
        if adopted {
            table.adopted.insert(irp.addr());
        } else {
            table.adopted.remove(&irp.addr());
        }
        table.live.insert(irp.addr(), Entry { record, adopted });
        table.last
    }

    /// Calls `f` with the record of an IRP, and with the IRP, which lives at least until `f` returns.
    pub(crate) fn with<R>(
        &self,
        irp: *mut IRP,
        f: impl FnOnce(&mut Record, Packet) -> R,
    ) -> Result<R, Missing> {
        let mut table = self.table.lock();
        let Some(Entry { record, .. }) = table.live.get_mut(&irp.addr()) else {
            let freed = table.freed.get(&irp.addr());
            return Err(freed.map_or(Missing::Unknown, |id| Missing::Freed(*id)));
        };
        // The registered pointer, not the caller's: its provenance covers the stack locations.
        // SAFETY: the record exists, so the IRP was initialised and is not freed; freeing takes the lock.
        let packet = unsafe { Packet::new(record.irp.0) };
        Ok(f(record, packet))
    }

    /// Frees an IRP whose record says that nobody below has it.
    ///
    /// # Errors
    /// It is damaged; or a block that was freed long ago was written to since.
    pub(crate) fn free(&self, machine: &Machine, irp: *mut IRP) -> Result<(), Broken> {
        let mut table = self.table.lock();
        let Some(Entry { record, adopted: false }) = table.live.remove(&irp.addr()) else { return Ok(()) };
        table.remember(irp.addr(), record.id);
        drop(table);
        machine.parts.gauges.irps.remove(1);
        self.log.add(record.id, record.origin == Origin::System, || IrpEventKind::Freed);
        pool::release(machine, irp.addr(), "the free of an IRP")
    }

    /// A driver's memory is about to be freed: an IRP in it, which `IoInitializeIrp` made, must be the driver's by now.
    ///
    /// # Errors
    /// One that a driver below has.
    pub(crate) fn leave_memory(
        &self,
        memory: &Range<usize>,
        what: impl FnOnce() -> String,
    ) -> Result<(), Broken> {
        let mut table = self.table.lock();
        let Some(address) = table.adopted.range(memory.clone()).next().copied() else { return Ok(()) };
        let Some(Entry { record, .. }) = table.live.get(&address) else { return Ok(()) };
        // SAFETY: the record exists, and the memory is not freed yet.
        let packet = unsafe { Packet::new(record.irp.0) };
        if record.is_below(packet) {
            let id = record.id;
            drop(table);
            let detail = format!("{}, while a driver below has IRP #{id} at {address:#x} in it", what());
            return Err(Broken { rule: &FREE_IN_USE, detail });
        }
        table.adopted.remove(&address);
        let id = table.live.remove(&address).map_or(0, |entry| entry.record.id);
        table.remember(address, id);
        drop(table);
        // There may be more than one.
        self.leave_memory(memory, what)
    }

    /// Takes note that an IRP goes below.
    pub(crate) fn note_sent(&self, irp: *mut IRP, what: impl FnOnce() -> String) {
        let found = self.with(irp, |record, _| {
            record.state = State::Sent;
            (record.id, record.origin == Origin::System)
        });
        if let Ok((id, system)) = found {
            self.log.add(id, system, || IrpEventKind::Sent { what: what() });
        }
    }

    pub(crate) fn log(&self, id: u64, origin: Origin, kind: impl FnOnce() -> IrpEventKind) {
        self.log.add(id, origin == Origin::System, kind);
    }

    /// The report of what a driver, or the machine, left.
    fn leaks(&self, machine: &Machine, scope: LeakScope) -> Option<Broken> {
        let table = self.table.lock();
        let mut leaks: Vec<&Record> = table
            .live
            .values()
            .map(|entry| &entry.record)
            .filter(|record| match record.origin {
                Origin::Allocated => scope.covers(record.owner),
                // The memory is the driver's, so the leak, if any, is one of pool.
                Origin::Initialised => false,
                Origin::System => scope == LeakScope::Shutdown,
            })
            .collect();
        leaks.sort_unstable_by_key(|record| record.id);
        let name = |record: &&Record| {
            let own = record.origin == Origin::Allocated;
            let who = own.then(|| machine.parts.pool.allocated(record.irp.key(), Kind::Irp.allocated_by()));
            format!("IRP #{} ({:?}){}", record.id, record.state, who.unwrap_or_default())
        };
        leak_report(&IRP_LEAK, "IRPs", scope, leaks.iter().map(name))
    }
}

/// The number of the IRP that is, or was lately, at an address. `None` also if that cannot be found out now: the calling
/// thread may have the lock.
pub(crate) fn number_at(machine: &Machine, address: usize) -> Option<u64> {
    let registry = of(machine);
    let table = registry.table.try_lock()?;
    let live = table.live.get(&address).map(|entry| entry.record.id);
    live.or_else(|| table.freed.get(&address).copied())
}

/// The report of an IRP that was written to after it was freed.
pub(crate) fn written(machine: &Machine, block: &Block) -> Broken {
    let number = number_at(machine, block.start().addr());
    let number = number.map_or_else(String::new, |number| format!(" #{number}"));
    Broken::new(&IRP_WRITTEN_AFTER_FREE, format!("IRP{number} was written to after it was freed"))
}
