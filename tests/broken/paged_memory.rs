//! Paged memory where WSK wants it non-paged.
//!
//! WSK writes the address when the request runs, which may be at `DISPATCH_LEVEL`. If the page is in the page file at that moment, nobody
//! can bring it back: the machine stops. On a machine with memory to spare that does not happen for months.
//!
//! # Instead
//!
//! What WSK, a completion routine, a DPC or who holds a spin lock may touch is in non-paged pool, or in a device extension.

use super::client::*;
use wsk_sys::*;

// wrong
pub(super) unsafe extern "system" fn wrong(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let client = client(device);
        let address = ExAllocatePool2(POOL_FLAG_PAGED, size_of::<SOCKADDR_IN>(), TAG);
        prepare(client);
        let get = table((*client).socket).WskGetLocalAddress.expect("always there");
        get((*client).socket, address.cast(), (*client).irp);
        let status = wait(client);
        ExFreePoolWithTag(address, TAG);
        complete(irp, status)
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
