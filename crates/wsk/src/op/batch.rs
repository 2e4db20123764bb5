//! Operations that were taken from a completion queue together.
#![expect(unsafe_code, reason = "they are an intrusive list")]

use core::ptr::NonNull;

use nt::sync::Ordering;

use super::block::Header;
use super::queue::Inner;

/// The operations that one thread has taken from a queue at once; its drop gives back those that it has not come to.
///
/// # Invariants
/// The operations from `rest` on are this value's.
pub(super) struct Batch<'q> {
    queue: &'q Inner,
    rest: *mut Header,
    taken: usize,
}

impl<'q> Batch<'q> {
    /// All that are ready.
    pub(super) fn take(queue: &'q Inner) -> Batch<'q> {
        Batch { queue, rest: queue.take(), taken: 0 }
    }

    pub(super) fn next(&mut self) -> Option<NonNull<Header>> {
        let first = NonNull::new(self.rest)?;
        // SAFETY: by the type's invariant.
        self.rest = unsafe { first.as_ref() }.next.load(Ordering::Relaxed);
        self.taken += 1;
        Some(first)
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.queue.give_back(self.rest, self.taken);
    }
}
