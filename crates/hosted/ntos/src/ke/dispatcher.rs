//! Dispatcher objects, and the threads that wait for them.
//!
//! The state of an event is where Windows has it, in the driver's `KEVENT`; the threads that wait for it are in the
//! machine's list, by address. All of it changes under one lock per machine, so a waiter that was released may free
//! the event at once: whoever set it is done with it.
#![expect(unsafe_code, reason = "the objects are the driver's")]

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use wsk_sys::{DISPATCHER_HEADER, LIST_ENTRY, LONG, UCHAR};

use crate::ex::pool;
use crate::machine::Machine;
use crate::machine::bugcheck::Broken;
use crate::rule;
use crate::sync::lock;

/// `TimerNotificationObject` of `KOBJECTS`, a timer's type in its header; the other kind of timer follows it.
pub(crate) const TIMER_OBJECT: UCHAR = 8;
/// The waits of one machine.
#[derive(Debug, Default)]
pub(crate) struct Dispatcher {
    waiters: Mutex<Waiters>,
}

type Waiters = BTreeMap<usize, VecDeque<Wait>>;

/// A thread's wait, in the list of an object.
#[derive(Debug)]
struct Wait {
    waiter: Arc<Waiter>,
    /// For a report: the function, the thread, and since when.
    what: &'static str,
    thread: String,
    since: Instant,
}

/// A thread's place in a list of waiters.
#[derive(Debug, Default)]
struct Waiter {
    released: Mutex<bool>,
    wake: Condvar,
}

thread_local! {
    /// A thread waits for one object at a time.
    static WAITER: Arc<Waiter> = Arc::default();
}

impl Waiter {
    fn release(&self) {
        *lock(&self.released) = true;
        self.wake.notify_one();
    }

    /// Waits until released or until the deadline; `false` if not released.
    fn wait(&self, deadline: Option<Instant>) -> bool {
        let mut released = lock(&self.released);
        while !*released {
            let Some(deadline) = deadline else {
                released = self.wake.wait(released).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            released = self.wake.wait_timeout(released, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// The dispatcher lock, held.
pub(crate) struct Locked<'a>(MutexGuard<'a, Waiters>);

impl Locked<'_> {
    /// Releases the first waiter for `key`; `false` if there is none.
    fn release_one(&mut self, key: usize) -> bool {
        let Some(queue) = self.0.get_mut(&key) else { return false };
        let first = queue.pop_front();
        if queue.is_empty() {
            self.0.remove(&key);
        }
        first.inspect(|wait| wait.waiter.release()).is_some()
    }

    /// Releases all waiters for `key`.
    pub(crate) fn release_all(&mut self, key: usize) {
        for wait in self.0.remove(&key).into_iter().flatten() {
            wait.waiter.release();
        }
    }
}

impl Dispatcher {
    /// Takes the dispatcher lock.
    pub(crate) fn lock(&self) -> Locked<'_> {
        Locked(lock(&self.waiters))
    }

    /// Lets go of the lock and waits until another thread releases the waiters for `key`, or until the deadline;
    /// `false` if it passed.
    ///
    /// # Errors
    /// [`rule::WAIT_TOO_LONG`]: a wait without a deadline is bounded by the machine's `wait_limit`.
    pub(crate) fn wait(
        &self,
        mut locked: Locked<'_>,
        machine: &Machine,
        key: usize,
        what: &'static str,
        deadline: Option<Instant>,
    ) -> Result<bool, Broken> {
        machine.parts.gauges.waits.add(1);
        let waiter = WAITER.with(Arc::clone);
        *lock(&waiter.released) = false;
        let thread = thread::current().name().unwrap_or("unnamed").to_owned();
        let wait = Wait { waiter: Arc::clone(&waiter), what, thread, since: Instant::now() };
        locked.0.entry(key).or_default().push_back(wait);
        drop(locked);
        let limit = machine.config().wait_limit.filter(|_| deadline.is_none());
        let until = deadline.or_else(|| limit.and_then(|limit| Instant::now().checked_add(limit)));
        if waiter.wait(until) {
            return Ok(true);
        }
        let mut waiters = lock(&self.waiters);
        if *lock(&waiter.released) {
            // Released between the deadline and the lock.
            return Ok(true);
        }
        if let Some(queue) = waiters.get_mut(&key) {
            queue.retain(|other| !Arc::ptr_eq(&other.waiter, &waiter));
            if queue.is_empty() {
                waiters.remove(&key);
            }
        }
        drop(waiters);
        if let Some(limit) = limit {
            let detail = format!("{what} on {key:#x} has taken more than {limit:?}");
            return Err(Broken::new(&rule::WAIT_TOO_LONG, detail));
        }
        Ok(false)
    }

    /// The waits of all threads, for a report.
    pub(crate) fn in_flight(&self) -> Vec<String> {
        let waiters = lock(&self.waiters);
        let waits = waiters.iter().flat_map(|(key, queue)| queue.iter().map(move |wait| (key, wait)));
        let describe = |(key, wait): (&usize, &Wait)| {
            format!("thread \"{}\" in {} on {key:#x} for {:?}", wait.thread, wait.what, wait.since.elapsed())
        };
        waits.map(describe).collect()
    }

    /// The address of an object in `range` that a thread waits for.
    pub(crate) fn waited_in(&self, range: &Range<usize>) -> Option<usize> {
        lock(&self.waiters).range(range.clone()).next().map(|(key, _)| *key)
    }
}

/// The head of an event or timer in a driver's memory.
///
/// # Invariants
/// The pointer is to a live header, which the caller of an export vouches for.
#[derive(Clone, Copy)]
pub(crate) struct Header(*mut DISPATCHER_HEADER);

impl Header {
    /// Initialises the header of an object of `size` bytes.
    ///
    /// # Safety
    /// `header` points to memory for a header, and nobody waits for it.
    pub(crate) unsafe fn initialize(header: *mut DISPATCHER_HEADER, kind: UCHAR, size: usize, state: LONG) {
        // SAFETY: the caller's memory; only an address is computed.
        let list = unsafe { &raw mut (*header).WaitListHead };
        let words = UCHAR::try_from(size / size_of::<LONG>()).unwrap_or(UCHAR::MAX);
        let value = DISPATCHER_HEADER {
            Type: kind,
            Signalling: 0,
            Size: words,
            Reserved1: 0,
            SignalState: state,
            // An empty list points at itself, which shows later whether the object was moved.
            WaitListHead: LIST_ENTRY { Flink: list, Blink: list },
        };
        // SAFETY: the caller's memory, which nobody reads yet.
        unsafe { header.write(value) };
    }

    /// The header, checked: it must be that of an event or timer and must not have moved since it was initialised.
    ///
    /// # Errors
    /// [`rule::DISPATCHER_OBJECT`], [`rule::PAGED_AT_DISPATCH`].
    ///
    /// # Safety
    /// `header` points to readable memory of a header's size, which stays as long as the object is in use.
    pub(crate) unsafe fn check(
        machine: &Machine,
        header: *mut DISPATCHER_HEADER,
        what: &str,
    ) -> Result<Header, Broken> {
        let address = header.addr();
        let wrong = |why: String| Err(Broken::new(&rule::DISPATCHER_OBJECT, format!("{what} of {why}")));
        if header.is_null() || !header.is_aligned() {
            return wrong(format!("{address:#x}, which is no address of an object"));
        }
        pool::check_resident(machine, address, what)?;
        // SAFETY: the caller's object; the type is written once, when it is initialised.
        let kind = unsafe { (*header).Type };
        // SAFETY: the caller's object; only an address is computed.
        let list = unsafe { &raw const (*header).WaitListHead };
        // SAFETY: the caller's object; the entry is written once, when it is initialised.
        let linked = unsafe { (*list).Flink };
        if linked.addr() != list.addr() {
            return wrong(format!("object {address:#x}, which was never initialised, or moved since"));
        }
        if !matches!(kind, 0 | 1 | TIMER_OBJECT | 9) {
            return wrong(format!("object {address:#x} of type {kind}, which is no event and no timer"));
        }
        Ok(Header(header))
    }

    /// The header of an object that was checked when it was put to use.
    ///
    /// # Safety
    /// `header` is that of a live, initialised event or timer.
    pub(crate) unsafe fn trusted(header: *mut DISPATCHER_HEADER) -> Header {
        Header(header)
    }

    /// Whether the object is a timer.
    pub(crate) fn is_timer(self) -> bool {
        self.kind() >= TIMER_OBJECT
    }

    fn kind(self) -> UCHAR {
        // SAFETY: the invariant of this type; the field is written once, when the object is initialised.
        unsafe { (*self.0).Type }
    }

    /// The object's address, as the key of its waiters.
    pub(crate) fn key(self) -> usize {
        self.0.addr()
    }

    fn state(&self) -> &AtomicI32 {
        // SAFETY: the invariant of this type; only an address is computed.
        let field = unsafe { &raw mut (*self.0).SignalState };
        // SAFETY: the field is aligned; while the object is shared it is accessed only here, as an atomic.
        unsafe { AtomicI32::from_ptr(field) }
    }

    /// Whether one waiter is released at a time.
    fn is_synchronization(self) -> bool {
        self.kind() % 2 == 1
    }

    /// The state, without the lock.
    pub(crate) fn read(self) -> LONG {
        // Acquire: who sees the event set sees what was written before that.
        self.state().load(Ordering::Acquire)
    }

    /// Sets the state to not signalled, and returns the previous one.
    pub(crate) fn reset(self, _locked: &mut Locked<'_>) -> LONG {
        self.state().swap(0, Ordering::AcqRel)
    }

    /// Sets the state to signalled, releases whom that releases, and returns the previous state.
    pub(crate) fn signal(self, locked: &mut Locked<'_>) -> LONG {
        let key = self.key();
        if self.is_synchronization() {
            let previous = self.read();
            if previous == 0 && !locked.release_one(key) {
                self.state().store(1, Ordering::Release);
            }
            return previous;
        }
        let previous = self.state().swap(1, Ordering::AcqRel);
        // The last thing done with the object: who is released may free it.
        locked.release_all(key);
        previous
    }

    /// Takes the signal, if there is one.
    pub(crate) fn take(self, _locked: &mut Locked<'_>) -> bool {
        if self.read() == 0 {
            return false;
        }
        if self.is_synchronization() {
            self.state().store(0, Ordering::Release);
        }
        true
    }
}
