//! What the framework needs of its surroundings and no kernel export offers.
//!
//! That is: reporting a broken rule, whether rules are strict, which reading of a question is followed, deadlock detection, fault
//! points, the state of the machine, what the I/O
//! manager leaves to be done, and a little memory for each thread. Everything else goes through the kernel functions
//! that `wsk-sys` declares. There are two surroundings: the hosted kernel, with the feature `hosted`, and Wine's.

extern crate std;

use alloc::vec::Vec;
use core::cell::RefCell;
use core::sync::atomic::{AtomicU64, Ordering};
use std::thread_local;

#[cfg(feature = "hosted")]
mod hosted;
#[cfg(not(feature = "hosted"))]
mod wine;

#[cfg(feature = "hosted")]
pub(crate) use hosted::{
    CLEANUP_COMES, REFUSED_CREATES_OPEN, UserPages, acquired, acquiring, arrived, fault, is_requestor,
    reading, register_shutdown, released, routine, state, strict, violation,
};
#[cfg(not(feature = "hosted"))]
pub(crate) use wine::{
    CLEANUP_COMES, REFUSED_CREATES_OPEN, UserPages, acquired, acquiring, arrived, fault, is_requestor,
    reading, register_shutdown, released, routine, state, strict, violation,
};

/// A lock of the framework's that drivers see, held by the calling thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The handle of the lock, or of the object whose lock it is.
    pub(crate) handle: usize,
    /// Whether holding it keeps the thread in a critical region instead of at a raised IRQL.
    pub(crate) waits: bool,
}

/// What the framework remembers for one thread.
struct Thread {
    number: u64,
    /// The globals of the drivers whose callbacks this thread is in, innermost last.
    drivers: RefCell<Vec<usize>>,
    /// The objects whose callbacks this thread is in, innermost last.
    callbacks: RefCell<Vec<usize>>,
    held: RefCell<Vec<Held>>,
}

static NEXT_THREAD: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static THREAD: Thread = Thread {
        // Relaxed: only the number's uniqueness matters.
        number: NEXT_THREAD.fetch_add(1, Ordering::Relaxed),
        drivers: RefCell::default(),
        callbacks: RefCell::default(),
        held: RefCell::default(),
    };
}

/// The time now, to measure a wait.
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// A number that no other thread has; never 0.
pub(crate) fn thread() -> u64 {
    THREAD.with(|thread| thread.number)
}

/// The address of the globals of the driver whose callback the thread is in.
pub(crate) fn current_driver() -> Option<usize> {
    THREAD.with(|thread| thread.drivers.borrow().last().copied())
}

/// Notes that the thread goes into a callback of a driver, for an object.
pub(crate) fn enter_callback(globals: usize, object: usize) {
    THREAD.with(|thread| {
        thread.drivers.borrow_mut().push(globals);
        thread.callbacks.borrow_mut().push(object);
    });
}

/// Notes that the thread came back from it.
pub(crate) fn leave_callback() {
    THREAD.with(|thread| {
        thread.drivers.borrow_mut().pop();
        thread.callbacks.borrow_mut().pop();
    });
}

/// Whether the thread is in a callback for this object.
pub(crate) fn in_callback_of(object: usize) -> bool {
    THREAD.with(|thread| thread.callbacks.borrow().contains(&object))
}

/// The locks that the thread holds, oldest first.
pub(crate) fn held() -> Vec<Held> {
    THREAD.with(|thread| thread.held.borrow().clone())
}

/// Notes that the thread acquired a lock.
pub(crate) fn hold(lock: Held) {
    THREAD.with(|thread| thread.held.borrow_mut().push(lock));
}

/// Notes that the thread released a lock; whether it held it.
pub(crate) fn unhold(handle: usize) -> bool {
    THREAD.with(|thread| {
        let mut held = thread.held.borrow_mut();
        let Some(index) = held.iter().rposition(|lock| lock.handle == handle) else {
            return false;
        };
        held.remove(index);
        true
    })
}
