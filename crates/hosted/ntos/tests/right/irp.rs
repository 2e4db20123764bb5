//! What the right drivers do with IRPs.

use std::ptr;

use wsk_sys::{
    DEVICE_OBJECT, FALSE, IRP, IRP_MJ_DEVICE_CONTROL, IoAllocateIrp, IoFreeIrp, IoGetNextIrpStackLocation,
    IoReuseIrp, IoSetCancelRoutine, IoSetCompletionRoutine, IoSetNextIrpStackLocation, IofCallDriver,
    NTSTATUS, PVOID, STATUS_MORE_PROCESSING_REQUIRED, STATUS_SUCCESS,
};

use crate::io::probe;
use crate::kernel;

pub(crate) fn allocate(stack_size: i8) -> *mut IRP {
    kernel!(IoAllocateIrp(stack_size, FALSE))
}

pub(crate) fn free(irp: *mut IRP) {
    kernel!(IoFreeIrp(irp));
}

pub(crate) fn reuse(irp: *mut IRP) {
    kernel!(IoReuseIrp(irp, STATUS_SUCCESS));
}

/// Keeps the IRP for who sent it.
pub(crate) unsafe extern "system" fn keep(_: *mut DEVICE_OBJECT, _: *mut IRP, _: PVOID) -> NTSTATUS {
    STATUS_MORE_PROCESSING_REQUIRED
}

/// Lets the completion go on to the driver above.
pub(crate) unsafe extern "system" fn continue_completion(
    _: *mut DEVICE_OBJECT,
    _: *mut IRP,
    _: PVOID,
) -> NTSTATUS {
    STATUS_SUCCESS
}

pub(crate) fn watch(irp: *mut IRP, routine: wsk_sys::IO_COMPLETION_ROUTINE, context: PVOID) {
    kernel!(IoSetCompletionRoutine(irp, Some(routine), context, true, true, true));
}

pub(crate) fn step(irp: *mut IRP) {
    kernel!(IoSetNextIrpStackLocation(irp));
}

/// An IRP that a layer below has.
pub(crate) fn sent(routine: wsk_sys::IO_COMPLETION_ROUTINE) -> *mut IRP {
    let irp = allocate(1);
    watch(irp, routine, ptr::null_mut());
    step(irp);
    irp
}

/// Sets the cancel routine, or takes it back.
pub(crate) fn set_cancel(irp: *mut IRP, routine: Option<wsk_sys::DRIVER_CANCEL>) -> bool {
    kernel!(IoSetCancelRoutine(irp, routine)).is_some()
}

pub(crate) unsafe extern "system" fn no_cancel(_: *mut DEVICE_OBJECT, _: *mut IRP) {}

/// A cancel routine was set, and taken back.
pub(crate) fn no_longer_cancelable(irp: *mut IRP) {
    assert!(!set_cancel(irp, Some(no_cancel)));
    assert!(set_cancel(irp, None));
}

pub(crate) fn device() -> *mut DEVICE_OBJECT {
    probe().device.lock().unwrap().expect("the probe has a device").0
}

/// Makes the next location a control request, or a request of this kind.
pub(crate) fn ask(irp: *mut IRP, major: u8) {
    let location = kernel!(IoGetNextIrpStackLocation(irp));
    // SAFETY: a location of an IRP of the driver's own.
    unsafe { (*location).MajorFunction = major };
}

/// An IRP for the probe.
pub(crate) fn fresh(major: u8) -> *mut IRP {
    let irp = allocate(1);
    watch(irp, keep, ptr::null_mut());
    ask(irp, major);
    irp
}

pub(crate) fn call(irp: *mut IRP) -> NTSTATUS {
    kernel!(IofCallDriver(device(), irp))
}

/// Sends the probe a control request, and frees the IRP.
pub(crate) fn call_and_free(irp: *mut IRP) {
    assert_eq!(call(irp), STATUS_SUCCESS);
    free(irp);
}

pub(crate) fn ask_and_free() {
    call_and_free(fresh(IRP_MJ_DEVICE_CONTROL));
}
