//! Small helpers over the host's synchronisation.
#![expect(unsafe_code, reason = "a pointer that crosses threads must say that it may")]

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also when a thread panicked while it held the lock: every critical section here leaves its data whole.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A driver's pointer, kept by the kernel and handed to another of its threads.
#[derive(Debug)]
pub(crate) struct Pointer<T>(pub(crate) *mut T);

impl<T> Clone for Pointer<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Pointer<T> {}

impl<T> Pointer<T> {
    /// The address, as a key.
    pub(crate) fn key(self) -> usize {
        self.0.addr()
    }
}

// SAFETY: the wrapper only carries the pointer; whoever reads through it needs a reason of his own.
unsafe impl<T> Send for Pointer<T> {}
// SAFETY: as above; a shared reference gives out nothing but a copy of the pointer.
unsafe impl<T> Sync for Pointer<T> {}
