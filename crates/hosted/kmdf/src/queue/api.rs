//! Asking queues, changing their state, and retrieving requests from them.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver")]

use alloc::format;

use wsk_sys::{
    DISPATCH_LEVEL, NTSTATUS, PASSIVE_LEVEL, STATUS_INVALID_DEVICE_STATE, STATUS_NO_MORE_ENTRIES,
    STATUS_SUCCESS, ULONG,
};

use crate::file::File;
use crate::kernel::shared::Shared;
use crate::object::Typed;
use crate::object::args::{at_most, give, required, store};
use crate::object::lookup;
use crate::platform;
use crate::queue::cancel;
use crate::queue::dispatch;
use crate::queue::present;
use crate::queue::{self, Dispatch, Notify, Queue, State};
use crate::request::{self, Request};
use crate::rules;
use crate::status::STATUS_WDF_PAUSED;
use crate::types::{
    _WDF_IO_QUEUE_STATE as Bits, PFN_WDF_IO_QUEUE_STATE, PULONG, PWDF_DRIVER_GLOBALS, WDF_IO_QUEUE_STATE,
    WDFCONTEXT, WDFDEVICE, WDFFILEOBJECT, WDFQUEUE, WDFREQUEST,
};

/// The device of a queue.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfIoQueueGetDevice(_globals: PWDF_DRIVER_GLOBALS, Queue: WDFQUEUE) -> WDFDEVICE {
    const NAME: &str = "WdfIoQueueGetDevice";
    at_most(NAME, DISPATCH_LEVEL);
    lookup::typed::<self::Queue>(NAME, Queue).device().as_handle()
}

/// The state of a queue, and how many requests wait in it and are with the driver.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfIoQueueGetState(
    _globals: PWDF_DRIVER_GLOBALS,
    Queue: WDFQUEUE,
    QueueRequests: PULONG,
    DriverRequests: PULONG,
) -> WDF_IO_QUEUE_STATE {
    const NAME: &str = "WdfIoQueueGetState";
    at_most(NAME, DISPATCH_LEVEL);
    let queue = lookup::typed::<self::Queue>(NAME, Queue);
    let (bits, waiting, owned) = {
        let state = queue.state();
        let bits = [
            (state.accept, Bits::WdfIoQueueAcceptRequests),
            (state.dispatch, Bits::WdfIoQueueDispatchRequests),
            (state.waiting.is_empty(), Bits::WdfIoQueueNoRequests),
            (state.driver_has() == 0, Bits::WdfIoQueueDriverNoRequests),
        ];
        let bits = bits.iter().filter(|(set, _)| *set).fold(0, |all, (_, bit)| all | bit);
        (bits, state.waiting.len(), state.driver_has())
    };
    // SAFETY: null, or the driver's variable.
    unsafe { store(QueueRequests, ULONG::try_from(waiting).unwrap_or(ULONG::MAX)) };
    // SAFETY: null, or the driver's variable.
    unsafe { store(DriverRequests, ULONG::try_from(owned).unwrap_or(ULONG::MAX)) };
    bits
}

/// Makes a queue accept and hand out requests, at once and on this thread.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfIoQueueStart(_globals: PWDF_DRIVER_GLOBALS, Queue: WDFQUEUE) {
    const NAME: &str = "WdfIoQueueStart";
    at_most(NAME, DISPATCH_LEVEL);
    let queue = lookup::typed::<self::Queue>(NAME, Queue);
    {
        let mut state = queue.state();
        state.accept = true;
        state.dispatch = true;
        state.cancel_dispatched = false;
    }
    dispatch::dispatch(&queue);
}

/// What a change of state does to the requests.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Stop,
    StopAndPurge,
    Purge,
    Drain,
}

impl Change {
    fn apply(self, queue: &Typed<Queue>) {
        {
            let mut state = queue.state();
            let stops = matches!(self, Change::Stop | Change::StopAndPurge);
            state.accept = stops;
            state.cancel_dispatched |= matches!(self, Change::Purge | Change::StopAndPurge);
            if stops {
                state.dispatch = false;
            }
        }
        if matches!(self, Change::Purge | Change::StopAndPurge) {
            cancel::all(queue);
        }
        dispatch::dispatch(queue);
    }

    /// The place of the callback, one for stops and one for the others.
    fn slot(self, state: &mut State) -> &mut Option<Notify> {
        match self {
            Change::Stop | Change::StopAndPurge => &mut state.stop,
            Change::Purge | Change::Drain => &mut state.purge,
        }
    }

    fn is_pending(self, state: &State) -> bool {
        match self {
            Change::Stop | Change::StopAndPurge => state.stop.is_some(),
            Change::Purge | Change::Drain => state.purge.is_some(),
        }
    }
}

/// Takes the place of the callback, which must be free, on a queue that is not being deleted.
fn reserve(function: &'static str, queue: &Typed<Queue>, change: Change, notify: Notify) {
    let refused = {
        let mut state = queue.state();
        if state.deleted {
            Some("the queue is being deleted")
        } else if change.is_pending(&state) {
            Some("an earlier change of its state still waits for its callback")
        } else {
            *change.slot(&mut state) = Some(notify);
            None
        }
    };
    if let Some(why) = refused {
        platform::violation(&rules::QUEUE_STATE, format!("{function} of {}: {why}", queue.object()));
    }
}

fn change(
    function: &'static str,
    handle: WDFQUEUE,
    change: Change,
    callback: PFN_WDF_IO_QUEUE_STATE,
    context: WDFCONTEXT,
) {
    at_most(function, DISPATCH_LEVEL);
    let queue = lookup::typed::<Queue>(function, handle);
    if callback.is_some() {
        let notify = Notify { name: "EvtIoQueueState", callback, context: Shared(context) };
        reserve(function, &queue, change, notify);
    } else if queue.state().deleted {
        platform::violation(
            &rules::QUEUE_STATE,
            format!("{function} of {}: the queue is being deleted", queue.object()),
        );
    }
    change.apply(&queue);
}

fn change_and_wait(function: &'static str, handle: WDFQUEUE, change: Change) {
    at_most(function, PASSIVE_LEVEL);
    let queue = lookup::typed::<Queue>(function, handle);
    let object = queue.object();
    if queue.is_dispatching_here() {
        platform::violation(
            &rules::QUEUE_WAIT,
            format!(
                "{function} of {object} was called in one of the queue's callbacks: it would wait for itself"
            ),
        );
    }
    let notify = Notify { name: function, callback: None, context: Shared(core::ptr::null_mut()) };
    reserve(function, &queue, change, notify);
    change.apply(&queue);
    if !queue.wait_until(|state| !change.is_pending(state)) {
        rules::require::<()>(Err(queue.stuck(&format!("{function} of {object}"))));
    }
}

/// Hands out no more requests; the callback comes when the driver has none left.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfIoQueueStop(
    _globals: PWDF_DRIVER_GLOBALS,
    Queue: WDFQUEUE,
    StopComplete: PFN_WDF_IO_QUEUE_STATE,
    Context: WDFCONTEXT,
) {
    change("WdfIoQueueStop", Queue, Change::Stop, StopComplete, Context);
}

/// Stops a queue and waits until the driver has none of its requests.
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub unsafe extern "C" fn WdfIoQueueStopSynchronously(_globals: PWDF_DRIVER_GLOBALS, Queue: WDFQUEUE) {
    change_and_wait("WdfIoQueueStopSynchronously", Queue, Change::Stop);
}

/// Accepts no more requests, and cancels those that wait or are marked cancelable.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfIoQueuePurge(
    _globals: PWDF_DRIVER_GLOBALS,
    Queue: WDFQUEUE,
    PurgeComplete: PFN_WDF_IO_QUEUE_STATE,
    Context: WDFCONTEXT,
) {
    change("WdfIoQueuePurge", Queue, Change::Purge, PurgeComplete, Context);
}

/// Purges a queue and waits until none of its requests is left.
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub unsafe extern "C" fn WdfIoQueuePurgeSynchronously(_globals: PWDF_DRIVER_GLOBALS, Queue: WDFQUEUE) {
    change_and_wait("WdfIoQueuePurgeSynchronously", Queue, Change::Purge);
}

/// Stops a queue, and cancels what waits or is marked cancelable. New requests are accepted.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfIoQueueStopAndPurge(
    _globals: PWDF_DRIVER_GLOBALS,
    Queue: WDFQUEUE,
    StopAndPurgeComplete: PFN_WDF_IO_QUEUE_STATE,
    Context: WDFCONTEXT,
) {
    change("WdfIoQueueStopAndPurge", Queue, Change::StopAndPurge, StopAndPurgeComplete, Context);
}

/// Stops and purges a queue, and waits until the driver has none of its requests.
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub unsafe extern "C" fn WdfIoQueueStopAndPurgeSynchronously(_globals: PWDF_DRIVER_GLOBALS, Queue: WDFQUEUE) {
    change_and_wait("WdfIoQueueStopAndPurgeSynchronously", Queue, Change::StopAndPurge);
}

/// Accepts no more requests; those that wait are handed out.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfIoQueueDrain(
    _globals: PWDF_DRIVER_GLOBALS,
    Queue: WDFQUEUE,
    DrainComplete: PFN_WDF_IO_QUEUE_STATE,
    Context: WDFCONTEXT,
) {
    change("WdfIoQueueDrain", Queue, Change::Drain, DrainComplete, Context);
}

/// Drains a queue and waits until none of its requests is left.
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub unsafe extern "C" fn WdfIoQueueDrainSynchronously(_globals: PWDF_DRIVER_GLOBALS, Queue: WDFQUEUE) {
    change_and_wait("WdfIoQueueDrainSynchronously", Queue, Change::Drain);
}

fn retrieve(
    function: &'static str,
    handle: WDFQUEUE,
    wanted: impl Fn(&Request) -> bool,
) -> Result<Typed<Request>, NTSTATUS> {
    let queue = lookup::typed::<Queue>(function, handle);
    if matches!(queue.kind, Dispatch::Parallel(_)) {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    if queue.kind == Dispatch::Sequential && queue.state().driver_has() == 0 {
        rules::verify(&rules::RETRIEVE_SEQUENTIAL, || {
            format!(
                "{function} of {}, of which the driver has no request: the queue may present the next one at the same \
                 time; retrieve it before the current one is completed",
                queue.object()
            )
        });
    }
    loop {
        let taken = {
            let mut state = queue.state();
            if !state.dispatch {
                return Err(STATUS_WDF_PAUSED);
            }
            queue::take(&queue, &mut state, &wanted)
        };
        let request = taken.ok_or(STATUS_NO_MORE_ENTRIES)?;
        if !present::is_empty_transfer(&queue, &request) {
            request.set_presented();
            return Ok(request);
        }
        request::complete_unowned(&request, STATUS_SUCCESS);
    }
}

/// Takes the next request out of a queue.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_NO_MORE_ENTRIES`, `STATUS_WDF_PAUSED` from a stopped queue, `STATUS_INVALID_DEVICE_STATE` from a parallel one.
pub unsafe extern "C" fn WdfIoQueueRetrieveNextRequest(
    _globals: PWDF_DRIVER_GLOBALS,
    Queue: WDFQUEUE,
    OutRequest: *mut WDFREQUEST,
) -> NTSTATUS {
    const NAME: &str = "WdfIoQueueRetrieveNextRequest";
    at_most(NAME, DISPATCH_LEVEL);
    required(NAME, "OutRequest", OutRequest);
    let request = retrieve(NAME, Queue, |_| true);
    // SAFETY: the driver's variable.
    unsafe { give(OutRequest, request.map(|request| request.as_handle())) }
}

/// Takes the next request of one file out of a queue.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// As for [`WdfIoQueueRetrieveNextRequest`].
pub unsafe extern "C" fn WdfIoQueueRetrieveRequestByFileObject(
    _globals: PWDF_DRIVER_GLOBALS,
    Queue: WDFQUEUE,
    FileObject: WDFFILEOBJECT,
    OutRequest: *mut WDFREQUEST,
) -> NTSTATUS {
    const NAME: &str = "WdfIoQueueRetrieveRequestByFileObject";
    at_most(NAME, DISPATCH_LEVEL);
    required(NAME, "OutRequest", OutRequest);
    let file = lookup::typed::<File>(NAME, FileObject);
    let handle = file.object().handle();
    let of_file = |request: &Request| request.file.as_ref().is_some_and(|file| file.handle() == handle);
    let request = retrieve(NAME, Queue, of_file);
    // SAFETY: the driver's variable.
    unsafe { give(OutRequest, request.map(|request| request.as_handle())) }
}
