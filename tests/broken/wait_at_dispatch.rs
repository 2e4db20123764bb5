//! A wait at `DISPATCH_LEVEL`.
//!
//! A DPC sends a datagram each time that a timer expires, and waits until it is sent. A DPC runs at `DISPATCH_LEVEL`, where the
//! processor can run no other thread: neither the one that would be waited for, nor any. The completion routine of a WSK request,
//! and `WskReceiveFromEvent`, may be called at that level, too.
//!
//! # Instead
//!
//! What runs at `DISPATCH_LEVEL` starts the request, which is allowed, and returns. Whatever comes next is up to the completion
//! routine, or to a thread that it wakes.

use std::ptr;

use super::client::*;
use wsk_sys::*;

/// Starts to send an empty datagram from the socket to itself.
unsafe fn send(client: *mut Client) {
    unsafe {
        prepare(client);
        let (nothing, to) = (&raw mut NOTHING, (&raw mut (*client).address).cast());
        let send = table((*client).socket).WskSendTo.expect("always there");
        send((*client).socket, nothing, 0, to, 0, ptr::null_mut(), (*client).irp);
    }
}

/// Runs a DPC, and waits until it has run.
unsafe fn run(routine: KDEFERRED_ROUTINE, client: *mut Client) {
    unsafe {
        let dpc: *mut KDPC = ExAllocatePool2(POOL_FLAG_NON_PAGED, size_of::<KDPC>(), TAG).cast();
        KeInitializeDpc(dpc, routine, client.cast());
        KeInsertQueueDpc(dpc, ptr::null_mut(), ptr::null_mut());
        KeFlushQueuedDpcs();
        ExFreePoolWithTag(dpc.cast(), TAG);
    }
}

// wrong
unsafe extern "system" fn sends_and_waits(_: *mut KDPC, context: PVOID, _: PVOID, _: PVOID) {
    unsafe {
        send(context.cast());
        wait(context.cast());
    }
}

pub(super) unsafe extern "system" fn wrong(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        run(sends_and_waits, client(device));
        complete(irp, STATUS_SUCCESS)
    }
}
// right
unsafe extern "system" fn sends(_: *mut KDPC, context: PVOID, _: PVOID, _: PVOID) {
    unsafe { send(context.cast()) };
}

pub(super) unsafe extern "system" fn right(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        run(sends, client(device));
        // At PASSIVE_LEVEL, in the thread of the process.
        complete(irp, wait(client(device)))
    }
}
