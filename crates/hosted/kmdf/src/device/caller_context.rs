//! `EvtIoInCallerContext`: a request before any queue has it, in the context of the thread that sent it.
//!
//! Meanwhile the driver owns the request, and no queue does. The callback completes the request, or passes it on to its
//! queue with `WdfDeviceEnqueueRequest`.
#![expect(unsafe_code, reason = "calls the driver, and is called through its table")]

use alloc::format;
use alloc::sync::Arc;

use wsk_sys::{DISPATCH_LEVEL, NTSTATUS, STATUS_INVALID_DEVICE_REQUEST, STATUS_PENDING, STATUS_SUCCESS};

use crate::device::Device;
use crate::device::dispatch::create_request;
use crate::device::init;
use crate::kernel::irp::Irp;
use crate::object::args::at_most;
use crate::object::callback;
use crate::object::lookup;
use crate::object::{Object, Typed};
use crate::platform;
use crate::queue;
use crate::request::{self, Source};
use crate::rules;
use crate::status::STATUS_WDF_BUSY;
use crate::types::{
    PFN_WDF_IO_IN_CALLER_CONTEXT, PWDF_DRIVER_GLOBALS, PWDFDEVICE_INIT, WDFDEVICE, WDFDEVICE__, WDFREQUEST,
    WDFREQUEST__,
};

/// `EvtIoInCallerContext`.
pub(crate) type Callback = unsafe extern "C" fn(*mut WDFDEVICE__, *mut WDFREQUEST__);

/// Sets a callback that sees each read, write and device control of the device first, in the context of its sender.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfDeviceInitSetIoInCallerContextCallback(
    _globals: PWDF_DRIVER_GLOBALS,
    DeviceInit: PWDFDEVICE_INIT,
    EvtIoInCallerContext: PFN_WDF_IO_IN_CALLER_CONTEXT,
) {
    const NAME: &str = "WdfDeviceInitSetIoInCallerContextCallback";
    at_most(NAME, DISPATCH_LEVEL);
    let Some(callback) = EvtIoInCallerContext else {
        platform::violation(&rules::NULL_POINTER, format!("EvtIoInCallerContext of {NAME} is null"))
    };
    init::with(NAME, DeviceInit, |init| init.in_caller_context = Some(callback));
}

/// Gives a new request to the callback, on the thread that sent it.
pub(super) fn present(
    device: &Typed<Device>,
    irp: Irp,
    file: Option<Arc<Object>>,
    callback: Callback,
) -> NTSTATUS {
    let request = match create_request(device, irp, file) {
        Ok(request) => request,
        Err(status) => return irp.finish(status),
    };
    irp.mark_pending();
    {
        let mut state = request.state.lock();
        state.presented = true;
        state.source = Source::CallerContext;
    }
    request.object().set_unseen(false);
    callback::in_critical_region(|| {
        callback::call(device.object(), "EvtIoInCallerContext", || {
            // SAFETY: the driver's callback, with handles of living objects.
            unsafe { callback(device.as_handle(), request.as_handle()) };
        });
    });
    STATUS_PENDING
}

/// Passes a request on from `EvtIoInCallerContext` to the queue for its type.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_WDF_BUSY` from a queue that does not accept requests, `STATUS_INVALID_DEVICE_REQUEST` for another device, a
/// type of request that has no queue, or a request that `EvtIoInCallerContext` does not have. The driver keeps the
/// request.
pub unsafe extern "C" fn WdfDeviceEnqueueRequest(
    _globals: PWDF_DRIVER_GLOBALS,
    Device: WDFDEVICE,
    Request: WDFREQUEST,
) -> NTSTATUS {
    const NAME: &str = "WdfDeviceEnqueueRequest";
    let request = request::usable(NAME, DISPATCH_LEVEL, Request);
    let device = lookup::typed::<self::Device>(NAME, Device);
    if let Err(status) = request.require_caller_context(NAME) {
        return status;
    }
    let same = request.object().parent().is_some_and(|parent| Arc::ptr_eq(&parent, device.object()));
    let Some(queue) = device.queue_for(request.major).filter(|_| same) else {
        rules::verify(&rules::ENQUEUE, || {
            let why = if same { "which has no queue for it" } else { "to which it was not sent" };
            format!("{NAME} was called for {} with {}, {why}", request.object(), device.object())
        });
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    // From here on another thread may complete it.
    match queue::enter(&queue, &request) {
        Ok(()) => STATUS_SUCCESS,
        Err(_) => STATUS_WDF_BUSY,
    }
}
