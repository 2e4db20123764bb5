//! Queues: which requests wait, which the driver has, and what is due.
//!
//! Everything that happens to a queue ends in its dispatch loop (`queue::dispatch`), which takes one event after another
//! from the queue's state.

pub(crate) mod api;
pub(crate) mod cancel;
pub(crate) mod dispatch;
pub(crate) mod line;
pub(crate) mod ownership;
pub(crate) mod present;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use parking_lot::{Mutex, MutexGuard};
use wsk_sys::{NTSTATUS, STATUS_CANCELLED, STATUS_INVALID_DEVICE_STATE};

use crate::kernel::event::{Event, MILLISECOND};
use crate::kernel::shared::Shared;
use crate::object::args::irql;
use crate::object::callback_lock::CallbackLock;
use crate::object::kernel_dpc::KernelDpc;
use crate::object::kind::Kind;
use crate::object::wait_limit;
use crate::object::worker::Worker;
use crate::object::{Body, Kinded, Object, Typed};
use crate::platform;
use crate::queue::dispatch::dispatch;
use crate::queue::line::Line;
use crate::request::{self, Phase, Request, Source};
use crate::rules::{self, Broken};
use crate::types::{PFN_WDF_IO_QUEUE_STATE, WDF_IO_QUEUE_CONFIG, WDFCONTEXT, WDFQUEUE__};

/// How a queue hands out its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dispatch {
    Sequential,
    /// Up to so many at a time.
    Parallel(u32),
    Manual,
}

/// The device that a queue is made for, as the queue knows it: the layer above.
pub(crate) trait Owner: Send + Sync {
    fn object(&self) -> &Arc<Object>;

    /// Whether a queue is the default queue, or gets the requests of a type.
    fn sends_to(&self, queue: &Object) -> bool;

    /// Forgets the queues that are deleted.
    fn forget_queues(&self);
}

/// The body of a WDFQUEUE.
pub(crate) struct Queue {
    owner: Box<dyn Owner>,
    pub(crate) kind: Dispatch,
    config: Shared<WDF_IO_QUEUE_CONFIG>,
    /// The lock of `WdfObjectAcquireLock`.
    pub(crate) lock: Arc<CallbackLock>,
    /// Whether it keeps the callbacks apart.
    pub(crate) serialised: bool,
    /// Whether the queue is the framework's own, for the create requests that `EvtDeviceFileCreate` has.
    pub(crate) internal: bool,
    pub(crate) deferral: Deferral,
    changed: Event,
    state: Mutex<State>,
}

/// What does later what the calling thread may not do now.
pub(crate) enum Deferral {
    /// Callbacks run at `PASSIVE_LEVEL` only.
    AtPassive(Worker),
    /// They run at any level.
    AtDispatch(KernelDpc),
}

/// Who is to be told when a queue has stopped, or is purged.
pub(crate) struct Notify {
    pub(crate) name: &'static str,
    pub(crate) callback: PFN_WDF_IO_QUEUE_STATE,
    pub(crate) context: Shared<WDFCONTEXT>,
}

/// What changes of a queue.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "the framework's own state bits, which combine freely")]
pub(crate) struct State {
    pub(crate) accept: bool,
    pub(crate) dispatch: bool,
    /// Whether a purge goes on: requests are cancelled as they are marked cancelable, or requeued.
    pub(crate) cancel_dispatched: bool,
    /// Whether the queue is being deleted, once it has no requests left.
    pub(crate) disposing: bool,
    /// Whether that came to be: nothing is due any more.
    pub(crate) deleted: bool,
    pub(crate) waiting: Line<Typed<Request>>,
    /// The requests that the driver got from this queue.
    pub(crate) owned: Line<Typed<Request>>,
    /// How many more the driver has forwarded, which the other queue has not accepted yet.
    leaving: usize,
    /// Of the driver's, the ones whose `EvtRequestCancel` is due.
    pub(crate) cancel_due: VecDeque<Typed<Request>>,
    /// Of the driver's, the ones whose `EvtIoCanceledOnQueue` is due.
    pub(crate) canceled_on_queue: VecDeque<Typed<Request>>,
    /// The threads in the dispatch loop, each as often as it went into it.
    pub(crate) dispatching: Vec<u64>,
    pub(crate) stop: Option<Notify>,
    pub(crate) purge: Option<Notify>,
}

impl State {
    /// How many of the queue's requests the driver has.
    pub(crate) fn driver_has(&self) -> usize {
        self.owned.len() + self.leaving
    }
}

impl Queue {
    /// A queue that is not serialised, and not the framework's own.
    pub(crate) fn new(
        owner: Box<dyn Owner>,
        kind: Dispatch,
        config: WDF_IO_QUEUE_CONFIG,
        lock: Arc<CallbackLock>,
        deferral: Deferral,
    ) -> Queue {
        Queue {
            owner,
            kind,
            config: Shared(config),
            lock,
            serialised: false,
            internal: false,
            deferral,
            changed: Event::notification(false),
            state: Mutex::new(State { accept: true, dispatch: true, ..State::default() }),
        }
    }

    /// The device.
    pub(crate) fn device(&self) -> &Arc<Object> {
        self.owner.object()
    }

    /// The lock that keeps the callbacks apart, if they are.
    pub(crate) fn serial(&self) -> Option<&CallbackLock> {
        self.serialised.then_some(&*self.lock)
    }

    pub(crate) fn config(&self) -> &WDF_IO_QUEUE_CONFIG {
        &self.config.0
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Whether the driver is to be handed one more request.
    pub(crate) fn has_room(&self, state: &State) -> bool {
        match self.kind {
            Dispatch::Sequential => state.driver_has() == 0,
            Dispatch::Parallel(limit) => state.driver_has() < limit as usize,
            Dispatch::Manual => false,
        }
    }

    /// Lets those who wait look at the state again.
    pub(crate) fn changed(&self) {
        self.changed.set();
    }

    /// Whether the calling thread is in the queue's dispatch loop: in a callback of the queue's.
    pub(crate) fn is_dispatching_here(&self) -> bool {
        self.state.lock().dispatching.contains(&platform::thread())
    }

    /// Waits until `done`, at most for the framework's limit; whether it came to be.
    pub(crate) fn wait_until(&self, done: impl Fn(&State) -> bool) -> bool {
        let mut left = wait_limit::seconds() * 10;
        loop {
            {
                let state = self.state.lock();
                if done(&state) {
                    return true;
                }
                self.changed.clear();
            }
            if !self.changed.wait(Some(-100 * MILLISECOND)) {
                left = left.saturating_sub(1);
                if left == 0 {
                    return false;
                }
            }
        }
    }
}

impl Body for Queue {
    fn needs_passive(&self) -> bool {
        true
    }

    /// Purges the queue, and waits for the driver's requests and for the threads in its callbacks.
    fn dispose(&self, object: &Arc<Object>) -> Result<(), Broken> {
        let Some(queue) = Typed::of(Arc::clone(object)) else { return Ok(()) };
        if self.is_dispatching_here() {
            let detail =
                format!("{object} was deleted in one of its callbacks: the deletion would wait for itself");
            return Err(Broken::new(&rules::QUEUE_WAIT, detail));
        }
        purge(&queue);
        self.state.lock().disposing = true;
        dispatch(&queue);
        if !self.wait_until(|state| state.deleted) {
            return Err(self.stuck(&format!("the deletion of {object}")));
        }
        match &self.deferral {
            Deferral::AtPassive(worker) => worker.retire(object),
            Deferral::AtDispatch(dpc) => {
                dpc.retire();
                Ok(())
            }
        }
    }

    fn finish(&self, _object: &Arc<Object>) -> Result<(), Broken> {
        self.owner.forget_queues();
        Ok(())
    }

    fn cannot_delete(&self, object: &Object) -> Option<&'static str> {
        self.owner.sends_to(object).then_some("which requests are sent to")
    }

    fn lock(&self) -> Option<&Arc<CallbackLock>> {
        Some(&self.lock)
    }

    fn worker(&self) -> Option<&Worker> {
        match &self.deferral {
            Deferral::AtPassive(worker) => Some(worker),
            Deferral::AtDispatch(_) => None,
        }
    }

    fn work(&self, object: &Arc<Object>) {
        if let Some(queue) = Typed::of(Arc::clone(object)) {
            dispatch(&queue);
        }
    }

    fn describe(&self) -> String {
        format!("{:?}", self.kind)
    }
}

impl Queue {
    /// The violation of a driver that lets `what` wait for the queue as long as the framework waits for a driver.
    pub(crate) fn stuck(&self, what: &str) -> Broken {
        let names = self.owned_names();
        let waited = format!("{what} has waited {} seconds", wait_limit::seconds());
        if names.is_empty() {
            let detail = format!("{waited} for a callback of the queue to return");
            return Broken::new(&rules::CALLBACK_STUCK, detail);
        }
        Broken::new(&rules::NOT_COMPLETED, format!("{waited} for the driver to complete {names}"))
    }

    /// The driver's requests, for a report.
    pub(crate) fn owned_names(&self) -> String {
        let owned: Vec<_> = self.state.lock().owned.iter().cloned().collect();
        let names: Vec<String> = owned.iter().map(|request| format!("{}", request.object())).collect();
        names.join(", ")
    }
}

impl Kinded for Queue {
    type Handle = WDFQUEUE__;
    const KIND: &'static Kind = &Kind::new("WDFQUEUE");
}

/// The queue that a request waits in, or that the driver has it from.
pub(crate) fn of(request: &Request) -> Option<Typed<Queue>> {
    match &request.state.lock().source {
        Source::Queue(queue) => Typed::of(Arc::clone(queue)),
        Source::None | Source::CallerContext => None,
    }
}

/// Takes a request that has arrived. It goes to a handler at once if the queue can present it, whether its sender has
/// cancelled it or not; only one that has to wait is completed if it is cancelled.
///
/// # Errors
/// `STATUS_INVALID_DEVICE_STATE` from a queue that does not accept requests; the request is as before.
pub(crate) fn arrive(queue: &Typed<Queue>, request: &Typed<Request>) -> Result<(), NTSTATUS> {
    let level = irql();
    let state = queue.state();
    if !state.accept {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    dispatch::run(queue, level, state, Some(request.clone()));
    Ok(())
}

/// Moves a request that the driver has from one queue into another.
///
/// # Errors
/// `STATUS_INVALID_DEVICE_STATE` from a queue that does not accept requests; the driver keeps the request.
pub(crate) fn forward(
    source: &Typed<Queue>,
    target: &Typed<Queue>,
    request: &Typed<Request>,
) -> Result<(), NTSTATUS> {
    // Counted for the source until the target has it, so that the source does not seem to be done with it.
    {
        let mut state = source.state();
        take_owned(&mut state, request.object());
        state.leaving += 1;
    }
    let accepted = admit(target, request);
    let mut state = source.state();
    state.leaving -= 1;
    let Some(completes) = accepted else {
        state.owned.push_back(request.object().handle(), request.clone());
        return Err(STATUS_INVALID_DEVICE_STATE);
    };
    drop(state);
    if completes {
        request::complete_unowned(request, STATUS_CANCELLED);
    }
    dispatch(target);
    source.changed();
    dispatch::dispatch_if_free(source);
    Ok(())
}

/// Puts a request that the driver has from no queue into one.
///
/// # Errors
/// `STATUS_INVALID_DEVICE_STATE` from a queue that does not accept requests; the driver keeps the request.
pub(crate) fn enter(target: &Typed<Queue>, request: &Typed<Request>) -> Result<(), NTSTATUS> {
    if admit(target, request).ok_or(STATUS_INVALID_DEVICE_STATE)? {
        request::complete_unowned(request, STATUS_CANCELLED);
    }
    dispatch(target);
    Ok(())
}

/// Puts a request that the driver had into a queue that accepts requests; whether it is cancelled, and is now to be
/// completed so. None from a queue that accepts nothing.
fn admit(target: &Typed<Queue>, request: &Typed<Request>) -> Option<bool> {
    let mut state = target.state();
    let accepted = state.accept;
    let completes = accepted
        && !insert(target, &mut state, request, false)
        && cancel::on_queue(target, &mut state, request);
    accepted.then_some(completes)
}

/// Puts a request that the driver has back to the front of its queue, accepting or not. One that is cancelled ends there
/// as one that waited.
pub(crate) fn requeue(queue: &Typed<Queue>, request: &Typed<Request>) {
    let completes = {
        let mut state = queue.state();
        take_owned(&mut state, request.object());
        let inserted = !state.cancel_dispatched && insert(queue, &mut state, request, true);
        !inserted && cancel::on_queue(queue, &mut state, request)
    };
    if completes {
        request::complete_unowned(request, STATUS_CANCELLED);
    }
    dispatch(queue);
}

/// Puts a request among those that wait; whether it is there. One that is cancelled is not.
pub(crate) fn insert(queue: &Typed<Queue>, state: &mut State, request: &Typed<Request>, front: bool) -> bool {
    let handle = request.object().handle();
    if front {
        state.waiting.push_front(handle, request.clone());
    } else {
        state.waiting.push_back(handle, request.clone());
    }
    {
        let mut own = request.state.lock();
        own.phase = Phase::Waiting;
        own.source = Source::Queue(Arc::clone(queue.object()));
    }
    request.irp().set_cancel_routine(cancel::routine);
    // Cancelled before the routine was there: whoever takes it back has the request.
    let cancelled = request.irp().is_cancelled() && request.irp().take_cancel_routine();
    if cancelled {
        state.waiting.remove(handle);
    }
    !cancelled
}

/// Takes the first waiting request that `wanted` accepts out of the queue, and gives it to the driver. One that is
/// being cancelled stays for its cancel routine.
pub(crate) fn take(
    queue: &Typed<Queue>,
    state: &mut State,
    wanted: impl Fn(&Request) -> bool,
) -> Option<Typed<Request>> {
    let mine = |request: &Typed<Request>| wanted(request) && request.irp().take_cancel_routine();
    let request = state.waiting.take_first(mine)?;
    hand_over(queue, state, &request);
    Some(request)
}

/// Makes a request the driver's.
pub(crate) fn hand_over(queue: &Typed<Queue>, state: &mut State, request: &Typed<Request>) {
    let mut own = request.state.lock();
    own.phase = Phase::Owned;
    own.cancel_called = false;
    own.source = Source::Queue(Arc::clone(queue.object()));
    drop(own);
    state.owned.push_back(request.object().handle(), request.clone());
}

/// Takes a request out of the list of the driver's.
fn take_owned(state: &mut State, request: &Object) {
    let removed = state.owned.remove(request.handle());
    // The caller has the request too, so that this is not the end of it, under a lock.
    drop(removed);
}

/// Called when a request of this queue was completed.
pub(crate) fn completed(queue: &Typed<Queue>, request: &Object) {
    take_owned(&mut queue.state(), request);
    queue.changed();
    dispatch::dispatch_if_free(queue);
}

/// Cancels what waits in the queue and what the driver marked cancelable, and accepts nothing more.
pub(crate) fn purge(queue: &Typed<Queue>) {
    {
        let mut state = queue.state();
        state.accept = false;
        state.cancel_dispatched = true;
    }
    cancel::all(queue);
    dispatch(queue);
}
