//! Giving requests away and taking them back: cancelable marks, forwarding, requeuing.
#![expect(unsafe_code, reason = "the functions are called through the driver's table")]

use alloc::format;
use alloc::sync::Arc;

use wsk_sys::{
    BOOLEAN, DISPATCH_LEVEL, NTSTATUS, STATUS_CANCELLED, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS,
};

use crate::object::Typed;
use crate::object::args::at_most;
use crate::object::lookup;
use crate::platform;
use crate::queue::cancel;
use crate::queue::dispatch;
use crate::queue::{self, Dispatch, Queue};
use crate::request::{self, CancelCallback, Phase, Request};
use crate::rules;
use crate::status::STATUS_WDF_BUSY;
use crate::types::{PFN_WDF_REQUEST_CANCEL, PWDF_DRIVER_GLOBALS, WDFQUEUE, WDFREQUEST};

/// How marking a request ended.
enum Mark {
    Marked,
    /// Cancelled already; in the plain form the callback is due.
    Cancelled,
    Refused(Phase),
    NoQueue,
}

fn mark(request: &Typed<Request>, callback: CancelCallback, calls_back: bool) -> Mark {
    let Some(queue) = queue::of(request) else { return Mark::NoQueue };
    let outcome = {
        let mut state = queue.state();
        let mut own = request.state.lock();
        if own.phase != Phase::Owned {
            return Mark::Refused(own.phase);
        }
        own.phase = Phase::Marked;
        own.cancel = Some(callback);
        own.cancel_called = false;
        let irp = request.irp();
        irp.set_cancel_routine(cancel::routine);
        // Whoever takes the routine back has the request; if it is not there, the canceller has it already.
        let cancelled = (state.cancel_dispatched || irp.is_cancelled()) && irp.take_cancel_routine();
        if !cancelled {
            Mark::Marked
        } else if calls_back {
            own.phase = Phase::Canceling;
            own.canceled = true;
            drop(own);
            state.cancel_due.push_back(request.clone());
            Mark::Cancelled
        } else {
            own.phase = Phase::Owned;
            own.cancel = None;
            Mark::Cancelled
        }
    };
    if calls_back && matches!(outcome, Mark::Cancelled) {
        dispatch::dispatch_if_free(&queue);
    }
    outcome
}

/// Marks a request, and reports what stands in the way.
fn mark_checked(
    function: &'static str,
    handle: WDFREQUEST,
    callback: PFN_WDF_REQUEST_CANCEL,
    calls_back: bool,
) -> NTSTATUS {
    let request = request::usable(function, DISPATCH_LEVEL, handle);
    let object = request.object();
    let Some(callback) = callback else {
        platform::violation(
            &rules::NULL_POINTER,
            format!("EvtRequestCancel of {function} for {object} is null"),
        )
    };
    match mark(&request, callback, calls_back) {
        Mark::Marked => STATUS_SUCCESS,
        Mark::Cancelled => STATUS_CANCELLED,
        Mark::NoQueue | Mark::Refused(Phase::Waiting | Phase::Completed | Phase::Owned) => {
            STATUS_INVALID_DEVICE_REQUEST
        }
        Mark::Refused(Phase::Marked | Phase::Canceling) => {
            rules::verify(&rules::MARKED_TWICE, || {
                format!("{function} was called for {object}, which is marked cancelable already")
            });
            STATUS_INVALID_DEVICE_REQUEST
        }
    }
}

/// Lets a request be cancelled while the driver has it. Of one that is cancelled already the callback is called before
/// this returns or, if a thread is in a callback of the request's queue, after that.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfRequestMarkCancelable(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    EvtRequestCancel: PFN_WDF_REQUEST_CANCEL,
) {
    let _told_by_the_callback = mark_checked("WdfRequestMarkCancelable", Request, EvtRequestCancel, true);
}

/// Lets a request be cancelled while the driver has it.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_CANCELLED` for one that is cancelled already: the callback is not called, and the driver completes it.
/// `STATUS_INVALID_DEVICE_REQUEST` for one that cannot be marked.
pub unsafe extern "C" fn WdfRequestMarkCancelableEx(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    EvtRequestCancel: PFN_WDF_REQUEST_CANCEL,
) -> NTSTATUS {
    mark_checked("WdfRequestMarkCancelableEx", Request, EvtRequestCancel, false)
}

/// Takes a cancelable request back.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_CANCELLED`: the cancel callback was called, or will be, and completes the request. Without the verifier this
/// is also the answer for a request that is not marked.
/// `STATUS_INVALID_DEVICE_REQUEST` for one that is completed, as by its cancel callback, or not the driver's: the driver
/// must see to it that the callback does not complete the request meanwhile.
pub unsafe extern "C" fn WdfRequestUnmarkCancelable(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
) -> NTSTATUS {
    const NAME: &str = "WdfRequestUnmarkCancelable";
    at_most(NAME, DISPATCH_LEVEL);
    let request = lookup::typed::<self::Request>(NAME, Request);
    let phase = {
        let mut own = request.state.lock();
        match own.phase {
            Phase::Marked if request.irp().take_cancel_routine() => {
                own.phase = Phase::Owned;
                own.cancel = None;
                return STATUS_SUCCESS;
            }
            Phase::Marked | Phase::Canceling => return STATUS_CANCELLED,
            phase => phase,
        }
    };
    if phase == Phase::Owned {
        rules::verify(&rules::NOT_MARKED, || {
            format!("{NAME} was called for {}, which is not marked cancelable", request.object())
        });
        return STATUS_CANCELLED;
    }
    if phase == Phase::Completed {
        rules::verify(&rules::COMPLETED_ACCESS, || {
            format!(
                "{NAME} was called for {}, which is completed: keep its EvtRequestCancel callback from completing it \
                 before the call returns",
                request.object()
            )
        });
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    request::usable(NAME, DISPATCH_LEVEL, Request);
    STATUS_INVALID_DEVICE_REQUEST
}

/// The queue that the driver got the request from. A create in `EvtDeviceFileCreate` is from none that the driver may
/// know: it gets null.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfRequestGetIoQueue(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
) -> WDFQUEUE {
    const NAME: &str = "WdfRequestGetIoQueue";
    let request = request::usable(NAME, DISPATCH_LEVEL, Request);
    let queue = queue::of(&request);
    if queue.as_ref().is_some_and(|queue| queue.internal) {
        rules::verify(&rules::CREATE_QUEUE, || {
            format!(
                "{NAME} was called for {} in EvtDeviceFileCreate: it is in no queue of the driver's",
                request.object()
            )
        });
        return core::ptr::null_mut();
    }
    queue.map_or(core::ptr::null_mut(), |queue| queue.as_handle())
}

/// Whether a request that is not marked cancelable was cancelled.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfRequestIsCanceled(_globals: PWDF_DRIVER_GLOBALS, Request: WDFREQUEST) -> BOOLEAN {
    const NAME: &str = "WdfRequestIsCanceled";
    let request = request::usable(NAME, DISPATCH_LEVEL, Request);
    let (phase, canceled) = {
        let own = request.state.lock();
        (own.phase, own.canceled)
    };
    if matches!(phase, Phase::Marked | Phase::Canceling) {
        rules::verify(&rules::IS_CANCELED_MARKED, || {
            format!("{NAME} was called for {}, which is marked cancelable", request.object())
        });
    }
    u8::from(canceled || request.irp().is_cancelled())
}

/// The queue that a request leaves, if it may leave it.
fn leaving(function: &'static str, request: &Typed<Request>) -> Result<Typed<Queue>, NTSTATUS> {
    let phase = request.state.lock().phase;
    match phase {
        Phase::Owned => {}
        Phase::Waiting | Phase::Completed => return Err(STATUS_INVALID_DEVICE_REQUEST),
        Phase::Marked | Phase::Canceling => {
            rules::verify(&rules::STILL_CANCELABLE, || {
                format!("{function} was called for {}, which is marked cancelable", request.object())
            });
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
    }
    queue::of(request).ok_or(STATUS_INVALID_DEVICE_REQUEST)
}

/// Gives a request to another queue of its device.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_WDF_BUSY` from a queue that does not accept requests, `STATUS_INVALID_DEVICE_REQUEST` for the same queue,
/// another device's, or a request that the driver does not own alone. The driver keeps the request.
pub unsafe extern "C" fn WdfRequestForwardToIoQueue(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    DestinationQueue: WDFQUEUE,
) -> NTSTATUS {
    const NAME: &str = "WdfRequestForwardToIoQueue";
    let request = request::usable(NAME, DISPATCH_LEVEL, Request);
    let target = lookup::typed::<Queue>(NAME, DestinationQueue);
    let source = match leaving(NAME, &request) {
        Ok(source) => source,
        Err(status) => return status,
    };
    let same = Arc::ptr_eq(source.object(), target.object());
    if same || !Arc::ptr_eq(source.device(), target.device()) {
        rules::verify(&rules::FORWARD, || {
            let what = if same { "its own queue" } else { "another device's queue" };
            format!("{NAME} was called for {} with {what}, {}", request.object(), target.object())
        });
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    match queue::forward(&source, &target, &request) {
        Ok(()) => STATUS_SUCCESS,
        Err(_) => STATUS_WDF_BUSY,
    }
}

/// Puts a request back to the front of the manual queue that it came from, which need not accept requests. One that is
/// cancelled, or whose queue is being purged, is cancelled there: that is a success, too.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_INVALID_DEVICE_REQUEST` for a queue that is not manual, or a request that the driver does not own alone.
pub unsafe extern "C" fn WdfRequestRequeue(_globals: PWDF_DRIVER_GLOBALS, Request: WDFREQUEST) -> NTSTATUS {
    const NAME: &str = "WdfRequestRequeue";
    let request = request::usable(NAME, DISPATCH_LEVEL, Request);
    let source = match leaving(NAME, &request) {
        Ok(source) => source,
        Err(status) => return status,
    };
    if source.kind != Dispatch::Manual {
        rules::verify(&rules::REQUEUE, || {
            format!(
                "{NAME} was called for {}, which is from {}, not a manual queue",
                request.object(),
                source.object()
            )
        });
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    queue::requeue(&source, &request);
    STATUS_SUCCESS
}
