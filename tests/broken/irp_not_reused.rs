//! An IRP is sent again without `IoReuseIrp`.
//!
//! A driver may keep its own IRP and send it again and again. But a completed IRP is not as it was: its status, its stack
//! location and its cancel flag are those of the last request. With the completion routine set again, the call may even seem
//! to work, until the IRP was cancelled once.
//!
//! # Instead
//!
//! `IoReuseIrp`, and then the completion routine, before each call but the first.

use super::client::*;
use wsk_sys::*;

// wrong
pub(super) unsafe extern "system" fn wrong(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        let (own, event) = ((*client).irp, &raw mut (*client).event);
        KeClearEvent(event);
        IoSetCompletionRoutine(own, Some(signal), event.cast(), true, true, true);
        let get = table((*client).socket).WskGetLocalAddress.expect("always there");
        get((*client).socket, (&raw mut (*client).address).cast(), own);
        complete(irp, wait(client))
    }
}
// right
pub(super) unsafe extern "system" fn right(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        let (own, event) = ((*client).irp, &raw mut (*client).event);
        KeClearEvent(event);
        IoReuseIrp(own, STATUS_SUCCESS);
        IoSetCompletionRoutine(own, Some(signal), event.cast(), true, true, true);
        let get = table((*client).socket).WskGetLocalAddress.expect("always there");
        get((*client).socket, (&raw mut (*client).address).cast(), own);
        complete(irp, wait(client))
    }
}
