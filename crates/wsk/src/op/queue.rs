//! The completion queue: where finished operations wait for a driver whose threads never do.
#![expect(unsafe_code, reason = "the queue is an intrusive list of operations")]

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};

use wsk_sys::{
    Executive, FALSE, KEVENT, KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc, KeInitializeEvent, KeReleaseSpinLock,
    KeSetEvent, KeWaitForSingleObject, KernelMode, SynchronizationEvent,
};

use super::block::{Block, Header};
use super::{Op, submit};
use crate::error::Result;
use crate::fatal;
use crate::irql::Passive;
use crate::pool::Shared;
use crate::sync::{AtomicPtr, AtomicUsize, Ordering};

/// What a queue does when something arrives in it while it is empty: typically, it enqueues a work item.
///
/// It can ring again before what it started has run, and ring late, after somebody else has drained the queue. So
/// what it starts must bear both. `WdfWorkItemEnqueue` does: a work item that is enqueued already stays so. With
/// `IoQueueWorkItem`, which does not, ring through a flag that the work item clears before it drains.
#[derive(Clone, Copy, Debug)]
pub struct Doorbell {
    ring: unsafe fn(*mut c_void),
    context: *mut c_void,
}

impl Doorbell {
    /// A doorbell that calls `ring(context)`.
    ///
    /// # Safety
    /// While the queue lives, `ring(context)` may be called at any IRQL <= `DISPATCH_LEVEL`, on any thread, by
    /// several threads at a time. It does not wait and calls no WSK function. A queue that is leaked lives for ever.
    #[must_use]
    pub const unsafe fn new(ring: unsafe fn(*mut c_void), context: *mut c_void) -> Doorbell {
        Doorbell { ring, context }
    }
}

/// Finished operations that a drainer has moved out of the way of others that arrive, in the order of completion.
#[derive(Debug)]
struct Ready {
    first: *mut Header,
    last: *mut Header,
    count: usize,
}

/// The part of a queue that submitted operations keep.
///
/// # Invariants
/// `ready` is touched under `lock` only. The operations in it, and those behind `head`, are the queue's, with the
/// owner's handle.
#[derive(Debug)]
pub(crate) struct Inner {
    /// The operations that have arrived, the last one first.
    head: AtomicPtr<Header>,
    lock: UnsafeCell<KSPIN_LOCK>,
    ready: UnsafeCell<Ready>,
    /// Two for each operation submitted to the queue: one until it has arrived, one until it is taken. Each operation is a
    /// block of memory, so this number cannot wrap.
    outstanding: AtomicUsize,
    /// Set at every step that `outstanding` counts.
    stepped: UnsafeCell<KEVENT>,
    doorbell: Doorbell,
}

// SAFETY: arrivals and count are atomic, the rest is reached under a lock, its own or the dispatcher's, and the doorbell
// may be rung on any thread (`Doorbell::new`).
unsafe impl Send for Inner {}
// SAFETY: arrivals and count are atomic, the rest is reached under a lock, its own or the dispatcher's, and the
// doorbell may be rung on any thread (`Doorbell::new`).
unsafe impl Sync for Inner {}

impl Inner {
    /// Puts a finished operation in the queue, and rings the doorbell if the queue was empty.
    ///
    /// # Safety
    /// `header` is that of an operation whose result is being delivered to this queue, with the owner's handle.
    pub(crate) unsafe fn push(this: &Shared<Inner>, header: NonNull<Header>) {
        // SAFETY: the caller has the owner's handle.
        let next = unsafe { &header.as_ref().next };
        let mut first = this.head.load(Ordering::Relaxed);
        loop {
            next.store(first, Ordering::Relaxed);
            // Release: the result, and `next`, are seen by whoever takes the list. From then on the operation is theirs.
            match this.head.compare_exchange_weak(
                first,
                header.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => first = now,
            }
        }
        if first.is_null() {
            // SAFETY: the queue lives, so the doorbell may be rung here (`Doorbell::new`): whoever drops it waits
            // for the step that follows.
            unsafe { (this.doorbell.ring)(this.doorbell.context) };
        }
        this.step();
    }

    /// Counts down one of an operation's two steps.
    fn step(&self) {
        // Release: what was done until now is seen by whoever drops the queue.
        self.outstanding.fetch_sub(1, Ordering::Release);
        // SAFETY: the event was initialised with the queue, which the caller keeps.
        unsafe { KeSetEvent(self.stepped.get(), 0, FALSE) };
    }

    /// Moves what has arrived to what is ready, in the order of completion, and tells how many operations are ready now.
    fn gather(&self) -> usize {
        // Acquire: pairs with the release of each push.
        let newest = self.head.swap(ptr::null_mut(), Ordering::Acquire);
        let (mut rest, mut first, mut count) = (newest, ptr::null_mut(), 0);
        while let Some(header) = NonNull::new(rest) {
            // SAFETY: the operations of the list are the taker's.
            let next = unsafe { &header.as_ref().next };
            rest = next.swap(first, Ordering::Relaxed);
            first = header.as_ptr();
            count += 1;
        }
        self.with(|ready| {
            if let Some(oldest) = NonNull::new(first) {
                match NonNull::new(ready.last) {
                    // SAFETY: an operation that is ready is the queue's.
                    Some(last) => unsafe { last.as_ref() }.next.store(oldest.as_ptr(), Ordering::Relaxed),
                    None => ready.first = oldest.as_ptr(),
                }
                ready.last = newest;
                ready.count += count;
            }
            ready.count
        })
    }

    /// Takes the operation that is ready for longest.
    fn pop(&self) -> Option<NonNull<Header>> {
        self.with(|ready| {
            let first = NonNull::new(ready.first)?;
            // SAFETY: an operation that is ready is the queue's.
            ready.first = unsafe { first.as_ref() }.next.load(Ordering::Relaxed);
            if ready.first.is_null() {
                ready.last = ptr::null_mut();
            }
            ready.count -= 1;
            Some(first)
        })
    }

    fn with<R>(&self, f: impl FnOnce(&mut Ready) -> R) -> R {
        // SAFETY: IRQL <= DISPATCH_LEVEL, as everywhere in this crate; `f` does not come back here.
        let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        // SAFETY: the lock is held, so nobody else reaches what is ready.
        let result = f(unsafe { &mut *self.ready.get() });
        // SAFETY: acquired above, on this thread, from this level.
        unsafe { KeReleaseSpinLock(self.lock.get(), irql) };
        result
    }
}

/// Where operations with the buffers `B` go when they have finished, to be taken in the order of their completion.
///
/// With each comes a `T`, made of the result of its request: [`Completion`](crate::Completion), which says what request
/// it was; for a queue of one kind of request, its `Result`; or a type of the driver's own. See [`FromCompletion`](super::FromCompletion).
///
/// The doorbell is rung whenever something arrives in an empty queue; what it starts, a work item, takes everything
/// there is with [`CompletionQueue::drain`]. Several threads may drain at a time; each operation goes to one.
///
/// A socket or a security descriptor that was asked for through the queue is in it until it is taken. So the queue borrows
/// the registration that they are of, for as long as `'r`, and is gone before the registration is.
///
/// Dropping the queue waits for every operation that was submitted to it, so it is dropped at `PASSIVE_LEVEL`,
/// after the sockets whose close cancels what is pending. At `DISPATCH_LEVEL` the drop is a bug check.
#[derive(Debug)]
pub struct CompletionQueue<'r, B: Send + 'static, T> {
    inner: Shared<Inner>,
    /// What goes in comes out.
    _operations: PhantomData<fn(Op<B>) -> Op<B>>,
    _results: PhantomData<fn(T) -> T>,
    /// With a longer lifetime a socket could outlive its registration, and with a shorter one
    /// such a socket could be put in.
    _registration: PhantomData<fn(&'r ()) -> &'r ()>,
}

impl<'r, B: Send + 'static, T> CompletionQueue<'r, B, T> {
    /// Makes a queue.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES)
    pub fn new(doorbell: Doorbell, _: &Passive) -> Result<CompletionQueue<'r, B, T>> {
        let inner = Shared::new(Inner {
            head: AtomicPtr::new(ptr::null_mut()),
            // Zero is an initialised spin lock, by the header's `KeInitializeSpinLock`.
            lock: UnsafeCell::new(0),
            ready: UnsafeCell::new(Ready { first: ptr::null_mut(), last: ptr::null_mut(), count: 0 }),
            outstanding: AtomicUsize::new(0),
            stepped: UnsafeCell::new(KEVENT::ZERO),
            doorbell,
        })?;
        // SAFETY: the event is in non-paged memory that stays where it is.
        unsafe { KeInitializeEvent(inner.stepped.get(), SynchronizationEvent, FALSE) };
        Ok(CompletionQueue {
            inner,
            _operations: PhantomData,
            _results: PhantomData,
            _registration: PhantomData,
        })
    }

    /// Takes the operations that have finished by now, in the order of their completion.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    #[must_use]
    pub fn drain(&self) -> Drain<'_, 'r, B, T> {
        Drain { queue: self, left: self.inner.gather() }
    }

    /// Waits until every operation that was submitted to the queue has been taken from it, and the doorbell has rung
    /// for the last time. Somebody else does the taking.
    ///
    /// For a driver that unloads: afterwards, what the doorbell started can be flushed, and the queue dropped.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    pub fn run_down(&self, _: &Passive) {
        fatal::unless_it_can_wait();
        // Acquire: pairs with each step.
        while self.inner.outstanding.load(Ordering::Acquire) != 0 {
            let event = self.inner.stepped.get();
            // SAFETY: PASSIVE_LEVEL is proven; the event lives in the queue. It is set at every step, so the wait ends
            // when there is less to wait for.
            unsafe { KeWaitForSingleObject(event.cast(), Executive, KernelMode, FALSE, ptr::null()) };
        }
        // The event releases one waiter at a time: on to the next.
        // SAFETY: the event was initialised with the queue.
        unsafe { KeSetEvent(self.inner.stepped.get(), 0, FALSE) };
    }

    /// A handle for an operation that is about to be submitted.
    pub(crate) fn expect(&self) -> Shared<Inner> {
        // Relaxed: the count orders nothing until a step is taken.
        self.inner.outstanding.fetch_add(2, Ordering::Relaxed);
        self.inner.clone()
    }
}

impl<B: Send + 'static, T> Drop for CompletionQueue<'_, B, T> {
    fn drop(&mut self) {
        fatal::unless_it_can_wait();
        loop {
            drop(self.drain());
            // Acquire: pairs with each step.
            if self.inner.outstanding.load(Ordering::Acquire) == 0 {
                return;
            }
            let event = self.inner.stepped.get();
            // SAFETY: the queue is dropped at PASSIVE_LEVEL, as its documentation demands; the event lives in it. It
            // is set at every step, so the wait ends when there is something to drain or nothing to wait for.
            unsafe { KeWaitForSingleObject(event.cast(), Executive, KernelMode, FALSE, ptr::null()) };
        }
    }
}

/// The operations that are to be taken from a queue, one by one, each with what was made of its result. Those not
/// looked at are dropped with it.
///
/// Until it is looked at, an operation stays the queue's: should this value be forgotten, the next drain takes it.
#[derive(Debug)]
pub struct Drain<'q, 'r, B: Send + 'static, T> {
    queue: &'q CompletionQueue<'r, B, T>,
    /// At most so many: what arrives meanwhile rings for another drain.
    left: usize,
}

impl<B: Send + 'static, T> Iterator for Drain<'_, '_, B, T> {
    type Item = (T, Op<B>);

    fn next(&mut self) -> Option<(T, Op<B>)> {
        self.left = self.left.checked_sub(1)?;
        // None: others drain as well, and have taken it.
        let header = self.queue.inner.pop()?;
        // SAFETY: the result was delivered to the queue, with the owner's handle. Only operations for a `T` are submitted
        // to this queue.
        let result = unsafe { submit::take(header) };
        // SAFETY: the owner's handle. Only operations with the buffers `B` are submitted to this queue.
        let op = unsafe { Op::from_raw(header.cast::<Block<B>>()) };
        self.queue.inner.step();
        Some((result, op))
    }
}

impl<B: Send + 'static, T> Drop for Drain<'_, '_, B, T> {
    fn drop(&mut self) {
        while self.next().is_some() {}
    }
}
