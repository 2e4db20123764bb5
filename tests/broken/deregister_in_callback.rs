//! `WskDeregister` in a callback.
//!
//! The completion routine of the close deregisters the client, as nothing is left to do. `WskDeregister` waits until all that WSK
//! does for the client has come to its end, and the routine that calls it is part of that: it would wait for itself. And it waits
//! at `DISPATCH_LEVEL`, at which the routine may run; its page allows `PASSIVE_LEVEL` only.
//!
//! # Instead
//!
//! The routine wakes a thread, or queues a work item, and that deregisters.

use std::ptr;

use super::client::*;
use wsk_sys::*;

// wrong
unsafe extern "system" fn closed(_: *mut DEVICE_OBJECT, _: *mut IRP, context: PVOID) -> NTSTATUS {
    unsafe {
        let client: *mut Client = context.cast();
        WskReleaseProviderNPI(&raw mut (*client).registration);
        WskDeregister(&raw mut (*client).registration);
        KeSetEvent(&raw mut (*client).event, 0, FALSE);
    }
    STATUS_MORE_PROCESSING_REQUIRED
}

pub(super) unsafe extern "system" fn wrong(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        prepare(client);
        IoSetCompletionRoutine((*client).irp, Some(closed), client.cast(), true, true, true);
        let close = table((*client).socket).Basic.WskCloseSocket.expect("always there");
        close((*client).socket, (*client).irp);
        complete(irp, wait(client))
    }
}
// right
pub(super) unsafe extern "system" fn right(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        prepare(client);
        let close = table((*client).socket).Basic.WskCloseSocket.expect("always there");
        close((*client).socket, (*client).irp);
        wait(client);
        WskReleaseProviderNPI(&raw mut (*client).registration);
        WskDeregister(&raw mut (*client).registration);
        // What DriverUnload need not do any more.
        (*client).socket = ptr::null_mut();
        (*client).registered = false;
        complete(irp, STATUS_SUCCESS)
    }
}
