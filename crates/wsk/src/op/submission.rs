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
//!
//! What is left to do for the owner is in the same word, so that the last one learns it by the same step: that a thread waits,
//! whose event is to be set; that the owner is gone, and the block is to be freed; or that the result has a destination. If
//! none is said, nothing is touched any more, and the owner sees by the count that the result is there.
//!
//! A step that nobody else can take part in is no interlocked one. While no canceller exists, that is so outside a submission,
//! at the end of the submitter's part, and where the result has a destination for whoever has the last reference: nobody else
//! has a pointer to the block. It is so for the provider, too, while it completes the request on the thread that is in the call
//! of it. No canceller is made in a submission.

use crate::fatal;
use nt::sync::{AtomicU32, Ordering};

/// A cancel was asked for in this submission, or before it began.
const CANCEL: u32 = 1 << 31;
/// The time limit passed in this submission.
const TIMED_OUT: u32 = 1 << 30;
/// The owner waits for the event.
const AWAITED: u32 = 1 << 29;
/// There is no owner any more.
const ABANDONED: u32 = 1 << 28;
/// The result goes to a destination, and the owner's handle with it.
const DIRECTED: u32 = 1 << 27;
const FLAGS: u32 = CANCEL | TIMED_OUT | AWAITED | ABANDONED | DIRECTED;

/// More watchers than this are a fault. Threads that count on at the same time do not get from here to the end of the
/// number: each stops.
const MOST: u32 = u32::MAX / 2;

/// What whoever dropped the last reference does for the owner.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner {
    /// It looks for itself: the operation is touched no more.
    Looks,
    /// It has given its handle to a destination.
    Directed,
    /// It waits for the event.
    Waits,
    /// It is gone: the block is freed.
    Gone,
}

/// The references of a submission, and the holders of the operation's memory.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The number of those that may touch the IRP, and the flags above. Each is a thread in a call, a request or a timer,
    /// and none of them can be forgotten: so this number stays small.
    references: AtomicU32,
    /// The number of those that keep the memory: cancellers; and one for the owner, who has IRP and buffers as well.
    watchers: AtomicU32,
}

impl Submission {
    /// The state of a new operation: not submitted, and its owner's.
    #[must_use]
    pub(crate) fn new() -> Submission {
        Submission { references: AtomicU32::new(0), watchers: AtomicU32::new(1) }
    }

    /// Whether nobody but the owner keeps the memory, so that nobody can cancel. Only those ask in whose time no canceller is
    /// made: the owner of an operation that is not submitted, or who has a reference to its submission.
    #[inline]
    fn is_private(&self) -> bool {
        // Acquire: pairs with `unwatch`, so the last steps of a canceller that is gone are seen.
        self.watchers.load(Ordering::Acquire) == 1
    }

    /// Begins a submission, with references of the submitter, the provider and, if there is a time limit, the timer.
    ///
    /// Only the owner of an operation that is not submitted calls this; if it is `directed`, the handle goes with the result.
    #[inline]
    pub(crate) fn begin(&self, timed: bool, directed: bool) {
        let new = 2 + u32::from(timed) + if directed { DIRECTED } else { 0 };
        if self.is_private() {
            // Relaxed: whoever gets the block from here on, gets it by a call or an IRP of this thread.
            let flags = self.references.load(Ordering::Relaxed);
            self.references.store(flags + new, Ordering::Relaxed);
        } else {
            // Release: the IRP as the owner armed it is seen by whoever cancels from now on.
            self.references.fetch_add(new, Ordering::Release);
        }
    }

    /// Begins what somebody else will submit: as if there were a submitter already.
    pub(crate) fn reserve(&self) {
        // Relaxed: nobody but the owner has the block.
        self.references.fetch_add(1, Ordering::Relaxed);
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

    /// Whether no reference is left, which the owner asks: the result is there.
    #[must_use]
    #[inline]
    pub(crate) fn is_delivered(&self) -> bool {
        // Acquire: pairs with `release`: the owner sees all that was done.
        self.references.load(Ordering::Acquire) & !FLAGS == 0
    }

    /// Whether the time limit passed in this submission.
    #[must_use]
    #[inline]
    pub(crate) fn is_timed_out(&self) -> bool {
        self.references.load(Ordering::Acquire) & TIMED_OUT != 0
    }

    /// The owner, who has initialised the event, is about to wait for it. False: the result is there already.
    #[must_use]
    pub(crate) fn await_event(&self) -> bool {
        // Release: the event is seen initialised by whoever sets it. Acquire: as in `is_delivered`.
        self.references.fetch_or(AWAITED, Ordering::AcqRel) & !FLAGS != 0
    }

    /// The owner, who has waited in vain, waits no more. False: the last reference has gone, and the event is set or will be.
    #[must_use]
    pub(crate) fn await_no_more(&self) -> bool {
        // Acquire: as in `is_delivered`.
        self.references.fetch_and(!AWAITED, Ordering::AcqRel) & !FLAGS != 0
    }

    /// The owner goes. False: the result is there already, so the owner frees the block; otherwise the last reference does.
    #[must_use]
    pub(crate) fn abandon(&self) -> bool {
        // As in `await_event`.
        self.references.fetch_or(ABANDONED, Ordering::AcqRel) & !FLAGS != 0
    }

    /// Drops so many references. Somebody: they were the last, and the caller delivers the result.
    #[must_use]
    #[inline]
    pub(crate) fn release(&self, references: u32) -> Option<Owner> {
        // Acquire: pairs with the releases before.
        if self.references.load(Ordering::Acquire) == DIRECTED | references && self.is_private() {
            // The last references, no canceller, and the owner's handle goes with the result: nobody is left who could count one
            // in or set a flag. Whoever gets the handle gets it by what the destination is.
            self.references.store(DIRECTED, Ordering::Relaxed);
            return Some(Owner::Directed);
        }
        // Release: what was done to the IRP happens before the delivery. Acquire: the deliverer sees all of it.
        let before = self.references.fetch_sub(references, Ordering::AcqRel);
        if before & !FLAGS != references {
            return None;
        }
        Some(match before {
            _ if before & (AWAITED | ABANDONED | DIRECTED) == 0 => Owner::Looks,
            _ if before & DIRECTED != 0 => Owner::Directed,
            _ if before & AWAITED != 0 => Owner::Waits,
            _ => Owner::Gone,
        })
    }

    /// Drops so many references, those of the provider and of a timer, which will not come, if that is `within` the submitter's
    /// call, on its thread, and nobody else can take part. False: they are still there.
    #[must_use]
    #[inline]
    pub(crate) fn release_within(&self, references: u32, within: impl FnOnce() -> bool) -> bool {
        // Relaxed: what the submitter has done was done by this thread, or the reference is not dropped.
        let seen = self.references.load(Ordering::Relaxed);
        if seen & !DIRECTED != references + 1 || !self.is_private() || !within() {
            return false;
        }
        // The one left is the submitter's, as a canceller's comes with a flag. So the submitter is in its call, where it does
        // nothing until this thread is back. It lives, so no other thread has its address. Should this be a DPC that has interrupted it there, then
        // it is within no step of its own that is not interlocked: those that are not find that they have the last reference.
        self.references.store(seen - references, Ordering::Relaxed);
        true
    }

    /// Drops the submitter's reference, if it is the last and nobody can take part in that: in a submission that nobody but the
    /// submitter and WSK know of yet, nor cancellers. Nothing: the reference is still there.
    #[must_use]
    #[inline]
    pub(crate) fn release_submitter(&self) -> Option<Owner> {
        // Acquire: pairs with the release of the provider, and of a timer.
        let seen = self.references.load(Ordering::Acquire);
        if seen & !FLAGS != 1 || !self.is_private() {
            return None;
        }
        // Nobody is left who could count one in or set a flag. Relaxed: whoever gets the operation gets it of this thread.
        self.references.store(seen - 1, Ordering::Relaxed);
        Some(if seen & DIRECTED == 0 { Owner::Looks } else { Owner::Directed })
    }

    /// Forgets the flags of the submission whose result was delivered, so that the operation can be submitted again.
    #[inline]
    pub(crate) fn reset(&self) {
        if self.is_private() {
            // Relaxed: the operation is the owner's, and nobody else has the block.
            self.references.store(0, Ordering::Relaxed);
        } else {
            self.references.fetch_and(!FLAGS, Ordering::AcqRel);
        }
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
        // Release: what this holder did happens before the memory goes. Acquire: the last one sees it.
        self.watchers.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// As if so many had been made and forgotten.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn forget_watchers(&self, count: u32) {
        self.watchers.fetch_add(count, Ordering::Relaxed);
    }
}

/// What several threads see of the counters, where an operation does not show it: the other models are in `tests/loom`.
#[cfg(all(test, loom))]
mod models {
    extern crate std;

    use std::sync::Arc;

    // The kernel's functions.
    use hosted_loom as _;
    use loom::thread;

    use super::Submission;

    #[test]
    fn a_cancel_joins_no_submission_that_it_was_not_asked_of() {
        loom::model(|| {
            let submission = Arc::new(Submission::new());
            submission.watch();
            submission.begin(false, false);
            let cancelled = Arc::clone(&submission);
            let canceller = thread::spawn(move || {
                if cancelled.cancel() {
                    assert!(cancelled.is_cancelled());
                    let _ = cancelled.release(1);
                }
            });
            let completed = || {
                let _ = submission.release(1);
                let _ = submission.release(1);
                while !submission.is_delivered() {
                    thread::yield_now();
                }
            };
            completed();
            submission.reset();
            submission.begin(false, false);
            completed();
            canceller.join().unwrap();
        });
    }
}

/// One thread's view of the two counters.
#[cfg(all(test, not(loom)))]
mod tests {
    use super::{Owner, Submission};

    /// A submission whose submitter and provider are there.
    fn begun() -> Submission {
        let submission = Submission::new();
        assert!(submission.is_delivered() && !submission.is_completed(), "nothing is submitted yet");
        submission.begin(false, false);
        assert!(!submission.is_delivered() && !submission.is_completed());
        assert!(!submission.is_cancelled() && !submission.is_timed_out());
        submission
    }

    #[test]
    fn the_last_reference_delivers() {
        let submission = begun();
        assert!(submission.release(1).is_none(), "the provider's");
        assert!(submission.is_completed() && !submission.is_delivered());
        assert!(matches!(submission.release_submitter(), Some(Owner::Looks)));
        assert!(submission.is_delivered() && !submission.is_completed());

        submission.reset();
        submission.begin(true, false);
        assert!(submission.release_submitter().is_none(), "it is not the last, and is still there");
        assert!(submission.release(1).is_none());
        assert!(matches!(submission.release(2), Some(Owner::Looks)), "the provider's, and the timer's");
        assert!(submission.is_delivered());

        submission.reserve();
        assert!(submission.is_completed(), "as if there were a submitter");
    }

    #[test]
    fn a_cancel_counts_where_there_is_something_to_cancel() {
        let submission = Submission::new();
        assert!(!submission.cancel() && submission.is_cancelled() && submission.is_delivered());
        submission.begin(false, false);
        assert!(submission.is_cancelled(), "it was asked for before");
        assert!(submission.cancel() && submission.cancel(), "each has a reference");
        for _ in 0..3 {
            assert!(submission.release(1).is_none());
        }
        assert!(matches!(submission.release_submitter(), Some(Owner::Looks)));
        assert!(submission.is_delivered() && submission.is_cancelled() && !submission.is_timed_out());
        submission.reset();
        assert!(!submission.is_cancelled());
    }

    #[test]
    fn a_time_limit_that_passes_cancels() {
        let submission = begun();
        submission.time_out();
        assert!(submission.is_timed_out() && submission.is_cancelled());
        submission.watch();
        submission.reset();
        assert!(!submission.is_timed_out() && !submission.is_cancelled(), "with a canceller as well");
        assert!(!submission.is_delivered(), "references stay");
    }

    #[test]
    fn the_last_reference_learns_what_the_owner_does() {
        let submission = begun();
        assert!(submission.await_event());
        assert!(submission.release(1).is_none());
        // A canceller might count itself in: the submitter takes the step that others can take part in.
        submission.watch();
        assert!(submission.release_submitter().is_none());
        assert!(matches!(submission.release(1), Some(Owner::Waits)));
        assert!(!submission.await_event(), "the result is there");
        assert!(!submission.await_no_more(), "it still is");

        let submission = begun();
        assert!(submission.await_event() && submission.await_no_more());
        assert!(submission.release(1).is_none());
        assert!(matches!(submission.release(1), Some(Owner::Looks)), "nobody waits any more");

        let submission = begun();
        assert!(submission.abandon());
        assert!(submission.release(1).is_none());
        assert!(matches!(submission.release(1), Some(Owner::Gone)));
        assert!(!submission.abandon(), "the owner frees it");
    }

    #[test]
    fn a_result_with_a_destination_takes_the_owners_handle_along() {
        let submission = Submission::new();
        for provider_is_last in [false, true] {
            submission.begin(false, true);
            assert!(submission.release(1).is_none());
            let last = if provider_is_last { submission.release(1) } else { submission.release_submitter() };
            assert!(matches!(last, Some(Owner::Directed)));
            assert!(submission.is_delivered());
            submission.reset();
        }
        submission.watch();
        submission.begin(false, true);
        assert!(submission.release(1).is_none());
        assert!(matches!(submission.release(1), Some(Owner::Directed)), "with a canceller as well");
    }

    #[test]
    fn a_provider_leaves_within_the_call_if_only_the_submitter_is_left() {
        let within = || true;
        let submission = begun();
        assert!(!submission.release_within(1, || false), "on another thread");
        assert!(!submission.release_within(2, within), "there is no timer");
        assert!(submission.release_within(1, within));
        assert!(submission.is_completed());
        assert!(!submission.release_within(1, within), "the submitter's is the last");

        let submission = Submission::new();
        submission.begin(true, true);
        assert!(!submission.release_within(1, within), "the timer may come");
        assert!(submission.release_within(2, within));
        assert!(matches!(submission.release_submitter(), Some(Owner::Directed)));

        let submission = begun();
        submission.watch();
        assert!(!submission.release_within(1, within), "a canceller may come");
        let submission = begun();
        assert!(submission.cancel());
        assert!(submission.release(1).is_none());
        assert!(!submission.release_within(1, within), "one has come");
        let submission = begun();
        submission.time_out();
        assert!(!submission.release_within(1, within));
    }

    #[test]
    fn the_last_watcher_frees() {
        let submission = Submission::new();
        submission.watch();
        assert!(!submission.unwatch());
        assert!(submission.unwatch());
    }
}
