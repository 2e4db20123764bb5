//! A request that cannot be cancelled.
//!
//! The driver keeps the request of a process until a datagram comes, which may be never. Then the process ends. The I/O manager
//! cancels what it has left and waits for that; without a cancel routine nobody hears of it, and the process stays for ever.
//!
//! # Instead
//!
//! Each request that the driver keeps has a cancel routine. This one cancels the receive, whose completion routine then completes the
//! request: one place that completes, whichever comes first.

use std::ptr;

use super::client::*;
use wsk_sys::*;

/// Starts to receive a datagram for the request of a process.
unsafe fn receive(client: *mut Client, done: IO_COMPLETION_ROUTINE, irp: *mut IRP) {
    unsafe {
        IoSetCompletionRoutine((*client).irp, Some(done), irp.cast(), true, true, true);
        let receive = table((*client).socket).WskReceiveFrom.expect("always there");
        let (buffer, none, own) = (&raw mut NOTHING, ptr::null_mut(), (*client).irp);
        receive((*client).socket, buffer, 0, none, ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), own);
    }
}

// wrong
unsafe extern "system" fn received(_: *mut DEVICE_OBJECT, own: *mut IRP, irp: PVOID) -> NTSTATUS {
    unsafe { complete(irp.cast(), (*own).IoStatus.Status) };
    STATUS_MORE_PROCESSING_REQUIRED
}

pub(super) unsafe extern "system" fn wrong(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        prepare(client);
        IoMarkIrpPending(irp);
        receive(client, received, irp);
        STATUS_PENDING
    }
}
// right
unsafe extern "system" fn cancel(device: *mut DEVICE_OBJECT, irp: *mut IRP) {
    unsafe {
        // Called under the cancel spin lock.
        IoReleaseCancelSpinLock((*irp).CancelIrql);
        IoCancelIrp((*client(device)).irp);
    }
}

unsafe extern "system" fn received_or_cancelled(
    _: *mut DEVICE_OBJECT,
    own: *mut IRP,
    irp: PVOID,
) -> NTSTATUS {
    unsafe {
        let irp: *mut IRP = irp.cast();
        if IoSetCancelRoutine(irp, None).is_none() {
            // The cancel routine was called, maybe by another processor: it is done with the request when it has released this lock.
            let mut irql = 0;
            IoAcquireCancelSpinLock(&raw mut irql);
            IoReleaseCancelSpinLock(irql);
        }
        complete(irp, (*own).IoStatus.Status);
    }
    STATUS_MORE_PROCESSING_REQUIRED
}

pub(super) unsafe extern "system" fn right(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        prepare(client);
        IoMarkIrpPending(irp);
        IoSetCancelRoutine(irp, Some(cancel));
        if (*irp).Cancel != 0 && IoSetCancelRoutine(irp, None).is_some() {
            // It was cancelled before it had a cancel routine, which will not be called any more.
            complete(irp, STATUS_CANCELLED);
            return STATUS_PENDING;
        }
        receive(client, received_or_cancelled, irp);
        STATUS_PENDING
    }
}
