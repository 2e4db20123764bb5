//! Who may touch an operation's IRP, and who may free its memory: two counters, and nothing else.
//!
//! A *submission* begins when an operation is submitted and ends when its result is delivered. While it lasts, up to
//! four have a reason to touch the IRP, each from a thread of its own, and each holds a reference:
//!
//! - the submitter, from before the WSK call until after it;
//! - the provider, until its completion of the IRP has run our routine;
//! - the timer, if there is a time limit: it cancels the IRP;
//! - anyone who cancels.
//!
//! Whoever drops the last reference delivers the result: only then can the owner take the operation back, re-arm its
//! IRP or free it. So `IoCancelIrp` never meets an IRP that was freed or is being re-armed, whichever way the threads
//! interleave. `tests/loom` explores the interleavings.

use crate::fatal;
use crate::sync::{AtomicU32, Ordering};

/// A cancel was asked for in this submission, or before it began.
const CANCEL: u32 = 1 << 31;
/// The time limit passed in this submission.
const TIMED_OUT: u32 = 1 << 30;
const FLAGS: u32 = CANCEL | TIMED_OUT;

/// More watchers than this are a fault. Threads that count on at the same time do not get from here to the end of the
/// number: each stops.
const MOST: u32 = u32::MAX / 2;

/// The references of a submission, and the holders of the operation.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The number of those that may touch the IRP, and the flags above. Each is a thread in a call, a request or a timer,
    /// and none of them can be forgotten: so this number stays small.
    references: AtomicU32,
    /// The number of handles that keep the IRP and the buffers: the owner's, and one of a submission that nobody may wait
    /// for.
    handles: AtomicU32,
    /// The number of those that keep only the memory, cancellers; and one for all handles together.
    watchers: AtomicU32,
}

impl Submission {
    /// The state of a new operation: not submitted, one handle.
    #[must_use]
    pub(crate) fn new() -> Submission {
        Submission { references: AtomicU32::new(0), handles: AtomicU32::new(1), watchers: AtomicU32::new(1) }
    }

    /// Begins a submission, with references of the submitter, the provider and, if there is a time limit, the timer.
    ///
    /// Only the owner of an operation that is not submitted calls this.
    pub(crate) fn begin(&self, timed: bool) {
        // Release: the IRP as the owner armed it is seen by whoever cancels from now on.
        self.references.fetch_add(2 + u32::from(timed), Ordering::Release);
    }

    /// Asks for the cancellation of this submission, or of the next one if none is under way.
    ///
    /// True: the caller now holds a reference. It cancels the IRP, then calls [`Submission::release`].
    #[must_use]
    pub(crate) fn cancel(&self) -> bool {
        // Acquire: pairs with `begin`, so the IRP is seen armed.
        let mut seen = self.references.fetch_or(CANCEL, Ordering::AcqRel) | CANCEL;
        // Without the flag, the submission has ended since: what is seen is another one, which nobody asked to cancel.
        while seen & !FLAGS != 0 && seen & CANCEL != 0 {
            match self.references.compare_exchange_weak(seen, seen + 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Records that the time limit has passed. Who says so holds a reference already: the timer, or the submitter.
    pub(crate) fn time_out(&self) {
        self.references.fetch_or(CANCEL | TIMED_OUT, Ordering::AcqRel);
    }

    /// Whether a cancel was asked for. The submitter looks after the WSK call, in case it was before.
    #[must_use]
    pub(crate) fn is_cancelled(&self) -> bool {
        self.references.load(Ordering::Acquire) & CANCEL != 0
    }

    /// Whether the submitter, who asks, holds the only reference left: the request has completed.
    #[must_use]
    pub(crate) fn is_completed(&self) -> bool {
        // Acquire: pairs with `release`; it only decides whether a cancel is asked for.
        self.references.load(Ordering::Acquire) & !FLAGS == 1
    }

    /// Whether the time limit passed in this submission.
    #[must_use]
    pub(crate) fn is_timed_out(&self) -> bool {
        self.references.load(Ordering::Acquire) & TIMED_OUT != 0
    }

    /// Drops a reference. True: it was the last, and the caller delivers the result.
    #[must_use]
    pub(crate) fn release(&self) -> bool {
        // Release: what was done to the IRP happens before the delivery. Acquire: the deliverer sees all of it.
        self.references.fetch_sub(1, Ordering::AcqRel) & !FLAGS == 1
    }

    /// Forgets the flags of the submission whose result was delivered, so that the operation can be submitted again.
    pub(crate) fn reset(&self) {
        self.references.fetch_and(!FLAGS, Ordering::AcqRel);
    }

    /// Adds a handle. There are at most two: see the field.
    pub(crate) fn add_handle(&self) {
        // Relaxed: the new handle is made from one that keeps everything already.
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// Drops a handle. True: it was the last, and the caller drops the buffers, and then calls [`Submission::unwatch`].
    #[must_use]
    pub(crate) fn drop_handle(&self) -> bool {
        // Release: what this holder did happens before the buffers go. Acquire: the last one sees it.
        self.handles.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Adds one who keeps the memory, and nothing in it. Any number of them can be made and forgotten.
    pub(crate) fn watch(&self) {
        // Relaxed: made from one that keeps the memory already.
        let before = self.watchers.fetch_add(1, Ordering::Relaxed);
        if before > MOST {
            fatal::too_many_references(self, before as usize);
        }
    }

    /// Drops one of those. True: it was the last, and the caller frees the memory.
    #[must_use]
    pub(crate) fn unwatch(&self) -> bool {
        // As in `drop_handle`.
        self.watchers.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// As if so many had been made and forgotten.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn forget_watchers(&self, count: u32) {
        self.watchers.fetch_add(count, Ordering::Relaxed);
    }
}
