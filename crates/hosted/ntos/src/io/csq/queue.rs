//! A cancel-safe queue, as the kernel knows it: its routines, its IRPs, and who has its lock.
#![expect(unsafe_code, reason = "calls the driver's routines, and writes the fields of IRPs and contexts")]

use std::collections::HashMap;
use std::mem::{self, offset_of};
use std::ptr;
use std::sync::Arc;

use parking_lot::Mutex;
use wsk_sys::{
    IO_CSQ, IO_CSQ_IRP_CONTEXT, IRP, IRP_TAIL_OVERLAY, NTSTATUS, PIO_CSQ_ACQUIRE_LOCK,
    PIO_CSQ_COMPLETE_CANCELED_IRP, PIO_CSQ_INSERT_IRP, PIO_CSQ_INSERT_IRP_EX, PIO_CSQ_PEEK_NEXT_IRP,
    PIO_CSQ_RELEASE_LOCK, PIO_CSQ_REMOVE_IRP, PVOID, STATUS_SUCCESS, ULONG,
};

use crate::io::irp;
use crate::io::irp::packet::Packet;
use crate::io::irp::registry;
use crate::ke::irql::{self, CallState, call_driver};
use crate::ke::spinlock::thread_number;
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, violation};
use crate::machine::routine;
use crate::mm::in_flight::{self, Memory};
use crate::rule::io::{
    CSQ_DRIVER_CONTEXT, CSQ_FREED, CSQ_INITIALIZED_IN_USE, CSQ_INSERTED_TWICE, CSQ_LOCK, CSQ_NOT_IN_QUEUE,
    CSQ_NOT_INITIALIZED, CSQ_ROUTINES, NOT_AN_IRP,
};
use crate::sync::Pointer;

/// `IO_TYPE_CSQ_IRP_CONTEXT`.
const IO_TYPE_CSQ_IRP_CONTEXT: ULONG = 1;
/// `IO_TYPE_CSQ`.
const IO_TYPE_CSQ: ULONG = 2;
/// `IO_TYPE_CSQ_EX`.
const IO_TYPE_CSQ_EX: ULONG = 3;

/// The routine that puts an IRP into a queue.
#[derive(Clone, Copy)]
pub(super) enum Insert {
    Plain(PIO_CSQ_INSERT_IRP),
    Ex(PIO_CSQ_INSERT_IRP_EX),
}

/// The other routines, in the order in which they are given.
pub(super) type Others = (
    Option<PIO_CSQ_REMOVE_IRP>,
    Option<PIO_CSQ_PEEK_NEXT_IRP>,
    Option<PIO_CSQ_ACQUIRE_LOCK>,
    Option<PIO_CSQ_RELEASE_LOCK>,
    Option<PIO_CSQ_COMPLETE_CANCELED_IRP>,
);

/// The driver's routines.
#[derive(Clone, Copy)]
pub(super) struct Routines {
    insert: Insert,
    remove: PIO_CSQ_REMOVE_IRP,
    peek_next: PIO_CSQ_PEEK_NEXT_IRP,
    acquire_lock: PIO_CSQ_ACQUIRE_LOCK,
    release_lock: PIO_CSQ_RELEASE_LOCK,
    complete_canceled: PIO_CSQ_COMPLETE_CANCELED_IRP,
}

impl Routines {
    /// # Errors
    /// [`CSQ_ROUTINES`]: one is missing.
    pub(super) fn new(insert: Option<Insert>, others: Others, what: &str) -> Result<Routines, Broken> {
        let missing = |name: &str| Broken::new(&CSQ_ROUTINES, format!("{what} without {name}"));
        let (remove, peek_next, acquire_lock, release_lock, complete_canceled) = others;
        Ok(Routines {
            insert: insert.ok_or_else(|| missing("CsqInsertIrp"))?,
            remove: remove.ok_or_else(|| missing("CsqRemoveIrp"))?,
            peek_next: peek_next.ok_or_else(|| missing("CsqPeekNextIrp"))?,
            acquire_lock: acquire_lock.ok_or_else(|| missing("CsqAcquireLock"))?,
            release_lock: release_lock.ok_or_else(|| missing("CsqReleaseLock"))?,
            complete_canceled: complete_canceled.ok_or_else(|| missing("CsqCompleteCanceledIrp"))?,
        })
    }

    /// The structure, as drivers see it.
    fn structure(&self) -> IO_CSQ {
        let (kind, insert) = match self.insert {
            Insert::Plain(routine) => (IO_TYPE_CSQ, routine as *const ()),
            Insert::Ex(routine) => (IO_TYPE_CSQ_EX, routine as *const ()),
        };
        IO_CSQ {
            Type: kind,
            // SAFETY: a function's address; which of the two types it has is what `Type` says.
            CsqInsertIrp: Some(unsafe { mem::transmute::<*const (), PIO_CSQ_INSERT_IRP>(insert) }),
            CsqRemoveIrp: Some(self.remove),
            CsqPeekNextIrp: Some(self.peek_next),
            CsqAcquireLock: Some(self.acquire_lock),
            CsqReleaseLock: Some(self.release_lock),
            CsqCompleteCanceledIrp: Some(self.complete_canceled),
            ReservePointer: ptr::null_mut(),
        }
    }
}

/// An IRP in a queue.
#[derive(Clone, Copy)]
struct Inside {
    queue: Pointer<IO_CSQ>,
    /// Null, if it was put there without one.
    context: Pointer<IO_CSQ_IRP_CONTEXT>,
}

impl Inside {
    /// What is in the IRP's `DriverContext[3]`.
    fn mark(self) -> PVOID {
        if self.context.0.is_null() { self.queue.0.cast() } else { self.context.0.cast() }
    }
}

#[derive(Clone, Copy)]
struct Known {
    routines: Routines,
    /// The thread that has the queue's lock.
    holder: Option<usize>,
}

/// The queues of a machine.
#[derive(Default)]
struct Queues(Mutex<State>);

#[derive(Default)]
struct State {
    queues: HashMap<usize, Known>,
    irps: HashMap<usize, Inside>,
}

fn of(machine: &Machine) -> Arc<Queues> {
    machine.extension::<Queues>(Queues::default)
}

/// Makes a queue.
///
/// # Errors
/// [`CSQ_INITIALIZED_IN_USE`].
///
/// # Safety
/// `csq` points to writable memory for a queue.
pub(super) unsafe fn initialize(
    machine: &Machine,
    csq: *mut IO_CSQ,
    routines: Routines,
    what: &str,
) -> Result<(), Broken> {
    let queues = of(machine);
    let mut state = queues.0.lock();
    let inside = state.irps.values().filter(|inside| ptr::eq(inside.queue.0, csq)).count();
    if inside != 0 {
        drop(state);
        let detail = format!("{what} of {:#x}, a cancel-safe queue with {inside} IRPs in it", csq.addr());
        return Err(Broken::new(&CSQ_INITIALIZED_IN_USE, detail));
    }
    state.queues.insert(csq.addr(), Known { routines, holder: None });
    drop(state);
    // SAFETY: this function's own contract.
    unsafe { csq.write(routines.structure()) };
    Ok(())
}

/// An initialised queue.
pub(super) struct Queue {
    queues: Arc<Queues>,
    csq: *mut IO_CSQ,
    routines: Routines,
}

impl Queue {
    /// # Errors
    /// [`CSQ_NOT_INITIALIZED`].
    pub(super) fn find(machine: &Machine, csq: *mut IO_CSQ, what: &str) -> Result<Queue, Broken> {
        let queues = of(machine);
        let known = queues.0.lock().queues.get(&csq.addr()).copied();
        let Some(Known { routines, .. }) = known else {
            let detail = format!("{what} with {:#x}, where no cancel-safe queue is initialised", csq.addr());
            return Err(Broken::new(&CSQ_NOT_INITIALIZED, detail));
        };
        Ok(Queue { queues, csq, routines })
    }

    /// The queue that an IRP is in.
    ///
    /// # Errors
    /// [`CSQ_NOT_IN_QUEUE`].
    pub(super) fn of(machine: &Machine, irp: *mut IRP) -> Result<Queue, Broken> {
        let inside = of(machine).0.lock().irps.get(&irp.addr()).copied();
        let Some(inside) = inside else {
            let detail = format!("the cancel routine of cancel-safe queues called for {}", name(irp));
            return Err(Broken::new(&CSQ_NOT_IN_QUEUE, detail));
        };
        Queue::find(machine, inside.queue.0, "the cancellation of an IRP")
    }

    /// Takes note that the IRP is about to be in the queue, and writes that into it and its context.
    ///
    /// # Errors
    /// [`NOT_AN_IRP`], [`CSQ_INSERTED_TWICE`], [`CSQ_FREED`].
    pub(super) fn admit(
        &self,
        irp: *mut IRP,
        context: *mut IO_CSQ_IRP_CONTEXT,
        what: &str,
    ) -> Result<(), Broken> {
        let machine = Machine::kernel();
        let sent = registry::of(&machine).with(irp, |_, packet| packet.current().is_some());
        let sent =
            sent.map_err(|missing| Broken::new(&NOT_AN_IRP, format!("{what} of {}", missing.describe())))?;
        let twice =
            |why: &str| Err(Broken::new(&CSQ_INSERTED_TWICE, format!("{what} of {}, {why}", name(irp))));
        if !sent {
            return twice("which was sent to nobody");
        }
        let inside = Inside { queue: Pointer(self.csq), context: Pointer(context) };
        {
            let mut state = self.queues.0.lock();
            let of_context = |other: &Inside| !context.is_null() && ptr::eq(other.context.0, context);
            let fault = if state.irps.contains_key(&irp.addr()) {
                Some("which is in a cancel-safe queue")
            } else if state.irps.values().any(of_context) {
                Some("with a context that another IRP has")
            } else {
                state.irps.insert(irp.addr(), inside);
                None
            };
            drop(state);
            if let Some(why) = fault {
                return twice(why);
            }
        }
        let memory =
            [Memory::of("the cancel-safe queue", self.csq), Memory::of("the context of the IRP", context)];
        in_flight::hold(key(irp), &CSQ_FREED, &format!("{}, in a cancel-safe queue,", name(irp)), memory)?;
        // SAFETY: the IRP was sent to the caller.
        unsafe { set_mark(irp, inside.mark()) };
        if !context.is_null() {
            let fields = IO_CSQ_IRP_CONTEXT { Type: IO_TYPE_CSQ_IRP_CONTEXT, Irp: irp, Csq: self.csq };
            // SAFETY: the caller's context, which no other IRP in a queue has.
            unsafe { context.write(fields) };
        }
        Ok(())
    }

    /// Calls `f` with the queue's lock held.
    pub(super) fn locked<R>(&self, f: impl FnOnce() -> R) -> R {
        let csq = self.csq;
        let Routines { acquire_lock, release_lock, .. } = self.routines;
        let before = CallState::now();
        let mut irql = before.irql();
        let saved = &raw mut irql;
        // SAFETY: the driver's routine, called as documented.
        routine::call(&"CsqAcquireLock", || unsafe { acquire_lock(csq, saved) });
        self.hold();
        let result = f();
        if let Some(known) = self.queues.0.lock().queues.get_mut(&csq.addr()) {
            known.holder = None;
        }
        // SAFETY: as the call before; the level is a variable of this frame.
        let irql = unsafe { saved.read() };
        // SAFETY: the driver's routine, called as documented.
        routine::call(&"CsqReleaseLock", || unsafe { release_lock(csq, irql) });
        before.check("CsqReleaseLock, after CsqAcquireLock,");
        result
    }

    /// Makes the calling thread the one that has the lock.
    fn hold(&self) {
        let me = thread_number();
        let mut state = self.queues.0.lock();
        let Some(known) = state.queues.get_mut(&self.csq.addr()) else { return };
        let holder = known.holder.replace(me);
        drop(state);
        if let Some(holder) = holder {
            let whose = if holder == me { "this thread" } else { "another thread" };
            let at = self.csq.addr();
            let detail = format!(
                "CsqAcquireLock of the cancel-safe queue at {at:#x} returned, and {whose} has the lock"
            );
            violation(&CSQ_LOCK, detail);
        }
    }

    /// Has the driver put the IRP into its queue.
    ///
    /// # Safety
    /// The IRP is the caller's.
    pub(super) unsafe fn insert(&self, irp: *mut IRP, context: PVOID) -> NTSTATUS {
        let csq = self.csq;
        call_driver(irql::current(), "CsqInsertIrp", || match self.routines.insert {
            Insert::Plain(routine) => {
                // SAFETY: the driver's routine, called as documented.
                unsafe { routine(csq, irp) };
                STATUS_SUCCESS
            }
            // SAFETY: the driver's routine, called as documented.
            Insert::Ex(routine) => unsafe { routine(csq, irp, context) },
        })
    }

    /// Has the driver take the IRP out of its queue.
    pub(super) fn remove(&self, irp: *mut IRP) {
        let (csq, routine) = (self.csq, self.routines.remove);
        // SAFETY: the driver's routine, called as documented, with an IRP that is in the queue.
        call_driver(irql::current(), "CsqRemoveIrp", || unsafe { routine(csq, irp) });
        self.forget(irp, true);
    }

    /// Takes note that an IRP is in the queue no more; after a removal, its mark must still be there.
    pub(super) fn forget(&self, irp: *mut IRP, removed: bool) {
        let inside = self.queues.0.lock().irps.remove(&irp.addr());
        let Some(inside) = inside else { return };
        in_flight::let_go(key(irp));
        // SAFETY: the IRP is the caller's, who has just taken it out.
        let mark = unsafe { mark(irp) };
        if removed && !ptr::eq(mark, inside.mark()) {
            let detail = format!(
                "DriverContext[3] of {} was changed to {:#x} while it was in the cancel-safe queue at {:#x}",
                name(irp),
                mark.addr(),
                self.csq.addr()
            );
            violation(&CSQ_DRIVER_CONTEXT, detail);
        }
        // SAFETY: the IRP is the caller's, who has just taken it out.
        unsafe { set_mark(irp, ptr::null_mut()) };
        if !inside.context.0.is_null() {
            // SAFETY: the context stays as long as the IRP is in the queue, by the contract of its insertion.
            unsafe { (*inside.context.0).Irp = ptr::null_mut() };
        }
    }

    /// The next IRP that matches, or null.
    ///
    /// # Errors
    /// [`CSQ_NOT_IN_QUEUE`].
    pub(super) fn peek_next(&self, irp: *mut IRP, context: PVOID) -> Result<*mut IRP, Broken> {
        let (csq, routine) = (self.csq, self.routines.peek_next);
        // SAFETY: the driver's routine, called as documented, with null or an IRP that is in the queue.
        let next = call_driver(irql::current(), "CsqPeekNextIrp", || unsafe { routine(csq, irp, context) });
        let inside = self.queues.0.lock().irps.get(&next.addr()).copied();
        if !next.is_null() && !inside.is_some_and(|inside| ptr::eq(inside.queue.0, csq)) {
            let detail = format!(
                "CsqPeekNextIrp returned {}, which is not in the cancel-safe queue at {:#x}",
                name(next),
                csq.addr()
            );
            return Err(Broken::new(&CSQ_NOT_IN_QUEUE, detail));
        }
        Ok(next)
    }

    /// Has the driver complete an IRP that was cancelled.
    pub(super) fn complete_canceled(&self, irp: *mut IRP) {
        let (csq, routine) = (self.csq, self.routines.complete_canceled);
        // SAFETY: the driver's routine, called as documented, with an IRP that is in no queue any more.
        call_driver(irql::current(), "CsqCompleteCanceledIrp", || unsafe { routine(csq, irp) });
    }
}

/// The IRP that a context stands for, or null.
///
/// # Errors
/// [`CSQ_NOT_INITIALIZED`]: it is no context, or of another queue.
///
/// # Safety
/// `context` points to a context, and the queue's lock is held.
pub(super) unsafe fn irp_of(
    context: *mut IO_CSQ_IRP_CONTEXT,
    csq: *mut IO_CSQ,
    what: &str,
) -> Result<*mut IRP, Broken> {
    // SAFETY: this function's own contract.
    let fields = unsafe { context.read() };
    let irp = fields.Irp;
    if !irp.is_null() && (fields.Type != IO_TYPE_CSQ_IRP_CONTEXT || !ptr::eq(fields.Csq, csq)) {
        let detail = format!("{what} with {:#x}, which is no context of the queue's", context.addr());
        return Err(Broken::new(&CSQ_NOT_INITIALIZED, detail));
    }
    Ok(irp)
}

/// Whether the IRP was cancelled.
///
/// # Safety
/// The IRP lives.
pub(super) unsafe fn is_cancelled(irp: *mut IRP) -> bool {
    // SAFETY: this function's own contract.
    unsafe { Packet::new(irp) }.is_cancelled()
}

/// What holds the memory of a queue is known by an address inside of the IRP: that of the IRP itself is its request's.
fn key(irp: *mut IRP) -> *const u8 {
    irp.cast::<u8>().wrapping_add(1)
}

fn name(irp: *mut IRP) -> String {
    match irp::id(irp) {
        Some(number) => format!("IRP #{number}"),
        None => format!("{:#x}, which is no IRP", irp.addr()),
    }
}

/// Where the queue's mark is in an IRP: `Tail.Overlay.DriverContext[3]`.
fn mark_field(irp: *mut IRP) -> *mut PVOID {
    let context = offset_of!(IRP, Tail) + offset_of!(IRP_TAIL_OVERLAY, DriverContext);
    irp.wrapping_byte_add(context).cast::<PVOID>().wrapping_add(3)
}

/// # Safety
/// The IRP lives, and is the caller's.
unsafe fn mark(irp: *mut IRP) -> PVOID {
    // SAFETY: the field is the IRP's.
    unsafe { mark_field(irp).read() }
}

/// # Safety
/// The IRP lives, and is the caller's.
unsafe fn set_mark(irp: *mut IRP, mark: PVOID) {
    // SAFETY: the field is the IRP's.
    unsafe { mark_field(irp).write(mark) };
}
