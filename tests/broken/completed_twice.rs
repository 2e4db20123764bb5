//! A request is completed twice.
//!
//! The driver binds the socket for a process, and the completion routine completes the request of the process. When the call fails, the
//! driver takes that for the end and completes the request itself. But WSK completes each IRP that it was given, whatever the function
//! has returned: the completion routine has run, or will.
//!
//! # Instead
//!
//! What the function returns does not matter. The result is in `Irp->IoStatus`, in the completion routine, which comes exactly once.

use super::client::*;
use wsk_sys::*;

/// The completion routine of the bind: completes the request of the process with the result.
unsafe extern "system" fn bound(_: *mut DEVICE_OBJECT, own: *mut IRP, irp: PVOID) -> NTSTATUS {
    unsafe { complete(irp.cast(), (*own).IoStatus.Status) };
    STATUS_MORE_PROCESSING_REQUIRED
}

// wrong
pub(super) unsafe extern "system" fn wrong(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        prepare(client);
        IoSetCompletionRoutine((*client).irp, Some(bound), irp.cast(), true, true, true);
        IoMarkIrpPending(irp);
        let bind = table((*client).socket).WskBind.expect("always there");
        // It fails: the socket is bound already.
        let status = bind((*client).socket, (&raw mut (*client).address).cast(), 0, (*client).irp);
        if !NT_SUCCESS(status) {
            complete(irp, status);
        }
        STATUS_PENDING
    }
}
// right
pub(super) unsafe extern "system" fn right(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        prepare(client);
        IoSetCompletionRoutine((*client).irp, Some(bound), irp.cast(), true, true, true);
        IoMarkIrpPending(irp);
        let bind = table((*client).socket).WskBind.expect("always there");
        bind((*client).socket, (&raw mut (*client).address).cast(), 0, (*client).irp);
        STATUS_PENDING
    }
}
