//! What threads share without a lock.
#![expect(unsafe_code, reason = "a pointer that crosses threads must say that it may")]

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts a reference more, unless there are so many that the count might wrap: `Arc`'s limit, for the reason that
/// it has.
///
/// The caller has another reference, which keeps the object meanwhile, and ends the process if this is `false`.
#[must_use]
pub(crate) fn count_reference(count: &AtomicUsize) -> bool {
    const MOST: usize = usize::MAX / 2;
    // Relaxed: the object is kept by the caller's reference. Threads that go beyond the limit at the same time are
    // fewer than the other half of the numbers.
    count.fetch_add(1, Ordering::Relaxed) < MOST
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
// SAFETY: the wrapper only carries the pointer; whoever reads through it needs a reason of his own; a shared reference
// gives out nothing but a copy of the pointer.
unsafe impl<T> Sync for Pointer<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_of_references_is_refused_long_before_it_wraps() {
        let count = AtomicUsize::new(usize::MAX / 2 - 1);
        assert!(count_reference(&count));
        assert!(!count_reference(&count));
    }
}
