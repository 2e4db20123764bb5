//! Calling a queue's callbacks.
#![expect(unsafe_code, reason = "calls the driver's handlers")]

use wsk_sys::{
    IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS,
};

use crate::object::Typed;
use crate::object::callback;
use crate::object::callback_lock::CallbackLock;
use crate::queue::{Notify, Queue};
use crate::request::{self, Request};

/// Calls `f` in a critical region, if the IRQL allows one, with the queue's lock held, if it serialises its callbacks.
fn guarded(queue: &Queue, f: impl FnOnce()) {
    callback::in_critical_region(|| CallbackLock::with(queue.serial(), f));
}

/// Whether a request is a read or write of no bytes, which the queue's owner does not want to see.
pub(crate) fn is_empty_transfer(queue: &Queue, request: &Request) -> bool {
    let length = request.parameters.input.max(request.parameters.output);
    let transfer = matches!(request.major, IRP_MJ_READ | IRP_MJ_WRITE);
    transfer && length == 0 && queue.config().AllowZeroLengthRequests == 0
}

/// Gives a request to its handler. Reads and writes of nothing succeed without one being called, unless the driver wants
/// them.
pub(crate) fn present(queue: &Typed<Queue>, request: &Typed<Request>) {
    let config = queue.config();
    let own = match request.major {
        IRP_MJ_READ => config.EvtIoRead.is_some(),
        IRP_MJ_WRITE => config.EvtIoWrite.is_some(),
        IRP_MJ_DEVICE_CONTROL => config.EvtIoDeviceControl.is_some(),
        IRP_MJ_INTERNAL_DEVICE_CONTROL => config.EvtIoInternalDeviceControl.is_some(),
        _ => false,
    };
    if !own && config.EvtIoDefault.is_none() {
        request::complete_unowned(request, STATUS_INVALID_DEVICE_REQUEST);
        return;
    }
    if is_empty_transfer(queue, request) {
        request::complete_unowned(request, STATUS_SUCCESS);
        return;
    }
    request.set_presented();
    let length = request.parameters.input.max(request.parameters.output);
    let object = queue.object();
    let (q, r) = (queue.as_handle(), request.as_handle());
    let parameters = request.parameters;
    guarded(queue, || {
        let handled = match request.major {
            IRP_MJ_READ => config.EvtIoRead.map(|read| {
                // SAFETY: the driver's handler, with handles of living objects.
                callback::call(object, "EvtIoRead", || unsafe { read(q, r, length) });
            }),
            IRP_MJ_WRITE => config.EvtIoWrite.map(|write| {
                // SAFETY: the driver's handler, with handles of living objects.
                callback::call(object, "EvtIoWrite", || unsafe { write(q, r, length) });
            }),
            IRP_MJ_DEVICE_CONTROL => config.EvtIoDeviceControl.map(|control| {
                callback::call(object, "EvtIoDeviceControl", || {
                    // SAFETY: the driver's handler, with handles of living objects.
                    unsafe { control(q, r, parameters.output, parameters.input, parameters.code) };
                });
            }),
            IRP_MJ_INTERNAL_DEVICE_CONTROL => config.EvtIoInternalDeviceControl.map(|control| {
                callback::call(object, "EvtIoInternalDeviceControl", || {
                    // SAFETY: the driver's handler, with handles of living objects.
                    unsafe { control(q, r, parameters.output, parameters.input, parameters.code) };
                });
            }),
            _ => None,
        };
        if let (None, Some(default)) = (handled, config.EvtIoDefault) {
            // SAFETY: the driver's handler, with handles of living objects.
            callback::call(object, "EvtIoDefault", || unsafe { default(q, r) });
        }
    });
}

/// Calls `EvtRequestCancel`.
pub(crate) fn cancel(queue: &Typed<Queue>, request: &Typed<Request>) {
    let object = request.object();
    guarded(queue, || {
        let callback = {
            let mut state = request.state.lock();
            // From here on the request may be completed; before, it is the callback's alone.
            state.cancel_called = true;
            state.cancel.take()
        };
        let Some(callback) = callback else { return };
        callback::call(object, "EvtRequestCancel", || {
            // SAFETY: the driver's callback; the list that the request came from keeps it alive.
            unsafe { callback(request.as_handle()) };
        });
    });
}

/// Calls `EvtIoCanceledOnQueue`.
pub(crate) fn canceled_on_queue(queue: &Typed<Queue>, request: &Typed<Request>) {
    let Some(callback) = queue.config().EvtIoCanceledOnQueue else { return };
    let object = queue.object();
    guarded(queue, || {
        callback::call(object, "EvtIoCanceledOnQueue", || {
            // SAFETY: the driver's callback, with handles of living objects.
            unsafe { callback(queue.as_handle(), request.as_handle()) };
        });
    });
}

/// Calls a queue state callback.
pub(crate) fn notify(queue: &Typed<Queue>, notify: &Notify) {
    let Some(callback) = notify.callback else { return };
    let object = queue.object();
    guarded(queue, || {
        callback::call(object, notify.name, || {
            // SAFETY: the driver's callback, with the context that it gave.
            unsafe { callback(queue.as_handle(), notify.context.0) };
        });
    });
}
