//! Deferred procedure calls: initialising, queueing, taking back, waiting for them.
#![expect(unsafe_code, reason = "exports C functions by their names; the objects are the driver's")]

use std::ptr;

use wsk_sys::{BOOLEAN, KDEFERRED_ROUTINE, KDPC, PASSIVE_LEVEL, PVOID, UCHAR};

use crate::ex::pool;
use crate::ke::irql::at_most;
use crate::ke::processor;
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, require, violation};
use crate::rule;

/// `DpcObject` of `KOBJECTS`, the type of a DPC.
const DPC_OBJECT: UCHAR = 19;
/// `MediumImportance`.
const MEDIUM_IMPORTANCE: UCHAR = 1;

/// Checks that `dpc` was initialised.
///
/// # Safety
/// `dpc` points to readable memory of a DPC's size.
pub(crate) unsafe fn check(machine: &Machine, dpc: *mut KDPC, what: &str) -> Result<(), Broken> {
    pool::check_resident(machine, dpc.addr(), what)?;
    // SAFETY: the caller's memory; the field is written once, when the object is initialised.
    let kind = unsafe { (*dpc).Type };
    if kind == DPC_OBJECT {
        return Ok(());
    }
    let detail = format!("{what} of DPC {:#x}, which was never initialised", dpc.addr());
    Err(Broken::new(&rule::DPC_NOT_INITIALIZED, detail))
}

/// Initialises a DPC.
///
/// # Safety
/// `Dpc` points to non-paged memory for a DPC that is not in use.
///
/// # IRQL
/// Any.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeInitializeDpc(
    Dpc: *mut KDPC,
    DeferredRoutine: KDEFERRED_ROUTINE,
    DeferredContext: PVOID,
) {
    let machine = Machine::kernel();
    let address = Dpc.addr();
    if machine.parts.processor.dpc_in(&(address..address + 1)).is_some() {
        let detail = format!("KeInitializeDpc of DPC {address:#x}, which is queued");
        violation(&rule::DPC_INITIALIZED_QUEUED, detail);
    }
    pool::require_non_paged(&machine, Dpc.addr(), "KeInitializeDpc of a DPC");
    let value = KDPC {
        Type: DPC_OBJECT,
        Importance: MEDIUM_IMPORTANCE,
        Number: 0,
        DpcListEntry: ptr::null_mut(),
        ProcessorHistory: 0,
        DeferredRoutine: Some(DeferredRoutine),
        DeferredContext,
        SystemArgument1: ptr::null_mut(),
        SystemArgument2: ptr::null_mut(),
        DpcData: ptr::null_mut(),
    };
    // SAFETY: the caller's memory, which nobody reads yet.
    unsafe { Dpc.write(value) };
}

/// Queues a DPC; `FALSE`, and nothing is done, if it is queued already.
///
/// # Safety
/// `Dpc` is an initialised DPC that stays until its routine was called, or until it was taken back.
///
/// # IRQL
/// Any.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeInsertQueueDpc(
    Dpc: *mut KDPC,
    SystemArgument1: PVOID,
    SystemArgument2: PVOID,
) -> BOOLEAN {
    let machine = Machine::kernel();
    // SAFETY: this function's own contract.
    require(unsafe { check(&machine, Dpc, "KeInsertQueueDpc") });
    let arguments = [SystemArgument1, SystemArgument2];
    // SAFETY: this function's own contract.
    let inserted = unsafe { machine.parts.processor.insert(&machine, Dpc, arguments) };
    machine.parts.gauges.queued_dpcs.add(usize::from(inserted));
    BOOLEAN::from(inserted)
}

/// Takes a DPC out of the queue; `FALSE` if it was not in it, which may mean that its routine runs.
///
/// # Safety
/// `Dpc` is an initialised DPC.
///
/// # IRQL
/// Any.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeRemoveQueueDpc(Dpc: *mut KDPC) -> BOOLEAN {
    let machine = Machine::kernel();
    // SAFETY: this function's own contract.
    require(unsafe { check(&machine, Dpc, "KeRemoveQueueDpc") });
    BOOLEAN::from(machine.parts.processor.remove(Dpc.addr()))
}

/// Waits until every DPC that is queued now has returned.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
#[unsafe(no_mangle)]
pub extern "system" fn KeFlushQueuedDpcs() {
    let machine = Machine::kernel();
    if processor::is_current_thread() {
        violation(&rule::DPC_FLUSH_IN_DPC, "KeFlushQueuedDpcs called by a DPC, which would wait for itself");
    }
    at_most(PASSIVE_LEVEL, &rule::IRQL_KE_PASSIVE, "KeFlushQueuedDpcs");
    require(machine.parts.processor.flush(&machine));
    Machine::kernel();
}
