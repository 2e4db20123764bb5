//! Cancellation: the IRPs' cancel routine, and what the framework cancels itself.
#![expect(unsafe_code, reason = "the cancel routine gets raw pointers")]

use alloc::vec::Vec;

use wsk_sys::{DEVICE_OBJECT, IRP, IoReleaseCancelSpinLock, STATUS_CANCELLED};

use crate::kernel::irp::Irp;
use crate::object::Typed;
use crate::object::handles::handles;

use crate::queue::dispatch;
use crate::queue::{self, Queue, State};
use crate::request::{self, Phase, Request};

/// The cancel routine of every request that waits or is marked cancelable. That it runs means that it has the request.
pub(crate) unsafe extern "system" fn routine(_device: *mut DEVICE_OBJECT, irp: *mut IRP) {
    // SAFETY: the canceller keeps the IRP alive over this call, and nobody else completes it.
    let irp = unsafe { Irp::new(irp) };
    let handle = irp.handle();
    // SAFETY: the routine is called with the cancel spin lock held, to be released to this level.
    unsafe { IoReleaseCancelSpinLock(irp.cancel_irql()) };
    let Some(request) = handles().find(handle).and_then(Typed::<Request>::of) else { return };
    if let Some(queue) = queue::of(&request) {
        taken(&queue, &request);
        dispatch::dispatch_if_free(&queue);
    }
}

/// Cancels a request whose cancel routine was taken.
fn taken(queue: &Typed<Queue>, request: &Typed<Request>) {
    let waited = {
        let mut state = queue.state();
        note_taken(queue, &mut state, request)
    };
    if waited {
        request::complete_unowned(request, STATUS_CANCELLED);
    }
}

/// Records that a request was taken; whether the framework has to complete it.
fn note_taken(queue: &Typed<Queue>, state: &mut State, request: &Typed<Request>) -> bool {
    let mut own = request.state.lock();
    match own.phase {
        Phase::Waiting => {
            drop(own);
            state.waiting.remove(request.object().handle());
            on_queue(queue, state, request)
        }
        Phase::Marked => {
            own.phase = Phase::Canceling;
            own.canceled = true;
            own.cancel_called = false;
            drop(own);
            state.cancel_due.push_back(request.clone());
            false
        }
        Phase::Owned | Phase::Canceling | Phase::Completed => false,
    }
}

/// Ends the wait of a request that is cancelled in a queue, and is out of its list: the driver is told, if it has had the
/// request and wants to be. Whether the framework has to complete it instead.
pub(crate) fn on_queue(queue: &Typed<Queue>, state: &mut State, request: &Typed<Request>) -> bool {
    let tell = {
        let mut own = request.state.lock();
        let tell = own.presented && queue.config().EvtIoCanceledOnQueue.is_some();
        own.phase = if tell { Phase::Owned } else { Phase::Waiting };
        own.canceled = true;
        tell
    };
    if tell {
        state.owned.push_back(request.object().handle(), request.clone());
        state.canceled_on_queue.push_back(request.clone());
    }
    !tell
}

/// Cancels the waiting requests that `wanted` accepts.
pub(crate) fn waiting(queue: &Typed<Queue>, wanted: impl Fn(&Request) -> bool) {
    cancel(queue, false, wanted);
    dispatch::dispatch(queue);
}

/// Cancels every waiting request, and every one that the driver marked cancelable.
pub(crate) fn all(queue: &Typed<Queue>) {
    cancel(queue, true, |_| true);
}

fn cancel(queue: &Typed<Queue>, marked: bool, wanted: impl Fn(&Request) -> bool) {
    let complete = {
        let mut state = queue.state();
        let owned =
            state.owned.iter().filter(|request| marked && request.state.lock().phase == Phase::Marked);
        let chosen: Vec<Typed<Request>> =
            state.waiting.iter().chain(owned).filter(|request| wanted(request)).cloned().collect();
        // One whose cancel routine is gone is in the hands of another canceller.
        let mine = chosen.into_iter().filter(|request| request.irp().take_cancel_routine());
        let mine: Vec<Typed<Request>> = mine.collect();
        mine.into_iter().filter(|request| note_taken(queue, &mut state, request)).collect::<Vec<_>>()
    };
    for request in complete {
        request::complete_unowned(&request, STATUS_CANCELLED);
    }
}
