//! A wait for the driver itself, and not for WSK.
//!
//! A driver that is given datagrams by an event has requests that wait for its own memory to hold some. Such a wait is
//! to be cancelled, limited in time and outlived by its owner exactly as a request of WSK's is; so it is a request of an
//! operation as well. Its call gives the IRP to a list, which completes it as a provider would.
#![expect(unsafe_code, reason = "the list goes through the operations' blocks")]

use core::cell;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

use nt::sync::UnsafeCell;
use wsk_sys::{KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock, STATUS_CANCELLED, STATUS_SUCCESS};

use super::Completion;
use crate::error::{Error, Result};
use crate::op::request::{FromCompletion, IoStatus, Irp, Request, Submit};
use crate::op::{Destination, Op};
use crate::pool::Shared;
use crate::time::IntoLimit;

/// A wait: what is in the block of an operation that waits.
pub struct Waiting {
    list: Shared<List>,
    /// Touched under the list's lock only.
    link: UnsafeCell<Link>,
}

/// A wait's link in its list: as a `LIST_ENTRY`, so that it is taken out without a walk.
struct Link {
    /// The IRP to complete; `None` if the wait is in no list.
    irp: Option<Irp>,
    next: *mut Waiting,
    previous: *mut Waiting,
}

impl Link {
    /// In no list.
    const NONE: Link = Link { irp: None, next: ptr::null_mut(), previous: ptr::null_mut() };
}

/// The waits, first come first.
///
/// # Invariants
/// `ends`, and the link of each [`Waiting`] that has this as its list, are touched under `lock` only. Each wait that is
/// linked is the state of an operation whose IRP is the list's to complete, once.
#[derive(Debug)]
struct List {
    lock: cell::UnsafeCell<KSPIN_LOCK>,
    ends: UnsafeCell<Ends>,
}

// SAFETY: the ends are reached under the lock only; what is in the list may be completed on any thread.
unsafe impl Send for List {}
// SAFETY: the lock lets one thread at a time reach them.
unsafe impl Sync for List {}

#[derive(Debug)]
struct Ends {
    first: *mut Waiting,
    last: *mut Waiting,
}

impl Ends {
    /// # Safety
    /// `waiting` is the state of a wait in this list that is not linked, and whose IRP becomes the list's to complete.
    unsafe fn push(&mut self, waiting: NonNull<Waiting>, irp: Irp) {
        // SAFETY: the IRP's submission keeps the block.
        unsafe { exchange(waiting, Link { irp: Some(irp), ..Link::NONE }) };
        let last = NonNull::new(self.last);
        self.link(last, Some(waiting));
        self.link(Some(waiting), None);
    }

    /// Takes out the wait that came first, and gives its IRP.
    fn pop(&mut self) -> Option<Irp> {
        let first = NonNull::new(self.first)?;
        // SAFETY: a wait in the list.
        unsafe { self.remove(first) }
    }

    /// Takes a wait out, and gives its IRP, if it is linked.
    ///
    /// # Safety
    /// `waiting` is the state of a wait in this list, whose submission is kept.
    unsafe fn remove(&mut self, waiting: NonNull<Waiting>) -> Option<Irp> {
        // SAFETY: the submission keeps the block.
        let Link { irp, next, previous } = unsafe { exchange(waiting, Link::NONE) };
        if irp.is_some() {
            self.link(NonNull::new(previous), NonNull::new(next));
        }
        irp
    }

    /// Makes two waits of the list, or a wait and an end of the list, neighbours.
    fn link(&mut self, previous: Option<NonNull<Waiting>>, next: Option<NonNull<Waiting>>) {
        let to_pointer = |waiting: Option<NonNull<Waiting>>| waiting.map_or(ptr::null_mut(), NonNull::as_ptr);
        match previous {
            Some(waiting) => {
                // SAFETY: a wait in the list, whose IRP keeps the block.
                let link = unsafe { waiting.as_ref() }.link.get();
                // SAFETY: the lock is held, by the invariant of `List`.
                unsafe { (*link).next = to_pointer(next) };
            }
            None => self.first = to_pointer(next),
        }
        match next {
            Some(waiting) => {
                // SAFETY: a wait in the list, whose IRP keeps the block.
                let link = unsafe { waiting.as_ref() }.link.get();
                // SAFETY: the lock is held, by the invariant of `List`.
                unsafe { (*link).previous = to_pointer(previous) };
            }
            None => self.last = to_pointer(previous),
        }
    }
}

/// Gives a wait another link, and tells which it had.
///
/// # Safety
/// The block is kept, and the lock of the wait's list is held.
unsafe fn exchange(waiting: NonNull<Waiting>, new: Link) -> Link {
    // SAFETY: the caller's promise.
    let link = unsafe { waiting.as_ref() }.link.get();
    // SAFETY: the caller's promise: by the invariant of `List` nobody else touches the link.
    unsafe { link.replace(new) }
}

impl List {
    fn with<R>(&self, f: impl FnOnce(&mut Ends) -> R) -> R {
        // SAFETY: IRQL <= DISPATCH_LEVEL, as everywhere in this crate; `f` does not come back here.
        let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        // SAFETY: the lock is held, so nobody else reaches the list.
        let result = f(unsafe { &mut *self.ends.get() });
        // SAFETY: acquired above, on this thread, from this level.
        unsafe { KeReleaseSpinLock(self.lock.get(), irql) };
        result
    }

    /// Completes the IRP of the wait that came first; false if there is none.
    fn complete_one(&self, status: i32) -> bool {
        let irp = self.with(Ends::pop);
        if let Some(irp) = irp {
            // SAFETY: the IRP was the list's, and was taken out of it.
            unsafe { irp.complete(status) };
        }
        irp.is_some()
    }
}

/// Where operations wait for the driver itself.
///
/// An operation that is submitted here waits until it is woken, is cancelled, or its time limit passes. Its result goes
/// the usual way: so no matter what a request waits for, it has one way to end.
///
/// Everything may be called at IRQL <= `DISPATCH_LEVEL`, from an event's handler too. To lose no wake-up, submit first,
/// and then look whether what the operation waits for is there already.
///
/// ```
/// use core::sync::atomic::{AtomicU32, Ordering};
/// use wsk::{CompletionQueue, Op, Waiters};
///
/// # use std::ffi::c_void;
/// # use wsk::{Doorbell, Passive};
/// # fn main() { hosted(|| driver().unwrap()); }
/// # fn hosted(driver: impl FnOnce()) {
/// #     let machine = ntos::Machine::boot(ntos::Config::default());
/// #     let entered = machine.enter();
/// #     driver();
/// #     drop(entered);
/// #     machine.shutdown();
/// # }
/// /// Letters that have come, and the requests of those who wait for one.
/// struct Mailbox {
///     letters: AtomicU32,
///     waiters: Waiters,
/// }
///
/// impl Mailbox {
///     /// A letter comes: from the handler of an event, for example.
///     fn put(&self) {
///         self.letters.fetch_add(1, Ordering::Release);
///         self.look();
///     }
///
///     fn look(&self) {
///         if self.letters.load(Ordering::Acquire) > 0 {
///             let _ = self.waiters.wake_one(); // false: nobody waits, and the letter stays
///         }
///     }
///
///     /// Takes a letter; none, if another was faster.
///     fn take(&self) -> Option<u32> {
///         self.letters.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |letters| letters.checked_sub(1)).ok()
///     }
/// }
///
/// # unsafe fn enqueue_work_item(_: *mut c_void) {}
/// # fn driver() -> wsk::Result {
/// # let passive = &Passive::check().unwrap();
/// # let doorbell = unsafe { Doorbell::new(enqueue_work_item, std::ptr::null_mut()) };
/// let mailbox = Mailbox { letters: AtomicU32::new(0), waiters: Waiters::new()? };
/// let queue = CompletionQueue::<_, wsk::Result>::new(doorbell, passive)?;
/// // A request of the driver's: it waits for a letter, for a cancel, or for its time limit.
/// mailbox.waiters.submit_and_look(&queue, Op::new(())?, None, || mailbox.look());
/// mailbox.put();
///
/// // In the work item:
/// for (woken, op) in queue.drain() {
///     woken?;
///     if mailbox.take().is_none() {
///         mailbox.waiters.submit_and_look(&queue, op, None, || mailbox.look());
///     }
/// }
/// # assert!(mailbox.waiters.is_empty());
/// # assert_eq!(mailbox.letters.load(Ordering::Relaxed), 0);
/// # drop(queue);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Waiters {
    list: Shared<List>,
}

impl Waiters {
    /// A place to wait.
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
    pub fn new() -> Result<Waiters> {
        let ends = Ends { first: ptr::null_mut(), last: ptr::null_mut() };
        // Zero is an initialised spin lock, by the header's `KeInitializeSpinLock`.
        let list = List { lock: cell::UnsafeCell::new(0), ends: UnsafeCell::new(ends) };
        Ok(Waiters { list: Shared::new(list)? })
    }

    /// Submits an operation; its result goes to `to`.
    ///
    /// With a time limit of zero nothing can wake it in time: see [`Waiters::submit_and_look`].
    pub fn submit_to<'q, B, T, D, S>(&self, to: &D, op: Op<B>, limit: impl IntoLimit) -> S
    where
        B: Send + 'static,
        T: for<'l> FromCompletion<WaitRequest<'l>>,
        D: for<'l> Destination<'q, B, WaitRequest<'l>, T, Submitted = S>,
    {
        self.submit_and_look(to, op, limit, || ())
    }

    /// As [`Waiters::submit_to`], and then calls `look`, which looks whether what the operation waits for is there already,
    /// and wakes it if so. A time limit of zero passes after that, so what is there at once never loses against it.
    pub fn submit_and_look<'q, B, T, D, S>(
        &self,
        to: &D,
        op: Op<B>,
        limit: impl IntoLimit,
        look: impl Fn(),
    ) -> S
    where
        B: Send + 'static,
        T: for<'l> FromCompletion<WaitRequest<'l>>,
        D: for<'l> Destination<'q, B, WaitRequest<'l>, T, Submitted = S>,
    {
        let entry = Entry { list: &self.list, look: &look };
        op.submit_to(to, &entry, WaitRequest { _look: PhantomData }, limit.into_limit())
    }

    /// Ends the wait of the operation that has waited longest, with a success; false if none waits.
    #[must_use = "nobody may have waited"]
    pub fn wake_one(&self) -> bool {
        self.list.complete_one(STATUS_SUCCESS)
    }

    /// Ends the wait of every operation that waits now, with this error.
    pub fn fail_all(&self, error: Error) {
        while self.list.complete_one(error.status()) {}
    }

    /// Whether no operation waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.with(|ends| ends.first.is_null())
    }
}

impl Drop for Waiters {
    fn drop(&mut self) {
        self.fail_all(Error::CANCELLED);
    }
}

/// The request of an operation that [waits for the driver itself](Waiters).
#[derive(Debug)]
pub struct WaitRequest<'l> {
    _look: PhantomData<&'l ()>,
}

/// Where it waits, and what looks, once it does, whether what it waits for is there already.
pub struct Entry<'l> {
    list: &'l Shared<List>,
    look: &'l dyn Fn(),
}

impl Request for WaitRequest<'_> {
    type Output = ();
}

// SAFETY: the call gives the IRP to the list, which completes it once, when it takes the wait out; the wait is the state.
unsafe impl<'l, B> Submit<B> for WaitRequest<'l> {
    type Target = Entry<'l>;
    type State = Waiting;

    fn prepare(self, entry: &Entry<'l>, _: &mut B, state: &mut MaybeUninit<Waiting>) -> Result {
        state.write(Waiting { list: entry.list.clone(), link: UnsafeCell::new(Link::NONE) });
        Ok(())
    }

    unsafe fn call(entry: &Entry<'l>, waiting: NonNull<Waiting>, irp: Irp) -> Result {
        // SAFETY: the state of a wait in this list, submitted just now and not linked.
        entry.list.with(|ends| unsafe { ends.push(waiting, irp) });
        (entry.look)();
        Ok(())
    }

    /// In constant time, however many wait.
    unsafe fn cancel(waiting: NonNull<Waiting>, _: Irp) {
        // SAFETY: the caller's reference to the submission keeps the state.
        let list = &unsafe { waiting.as_ref() }.list;
        // SAFETY: that keeps it, too; this is the list of the wait.
        if let Some(irp) = list.with(|ends| unsafe { ends.remove(waiting) }) {
            // SAFETY: the IRP was the list's, and was taken out of it.
            unsafe { irp.complete(STATUS_CANCELLED) };
        }
    }

    fn complete(_: &mut Waiting, _: &mut B, status: IoStatus) -> Result {
        status.check()
    }
}

impl FromCompletion<WaitRequest<'_>> for Completion<'_> {
    fn from_completion(result: Result) -> Self {
        Completion::Wait(result)
    }
}
