//! Cancel-safe queues: `IO_CSQ` and its functions.
//!
//! The driver keeps the queue, by routines that are called under its lock. Here is what is the same for all: who gets an IRP
//! that is being cancelled and taken out at the same time. Who takes the cancel routine out of the IRP has it.
#![expect(unsafe_code, reason = "exports C functions by their names, and calls the driver's routines")]

mod queue;

use std::ptr;

use wsk_sys::{
    DEVICE_OBJECT, DISPATCH_LEVEL, IO_CSQ, IO_CSQ_IRP_CONTEXT, IRP, IoMarkIrpPending, IoSetCancelRoutine,
    NT_SUCCESS, NTSTATUS, PIO_CSQ_ACQUIRE_LOCK, PIO_CSQ_COMPLETE_CANCELED_IRP, PIO_CSQ_INSERT_IRP,
    PIO_CSQ_INSERT_IRP_EX, PIO_CSQ_PEEK_NEXT_IRP, PIO_CSQ_RELEASE_LOCK, PIO_CSQ_REMOVE_IRP, PVOID,
    STATUS_SUCCESS,
};

use crate::io::csq::queue::{Insert, Others, Queue, Routines};
use crate::io::irp::cancel::IoReleaseCancelSpinLock;
use crate::ke::irql::at_most;
use crate::machine::Machine;
use crate::machine::bugcheck::require;
use crate::rule::IRQL_IO_DISPATCH;

/// Initialises a queue.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
///
/// # Safety
/// `Csq` points to resident memory for a queue that nobody uses yet. The routines are as their types say.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IoCsqInitialize(
    Csq: *mut IO_CSQ,
    CsqInsertIrp: Option<PIO_CSQ_INSERT_IRP>,
    CsqRemoveIrp: Option<PIO_CSQ_REMOVE_IRP>,
    CsqPeekNextIrp: Option<PIO_CSQ_PEEK_NEXT_IRP>,
    CsqAcquireLock: Option<PIO_CSQ_ACQUIRE_LOCK>,
    CsqReleaseLock: Option<PIO_CSQ_RELEASE_LOCK>,
    CsqCompleteCanceledIrp: Option<PIO_CSQ_COMPLETE_CANCELED_IRP>,
) -> NTSTATUS {
    let others = (CsqRemoveIrp, CsqPeekNextIrp, CsqAcquireLock, CsqReleaseLock, CsqCompleteCanceledIrp);
    // SAFETY: this function's own contract.
    unsafe { initialize(Csq, CsqInsertIrp.map(Insert::Plain), others, "IoCsqInitialize") }
}

/// Initialises a queue whose insertion can fail.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
///
/// # Safety
/// As for [`IoCsqInitialize`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IoCsqInitializeEx(
    Csq: *mut IO_CSQ,
    CsqInsertIrpEx: Option<PIO_CSQ_INSERT_IRP_EX>,
    CsqRemoveIrp: Option<PIO_CSQ_REMOVE_IRP>,
    CsqPeekNextIrp: Option<PIO_CSQ_PEEK_NEXT_IRP>,
    CsqAcquireLock: Option<PIO_CSQ_ACQUIRE_LOCK>,
    CsqReleaseLock: Option<PIO_CSQ_RELEASE_LOCK>,
    CsqCompleteCanceledIrp: Option<PIO_CSQ_COMPLETE_CANCELED_IRP>,
) -> NTSTATUS {
    let others = (CsqRemoveIrp, CsqPeekNextIrp, CsqAcquireLock, CsqReleaseLock, CsqCompleteCanceledIrp);
    // SAFETY: this function's own contract.
    unsafe { initialize(Csq, CsqInsertIrpEx.map(Insert::Ex), others, "IoCsqInitializeEx") }
}

/// Initialises a queue, of either kind.
///
/// # Safety
/// As for [`IoCsqInitialize`].
unsafe fn initialize(
    csq: *mut IO_CSQ,
    insert: Option<Insert>,
    others: Others,
    what: &'static str,
) -> NTSTATUS {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &IRQL_IO_DISPATCH, what);
    let routines = require(Routines::new(insert, others, what));
    // SAFETY: this function's own contract.
    require(unsafe { queue::initialize(&machine, csq, routines, what) });
    STATUS_SUCCESS
}

/// Puts an IRP into a queue, and marks it pending. If it is cancelled, it is completed at once.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
///
/// # Safety
/// `Csq` is an initialised queue, which stays as long as there are IRPs in it; so does the context, which may be null. The IRP
/// was sent to the caller, who gives it away.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IoCsqInsertIrp(
    Csq: *mut IO_CSQ,
    Irp: *mut IRP,
    Context: *mut IO_CSQ_IRP_CONTEXT,
) {
    // SAFETY: this function's own contract.
    unsafe { insert(Csq, Irp, Context, ptr::null_mut(), "IoCsqInsertIrp") };
}

/// As [`IoCsqInsertIrp`], with a context for `CsqInsertIrpEx`.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
///
/// # Errors
/// What `CsqInsertIrpEx` returns. The IRP is still the caller's then.
///
/// # Safety
/// As for [`IoCsqInsertIrp`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IoCsqInsertIrpEx(
    Csq: *mut IO_CSQ,
    Irp: *mut IRP,
    Context: *mut IO_CSQ_IRP_CONTEXT,
    InsertContext: PVOID,
) -> NTSTATUS {
    // SAFETY: this function's own contract.
    unsafe { insert(Csq, Irp, Context, InsertContext, "IoCsqInsertIrpEx") }
}

/// # Safety
/// As for [`IoCsqInsertIrp`].
unsafe fn insert(
    csq: *mut IO_CSQ,
    irp: *mut IRP,
    context: *mut IO_CSQ_IRP_CONTEXT,
    insert_context: PVOID,
    what: &str,
) -> NTSTATUS {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &IRQL_IO_DISPATCH, what);
    let queue = require(Queue::find(&machine, csq, what));
    require(queue.admit(irp, context, what));
    let (status, cancelled) = queue.locked(|| {
        // SAFETY: this function's own contract: the IRP is ours until the cancel routine is set.
        let status = unsafe { queue.insert(irp, insert_context) };
        if !NT_SUCCESS(status) {
            queue.forget(irp, false);
            return (status, false);
        }
        // SAFETY: this function's own contract.
        unsafe { IoMarkIrpPending(irp) };
        // SAFETY: this function's own contract.
        unsafe { IoSetCancelRoutine(irp, Some(cancel)) };
        // SAFETY: under the queue's lock the IRP is in the queue, whoever completes it.
        let cancelled = unsafe { queue::is_cancelled(irp) };
        // Who was cancelled before has no call of the cancel routine to come, unless it is on its way.
        // SAFETY: as the line before.
        let ours = cancelled && unsafe { IoSetCancelRoutine(irp, None) }.is_some();
        if ours {
            queue.remove(irp);
        }
        (status, ours)
    });
    if cancelled {
        queue.complete_canceled(irp);
    }
    status
}

/// The cancel routine of each IRP in a queue.
unsafe extern "system" fn cancel(_device: *mut DEVICE_OBJECT, irp: *mut IRP) {
    let machine = Machine::kernel();
    // SAFETY: called with the cancel spin lock held, on an IRP that is in a queue.
    let irql = unsafe { (*irp).CancelIrql };
    IoReleaseCancelSpinLock(irql);
    let queue = require(Queue::of(&machine, irp));
    queue.locked(|| queue.remove(irp));
    queue.complete_canceled(irp);
}

/// Takes a certain IRP out of a queue; null, if it is not there any more, or is being cancelled.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
///
/// # Safety
/// `Csq` is an initialised queue, `Context` the context with which the IRP was put into it.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IoCsqRemoveIrp(Csq: *mut IO_CSQ, Context: *mut IO_CSQ_IRP_CONTEXT) -> *mut IRP {
    let what = "IoCsqRemoveIrp";
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &IRQL_IO_DISPATCH, what);
    let queue = require(Queue::find(&machine, Csq, what));
    queue.locked(|| {
        // SAFETY: this function's own contract; the context changes under the queue's lock only.
        let irp = unsafe { queue::irp_of(Context, Csq, what) };
        let irp = require(irp);
        // SAFETY: under the queue's lock, an IRP that is in the queue.
        if irp.is_null() || unsafe { IoSetCancelRoutine(irp, None) }.is_none() {
            return ptr::null_mut();
        }
        queue.remove(irp);
        irp
    })
}

/// Takes the next IRP that matches out of a queue; null, if there is none that is not being cancelled.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
///
/// # Safety
/// `Csq` is an initialised queue.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IoCsqRemoveNextIrp(Csq: *mut IO_CSQ, PeekContext: PVOID) -> *mut IRP {
    let what = "IoCsqRemoveNextIrp";
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &IRQL_IO_DISPATCH, what);
    let queue = require(Queue::find(&machine, Csq, what));
    queue.locked(|| {
        let mut irp = ptr::null_mut();
        loop {
            irp = require(queue.peek_next(irp, PeekContext));
            if irp.is_null() {
                return irp;
            }
            // SAFETY: under the queue's lock, an IRP that is in the queue.
            if unsafe { IoSetCancelRoutine(irp, None) }.is_some() {
                queue.remove(irp);
                return irp;
            }
        }
    })
}
