//! Memory is left at the unload.
//!
//! The memory of an early return is never freed. A driver's memory does not end with the driver: each time that it happens, the
//! machine has that much less until it starts again.
//!
//! # Instead
//!
//! One way out, on which everything is freed; or a language that does it by itself.

use super::client::*;
use wsk_sys::*;

// wrong
pub(super) unsafe extern "system" fn wrong(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        let address = ExAllocatePool2(POOL_FLAG_NON_PAGED, size_of::<SOCKADDR_IN>(), TAG);
        prepare(client);
        let get = table((*client).socket).WskGetLocalAddress.expect("always there");
        get((*client).socket, address.cast(), (*client).irp);
        if wait(client) == STATUS_SUCCESS {
            return complete(irp, STATUS_SUCCESS);
        }
        ExFreePoolWithTag(address, TAG);
        complete(irp, STATUS_UNSUCCESSFUL)
    }
}
// right
pub(super) unsafe extern "system" fn right(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        let address = ExAllocatePool2(POOL_FLAG_NON_PAGED, size_of::<SOCKADDR_IN>(), TAG);
        prepare(client);
        let get = table((*client).socket).WskGetLocalAddress.expect("always there");
        get((*client).socket, address.cast(), (*client).irp);
        let status = wait(client);
        ExFreePoolWithTag(address, TAG);
        complete(irp, status)
    }
}
