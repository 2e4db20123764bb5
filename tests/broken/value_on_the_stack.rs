//! A buffer on the stack of an asynchronous call.
//!
//! The value of the option is a local variable, and the driver returns while the request is pending. WSK reads the value when the
//! request runs, and finds what has been put onto the stack since. The sample on Microsoft's page "Performing Control Operations on a
//! Socket" is written in this way, while the page of `WskControlSocket` says that the buffers must stay until the IRP is completed. It
//! usually works, because most requests end within the call.
//!
//! # Instead
//!
//! The value is in non-paged memory that lives as long as the request, as its IRP does; or the function waits before it returns.

use std::ptr;

use super::client::*;
use wsk_sys::*;

// wrong
unsafe extern "system" fn frees(_: *mut DEVICE_OBJECT, irp: *mut IRP, _: PVOID) -> NTSTATUS {
    unsafe { IoFreeIrp(irp) };
    STATUS_MORE_PROCESSING_REQUIRED
}

pub(super) unsafe extern "system" fn wrong(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let (socket, own) = ((*client(device)).socket, IoAllocateIrp(1, FALSE));
        let mut broadcast: ULONG = 1;
        IoSetCompletionRoutine(own, Some(frees), ptr::null_mut(), true, true, true);
        let control = table(socket).Basic.WskControlSocket.expect("always there");
        let (input, none) = ((&raw mut broadcast).cast(), ptr::null_mut());
        control(socket, WskSetOption, SO_BROADCAST, SOL_SOCKET, 4, input, 0, none, ptr::null_mut(), own);
        complete(irp, STATUS_SUCCESS)
    }
}
// right
unsafe extern "system" fn frees_both(_: *mut DEVICE_OBJECT, irp: *mut IRP, value: PVOID) -> NTSTATUS {
    unsafe {
        ExFreePoolWithTag(value, TAG);
        IoFreeIrp(irp);
    }
    STATUS_MORE_PROCESSING_REQUIRED
}

pub(super) unsafe extern "system" fn right(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    unsafe {
        let (socket, own) = ((*client(device)).socket, IoAllocateIrp(1, FALSE));
        let broadcast: *mut ULONG = ExAllocatePool2(POOL_FLAG_NON_PAGED, 4, TAG).cast();
        *broadcast = 1;
        IoSetCompletionRoutine(own, Some(frees_both), broadcast.cast(), true, true, true);
        let control = table(socket).Basic.WskControlSocket.expect("always there");
        let (input, none) = (broadcast.cast(), ptr::null_mut());
        control(socket, WskSetOption, SO_BROADCAST, SOL_SOCKET, 4, input, 0, none, ptr::null_mut(), own);
        complete(irp, STATUS_SUCCESS)
    }
}
