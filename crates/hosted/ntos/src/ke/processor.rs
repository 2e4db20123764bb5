//! The machine's processor: the thread on which DPCs run, at `DISPATCH_LEVEL`, and timers expire.
//!
//! It starts with the first DPC or timer. Threads of the machine run beside it, as on other processors.
#![expect(unsafe_code, reason = "reads the driver's DPC and timer objects, and calls its routines")]

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use wsk_sys::{DISPATCH_LEVEL, KDPC, KTIMER, PVOID};

use crate::ke::header::Header;
use crate::ke::irql::{self, call_driver};
use crate::machine::Machine;
use crate::machine::bugcheck::Broken;
use crate::machine::companion;
use crate::machine::maker::Maker;
use crate::machine::owner::{LeakScope, leak_report};
use crate::machine::stuck;
use crate::rule;
use crate::sync::Pointer;

/// The DPCs and timers of one machine.
#[derive(Debug, Default)]
pub(crate) struct Processor {
    state: Mutex<State>,
    /// There is something to do.
    work: Condvar,
    /// A DPC has returned.
    done: Condvar,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    queue: VecDeque<Queued>,
    /// The DPC that runs: its number and its address.
    running: Option<(u64, usize)>,
    /// Set timers by due time.
    due: BTreeMap<(Instant, u64), Armed>,
    /// The key of each set timer in `due`, by address.
    set: BTreeMap<usize, (Instant, u64)>,
    /// Numbers DPCs and timers in the order in which they were queued and set.
    next: u64,
    thread: Option<JoinHandle<()>>,
    /// When the thread, if it sleeps, looks for timers by itself; none if it does not.
    looks_at: Option<Instant>,
    stopping: bool,
}

#[derive(Debug)]
struct Queued {
    number: u64,
    dpc: Pointer<KDPC>,
    maker: Maker,
}

#[derive(Debug)]
struct Armed {
    timer: Pointer<KTIMER>,
    dpc: Pointer<KDPC>,
    period: Duration,
    maker: Maker,
}

/// A DPC's routine and arguments, read before it is called: the routine may free the object.
struct Call {
    routine: wsk_sys::KDEFERRED_ROUTINE,
    context: PVOID,
    arguments: [PVOID; 2],
}

thread_local! {
    static IS_PROCESSOR: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is a processor, so that a DPC runs on it.
pub(crate) fn is_current_thread() -> bool {
    IS_PROCESSOR.get()
}

impl State {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn is_queued(&self, dpc: usize) -> bool {
        self.queue.iter().any(|queued| queued.dpc.key() == dpc)
    }

    fn enqueue(&mut self, dpc: Pointer<KDPC>, maker: Maker) {
        let number = self.number();
        self.queue.push_back(Queued { number, dpc, maker });
    }

    fn arm(&mut self, at: Instant, armed: Armed) {
        let key = (at, self.number());
        self.set.insert(armed.timer.key(), key);
        self.due.insert(key, armed);
    }

    /// The DPC that runs or, if none does, the next one, for a report.
    fn name_first(&self) -> Option<String> {
        let running = self.running.map(|(_, dpc)| format!("the routine of DPC {dpc:#x}"));
        running.or_else(|| {
            self.queue.front().map(|queued| format!("DPC {:#x}, which is queued,", queued.dpc.key()))
        })
    }

    fn disarm(&mut self, timer: usize) -> bool {
        let Some(key) = self.set.remove(&timer) else { return false };
        self.due.remove(&key);
        true
    }
}

impl Processor {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Makes sure that the thread runs, and wakes it.
    ///
    /// # Panics
    /// If the operating system has no more threads.
    fn wake(&self, machine: &Machine, state: &mut State) {
        if state.thread.is_none() {
            let machine = machine.clone();
            let body = move || {
                companion::make_expendable();
                let _entered = machine.enter();
                run(&machine);
            };
            let thread = thread::Builder::new().name("processor".to_owned()).spawn(body);
            state.thread = Some(thread.expect("the system has threads left"));
        }
        self.work.notify_one();
    }

    /// Queues a DPC with its arguments; `false` if it was queued already.
    ///
    /// # Safety
    /// `dpc` is an initialised DPC that stays until its routine was called.
    pub(crate) unsafe fn insert(&self, machine: &Machine, dpc: *mut KDPC, arguments: [PVOID; 2]) -> bool {
        // Captured outside of the lock: it takes as long as the stack is deep.
        let maker = Maker::current("KeInsertQueueDpc");
        let mut state = self.lock();
        if state.is_queued(dpc.addr()) {
            return false;
        }
        // SAFETY: the caller's object; while it is not queued, its fields change under this lock.
        unsafe { (*dpc).SystemArgument1 = arguments[0] };
        // SAFETY: the caller's object; while it is not queued, its fields change under this lock.
        unsafe { (*dpc).SystemArgument2 = arguments[1] };
        state.enqueue(Pointer(dpc), maker);
        self.wake(machine, &mut state);
        true
    }

    /// Takes a DPC out of the queue; `false` if it was not in it.
    pub(crate) fn remove(&self, dpc: usize) -> bool {
        let mut state = self.lock();
        let before = state.queue.len();
        state.queue.retain(|queued| queued.dpc.key() != dpc);
        let removed = state.queue.len() != before;
        if removed {
            self.done.notify_all();
        }
        removed
    }

    /// Waits until all DPCs that are queued now have returned.
    ///
    /// # Errors
    /// [`rule::DPC_STUCK`]: that takes longer than the machine's `hang_limit`.
    pub(crate) fn flush(&self, machine: &Machine) -> Result<(), Broken> {
        let mut state = self.lock();
        let last = state.next;
        let limit = machine.config().hang_limit;
        let busy = |state: &mut State| {
            state.running.is_some_and(|(number, _)| number <= last)
                || state.queue.front().is_some_and(|queued| queued.number <= last)
        };
        let waited = self.done.wait_while_for(&mut state, busy, limit);
        let stuck = if waited.timed_out() { state.name_first() } else { None };
        drop(state);
        match stuck {
            Some(dpc) => {
                Err(stuck::broken(machine, &rule::DPC_STUCK, &format!("{dpc} did not return"), limit))
            }
            None => Ok(()),
        }
    }

    /// Sets a timer; `true` if it was set already.
    pub(crate) fn set_timer(
        &self,
        machine: &Machine,
        timer: *mut KTIMER,
        header: Header,
        after: Duration,
        period: Duration,
        dpc: *mut KDPC,
    ) -> bool {
        let maker = Maker::current("KeSetTimerEx");
        let mut state = self.lock();
        let was_set = state.disarm(timer.addr());
        header.reset(&mut machine.parts.dispatcher.lock());
        // A time beyond the host's clock never comes: a far one stands for it.
        let far = Duration::from_secs(u64::from(u32::MAX));
        let now = Instant::now();
        let at = now.checked_add(after).unwrap_or(now + far);
        let armed = Armed { timer: Pointer(timer), dpc: Pointer(dpc), period, maker };
        state.arm(at, armed);
        // One that comes before this timer, as one does for a timer that was cancelled, comes early enough.
        if state.looks_at.is_none_or(|look| at < look) {
            self.wake(machine, &mut state);
        }
        was_set
    }

    /// Cancels a timer; `false` if it was not set.
    pub(crate) fn cancel_timer(&self, timer: usize) -> bool {
        self.lock().disarm(timer)
    }

    /// The address of a set timer in `range`.
    pub(crate) fn timer_in(&self, range: &Range<usize>) -> Option<usize> {
        self.lock().set.range(range.clone()).next().map(|(timer, _)| *timer)
    }

    /// The address of a queued DPC in `range`.
    pub(crate) fn dpc_in(&self, range: &Range<usize>) -> Option<usize> {
        self.lock().queue.iter().map(|queued| queued.dpc.key()).find(|dpc| range.contains(dpc))
    }

    /// Stops the thread, once the queue is empty.
    ///
    /// # Errors
    /// [`rule::DPC_STUCK`]: a DPC goes on for longer than the machine's `shutdown_limit`. The thread is left to itself.
    pub(crate) fn stop(&self, machine: &Machine) -> Result<(), Broken> {
        let (thread, left) = {
            let mut state = self.lock();
            state.stopping = true;
            self.work.notify_one();
            let busy = |state: &mut State| state.running.is_some() || !state.queue.is_empty();
            let limit = machine.config().shutdown_limit;
            let waited = self.done.wait_while_for(&mut state, busy, limit);
            let left = if waited.timed_out() { state.name_first() } else { None };
            (state.thread.take(), left)
        };
        if let Some(left) = left {
            let detail = format!("{left} did not return before the machine ended");
            return Err(Broken::new(&rule::DPC_STUCK, detail));
        }
        if let Some(thread) = thread {
            // It ends by itself; after a driver's panic the machine is dead and nobody comes here.
            let _ = thread.join();
        }
        self.lock().stopping = false;
        Ok(())
    }
}

/// Looks for timers that are still set and DPCs that are still queued.
pub(crate) fn check_leaks(machine: &Machine, scope: LeakScope) -> Vec<Broken> {
    let mut left = Vec::new();
    {
        let state = machine.parts.processor.lock();
        let timers = state.due.values().filter(|armed| scope.covers(armed.maker.owner));
        left.extend(
            timers.map(|armed| format!("timer {:#x}{}", armed.timer.key(), armed.maker.place("set"))),
        );
        let dpcs = state.queue.iter().filter(|queued| scope.covers(queued.maker.owner));
        left.extend(
            dpcs.map(|queued| format!("DPC {:#x}{}", queued.dpc.key(), queued.maker.place("queued"))),
        );
    }
    leak_report(&rule::TIMER_LEFT, "timers and DPCs", scope, left).into_iter().collect()
}

/// Runs DPCs and expires timers until told to stop.
fn run(machine: &Machine) {
    irql::set(DISPATCH_LEVEL);
    IS_PROCESSOR.set(true);
    let processor = &machine.parts.processor;
    let mut state = processor.lock();
    loop {
        let now = Instant::now();
        while expire_one(machine, &mut state, now) {}
        if let Some(queued) = state.queue.pop_front() {
            // SAFETY: the object stays until its routine was called, says the contract of `KeInsertQueueDpc`.
            let call = unsafe { read_call(queued.dpc.0) };
            state.running = Some((queued.number, queued.dpc.key()));
            drop(state);
            if machine.parts.crash.is_dead() {
                return;
            }
            call_dpc(&queued, &call);
            state = processor.lock();
            state.running = None;
            processor.done.notify_all();
            continue;
        }
        if state.stopping {
            state.looks_at = None;
            return;
        }
        state.looks_at = state.due.first_key_value().map(|((at, _), _)| *at);
        match state.looks_at {
            Some(at) => drop(processor.work.wait_until(&mut state, at)),
            None => processor.work.wait(&mut state),
        }
    }
}

/// Expires the first timer, if it is due: signals it, queues its DPC, and sets it again if it has a period.
fn expire_one(machine: &Machine, state: &mut State, now: Instant) -> bool {
    let Some(entry) = state.due.first_entry().filter(|entry| entry.key().0 <= now) else { return false };
    let ((at, _), armed) = entry.remove_entry();
    state.set.remove(&armed.timer.key());
    // SAFETY: a set timer stays where it is, says the contract of `KeSetTimerEx`, which has checked it.
    let header = unsafe { Header::trusted(armed.timer.0.cast()) };
    let dpc = armed.dpc;
    if !dpc.0.is_null() && !state.is_queued(dpc.key()) {
        state.enqueue(dpc, armed.maker.clone());
    }
    if !armed.period.is_zero() {
        // From when it was due, so that a late expiry delays no later one; but not into the past.
        let next = (at + armed.period).max(now);
        state.arm(next, armed);
    }
    // Last: a thread that this releases may free the timer.
    machine.parts.dispatcher.lock().signal(header, 1);
    true
}

/// # Safety
/// `dpc` is an initialised DPC.
unsafe fn read_call(dpc: *mut KDPC) -> Call {
    // SAFETY: the caller's object, which nobody changes while it is queued; a copy is taken.
    let copy = unsafe { dpc.read() };
    Call {
        routine: copy.DeferredRoutine.expect("KeInitializeDpc sets a routine"),
        context: copy.DeferredContext,
        arguments: [copy.SystemArgument1, copy.SystemArgument2],
    }
}

fn call_dpc(queued: &Queued, call: &Call) {
    let dpc = queued.dpc.0;
    let routine = || {
        // SAFETY: the driver's routine, with the arguments that it was queued with, at the level that it expects.
        unsafe { (call.routine)(dpc, call.context, call.arguments[0], call.arguments[1]) };
    };
    queued
        .maker
        .owner
        .run(|| call_driver(DISPATCH_LEVEL, format_args!("the routine of DPC {:#x}", dpc.addr()), routine));
}
