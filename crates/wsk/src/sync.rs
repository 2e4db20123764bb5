//! What the threads of an operation share: `core`'s atomics and cells, or loom's when `tests/loom` explores their
//! interleavings.

#[cfg(not(loom))]
pub(crate) use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering},
};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

#[cfg(loom)]
pub(crate) use explored::UnsafeCell;

#[cfg(loom)]
mod explored {
    /// A cell of which loom is told that whoever gets the pointer writes: two that are not ordered are an error.
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T> {
        accesses: loom::cell::UnsafeCell<()>,
        value: core::cell::UnsafeCell<T>,
    }

    impl<T> UnsafeCell<T> {
        pub(crate) fn new(value: T) -> UnsafeCell<T> {
            UnsafeCell {
                accesses: loom::cell::UnsafeCell::new(()),
                value: core::cell::UnsafeCell::new(value),
            }
        }

        pub(crate) fn get(&self) -> *mut T {
            self.accesses.with_mut(|_| ());
            self.value.get()
        }
    }
}
