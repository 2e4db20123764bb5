//! Dispatcher objects, and the threads that wait for them.
//!
//! The state of an object is where Windows has it, in the driver's `KEVENT`, `KSEMAPHORE` or `KMUTEX`; the threads that
//! wait are in the machine's lists, by address. All of it changes under one lock per machine. Whoever signals an object
//! first finds out which waits that ends, then wakes their threads, and is done with the object before that: a waiter that
//! was released may free it at once.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};
use wsk_sys::LONG;

use crate::ke::header::Header;
use crate::ke::mutex::{self, Owned};
use crate::ke::spinlock::thread_number;
use crate::machine::Machine;
use crate::machine::bugcheck::Broken;
use crate::rule;

/// The waits of one machine, and the mutexes that are owned.
#[derive(Debug, Default)]
pub(crate) struct Dispatcher {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    queues: BTreeMap<usize, VecDeque<Entry>>,
    pub(super) owned: BTreeMap<usize, Owned>,
}

/// A thread's wait, in the list of one of the objects that it is for.
#[derive(Clone, Debug)]
struct Entry {
    wait: Arc<Wait>,
    /// Which of the wait's objects this is.
    index: usize,
}

/// What a thread waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Awaited {
    /// A dispatcher object.
    Object(Header),
    /// Something else, by its address: [`Locked::release_all`] ends the wait.
    Word(usize),
}

impl Awaited {
    fn key(self) -> usize {
        match self {
            Awaited::Object(header) => header.key(),
            Awaited::Word(key) => key,
        }
    }

    fn is_signalled_for(self, thread: usize) -> bool {
        matches!(self, Awaited::Object(header) if header.is_signalled_for(thread))
    }
}

/// A thread's wait.
#[derive(Debug)]
pub(crate) struct Wait {
    awaited: Vec<Awaited>,
    /// Whether it is over when all are signalled, not any.
    all: bool,
    thread: usize,
    /// What the thread will be to the mutexes among the objects, if there are any.
    owner: Option<Owned>,
    /// For a report: the function, the thread, and since when.
    what: &'static str,
    host: Thread,
    since: Instant,
    /// Which object has ended it.
    outcome: Mutex<Option<usize>>,
    wake: Condvar,
}

impl Wait {
    /// A wait of the calling thread, which has called `what`.
    pub(crate) fn new(awaited: Vec<Awaited>, all: bool, what: &'static str) -> Wait {
        let has_mutex =
            awaited.iter().any(|awaited| matches!(awaited, Awaited::Object(object) if object.is_mutex()));
        Wait {
            awaited,
            all,
            thread: thread_number(),
            owner: has_mutex.then(|| Owned::by_current_thread(what)),
            what,
            host: thread::current(),
            since: Instant::now(),
            outcome: Mutex::default(),
            wake: Condvar::new(),
        }
    }

    /// The function that waits.
    pub(super) fn what(&self) -> &'static str {
        self.what
    }

    /// The mutexes among its objects.
    pub(super) fn mutexes(&self) -> impl Iterator<Item = Header> {
        self.awaited.iter().filter_map(|awaited| match awaited {
            Awaited::Object(header) if header.is_mutex() => Some(*header),
            _ => None,
        })
    }

    /// The mutex that the wait has got by the object with this number, or those that it has got by all of them.
    pub(super) fn mutexes_got(&self, index: usize) -> impl Iterator<Item = Header> {
        let only = (!self.all).then(|| self.awaited[index].key());
        self.mutexes().filter(move |mutex| only.is_none_or(|key| key == mutex.key()))
    }

    /// Whether nothing but all of its objects can end it.
    pub(super) fn is_for_all(&self) -> bool {
        self.all || self.awaited.len() == 1
    }

    fn end(&self, index: usize) {
        *self.outcome.lock() = Some(index);
        self.wake.notify_one();
    }

    /// Waits until it is over or until the deadline.
    fn sleep(&self, deadline: Option<Instant>) -> Option<usize> {
        let mut outcome = self.outcome.lock();
        while outcome.is_none() {
            match deadline {
                None => self.wake.wait(&mut outcome),
                Some(deadline) if self.wake.wait_until(&mut outcome, deadline).timed_out() => break,
                Some(_) => {}
            }
        }
        *outcome
    }

    /// The addresses of its objects, for a report.
    fn names(&self) -> String {
        let names: Vec<String> = self.awaited.iter().map(|awaited| format!("{:#x}", awaited.key())).collect();
        names.join(if self.all { " and " } else { " or " })
    }
}

/// The dispatcher lock, held.
pub(crate) struct Locked<'a>(pub(super) MutexGuard<'a, State>);

impl Locked<'_> {
    /// Sets the state of an object, releases whom that releases, and returns the previous state.
    pub(crate) fn signal(&mut self, object: Header, state: LONG) -> LONG {
        let previous = object.set(state);
        let mut over = Vec::new();
        let mut place = 0;
        while object.read() > 0
            && let Some(entry) = self.0.queues.get(&object.key()).and_then(|queue| queue.get(place)).cloned()
        {
            // One that waits for other objects, too, leaves the signal to who came later.
            let Some(index) = self.take_by(&entry.wait, entry.index) else {
                place += 1;
                continue;
            };
            self.remove(&entry.wait);
            over.push((entry.wait, index));
        }
        // The last thing done: who is released may free the object.
        for (wait, index) in over {
            wait.end(index);
        }
        previous
    }

    /// Ends the waits for what is no object.
    pub(crate) fn release_all(&mut self, key: usize) {
        for entry in self.0.queues.remove(&key).into_iter().flatten() {
            entry.wait.end(entry.index);
        }
    }

    /// Takes the signals that the wait is for, if they are there. Gives the number of the object that was signalled, of a
    /// wait for any, or zero.
    pub(crate) fn take(&mut self, wait: &Wait) -> Option<usize> {
        (0..wait.awaited.len()).find_map(|index| self.take_by(wait, index))
    }

    /// Takes them, if the object with this number ends the wait.
    fn take_by(&mut self, wait: &Wait, index: usize) -> Option<usize> {
        let (index, range) = if wait.all { (0, 0..wait.awaited.len()) } else { (index, index..index + 1) };
        let taken = wait.awaited.get(range)?;
        if !taken.iter().all(|awaited| awaited.is_signalled_for(wait.thread)) {
            return None;
        }
        for awaited in taken {
            let Awaited::Object(object) = awaited else { continue };
            object.take(wait.thread);
            if let Some(owner) = wait.owner.as_ref().filter(|_| object.is_mutex()) {
                self.own(object.key(), owner.clone().of(mutex::node(*object)));
            }
        }
        Some(index)
    }

    /// Takes a wait off all lists.
    fn remove(&mut self, wait: &Arc<Wait>) {
        for key in wait.awaited.iter().map(|awaited| awaited.key()) {
            if let Some(queue) = self.0.queues.get_mut(&key) {
                queue.retain(|entry| !Arc::ptr_eq(&entry.wait, wait));
                if queue.is_empty() {
                    self.0.queues.remove(&key);
                }
            }
        }
    }
}

impl Dispatcher {
    /// Takes the dispatcher lock.
    pub(crate) fn lock(&self) -> Locked<'_> {
        Locked(self.state.lock())
    }

    /// Lets go of the lock and waits until another thread ends the wait, or until the deadline. Gives the number of the
    /// object that has ended it, or none if the deadline passed.
    ///
    /// # Errors
    /// [`rule::WAIT_TOO_LONG`]: a wait without a deadline is bounded by the machine's `wait_limit`.
    pub(crate) fn wait(
        &self,
        mut locked: Locked<'_>,
        machine: &Machine,
        wait: &Arc<Wait>,
        deadline: Option<Instant>,
    ) -> Result<Option<usize>, Broken> {
        machine.parts.gauges.waits.add(1);
        for (index, awaited) in wait.awaited.iter().enumerate() {
            let entry = Entry { wait: Arc::clone(wait), index };
            locked.0.queues.entry(awaited.key()).or_default().push_back(entry);
        }
        drop(locked);
        let limit = machine.config().wait_limit.filter(|_| deadline.is_none());
        let until = deadline.or_else(|| limit.and_then(|limit| Instant::now().checked_add(limit)));
        if let Some(index) = wait.sleep(until) {
            return Ok(Some(index));
        }
        let mut locked = self.lock();
        if let Some(index) = *wait.outcome.lock() {
            // Released between the deadline and the lock.
            return Ok(Some(index));
        }
        locked.remove(wait);
        drop(locked);
        if let Some(limit) = limit {
            let detail = format!("{} on {} has taken more than {limit:?}", wait.what, wait.names());
            return Err(Broken::new(&rule::WAIT_TOO_LONG, detail));
        }
        Ok(None)
    }

    /// The waits of all threads, for a report.
    pub(crate) fn in_flight(&self) -> Vec<String> {
        let state = self.state.lock();
        let waits = state.queues.values().flatten().filter(|entry| entry.index == 0);
        let describe = |Entry { wait, .. }: &Entry| {
            let thread = wait.host.name().unwrap_or("unnamed");
            let (what, names, time) = (wait.what, wait.names(), wait.since.elapsed());
            format!("thread \"{thread}\" in {what} on {names} for {time:?}")
        };
        waits.map(describe).collect()
    }

    /// What an object in `range` is in use for.
    pub(crate) fn used_in(&self, range: &Range<usize>) -> Option<String> {
        let state = self.state.lock();
        if let Some((key, _)) = state.queues.range(range.clone()).next() {
            return Some(format!("a thread waiting for {key:#x}"));
        }
        state.owned.range(range.clone()).next().map(|(_, owned)| owned.to_string())
    }

    /// Checks that an object at `address`, which `what` is about to initialise, is not in use.
    ///
    /// # Errors
    /// [`rule::OBJECT_INITIALIZED_IN_USE`].
    pub(crate) fn check_unused(&self, address: usize, what: &str) -> Result<(), Broken> {
        let Some(used) = self.used_in(&(address..address.saturating_add(1))) else { return Ok(()) };
        let detail = format!("{what} of {address:#x}, with {used}");
        Err(Broken::new(&rule::OBJECT_INITIALIZED_IN_USE, detail))
    }
}
