//! The framework's functions, without the globals.
#![allow(non_snake_case, reason = "C's names")]
#![allow(clippy::missing_safety_doc, reason = "Microsoft's page of each name is the contract")]

use std::ptr;

use kmdf::{
    PCWDF_OBJECT_CONTEXT_TYPE_INFO, PFN_WDF_REQUEST_CANCEL, PWDF_DRIVER_CONFIG, PWDF_FILEOBJECT_CONFIG,
    PWDF_IO_QUEUE_CONFIG, PWDF_OBJECT_ATTRIBUTES, PWDF_WORKITEM_CONFIG, PWDFDEVICE_INIT, ULONG_PTR,
    WDFDEVICE, WDFDRIVER, WDFFILEOBJECT, WDFOBJECT, WDFQUEUE, WDFREQUEST, WDFWORKITEM,
};
use wsk_sys::{
    LONG, MDL, NTSTATUS, PVOID, STATUS_BUFFER_TOO_SMALL, STATUS_CANCELLED, STATUS_SUCCESS, UNICODE_STRING,
};

use super::object::Part;
use super::{handle, object};
use crate::kernel::kernel;

type Text = *const UNICODE_STRING;

pub unsafe fn WdfDriverCreate(
    _driver: kmdf::PDRIVER_OBJECT,
    _path: Text,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    config: PWDF_DRIVER_CONFIG,
    driver: *mut WDFDRIVER,
) -> NTSTATUS {
    let framework = &kernel().framework;
    // SAFETY: the caller's structure.
    let number = framework.add(Part::Driver, unsafe { attributes.as_ref() });
    framework.driver.set(Some(number));
    // SAFETY: the caller's structure.
    *framework.unload.borrow_mut() = unsafe { (*config).EvtDriverUnload };
    // SAFETY: the caller's variable.
    unsafe { driver.write(handle(number)) };
    STATUS_SUCCESS
}

pub unsafe fn WdfControlDeviceInitAllocate(_driver: WDFDRIVER, _sddl: Text) -> PWDFDEVICE_INIT {
    // There is one device, whose description is the framework.
    ptr::dangling_mut()
}

pub unsafe fn WdfDeviceInitFree(_init: PWDFDEVICE_INIT) {}

pub unsafe fn WdfDeviceInitAssignName(_init: PWDFDEVICE_INIT, _name: Text) -> NTSTATUS {
    STATUS_SUCCESS
}

pub unsafe fn WdfDeviceInitSetFileObjectConfig(
    _init: PWDFDEVICE_INIT,
    config: PWDF_FILEOBJECT_CONFIG,
    attributes: PWDF_OBJECT_ATTRIBUTES,
) {
    // SAFETY: the caller's structure.
    let config = unsafe { config.read() };
    // SAFETY: the caller's structure.
    let attributes = unsafe { attributes.read() };
    *kernel().framework.files.borrow_mut() = Some((config, attributes));
}

pub unsafe fn WdfDeviceInitSetRequestAttributes(_init: PWDFDEVICE_INIT, attributes: PWDF_OBJECT_ATTRIBUTES) {
    // SAFETY: the caller's structure.
    *kernel().framework.requests.borrow_mut() = Some(unsafe { attributes.read() });
}

pub unsafe fn WdfDeviceCreate(
    init: *mut PWDFDEVICE_INIT,
    _attributes: PWDF_OBJECT_ATTRIBUTES,
    device: *mut WDFDEVICE,
) -> NTSTATUS {
    let framework = &kernel().framework;
    let number = framework.add(Part::Device, None);
    framework.device.set(Some(number));
    // SAFETY: the caller's variable.
    unsafe { init.write(ptr::null_mut()) };
    // SAFETY: the caller's variable.
    unsafe { device.write(handle(number)) };
    STATUS_SUCCESS
}

pub unsafe fn WdfDeviceCreateSymbolicLink(_device: WDFDEVICE, _link: Text) -> NTSTATUS {
    STATUS_SUCCESS
}

pub unsafe fn WdfIoQueueCreate(
    _device: WDFDEVICE,
    config: PWDF_IO_QUEUE_CONFIG,
    _attributes: PWDF_OBJECT_ATTRIBUTES,
    _queue: *mut WDFQUEUE,
) -> NTSTATUS {
    // SAFETY: the caller's structure.
    kernel().framework.control.set(unsafe { (*config).EvtIoDeviceControl });
    STATUS_SUCCESS
}

pub unsafe fn WdfControlFinishInitializing(_device: WDFDEVICE) {
    kernel().framework.finished.set(true);
}

pub unsafe fn WdfDeviceGetDriver(_device: WDFDEVICE) -> WDFDRIVER {
    handle(kernel().framework.driver.get().expect("a driver"))
}

pub unsafe fn WdfIoQueueGetDevice(_queue: WDFQUEUE) -> WDFDEVICE {
    handle(kernel().framework.device.get().expect("a device"))
}

pub unsafe fn WdfObjectGetTypedContextWorker(
    handle: WDFOBJECT,
    _type: PCWDF_OBJECT_CONTEXT_TYPE_INFO,
) -> PVOID {
    object(handle).context().cast()
}

pub unsafe fn WdfObjectReferenceActual(
    handle: WDFOBJECT,
    _tag: PVOID,
    _line: LONG,
    _file: *const core::ffi::c_char,
) {
    object(handle).reference();
}

pub unsafe fn WdfObjectDereferenceActual(
    handle: WDFOBJECT,
    _tag: PVOID,
    _line: LONG,
    _file: *const core::ffi::c_char,
) {
    object(handle).dereference();
}

pub unsafe fn WdfWorkItemCreate(
    config: PWDF_WORKITEM_CONFIG,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    item: *mut WDFWORKITEM,
) -> NTSTATUS {
    let framework = &kernel().framework;
    assert!(framework.routine.get().0.is_none(), "one work item is all that there is here");
    // SAFETY: the caller's structure.
    let number = framework.add(Part::WorkItem, unsafe { attributes.as_ref() });
    // SAFETY: the caller's structure.
    framework.routine.set((Some(number), unsafe { (*config).EvtWorkItemFunc }));
    // SAFETY: the caller's variable.
    unsafe { item.write(handle(number)) };
    STATUS_SUCCESS
}

pub unsafe fn WdfWorkItemEnqueue(item: WDFWORKITEM) {
    object(item).context();
    let framework = &kernel().framework;
    framework.work.lock().unwrap().enqueued = true;
    framework.changed.notify_all();
}

pub unsafe fn WdfWorkItemFlush(_item: WDFWORKITEM) {
    kernel().framework.wait_until(|work| !work.enqueued && work.running == 0);
}

pub unsafe fn WdfRequestGetFileObject(request: WDFREQUEST) -> WDFFILEOBJECT {
    handle(object(request).packet().file)
}

pub unsafe fn WdfRequestRetrieveInputBuffer(
    request: WDFREQUEST,
    least: usize,
    buffer: *mut PVOID,
    _length: *mut usize,
) -> NTSTATUS {
    let object = object(request);
    let buffers = &mut object.packet().buffers.borrow_mut();
    if buffers.input.len() < least {
        return STATUS_BUFFER_TOO_SMALL;
    }
    // SAFETY: the caller's variable.
    unsafe { buffer.write(buffers.input.as_mut_ptr().cast()) };
    STATUS_SUCCESS
}

pub unsafe fn WdfRequestRetrieveOutputBuffer(
    request: WDFREQUEST,
    least: usize,
    buffer: *mut PVOID,
    _length: *mut usize,
) -> NTSTATUS {
    let object = object(request);
    let packet = object.packet();
    // The driver retrieves it to write.
    packet.output.with_mut(|_| ());
    let buffers = &mut *packet.buffers.borrow_mut();
    let output = buffers.output.as_mut().unwrap_or(&mut buffers.input);
    if output.len() < least {
        return STATUS_BUFFER_TOO_SMALL;
    }
    // SAFETY: the caller's variable.
    unsafe { buffer.write(output.as_mut_ptr().cast()) };
    STATUS_SUCCESS
}

pub unsafe fn WdfRequestRetrieveOutputWdmMdl(request: WDFREQUEST, mdl: *mut *mut MDL) -> NTSTATUS {
    object(request).packet();
    // Nobody reads it: the provider writes no payload.
    // SAFETY: the caller's variable.
    unsafe { mdl.write(ptr::dangling_mut()) };
    STATUS_SUCCESS
}

pub unsafe fn WdfRequestMarkCancelableEx(request: WDFREQUEST, routine: PFN_WDF_REQUEST_CANCEL) -> NTSTATUS {
    let object = object(request);
    let mut cancel = object.packet().cancel.lock().unwrap();
    assert!(cancel.routine.is_none(), "the request is cancelable already");
    if cancel.asked {
        return STATUS_CANCELLED;
    }
    cancel.routine = routine;
    STATUS_SUCCESS
}

pub unsafe fn WdfRequestUnmarkCancelable(request: WDFREQUEST) -> NTSTATUS {
    let object = object(request);
    let mut cancel = object.packet().cancel.lock().unwrap();
    if cancel.routine.take().is_some() {
        return STATUS_SUCCESS;
    }
    assert!(cancel.called, "the request was not cancelable");
    STATUS_CANCELLED
}

pub unsafe fn WdfRequestCompleteWithInformation(
    request: WDFREQUEST,
    status: NTSTATUS,
    information: ULONG_PTR,
) {
    let object = object(request);
    let still_cancelable = object.packet().cancel.lock().unwrap().routine.is_some();
    assert!(!still_cancelable, "completed while it is cancelable");
    let framework = &kernel().framework;
    // Under the lock of who waits for it.
    let work = framework.work.lock().unwrap();
    object.any_packet().complete(status, usize::try_from(information).unwrap());
    drop(work);
    framework.changed.notify_all();
    object.dereference();
}
