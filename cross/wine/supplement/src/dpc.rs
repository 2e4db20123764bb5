//! DPCs: a thread that runs them, one after another.
//!
//! Wine runs no DPC that a driver queues, and runs a timer's on one of its own threads; it cannot wait for either. Here
//! both go through one queue, which `KeFlushQueuedDpcs` waits for.
#![expect(unsafe_code, reason = "functions of the kernel's C names")]

use std::collections::VecDeque;
use std::ptr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Instant;

use wsk_sys::{BOOLEAN, FALSE, KDEFERRED_ROUTINE, KDPC, PVOID, TRUE};

use crate::timer::Timers;

/// `KOBJECTS`: a DPC.
const DPC_OBJECT: u8 = 0x13;

/// A DPC, by its address, which the driver keeps valid while it is queued.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Queued(pub(crate) *mut KDPC);

// SAFETY: whoever queues a DPC keeps it valid, for any thread, until it has run or is removed.
unsafe impl Send for Queued {}

/// The queue, and what is set to come to it.
pub(crate) struct State {
    queue: VecDeque<(u64, Queued)>,
    /// The number of the DPC that runs.
    running: Option<u64>,
    last: u64,
    pub(crate) timers: Timers,
    thread: Option<ThreadId>,
}

static STATE: Mutex<State> =
    Mutex::new(State { queue: VecDeque::new(), running: None, last: 0, timers: Timers::new(), thread: None });
static CHANGED: Condvar = Condvar::new();

/// The state; the thread is started, if it is not.
pub(crate) fn state() -> MutexGuard<'static, State> {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    if state.thread.is_none() {
        let thread = thread::Builder::new().name("dpc".to_owned()).spawn(run);
        state.thread = thread.ok().map(|thread| thread.thread().id());
    }
    state
}

/// Wakes the thread, and who waits for it.
pub(crate) fn notify() {
    CHANGED.notify_all();
}

impl State {
    /// Queues a DPC, unless it is queued already.
    pub(crate) fn insert(&mut self, dpc: Queued) -> bool {
        if self.queue.iter().any(|(_, queued)| *queued == dpc) {
            return false;
        }
        self.last += 1;
        self.queue.push_back((self.last, dpc));
        true
    }

    /// Whether a DPC of this number or an earlier one is queued or runs.
    fn is_busy(&self, until: u64) -> bool {
        let first = self.running.or(self.queue.front().map(|(number, _)| *number));
        first.is_some_and(|first| first <= until)
    }
}

fn run() {
    let mut state = state();
    loop {
        let now = Instant::now();
        for dpc in state.timers.expire(now) {
            state.insert(dpc);
        }
        let Some((number, dpc)) = state.queue.pop_front() else {
            state = match state.timers.next() {
                Some(due) => {
                    let left = due.saturating_duration_since(now);
                    CHANGED.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => CHANGED.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            continue;
        };
        state.running = Some(number);
        // SAFETY: it was queued, so it is valid until it begins to run.
        let routine = unsafe { dpc.0.read() };
        drop(state);
        if let Some(function) = routine.DeferredRoutine {
            // SAFETY: the driver's routine, with what the driver gave for it.
            unsafe {
                function(dpc.0, routine.DeferredContext, routine.SystemArgument1, routine.SystemArgument2);
            }
        }
        state = self::state();
        state.running = None;
        notify();
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeInitializeDpc(
    Dpc: *mut KDPC,
    DeferredRoutine: KDEFERRED_ROUTINE,
    DeferredContext: PVOID,
) {
    let dpc =
        KDPC { Type: DPC_OBJECT, DeferredRoutine: Some(DeferredRoutine), DeferredContext, ..KDPC::ZERO };
    // SAFETY: the caller's memory, which is nothing yet.
    unsafe { Dpc.write(dpc) };
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeInsertQueueDpc(
    Dpc: *mut KDPC,
    SystemArgument1: PVOID,
    SystemArgument2: PVOID,
) -> BOOLEAN {
    let mut state = state();
    if !state.insert(Queued(Dpc)) {
        return FALSE;
    }
    // SAFETY: the caller's DPC, which was not queued; the thread reads it under the lock.
    unsafe { (*Dpc).SystemArgument1 = SystemArgument1 };
    // SAFETY: the caller's DPC, queued by this call; the thread reads it under the lock.
    unsafe { (*Dpc).SystemArgument2 = SystemArgument2 };
    drop(state);
    notify();
    TRUE
}

#[unsafe(no_mangle)]
pub(crate) extern "system" fn KeRemoveQueueDpc(Dpc: *mut KDPC) -> BOOLEAN {
    let mut state = state();
    let before = state.queue.len();
    state.queue.retain(|(_, queued)| !ptr::eq(queued.0, Dpc));
    let removed = state.queue.len() != before;
    drop(state);
    notify();
    if removed { TRUE } else { FALSE }
}

/// Waits until every DPC that was queued by now has run, those of expired timers among them.
#[unsafe(no_mangle)]
pub(crate) extern "system" fn KeFlushQueuedDpcs() {
    let mut state = state();
    for dpc in state.timers.expire(Instant::now()) {
        state.insert(dpc);
    }
    notify();
    if state.thread == Some(thread::current().id()) {
        // In a DPC, where waiting is forbidden: this one would wait for itself.
        return;
    }
    let until = state.last;
    while state.is_busy(until) {
        state = CHANGED.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}
