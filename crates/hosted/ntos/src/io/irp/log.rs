//! The log of what happened to each IRP, for tests and for the report of a failure.
//!
//! Driver Verifier's I/O logging keeps the last requests per device for a debugger; here the last
//! [`CAPACITY`] events of the machine are kept, in order, and a test can compare them with what it expects.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};
use wsk_sys::{IRP, KIRQL, NamedStatus};

use crate::io::irp::registry;
use crate::machine::Machine;

/// The number of events that are kept.
pub const CAPACITY: usize = 4096;

/// One thing that happened to an IRP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IrpEvent {
    /// Counts all events of the machine, from 0.
    pub sequence: u64,
    /// The IRP's number: a new one for each allocation, not an address.
    pub irp: u64,
    /// Whether the I/O manager made the IRP for a request from user mode.
    pub system: bool,
    /// What happened.
    pub kind: IrpEventKind,
    /// The IRQL at which it happened.
    pub irql: KIRQL,
}

/// What happened to an IRP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IrpEventKind {
    /// `IoAllocateIrp`, or the I/O manager's own allocation.
    Allocated {
        /// The number of stack locations.
        stack_count: i8,
    },
    /// The IRP went to a driver or provider below.
    Sent {
        /// Who got it, for what.
        what: String,
    },
    /// `IoCancelIrp`.
    Cancelled,
    /// `IofCompleteRequest` began.
    Completed {
        /// `IoStatus.Status`.
        status: NamedStatus,
        /// `IoStatus.Information`.
        information: usize,
    },
    /// A completion routine returned.
    RoutineReturned {
        /// What it returned.
        status: NamedStatus,
    },
    /// `IoReuseIrp`.
    Reused,
    /// `IoFreeIrp`, or the I/O manager's own freeing.
    Freed,
}

#[derive(Default)]
struct Ring {
    next: u64,
    events: VecDeque<IrpEvent>,
}

/// A machine's log.
pub(crate) struct IrpLog {
    on: AtomicBool,
    ring: Mutex<Ring>,
}

impl Default for IrpLog {
    fn default() -> IrpLog {
        IrpLog { on: AtomicBool::new(true), ring: Mutex::default() }
    }
}

impl IrpLog {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock()
    }

    /// Adds an event; `kind` is not called while the log is off.
    pub(crate) fn add(&self, irp: u64, system: bool, kind: impl FnOnce() -> IrpEventKind) {
        // A switch, nothing is published by it.
        if !self.on.load(Ordering::Relaxed) {
            return;
        }
        let kind = kind();
        let irql = crate::ke::irql::current();
        let mut ring = self.ring();
        if ring.events.len() == CAPACITY {
            ring.events.pop_front();
        }
        let sequence = ring.next;
        ring.next += 1;
        ring.events.push_back(IrpEvent { sequence, irp, system, kind, irql });
    }
}

impl Machine {
    /// The last events of all IRPs, oldest first.
    #[must_use]
    pub fn irp_log(&self) -> Vec<IrpEvent> {
        let log = self.extension::<IrpLog>(IrpLog::default);
        let ring = log.ring();
        ring.events.iter().cloned().collect()
    }

    /// Forgets the logged events; their numbering goes on.
    pub fn clear_irp_log(&self) {
        self.extension::<IrpLog>(IrpLog::default).ring().events.clear();
    }

    /// Switches the log on or off. It is on at first.
    pub fn log_irps(&self, on: bool) {
        self.extension::<IrpLog>(IrpLog::default).on.store(on, Ordering::Relaxed);
    }
}

/// Records that an IRP went down to a provider that takes it without `IofCallDriver`.
///
/// Call it before the provider can complete the IRP. From here until its completion the IRP may neither be
/// freed nor reused. An IRP that the registry does not know is left to the call that uses it next.
pub fn sent(irp: *mut IRP, what: &str) {
    let machine = Machine::here();
    registry::of(&machine).note_sent(irp, || what.to_owned());
}
