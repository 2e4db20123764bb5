//! An IRP is freed while WSK has it.
//!
//! The driver has waited for a datagram for long enough, and gives up. But a request is not over because nobody waits for it any
//! more: WSK has the IRP and the buffers until it completes them, and would write into whatever is there then.
//!
//! # Instead
//!
//! `IoCancelIrp`, and then another wait, without a limit. It may end with success: a datagram that came at the last moment is not
//! cancelled any more. Only then the IRP and the buffers are the driver's.

use std::ptr;

use super::client::*;
use wsk_sys::*;

/// Starts to receive a datagram, and waits for a moment.
unsafe fn receive(client: *mut Client, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let (buffer, none, event) = (&raw mut NOTHING, ptr::null_mut(), &raw mut (*client).event);
        KeClearEvent(event);
        IoSetCompletionRoutine(irp, Some(signal), event.cast(), true, true, true);
        let receive = table((*client).socket).WskReceiveFrom.expect("always there");
        receive((*client).socket, buffer, 0, ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), none, irp);
        let moment = -10_000; // 1 ms, in units of 100 ns from now
        KeWaitForSingleObject(event.cast(), Executive, KernelMode, FALSE, &raw const moment)
    }
}

// wrong
pub(super) unsafe extern "system" fn wrong(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        let own = IoAllocateIrp(1, FALSE);
        let status = receive(client, own);
        IoFreeIrp(own);
        complete(irp, status)
    }
}
// right
pub(super) unsafe extern "system" fn right(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        let own = IoAllocateIrp(1, FALSE);
        let mut status = receive(client, own);
        if status == STATUS_TIMEOUT {
            IoCancelIrp(own);
            wait(client);
            status = (*own).IoStatus.Status;
        }
        IoFreeIrp(own);
        complete(irp, status)
    }
}
