//! Cancellation: `IoCancelIrp` and the cancel spin lock.
#![expect(unsafe_code, reason = "exports the kernel's C interface")]

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::Arc;

use wsk_sys::{
    BOOLEAN, DISPATCH_LEVEL, FALSE, IRP, KIRQL, KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock,
    TRUE,
};

use crate::io::device;
use crate::io::irp::log::IrpEventKind;
use crate::io::irp::packet::Location;
use crate::io::irp::registry;
use crate::ke::irql::{CallState, at_most};
use crate::machine::Machine;
use crate::machine::bugcheck::violation;
use crate::machine::owner::Owner;
use crate::machine::routine;
use crate::rule::IRQL_IO_DISPATCH;
use crate::rule::io::{CANCEL_LOCK_KEPT, NOT_AN_IRP};

/// The one lock of the machine that guards cancel routines.
#[derive(Default)]
struct CancelLock(UnsafeCell<KSPIN_LOCK>);

// SAFETY: the word is only accessed by the spin lock functions.
unsafe impl Sync for CancelLock {}

fn cancel_lock(machine: &Machine) -> Arc<CancelLock> {
    machine.extension::<CancelLock>(CancelLock::default)
}

/// `IoAcquireCancelSpinLock`: raises to `DISPATCH_LEVEL`, and stores the level before.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
///
/// # Safety
/// `Irql` points to a `KIRQL` of the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IoAcquireCancelSpinLock(Irql: *mut KIRQL) {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &IRQL_IO_DISPATCH, "IoAcquireCancelSpinLock");
    let lock = cancel_lock(&machine);
    // SAFETY: the machine's lock word lives as long as the machine.
    let before = unsafe { KeAcquireSpinLockRaiseToDpc(lock.0.get()) };
    // SAFETY: the caller's variable.
    unsafe { Irql.write(before) };
}

/// `IoReleaseCancelSpinLock`: lowers to `Irql`; a cancel routine passes the IRP's `CancelIrql`.
///
/// # IRQL
/// `DISPATCH_LEVEL`
#[unsafe(no_mangle)]
pub extern "system" fn IoReleaseCancelSpinLock(Irql: KIRQL) {
    let machine = Machine::kernel();
    let lock = cancel_lock(&machine);
    // SAFETY: the machine's lock word lives as long as the machine.
    unsafe { KeReleaseSpinLock(lock.0.get(), Irql) };
}

/// `IoCancelIrp`: marks the IRP cancelled and calls its cancel routine. Tells whether there was one.
///
/// The IRP must stay allocated over the call, even if another thread completes it meanwhile.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
///
/// # Safety
/// The IRP's cancel routine, if it has one, may be called now.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IoCancelIrp(Irp: *mut IRP) -> BOOLEAN {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &IRQL_IO_DISPATCH, "IoCancelIrp");
    let registry = registry::of(&machine);
    let mut before = 0;
    // SAFETY: a variable of this frame.
    unsafe { IoAcquireCancelSpinLock(&raw mut before) };
    let found = registry.with(Irp, |record, packet| {
        packet.set_cancelled();
        let routine = packet.take_cancel_routine();
        let device = routine.and_then(|_| packet.current()).map_or(ptr::null_mut(), Location::device);
        if routine.is_some() {
            packet.set_cancel_irql(before);
        }
        (record.id, record.origin, routine, device)
    });
    let (id, origin, routine, device) = match found {
        Ok(found) => found,
        Err(missing) => violation(&NOT_AN_IRP, format!("IoCancelIrp of {}", missing.describe())),
    };
    registry.log(id, origin, || IrpEventKind::Cancelled);
    let Some(routine) = routine else {
        IoReleaseCancelSpinLock(before);
        return FALSE;
    };
    let owner = device::target(&machine, device).map_or(Owner::current(), |target| target.owner);
    let locks = CallState::now().spin_locks();
    // SAFETY: the routine that the driver set for this IRP, called as documented: with the cancel spin lock held.
    let call = || owner.run(|| unsafe { routine(device, Irp) });
    routine::call(&format_args!("the cancel routine of IRP #{id}"), call);
    let after = CallState::now();
    if after.irql() != before || after.spin_locks() + 1 != locks {
        violation(
            &CANCEL_LOCK_KEPT,
            format!(
                "the cancel routine of IRP #{id} returned at IRQL {}, holding {} spin locks; called from IRQL {before}",
                after.irql(),
                after.spin_locks()
            ),
        );
    }
    TRUE
}
