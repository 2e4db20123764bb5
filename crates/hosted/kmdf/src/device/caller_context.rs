//! `EvtIoInCallerContext`: a request before any queue has it, in the context of the thread that sent it.
//!
//! Meanwhile the driver owns the request, and no queue does; the device keeps a list of such requests. The callback
//! completes the request, or lets it go on to its queue with `WdfDeviceEnqueueRequest`.
#![expect(unsafe_code, reason = "calls the driver, and is called through its table")]

use alloc::format;
use alloc::sync::Arc;

use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, KeEnterCriticalRegion, KeLeaveCriticalRegion, NTSTATUS,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_PENDING, STATUS_SUCCESS,
};

use crate::device::Device;
use crate::device::init;
use crate::kernel::irp::Irp;
use crate::object::args::{at_most, irql};
use crate::object::callback;
use crate::object::lookup;
use crate::object::{self, Object, Typed};
use crate::platform;
use crate::queue;
use crate::request::{self, Request};
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
pub(crate) fn present(
    device: &Typed<Device>,
    irp: Irp,
    file: Option<Arc<Object>>,
    callback: Callback,
) -> NTSTATUS {
    let request = match request::create(device, irp, file) {
        Ok(request) => request,
        Err(status) => return irp.finish(status),
    };
    irp.mark_pending();
    request.state.lock().presented = true;
    request.object().set_unseen(false);
    device.state().in_caller_context.push(request.clone());
    let critical = irql() <= APC_LEVEL;
    if critical {
        // SAFETY: the level allows it; left below.
        unsafe { KeEnterCriticalRegion() };
    }
    let object = device.object();
    callback::call(object.client(), "EvtIoInCallerContext", object.handle(), || {
        // SAFETY: the driver's callback, with handles of living objects.
        unsafe { callback(device.as_handle(), request.as_handle()) };
    });
    if critical {
        // SAFETY: entered above, and the level is the same again.
        unsafe { KeLeaveCriticalRegion() };
    }
    STATUS_PENDING
}

/// Whether the driver has the request from this callback, and has neither completed it nor let it go on.
fn is_here(device: &Device, request: &Typed<Request>) -> bool {
    let state = device.state();
    state.in_caller_context.iter().any(|other| Arc::ptr_eq(other.object(), request.object()))
}

/// Forgets a request that goes on, or is completed; whether it was here.
pub(crate) fn leave(device: &Device, request: &Object) -> bool {
    let mut state = device.state();
    let mine = |other: &Typed<Request>| core::ptr::eq(Arc::as_ptr(other.object()), request);
    let index = state.in_caller_context.iter().position(mine);
    let left = index.map(|index| state.in_caller_context.swap_remove(index));
    drop(state);
    left.is_some()
}

/// Checks that the driver has the request from its `EvtIoInCallerContext`; the device.
///
/// # Errors
/// `STATUS_INVALID_DEVICE_REQUEST`.
pub(crate) fn require(function: &'static str, request: &Typed<Request>) -> Result<Typed<Device>, NTSTATUS> {
    let device = object::device_of(request.object()).ok_or(STATUS_INVALID_DEVICE_REQUEST)?;
    if is_here(&device, request) {
        return Ok(device);
    }
    rules::verify(&rules::CALLER_CONTEXT, || {
        format!(
            "{function} was called for {}, which EvtIoInCallerContext does not have: it never got it, or has let it go on",
            request.object()
        )
    });
    Err(STATUS_INVALID_DEVICE_REQUEST)
}

/// Lets a request go on from `EvtIoInCallerContext` to the queue for its type.
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
    at_most(NAME, DISPATCH_LEVEL);
    let device = lookup::typed::<self::Device, _>(NAME, Device);
    let request = lookup::typed::<self::Request, _>(NAME, Request);
    request::usable(NAME, &request);
    let own = match require(NAME, &request) {
        Ok(own) => own,
        Err(status) => return status,
    };
    let same = Arc::ptr_eq(own.object(), device.object());
    let Some(queue) = device.queue_for(request.major).filter(|_| same) else {
        rules::verify(&rules::ENQUEUE, || {
            let why = if same { "which has no queue for it" } else { "to which it was not sent" };
            format!("{NAME} was called for {} with {}, {why}", request.object(), device.object())
        });
        return STATUS_INVALID_DEVICE_REQUEST;
    };
    // From here on another thread may complete it.
    leave(&device, request.object());
    if queue::enter(&queue, &request).is_err() {
        device.state().in_caller_context.push(request);
        return STATUS_WDF_BUSY;
    }
    STATUS_SUCCESS
}
