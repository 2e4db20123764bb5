//! What the tests of the kernel's rules share: a driver is plain code here, that calls the kernel's functions.
#![allow(dead_code, reason = "every test program uses a part of this")]
#![expect(unsafe_code, reason = "tests play the driver")]

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

use ntos::{BugCheck, Config, Machine, SpecialPool};
use wsk_sys::{KeGetCurrentIrql, PASSIVE_LEVEL};

/// Calls a function of the kernel.
#[macro_export]
macro_rules! kernel {
    ($($call:tt)*) => {{
        // SAFETY: the test owns the objects that it passes; wrong ones are passed only where the kernel finds that out
        // before it touches them.
        #[allow(clippy::macro_metavars_in_unsafe, reason = "the macro is the unsafe block of every call")]
        let result = unsafe { $($call)* };
        result
    }};
}

/// A strict machine on which a hang is a bug check.
pub(crate) fn machine() -> Machine {
    machine_with(SpecialPool::default())
}

/// The same, whose blocks lie where this says.
pub(crate) fn machine_with(special_pool: SpecialPool) -> Machine {
    let config = Config { special_pool, wait_limit: Some(Duration::from_secs(20)), ..Config::default() };
    Machine::boot(config)
}

/// Runs a wrong driver, and returns the bug check that it caused.
pub(crate) fn bug_check(driver: impl FnOnce() + Send + 'static) -> BugCheck {
    bug_check_with(SpecialPool::default(), driver)
}

/// The same, with its blocks where this says.
pub(crate) fn bug_check_with(special_pool: SpecialPool, driver: impl FnOnce() + Send + 'static) -> BugCheck {
    let machine = machine_with(special_pool);
    machine.catch_bug_check(driver).expect_err("a bug check")
}

/// Requires that a report is about the rule and names the object.
#[track_caller]
pub(crate) fn assert_names(report: &BugCheck, rule: &ntos::Rule, object: &str) {
    assert_eq!(report.rule, *rule, "{report}");
    assert!(report.detail.contains(object), "{object} is not named: {report}");
    let text = report.to_string();
    assert!(text.contains(rule.name) && text.contains(object), "{text}");
}

/// An object in memory of the host, at an address that stays.
pub(crate) struct Object<T>(*mut T);

// SAFETY: the address only; the kernel synchronises the accesses to what is there.
unsafe impl<T> Send for Object<T> {}
// SAFETY: the address only; the kernel synchronises the accesses to what is there.
unsafe impl<T> Sync for Object<T> {}

impl<T> Object<T> {
    /// An object of zeros.
    pub(crate) fn zeroed() -> Self {
        let memory = Box::new(MaybeUninit::<T>::zeroed());
        Object(Box::into_raw(memory).cast())
    }

    /// Its address.
    pub(crate) fn get(&self) -> *mut T {
        self.0
    }

    /// Its address, as reports show it.
    pub(crate) fn name(&self) -> String {
        format!("{:#x}", self.0.addr())
    }
}

impl<T> Drop for Object<T> {
    fn drop(&mut self) {
        // SAFETY: made by `zeroed` from a box of this layout; no part of it needs dropping.
        drop(unsafe { Box::from_raw(self.0.cast::<MaybeUninit<T>>()) });
    }
}

/// A pointer that a test takes to another thread.
#[derive(Clone, Copy)]
pub(crate) struct Address<T>(*mut T);

// SAFETY: the address only; what it is used for is the kernel's to synchronise.
unsafe impl<T> Send for Address<T> {}

impl<T> Address<T> {
    /// Wraps a pointer.
    pub(crate) fn new(pointer: *mut T) -> Self {
        Address(pointer)
    }

    /// The pointer. A method, so that a closure captures the wrapper.
    pub(crate) fn get(self) -> *mut T {
        self.0
    }
}

/// Four characters as a pool tag.
pub(crate) const fn tag(text: [u8; 4]) -> u32 {
    u32::from_le_bytes(text)
}

/// Has threads add to a number that is not atomic: a mutex of the driver's alone keeps them apart. Each is at `PASSIVE_LEVEL` at its end.
pub(crate) fn count_apart<T: 'static>(
    machine: &Machine,
    mutex: &Arc<Object<T>>,
    acquire: fn(&Object<T>),
    release: fn(&Object<T>),
) {
    const ROUNDS: usize = if cfg!(miri) { 5 } else { 200 };
    const THREADS: usize = 4;
    let count = Arc::new(Object::<usize>::zeroed());
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (mutex, count) = (Arc::clone(mutex), Arc::clone(&count));
            machine.spawn("counter", move || {
                for _ in 0..ROUNDS {
                    acquire(&mutex);
                    let read = kernel!(count.get().read_volatile());
                    std::thread::yield_now();
                    kernel!(count.get().write_volatile(read + 1));
                    release(&mutex);
                }
                assert_eq!(kernel!(KeGetCurrentIrql()), PASSIVE_LEVEL);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(kernel!(count.get().read()), ROUNDS * THREADS);
}
