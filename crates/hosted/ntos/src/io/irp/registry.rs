//! What the machine knows about each IRP beside the IRP itself: its number, its owner, who has it now.
//!
//! Driver Verifier keeps such a shadow record to tell a request in use from one that is free to be freed. An address
//! is looked up here before the memory behind it is touched, so a stale pointer is a report and not a crash.
#![expect(unsafe_code, reason = "the registry owns the memory of IRPs, which drivers hold by address")]

use std::alloc::{self, Layout};
use std::backtrace::Backtrace;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use wsk_sys::{IRP, IoSizeOfIrp, NTSTATUS};

use crate::io::irp::log::{IrpEventKind, IrpLog};
use crate::io::irp::packet::{self, Packet};
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, complain};
use crate::machine::frames;
use crate::machine::owner::{LeakScope, Owner, leak_report};
use crate::process::request::Request;
use crate::rule::io::{FREE_IN_USE, IRP_LEAK, IRP_WRITTEN_AFTER_FREE};
use crate::sync::{Pointer, lock};

/// How many freed IRPs are kept filled with [`FREED`], so that a late write to one is seen.
const QUARANTINE: usize = 64;
const FREED: u8 = 0xDF;

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
    /// Who allocated it, if that is asked for.
    allocated: Option<Backtrace>,
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

/// The memory of one IRP.
struct Block {
    address: *mut u8,
    layout: Layout,
}

// SAFETY: whoever has the block has the memory, alone.
unsafe impl Send for Block {}

impl Block {
    fn new(stack_count: i8) -> Block {
        let layout = packet::layout(stack_count);
        // SAFETY: the size of an IRP is not zero.
        let address = unsafe { alloc::alloc(layout) };
        if address.is_null() {
            alloc::handle_alloc_error(layout);
        }
        Block { address, layout }
    }

    fn fill(&self) {
        // SAFETY: the block is this long, and no longer anybody's IRP.
        unsafe { self.address.write_bytes(FREED, self.layout.size()) };
    }

    fn is_untouched(&self) -> bool {
        // SAFETY: the block is this long and was filled when it was freed.
        let bytes = unsafe { std::slice::from_raw_parts(self.address, self.layout.size()) };
        bytes.iter().all(|byte| *byte == FREED)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: from `alloc` with this layout, in `new`.
        unsafe { alloc::dealloc(self.address, self.layout) };
    }
}

#[derive(Default)]
struct Table {
    last: u64,
    live: HashMap<usize, (Record, Option<Block>)>,
    /// The addresses of those in memory of drivers.
    adopted: BTreeSet<usize>,
    /// Address and number of freed IRPs, oldest first, with their memory where it is kept.
    freed: VecDeque<(usize, u64, Option<Block>)>,
}

/// A machine's IRPs.
pub(crate) struct Registry {
    log: Arc<IrpLog>,
    table: Mutex<Table>,
}

/// The registry of a machine.
pub(crate) fn of(machine: &Machine) -> Arc<Registry> {
    let log = machine.extension::<IrpLog>(IrpLog::default);
    machine.extension::<Registry>(|| {
        machine.on_leak_check(check_leaks);
        Registry { log, table: Mutex::default() }
    })
}

fn check_leaks(machine: &Machine, scope: LeakScope) {
    match of(machine).leaks(scope) {
        Ok(None) => {}
        Ok(Some(report)) => complain(&IRP_LEAK, report),
        Err(broken) => broken.raise(),
    }
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
        let block = Block::new(stack_count);
        let irp: *mut IRP = block.address.cast();
        // SAFETY: the block is as large as an IRP with so many locations, and nobody else knows it.
        unsafe { packet::initialise(irp, IoSizeOfIrp(stack_count), stack_count) };
        let id = self.insert(irp, Some(block), origin, request, process);
        machine.parts.gauges.irps.add(1);
        self.log.add(id, origin == Origin::System, || IrpEventKind::Allocated { stack_count });
        irp
    }

    /// Knows from now on an IRP in a driver's own memory.
    pub(crate) fn adopt(&self, irp: *mut IRP) {
        self.insert(irp, None, Origin::Initialised, None, 0);
    }

    fn insert(
        &self,
        irp: *mut IRP,
        block: Option<Block>,
        origin: Origin,
        request: Option<Arc<Request>>,
        process: u32,
    ) -> u64 {
        let allocated = if origin == Origin::Allocated { frames::capture() } else { None };
        let mut table = lock(&self.table);
        table.freed.retain(|(address, _, _)| *address != irp.addr());
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
            allocated,
        };
        if block.is_none() {
            table.adopted.insert(irp.addr());
        } else {
            table.adopted.remove(&irp.addr());
        }
        table.live.insert(irp.addr(), (record, block));
        table.last
    }

    /// Calls `f` with the record of an IRP, and with the IRP, which lives at least until `f` returns.
    pub(crate) fn with<R>(
        &self,
        irp: *mut IRP,
        f: impl FnOnce(&mut Record, Packet) -> R,
    ) -> Result<R, Missing> {
        let mut table = lock(&self.table);
        let Some((record, _)) = table.live.get_mut(&irp.addr()) else {
            let freed = table.freed.iter().rev().find(|(address, _, _)| *address == irp.addr());
            return Err(freed.map_or(Missing::Unknown, |(_, id, _)| Missing::Freed(*id)));
        };
        // The registered pointer, not the caller's: its provenance covers the stack locations.
        // SAFETY: the record exists, so the IRP was initialised and is not freed; freeing takes the lock.
        let packet = unsafe { Packet::new(record.irp.0) };
        Ok(f(record, packet))
    }

    /// Frees an IRP whose record says that nobody below has it.
    ///
    /// # Errors
    /// An IRP that was freed long ago, and written to since.
    pub(crate) fn free(&self, machine: &Machine, irp: *mut IRP) -> Result<(), Broken> {
        let mut table = lock(&self.table);
        let Some((record, block)) = table.live.remove(&irp.addr()) else { return Ok(()) };
        let Some(block) = block else { return Ok(()) };
        let kept = if cfg!(miri) {
            // Miri sees every late access by itself, if the memory is really gone.
            None
        } else {
            block.fill();
            Some(block)
        };
        table.freed.push_back((irp.addr(), record.id, kept));
        let evicted = if table.freed.len() > QUARANTINE { table.freed.pop_front() } else { None };
        drop(table);
        machine.parts.gauges.irps.remove(1);
        self.log.add(record.id, record.origin == Origin::System, || IrpEventKind::Freed);
        check_untouched(evicted.as_ref())
    }

    /// A driver's memory is about to be freed: an IRP in it, which `IoInitializeIrp` made, must be the driver's by now.
    ///
    /// # Errors
    /// One that a driver below has; and those of [`Registry::free`].
    pub(crate) fn leave_memory(
        &self,
        memory: &Range<usize>,
        what: impl FnOnce() -> String,
    ) -> Result<(), Broken> {
        let mut table = lock(&self.table);
        let Some(address) = table.adopted.range(memory.clone()).next().copied() else { return Ok(()) };
        let Some((record, _)) = table.live.get(&address) else { return Ok(()) };
        // SAFETY: the record exists, and the memory is not freed yet.
        let packet = unsafe { Packet::new(record.irp.0) };
        if record.is_below(packet) {
            let id = record.id;
            drop(table);
            let detail = format!("{}, while a driver below has IRP #{id} at {address:#x} in it", what());
            return Err(Broken { rule: &FREE_IN_USE, detail });
        }
        table.adopted.remove(&address);
        let id = table.live.remove(&address).map_or(0, |(record, _)| record.id);
        table.freed.push_back((address, id, None));
        let evicted = if table.freed.len() > QUARANTINE { table.freed.pop_front() } else { None };
        drop(table);
        check_untouched(evicted.as_ref())?;
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

    /// The report of what a driver, or the machine, left; and a look at the freed IRPs.
    ///
    /// # Errors
    /// A freed IRP that was written to.
    fn leaks(&self, scope: LeakScope) -> Result<Option<String>, Broken> {
        let table = lock(&self.table);
        let mut leaks: Vec<&Record> = table
            .live
            .values()
            .map(|(record, _)| record)
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
            let who = own.then(|| frames::caller(record.allocated.as_ref(), "allocated", "IoAllocateIrp"));
            format!("IRP #{} ({:?}){}", record.id, record.state, who.unwrap_or_default())
        };
        let report = (!leaks.is_empty()).then(|| leak_report("IRPs", scope, leaks.iter().map(name)));
        table.freed.iter().try_for_each(|entry| check_untouched(Some(entry)))?;
        Ok(report)
    }
}

fn check_untouched(entry: Option<&(usize, u64, Option<Block>)>) -> Result<(), Broken> {
    match entry {
        Some((_, id, Some(block))) if !block.is_untouched() => {
            let detail = format!("IRP #{id} was written to after it was freed");
            Err(Broken { rule: &IRP_WRITTEN_AFTER_FREE, detail })
        }
        _ => Ok(()),
    }
}
