//! Where requests come in and completed operations go out: `EvtIoDeviceControl` and `EvtWorkItem`.
#![expect(unsafe_code, reason = "the framework hands out handles and buffers as raw pointers")]

use crate::device;
use crate::request::{self, Call};
use crate::wdf::{self, ULONG, WDFQUEUE, WDFREQUEST, WDFWORKITEM};
use crate::wdf_request::Request;

/// `EvtIoDeviceControl`: serves a request.
///
/// # Safety
/// Called by the framework, at IRQL <= `DISPATCH_LEVEL`.
pub(crate) unsafe extern "C" fn evt_io_device_control(
    queue: WDFQUEUE,
    request: WDFREQUEST,
    output: usize,
    input: usize,
    code: ULONG,
) {
    // SAFETY: the framework passes the queue that presents the request.
    let device = unsafe { wdf::call_unsafe_wdf_function_binding!(WdfIoQueueGetDevice, queue) };
    // SAFETY: the queue is this driver's device's.
    let driver = unsafe { device::driver_of(device) };
    // SAFETY: the framework presents the request with this call.
    let request = unsafe { Request::new(request) };
    // SAFETY: the input is read before an operation that could complete the request is submitted, and before output is
    // written.
    let bytes = || unsafe { request.input(input) };
    // An unknown code may have any transfer method: its buffers are not even looked for.
    let bytes = if wskdrv_abi::code::find(code).is_some() { bytes() } else { Ok(&[][..]) };
    let mut call = Call::new(driver, request, output);
    let result = bytes.and_then(|input| request::dispatch(&mut call, code, input));
    call.end(result);
}

/// `EvtWorkItem`: takes every operation that has completed, and completes its request.
///
/// # Safety
/// Called by the framework, at `PASSIVE_LEVEL`.
pub(crate) unsafe extern "C" fn evt_work_item(work_item: WDFWORKITEM) {
    // SAFETY: the framework passes the work item, whose parent is this driver's device.
    let device = unsafe { wdf::call_unsafe_wdf_function_binding!(WdfWorkItemGetParentObject, work_item) };
    // SAFETY: the device is the work item's parent.
    let driver = unsafe { device::driver_of(device.cast()) };
    for completion in driver.queue.drain() {
        request::finish(driver, completion);
    }
}
