//! Sending IRPs, and what dispatch routines return.

use std::ptr;

use ntos::{Machine, Token, io_rules as rules};
use wsk_sys::{
    DEVICE_OBJECT, DISPATCH_LEVEL, IRP, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, IoGetCurrentIrpStackLocation,
    IoGetNextIrpStackLocation, IoReleaseCancelSpinLock, IoSetCancelRoutine, IofCallDriver, NTSTATUS,
    NamedStatus, STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};

use crate::io::{ACCESS, BUFFERED, Handler, LONG, PATH, complete, delete_device, mark_pending, open, probe};
use crate::irp::{
    allocate, ask, ask_and_free, call, call_and_free, continue_completion, device, free, fresh, keep,
    no_longer_cancelable, reuse, step, watch,
};
use crate::levels::at;
use crate::{Right, kernel};

/// Sends one request to the probe with this handler.
fn request(machine: &Machine, handler: Handler) -> NamedStatus {
    probe().handle(handler);
    let file = open(machine);
    let status = file.device_io_control(BUFFERED, &[], &mut []).status;
    file.close();
    status
}

/// Marks the request pending, and completes it before it returns.
fn pends_and_completes(irp: *mut IRP) -> NTSTATUS {
    mark_pending(irp);
    complete(irp, STATUS_UNSUCCESSFUL, 0);
    STATUS_PENDING
}

/// Keeps the request for another thread.
fn holds(irp: *mut IRP) -> NTSTATUS {
    mark_pending(irp);
    probe().hold(irp);
    STATUS_PENDING
}

/// Keeps the request until it is cancelled.
fn holds_cancelable(irp: *mut IRP) -> NTSTATUS {
    mark_pending(irp);
    kernel!(IoSetCancelRoutine(irp, Some(cancel)));
    probe().hold(irp);
    STATUS_PENDING
}

unsafe extern "system" fn cancel(_: *mut DEVICE_OBJECT, irp: *mut IRP) {
    // SAFETY: called with the cancel spin lock held, on a living IRP.
    let irql = unsafe { (*irp).CancelIrql };
    kernel!(IoReleaseCancelSpinLock(irql));
    assert!(probe().take(irp), "nobody else takes it");
    complete(irp, STATUS_CANCELLED, 0);
}

/// A request that another thread completes while its sender waits.
fn completed_elsewhere(machine: &Machine) {
    probe().handle(holds);
    let completer = machine.spawn("completer", || {
        complete(probe().next_held(), STATUS_SUCCESS, 0);
    });
    let file = open(machine);
    assert_eq!(file.device_io_control(BUFFERED, &[], &mut []).status, STATUS_SUCCESS);
    file.close();
    completer.join().expect("the completer returns");
}

/// An IRP of two locations, of which the middle layer has the first.
fn in_the_middle() -> *mut IRP {
    let irp = allocate(2);
    watch(irp, keep, ptr::null_mut());
    ask(irp, IRP_MJ_DEVICE_CONTROL);
    step(irp);
    irp
}

/// Copies the current location to the next, all of it.
fn copy_location(irp: *mut IRP) {
    let current = kernel!(IoGetCurrentIrpStackLocation(irp));
    let next = kernel!(IoGetNextIrpStackLocation(irp));
    // SAFETY: two locations of a living IRP.
    unsafe { ptr::copy_nonoverlapping(current, next, 1) };
}

pub(crate) fn rights() -> Vec<Right> {
    let mut rights = sending();
    rights.extend(dispatching());
    rights
}

fn sending() -> Vec<Right> {
    vec![
        (&rules::CALL_BAD_IRP, |_| {
            // The last major function there is; the driver does not have it, and the kernel refuses for it.
            let irp = fresh(27);
            assert_eq!(call(irp), wsk_sys::STATUS_INVALID_DEVICE_REQUEST);
            free(irp);
        }),
        (&rules::CALL_BAD_DEVICE, |machine| {
            // A device that is being deleted, and that a handle keeps: requests still reach it.
            let file = open(machine);
            let (device, irp) = (device(), fresh(IRP_MJ_DEVICE_CONTROL));
            delete_device();
            assert_eq!(kernel!(IofCallDriver(device, irp)), STATUS_SUCCESS);
            free(irp);
            file.close();
        }),
        (&rules::CALL_IRQL, |_| at(DISPATCH_LEVEL, ask_and_free)),
        (&rules::FORWARDED_AT_BAD_IRQL, |_| {
            let irp = fresh(IRP_MJ_CREATE);
            call_and_free(irp);
            at(DISPATCH_LEVEL, ask_and_free);
        }),
        (&rules::FORWARD_CANCELABLE, |_| {
            let irp = fresh(IRP_MJ_DEVICE_CONTROL);
            no_longer_cancelable(irp);
            call_and_free(irp);
        }),
        (&rules::SENT_NOT_REUSED, |_| {
            let irp = fresh(IRP_MJ_DEVICE_CONTROL);
            assert_eq!(call(irp), STATUS_SUCCESS);
            reuse(irp);
            watch(irp, keep, ptr::null_mut());
            ask(irp, IRP_MJ_DEVICE_CONTROL);
            call_and_free(irp);
        }),
        (&rules::NEXT_LOCATION_DIRTY, |_| {
            // The layer in the middle has its own location marked, not the next one's.
            let irp = in_the_middle();
            mark_pending(irp);
            ask(irp, IRP_MJ_DEVICE_CONTROL);
            watch(irp, continue_completion, ptr::null_mut());
            call_and_free(irp);
        }),
        (&rules::LOCATION_COPIED, |_| {
            // Copied whole, and then given a routine of the layer's own, or none.
            let irp = in_the_middle();
            copy_location(irp);
            watch(irp, continue_completion, ptr::null_mut());
            call_and_free(irp);
            let irp = in_the_middle();
            copy_location(irp);
            let next = kernel!(IoGetNextIrpStackLocation(irp));
            // SAFETY: a location of an IRP of the driver's own.
            unsafe { (*next).CompletionRoutine = None };
            // SAFETY: a location of an IRP of the driver's own.
            unsafe { (*next).Control = 0 };
            call_and_free(irp);
            // The same routine for both layers, told apart by its context.
            let irp = in_the_middle();
            copy_location(irp);
            watch(irp, keep, ptr::dangling_mut());
            assert_eq!(call(irp), STATUS_SUCCESS);
            // It took the IRP back for the layer in the middle, which completes it.
            complete(irp, STATUS_SUCCESS, 0);
            free(irp);
        }),
        (&rules::NO_LOCATION_LEFT, |_| {
            let irp = in_the_middle();
            ask(irp, IRP_MJ_DEVICE_CONTROL);
            watch(irp, continue_completion, ptr::null_mut());
            call_and_free(irp);
        }),
        (&rules::SENT_WITHOUT_ROUTINE, |_| {
            ask_and_free();
            // Only the IRP's owner must have one.
            let irp = in_the_middle();
            ask(irp, IRP_MJ_DEVICE_CONTROL);
            call_and_free(irp);
        }),
    ]
}

fn dispatching() -> Vec<Right> {
    vec![
        (&rules::DISPATCH_CHANGED_IRQL, |machine| {
            let status = request(machine, |irp| {
                at(DISPATCH_LEVEL, || complete(irp, STATUS_SUCCESS, 0));
                STATUS_SUCCESS
            });
            assert_eq!(status, STATUS_SUCCESS);
        }),
        (&rules::DISPATCH_STATUS_DIFFERS, |machine| {
            // Another status than it was completed with, because it is pending.
            assert_eq!(request(machine, pends_and_completes), STATUS_UNSUCCESSFUL);
            let status = request(machine, |irp| complete(irp, STATUS_UNSUCCESSFUL, 0));
            assert_eq!(status, STATUS_UNSUCCESSFUL);
        }),
        (&rules::DISPATCH_NOT_COMPLETED, |machine| completed_elsewhere(machine)),
        (&rules::PENDING_NOT_MARKED, |machine| {
            assert_eq!(request(machine, pends_and_completes), STATUS_UNSUCCESSFUL);
            completed_elsewhere(machine);
        }),
        (&rules::MARKED_NOT_PENDING, |machine| {
            assert_eq!(request(machine, pends_and_completes), STATUS_UNSUCCESSFUL);
        }),
        (&rules::CANCEL_IGNORED, |machine| {
            probe().handle(holds_cancelable);
            let process = machine.process(Token::User);
            let file = process.create_file(PATH, ACCESS).expect("the probe opens");
            drop(file.begin(BUFFERED, vec![], vec![]));
            process.kill_within(LONG);
        }),
        (&rules::REQUEST_STUCK, |machine| completed_elsewhere(machine)),
    ]
}
