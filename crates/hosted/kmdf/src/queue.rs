//! Queues: which requests wait, which the driver has, and when the next one goes to a handler.
//!
//! Everything that happens to a queue ends in [`dispatch`], which takes one event after another from the queue's
//! state and acts on it with no lock held. A sequential queue has one thread presenting requests; another one that
//! comes by leaves them to it. Due cancellations and state callbacks are delivered by whoever comes (n/d which
//! thread).

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use wsk_sys::{NTSTATUS, PASSIVE_LEVEL, STATUS_CANCELLED, STATUS_INVALID_DEVICE_STATE};

use crate::args::irql;
use crate::cancel;
use crate::device::Device;
use crate::event::{Event, MILLISECOND};
use crate::kind::Kind;
use crate::lock::{Guard, Lock};
use crate::object::{Body, Kinded, Object, Typed};
use crate::platform::{self, framework};
use crate::present;
use crate::request::{self, Phase, Request};
use crate::rule;
use crate::serial::Serial;
use crate::shared::Shared;
use crate::types::{PFN_WDF_IO_QUEUE_STATE, WDF_IO_QUEUE_CONFIG, WDFCONTEXT};
use crate::worker::Worker;

/// How a queue hands out its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dispatch {
    Sequential,
    /// Up to so many at a time.
    Parallel(u32),
    Manual,
}

/// The body of a WDFQUEUE.
pub(crate) struct Queue {
    pub(crate) device: Typed<Device>,
    pub(crate) kind: Dispatch,
    config: Shared<WDF_IO_QUEUE_CONFIG>,
    /// The lock that keeps the callbacks apart, if they are.
    pub(crate) serial: Option<Arc<Serial>>,
    /// The lock of `WdfObjectAcquireLock`.
    pub(crate) lock: Arc<Serial>,
    /// Whether callbacks run at `PASSIVE_LEVEL` only; then there is a work item for the other cases.
    pub(crate) worker: Option<Worker>,
    changed: Event,
    state: Lock<State>,
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
    /// Whether a purge goes on: requests are cancelled as they are marked cancelable.
    pub(crate) purging: bool,
    pub(crate) deleted: bool,
    pub(crate) waiting: VecDeque<Typed<Request>>,
    /// The requests that the driver got from this queue.
    pub(crate) owned: Vec<Typed<Request>>,
    /// Of those, the ones whose `EvtRequestCancel` is due.
    pub(crate) cancel_due: VecDeque<Typed<Request>>,
    /// Of those, the ones whose `EvtIoCanceledOnQueue` is due.
    pub(crate) canceled_on_queue: VecDeque<Typed<Request>>,
    /// The threads that present requests.
    dispatchers: Vec<u64>,
    pub(crate) stop: Option<Notify>,
    pub(crate) purge: Option<Notify>,
}

/// One thing to do with no lock held.
enum Act {
    Cancel(Typed<Request>),
    CanceledOnQueue(Typed<Request>),
    Present(Typed<Request>),
    Tell(Notify),
}

impl Queue {
    pub(crate) fn new(
        device: &Typed<Device>,
        kind: Dispatch,
        config: WDF_IO_QUEUE_CONFIG,
        serial: Option<Arc<Serial>>,
        lock: Arc<Serial>,
        worker: Option<Worker>,
    ) -> Queue {
        let state = State { accept: true, dispatch: true, ..State::default() };
        let changed = Event::notification(false);
        Queue {
            device: device.clone(),
            kind,
            config: Shared(config),
            serial,
            lock,
            worker,
            changed,
            state: Lock::new(state),
        }
    }

    pub(crate) fn config(&self) -> &WDF_IO_QUEUE_CONFIG {
        &self.config.0
    }

    pub(crate) fn state(&self) -> Guard<'_, State> {
        self.state.lock()
    }

    /// Whether the driver may have one more request.
    fn has_room(&self, state: &State) -> bool {
        match self.kind {
            Dispatch::Sequential => state.owned.is_empty(),
            Dispatch::Parallel(limit) => state.owned.len() < limit as usize,
            Dispatch::Manual => false,
        }
    }

    /// Waits until `done`, at most for the framework's limit; whether it came to be.
    pub(crate) fn wait_until(&self, done: impl Fn(&State) -> bool) -> bool {
        let mut left = framework().wait_limit() * 10;
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
    fn kind(&self) -> Kind {
        Kind::Queue
    }

    fn needs_passive(&self) -> bool {
        true
    }

    /// Purges the queue, and waits for the driver's requests and for the threads in its handlers.
    fn dispose(&self, object: &Arc<Object>) {
        self.state.lock().deleted = true;
        let Some(queue) = Typed::of(Arc::clone(object)) else { return };
        purge(&queue);
        let me = platform::thread();
        let done = |state: &State| {
            state.owned.is_empty()
                && state.waiting.is_empty()
                && state.dispatchers.iter().all(|thread| *thread == me)
        };
        if !self.wait_until(done) {
            let names = self.owned_names();
            platform::violation(
                &rule::NOT_COMPLETED,
                format!(
                    "{object} is deleted, and the driver has not completed its requests for {} seconds: {names}",
                    framework().wait_limit()
                ),
            );
        }
        if let Some(worker) = &self.worker {
            worker.retire(object);
        }
    }

    fn finish(&self, _object: &Arc<Object>) {
        self.device.forget_queue();
    }

    fn worker(&self) -> Option<&Worker> {
        self.worker.as_ref()
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
    /// The driver's requests, for a report.
    pub(crate) fn owned_names(&self) -> String {
        let owned = self.state.lock().owned.clone();
        let names: Vec<String> = owned.iter().map(|request| format!("{}", request.object())).collect();
        names.join(", ")
    }
}

impl Kinded for Queue {
    const KIND: Kind = Kind::Queue;
}

/// Puts a request into a queue that takes it.
///
/// # Errors
/// `STATUS_INVALID_DEVICE_STATE` from a queue that does not accept requests; the request is as before.
pub(crate) fn add(queue: &Typed<Queue>, request: &Typed<Request>, front: bool) -> Result<(), NTSTATUS> {
    let cancelled = {
        let mut state = queue.state.lock();
        if !state.accept || state.deleted {
            return Err(STATUS_INVALID_DEVICE_STATE);
        }
        if front {
            state.waiting.push_front(request.clone());
        } else {
            state.waiting.push_back(request.clone());
        }
        {
            let mut own = request.state.lock();
            own.phase = Phase::Waiting;
            own.queue = Some(queue.clone());
        }
        request.irp().set_cancel_routine(cancel::routine);
        // Cancelled before the routine was there: whoever takes it back completes the request.
        let cancelled = request.irp().is_cancelled() && request.irp().take_cancel_routine();
        if cancelled {
            remove(&mut state.waiting, request);
        }
        cancelled
    };
    if cancelled {
        request::complete_unowned(request, STATUS_CANCELLED);
    }
    dispatch(queue);
    Ok(())
}

/// Puts a request straight into the driver's hands, as one of this queue.
pub(crate) fn add_owned(queue: &Typed<Queue>, request: &Typed<Request>) {
    let mut state = queue.state.lock();
    hand_over(queue, &mut state, request);
}

/// Takes a request from a list; whether it was there.
pub(crate) fn remove(list: &mut VecDeque<Typed<Request>>, request: &Typed<Request>) -> bool {
    let index = list.iter().position(|other| Arc::ptr_eq(other.object(), request.object()));
    index.and_then(|index| list.remove(index)).is_some()
}

/// Takes the first waiting request that `wanted` accepts out of the queue, and gives it to the driver. One that is
/// being cancelled stays for its cancel routine.
pub(crate) fn take(
    queue: &Typed<Queue>,
    state: &mut State,
    wanted: impl Fn(&Request) -> bool,
) -> Option<Typed<Request>> {
    let mine = |request: &Typed<Request>| wanted(request) && request.irp().take_cancel_routine();
    let index = state.waiting.iter().position(mine)?;
    let request = state.waiting.remove(index)?;
    hand_over(queue, state, &request);
    Some(request)
}

fn hand_over(queue: &Typed<Queue>, state: &mut State, request: &Typed<Request>) {
    let mut own = request.state.lock();
    own.phase = Phase::Owned;
    own.presented_before = own.presented;
    own.presented = true;
    own.cancel_called = false;
    own.queue = Some(queue.clone());
    drop(own);
    request.object().set_unseen(false);
    state.owned.push(request.clone());
}

/// Takes a request that the driver gave away out of the list of its requests; whether it was there.
pub(crate) fn disown(queue: &Typed<Queue>, request: &Object) -> bool {
    let mut state = queue.state.lock();
    let index = state.owned.iter().position(|other| core::ptr::eq(Arc::as_ptr(other.object()), request));
    let removed = index.map(|index| state.owned.swap_remove(index));
    queue.changed.set();
    drop(state);
    removed.is_some()
}

/// Called when a request of this queue was completed.
pub(crate) fn completed(queue: &Typed<Queue>, request: &Object) {
    disown(queue, request);
    dispatch(queue);
}

/// Cancels what waits in the queue and what the driver marked cancelable, and accepts nothing more.
pub(crate) fn purge(queue: &Typed<Queue>) {
    {
        let mut state = queue.state.lock();
        state.accept = false;
        state.purging = true;
    }
    cancel::all(queue);
    dispatch(queue);
}

/// Does what is due on a queue: on the calling thread where the IRQL allows it, else in a worker thread.
pub(crate) fn dispatch(queue: &Typed<Queue>) {
    if irql() > PASSIVE_LEVEL
        && let Some(worker) = &queue.worker
    {
        worker.enqueue(queue.object());
        return;
    }
    let me = platform::thread();
    let presents = {
        let mut state = queue.state.lock();
        let presents = match queue.kind {
            Dispatch::Sequential => state.dispatchers.is_empty(),
            Dispatch::Parallel(_) => !state.dispatchers.contains(&me),
            Dispatch::Manual => false,
        };
        if presents {
            state.dispatchers.push(me);
        }
        presents
    };
    loop {
        let mut state = queue.state.lock();
        let Some(act) = next(queue, &mut state, presents) else {
            if presents {
                state.dispatchers.retain(|thread| *thread != me);
            }
            queue.changed.set();
            return;
        };
        drop(state);
        match act {
            Act::Cancel(request) => present::cancel(queue, &request),
            Act::CanceledOnQueue(request) => present::canceled_on_queue(queue, &request),
            Act::Present(request) => present::present(queue, &request),
            Act::Tell(notify) => present::tell(queue, &notify),
        }
    }
}

/// The next thing to do. State callbacks wait for the driver to have no request of the queue; a purge's, in
/// addition, for the queue to be empty.
fn next(queue: &Typed<Queue>, state: &mut State, presents: bool) -> Option<Act> {
    if let Some(request) = state.cancel_due.pop_front() {
        return Some(Act::Cancel(request));
    }
    if let Some(request) = state.canceled_on_queue.pop_front() {
        return Some(Act::CanceledOnQueue(request));
    }
    if presents
        && state.dispatch
        && !state.deleted
        && queue.has_room(state)
        && let Some(request) = take(queue, state, |_| true)
    {
        return Some(Act::Present(request));
    }
    if state.owned.is_empty() {
        if let Some(notify) = state.stop.take() {
            return Some(Act::Tell(notify));
        }
        if state.waiting.is_empty()
            && let Some(notify) = state.purge.take()
        {
            return Some(Act::Tell(notify));
        }
    }
    None
}
