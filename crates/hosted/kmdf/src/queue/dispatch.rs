//! The dispatch loop of a queue: one event after another is taken from the queue's state and acted on with no lock held.
//!
//! A thread goes in with a request that has arrived, or because it changed the queue's state, even if other threads are
//! in. What merely becomes due, a cancellation or the next request after a completion, is left to a thread that is in
//! already: it looks again when the handler that it called has returned. So a cancel callback does not come while
//! another thread is in a handler of the queue, unless a third one goes in. A thread that holds the lock which keeps the
//! queue's callbacks apart does not go in: another one will, when it has the lock.

use parking_lot::MutexGuard;
use wsk_sys::{KIRQL, PASSIVE_LEVEL, STATUS_CANCELLED};

use crate::object::Typed;
use crate::object::args::irql;
use crate::object::callback_lock::CallbackLock;
use crate::platform;
use crate::queue::present;
use crate::queue::{self, Deferral, Notify, Queue, State};
use crate::request::{self, Request};

/// One thing to do with no lock held.
enum Action {
    Cancel(Typed<Request>),
    CanceledOnQueue(Typed<Request>),
    Present(Typed<Request>),
    Notify(Notify),
    /// Completes a request that was cancelled before it could wait.
    Complete(Typed<Request>),
}

/// Does what is due on a queue: on the calling thread if it may, else on another one.
pub(crate) fn dispatch(queue: &Typed<Queue>) {
    let level = irql();
    run(queue, level, queue.state(), None);
}

/// Does what is due on a queue, unless a thread is in its loop, which will.
pub(crate) fn dispatch_if_free(queue: &Typed<Queue>) {
    let level = irql();
    let state = queue.state();
    if state.dispatching.is_empty() {
        run(queue, level, state, None);
    }
}

/// Goes into the loop, with the queue's lock held and the level at which it was acquired, and with a request that has
/// arrived, if any.
pub(crate) fn run<'a>(
    queue: &'a Typed<Queue>,
    level: KIRQL,
    mut state: MutexGuard<'a, State>,
    mut new: Option<Typed<Request>>,
) {
    if state.deleted {
        return;
    }
    let passive = matches!(queue.deferral, Deferral::AtPassive(_));
    let locked = queue.serial().is_some_and(CallbackLock::is_mine);
    if locked || passive && level > PASSIVE_LEVEL {
        let action = keep(queue, &mut state, &mut new);
        drop(state);
        if let Some(action) = action {
            perform(queue, action);
        }
        match &queue.deferral {
            Deferral::AtPassive(worker) => {
                worker.enqueue(queue.object());
            }
            Deferral::AtDispatch(dpc) => {
                dpc.insert();
            }
        }
        return;
    }
    let me = platform::thread();
    state.dispatching.push(me);
    loop {
        let Some(action) = next(queue, &mut state, &mut new) else {
            if let Some(index) = state.dispatching.iter().rposition(|thread| *thread == me) {
                state.dispatching.remove(index);
            }
            drop(state);
            queue.changed();
            return;
        };
        drop(state);
        perform(queue, action);
        state = queue.state();
    }
}

fn perform(queue: &Typed<Queue>, action: Action) {
    match action {
        Action::Cancel(request) => present::cancel(queue, &request),
        Action::CanceledOnQueue(request) => present::canceled_on_queue(queue, &request),
        Action::Present(request) => present::present(queue, &request),
        Action::Notify(notify) => {
            present::notify(queue, &notify);
            queue.changed();
        }
        Action::Complete(request) => request::complete_unowned(&request, STATUS_CANCELLED),
    }
}

/// Puts a request that has arrived among those that wait.
fn keep(queue: &Typed<Queue>, state: &mut State, new: &mut Option<Typed<Request>>) -> Option<Action> {
    let request = new.take()?;
    let inserted = queue::insert(queue, state, &request, false);
    (!inserted).then_some(Action::Complete(request))
}

/// The next thing to do.
///
/// State callbacks wait until the driver has no request of the queue and no other thread is in the loop: until no
/// handler runs any more. A purge's, in addition, waits for the queue to be empty.
fn next(queue: &Typed<Queue>, state: &mut State, new: &mut Option<Typed<Request>>) -> Option<Action> {
    let alone = state.dispatching.len() == 1;
    let total = state.waiting.len() + state.driver_has() + usize::from(new.is_some());
    let stopped = state.stop.is_some() && alone && state.driver_has() == 0;
    let purged = state.purge.is_some() && alone && total == 0;
    let due = !state.cancel_due.is_empty() || !state.canceled_on_queue.is_empty() || stopped || purged;
    let presents = state.dispatch && queue.has_room(state);
    // What waits goes first.
    let behind = !state.waiting.is_empty();
    if (due || !presents || behind)
        && let Some(action) = keep(queue, state, new)
    {
        return Some(action);
    }
    if let Some(request) = state.cancel_due.pop_front() {
        return Some(Action::Cancel(request));
    }
    if let Some(request) = state.canceled_on_queue.pop_front() {
        return Some(Action::CanceledOnQueue(request));
    }
    if stopped || purged {
        state.cancel_dispatched = false;
        let notify = if stopped { state.stop.take() } else { state.purge.take() };
        return notify.map(Action::Notify);
    }
    if state.disposing && alone && total == 0 {
        state.deleted = true;
        return None;
    }
    if !presents {
        return None;
    }
    if let Some(request) = queue::take(queue, state, |_| true) {
        return Some(Action::Present(request));
    }
    let request = new.take()?;
    queue::hand_over(queue, state, &request);
    Some(Action::Present(request))
}
