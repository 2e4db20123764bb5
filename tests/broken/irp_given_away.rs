//! A completion routine does not return `STATUS_MORE_PROCESSING_REQUIRED`.
//!
//! `STATUS_SUCCESS` tells the I/O manager to go on with the completion: to the driver above, and at last to the thread that the
//! request came from. An IRP from `IoAllocateIrp` has neither. The I/O manager goes on all the same, beyond the top of the IRP,
//! and frees what the driver still has.
//!
//! # Instead
//!
//! The completion routine of an IRP that the driver has allocated returns `STATUS_MORE_PROCESSING_REQUIRED`, always: the IRP is
//! the driver's again, to send it once more or to free it.

use super::client::*;
use wsk_sys::*;

// wrong
unsafe extern "system" fn done(_: *mut DEVICE_OBJECT, _: *mut IRP, event: PVOID) -> NTSTATUS {
    unsafe { KeSetEvent(event.cast(), 0, FALSE) };
    STATUS_SUCCESS
}

pub(super) unsafe extern "system" fn wrong(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        prepare(client);
        IoSetCompletionRoutine(
            (*client).irp,
            Some(done),
            (&raw mut (*client).event).cast(),
            true,
            true,
            true,
        );
        let get = table((*client).socket).WskGetLocalAddress.expect("always there");
        get((*client).socket, (&raw mut (*client).address).cast(), (*client).irp);
        complete(irp, wait(client))
    }
}
// right
unsafe extern "system" fn kept(_: *mut DEVICE_OBJECT, _: *mut IRP, event: PVOID) -> NTSTATUS {
    unsafe { KeSetEvent(event.cast(), 0, FALSE) };
    STATUS_MORE_PROCESSING_REQUIRED
}

pub(super) unsafe extern "system" fn right(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        prepare(client);
        IoSetCompletionRoutine(
            (*client).irp,
            Some(kept),
            (&raw mut (*client).event).cast(),
            true,
            true,
            true,
        );
        let get = table((*client).socket).WskGetLocalAddress.expect("always there");
        get((*client).socket, (&raw mut (*client).address).cast(), (*client).irp);
        complete(irp, wait(client))
    }
}
