//! What threads share without a lock: `core`'s atomics and cells; or loom's, with `--cfg loom`, when a test explores every
//! interleaving of threads.
//!
//! For this crate and those above it, so that all of a driver is explored by its own code. Not for what begins as zeros:
//! loom's types have to be made.

#[cfg(not(loom))]
pub use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicUsize, Ordering},
};
#[cfg(loom)]
pub use loom::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicUsize, Ordering};

#[cfg(loom)]
pub use explored::UnsafeCell;

#[cfg(loom)]
mod explored {
    use core::cell::OnceCell;

    /// A cell of which loom is told that whoever gets the pointer writes: two that are not ordered are an error.
    #[derive(Debug, Default)]
    pub struct UnsafeCell<T> {
        /// Made by the first access, so that a cell can be constant.
        accesses: OnceCell<loom::cell::UnsafeCell<()>>,
        value: core::cell::UnsafeCell<T>,
    }

    impl<T> UnsafeCell<T> {
        /// A cell with a value.
        pub const fn new(value: T) -> UnsafeCell<T> {
            UnsafeCell { accesses: OnceCell::new(), value: core::cell::UnsafeCell::new(value) }
        }

        /// The value's address, to be written to.
        pub fn get(&self) -> *mut T {
            self.accesses.get_or_init(|| loom::cell::UnsafeCell::new(())).with_mut(|_| ());
            self.value.get()
        }

        /// The value, which nobody else reaches.
        pub const fn get_mut(&mut self) -> &mut T {
            self.value.get_mut()
        }
    }
}
