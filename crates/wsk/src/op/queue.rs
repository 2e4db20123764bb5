//! The completion queue: where finished operations wait for a driver whose threads never do.
#![expect(unsafe_code, reason = "the queue is an intrusive list of operations")]

use core::cell;
use core::ffi::c_void;
use core::iter::FusedIterator;
use core::marker::PhantomData;
use core::mem::{self, ManuallyDrop};
use core::ptr::{self, NonNull};

use wsk_sys::{
    Executive, FALSE, KEVENT, KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc, KeInitializeEvent, KeReleaseSpinLock,
    KeSetEvent, KeWaitForSingleObject, KernelMode, SynchronizationEvent,
};

use super::Op;
use super::batch::Batch;
use super::block::{Block, Header};
use super::destination::UnlessDone;
use crate::error::Result;
use crate::fatal;
use crate::irql::Passive;
use crate::pool::Shared;
use nt::sync::{AtomicPtr, AtomicUsize, Ordering, UnsafeCell};

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
    /// How many operations were taken from the queue, ever; it goes round, as `submitted` does.
    taken: usize,
}

/// The part of a queue that submitted operations know.
///
/// # Invariants
/// `ready` is touched under `lock` only. The operations in it, and those behind `head`, are the queue's, with the
/// owner's handle.
#[derive(Debug)]
pub(crate) struct Inner {
    /// The operations that have arrived, the last one first.
    head: AtomicPtr<Header>,
    lock: cell::UnsafeCell<KSPIN_LOCK>,
    ready: UnsafeCell<Ready>,
    /// How many operations were submitted to the queue, ever.
    submitted: AtomicUsize,
    /// How many threads may ring the doorbell now: each counts itself before its operation can be taken.
    ringing: AtomicUsize,
    /// How many threads wait until there is nothing to wait for.
    waiting: AtomicUsize,
    /// Set, if somebody waits, when an operation was taken, and when a thread has rung.
    stepped: cell::UnsafeCell<KEVENT>,
    doorbell: Doorbell,
}

// SAFETY: arrivals and counts are atomic, the rest is reached under a lock, its own or the dispatcher's, and the doorbell
// may be rung on any thread (`Doorbell::new`).
unsafe impl Send for Inner {}
// SAFETY: arrivals and counts are atomic, the rest is reached under a lock, its own or the dispatcher's, and the
// doorbell may be rung on any thread (`Doorbell::new`).
unsafe impl Sync for Inner {}

/// A queue, as an operation knows it that was submitted to it: a handle that is not counted, as the queue's drop waits
/// until the operation was taken.
#[derive(Debug)]
pub struct Expecting(ManuallyDrop<Shared<Inner>>);

impl Expecting {
    /// A queue's handle once more, not counted.
    ///
    /// # Safety
    /// It is not used when the queue is gone.
    unsafe fn new(handle: &Shared<Inner>) -> Expecting {
        // SAFETY: the copy is never dropped, and not used longer than the handle that is.
        Expecting(ManuallyDrop::new(unsafe { ptr::read(handle) }))
    }

    /// An operation that was expected has finished, and does not come. Whoever has submitted it keeps the queue.
    pub(super) fn forget(self) {
        self.0.forget();
    }

    /// Puts a finished operation in the queue, and rings the doorbell if the queue was empty.
    ///
    /// # Safety
    /// `header` is that of an operation whose result is being delivered to this queue, with the owner's handle.
    #[inline]
    pub(super) unsafe fn push(self, header: NonNull<Header>) {
        // SAFETY: the caller has the owner's handle.
        let next = unsafe { &header.as_ref().next };
        let first = self.0.head.load(Ordering::Relaxed);
        if !first.is_null() {
            next.store(first, Ordering::Relaxed);
            // Release: the result, and `next`, are seen by whoever takes the list. From then on the operation is theirs,
            // and the queue is not touched any more.
            let pushed =
                self.0.head.compare_exchange(first, header.as_ptr(), Ordering::Release, Ordering::Relaxed);
            if pushed.is_ok() {
                return;
            }
        }
        // SAFETY: passed on.
        unsafe { self.push_with_bell(header) };
    }

    /// As [`push`](Expecting::push), of what may find the queue empty.
    ///
    /// # Safety
    /// As [`push`](Expecting::push).
    #[inline(never)]
    unsafe fn push_with_bell(self, header: NonNull<Header>) {
        // SAFETY: the caller has the owner's handle.
        let next = unsafe { &header.as_ref().next };
        // Whoever may find the queue empty rings: so it keeps the queue, before its operation, with which that may go.
        let Bell(queue) = &Bell::new(&self.0);
        let mut first = queue.head.load(Ordering::Relaxed);
        loop {
            next.store(first, Ordering::Relaxed);
            // Release: as in `push`.
            match queue.head.compare_exchange_weak(
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
            // until the bell is.
            unsafe { (queue.doorbell.ring)(queue.doorbell.context) };
        }
    }
}

/// The right to ring a queue's doorbell: the queue is not dropped before.
///
/// # Invariants
/// This is counted in `ringing`.
struct Bell(Shared<Inner>);

impl Bell {
    fn new(queue: &Shared<Inner>) -> Bell {
        // Relaxed: it is seen with the operation, whose push releases it.
        queue.ringing.fetch_add(1, Ordering::Relaxed);
        // INVARIANT: counted just now.
        Bell(queue.clone())
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        // Release: the ringing is over for whoever sees this. Acquire: pairs with `is_over`, so that who has looked before
        // is seen waiting.
        self.0.ringing.fetch_sub(1, Ordering::AcqRel);
        self.0.step();
    }
}

impl Inner {
    /// Wakes who waits, to look again.
    fn step(&self) {
        // Relaxed: see where it is counted.
        if self.waiting.load(Ordering::Relaxed) != 0 {
            // SAFETY: the event was initialised with the queue, which the caller keeps.
            unsafe { KeSetEvent(self.stepped.get(), 0, FALSE) };
        }
    }

    /// An operation that was expected has finished, and does not come. The caller keeps the queue.
    fn forget(&self) {
        self.submitted.fetch_sub(1, Ordering::Relaxed);
        // A step among those of the bells: it is seen by who waits from now on, and sees who waits already.
        self.ringing.fetch_add(0, Ordering::AcqRel);
        self.step();
    }

    /// Whether every operation that was submitted was taken, and nobody rings. Who asks is counted in `waiting`.
    fn is_over(&self) -> bool {
        // Under the lock: whoever takes an operation afterwards sees who waits.
        let taken = self.with(|ready| ready.taken);
        // Acquire, and a step of its own: as in the drop of a `Bell`, which comes before it, or after it and sees who waits.
        taken == self.submitted.load(Ordering::Relaxed) && self.ringing.fetch_add(0, Ordering::AcqRel) == 0
    }

    /// Waits until it is over; `look` does what may be done about it, each time.
    fn wait(&self, look: impl Fn()) {
        fatal::unless_it_can_wait();
        // Relaxed: the lock, or the count of those who ring, orders it.
        self.waiting.fetch_add(1, Ordering::Relaxed);
        loop {
            // A step among those of the bells: one that ended before it has put its operation where `look` finds it, and
            // one that ends after it sees who waits.
            self.ringing.fetch_add(0, Ordering::AcqRel);
            look();
            if self.is_over() {
                break;
            }
            let event = self.stepped.get();
            // SAFETY: `unless_it_can_wait` has seen that the thread may; the event lives in the queue. It is set at every
            // step, so the wait ends when there is less to wait for.
            unsafe { KeWaitForSingleObject(event.cast(), Executive, KernelMode, FALSE, ptr::null()) };
        }
        // The event releases one waiter at a time: on to the next.
        self.step();
        self.waiting.fetch_sub(1, Ordering::Relaxed);
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

    /// Takes all operations that are ready: the first, through which the others are reached.
    pub(super) fn take(&self) -> *mut Header {
        self.with(|ready| {
            (ready.last, ready.count) = (ptr::null_mut(), 0);
            mem::take(&mut ready.first)
        })
    }

    /// Counts so many as taken that were among [those](Inner::take), and puts the rest back before all that are ready since.
    pub(super) fn give_back(&self, rest: *mut Header, taken: usize) {
        let (mut last, mut count) = (NonNull::new(rest), 0);
        while let Some(header) = last {
            count += 1;
            // SAFETY: the operations of the list are the caller's.
            match NonNull::new(unsafe { header.as_ref() }.next.load(Ordering::Relaxed)) {
                None => break,
                next => last = next,
            }
        }
        self.with(|ready| {
            ready.taken = ready.taken.wrapping_add(taken);
            if let Some(last) = last {
                // SAFETY: an operation of the list.
                unsafe { last.as_ref() }.next.store(ready.first, Ordering::Relaxed);
                if ready.first.is_null() {
                    ready.last = last.as_ptr();
                }
                ready.first = rest;
                ready.count += count;
            }
        });
        self.step();
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
            ready.taken = ready.taken.wrapping_add(1);
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
            lock: cell::UnsafeCell::new(0),
            ready: UnsafeCell::new(Ready {
                first: ptr::null_mut(),
                last: ptr::null_mut(),
                count: 0,
                taken: 0,
            }),
            submitted: AtomicUsize::new(0),
            ringing: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            stepped: cell::UnsafeCell::new(KEVENT::ZERO),
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

    /// As [`drain`](CompletionQueue::drain), with a function that is called for each: what all of them have in common is done once.
    ///
    /// Other threads that drain get what arrives meanwhile. If the function panics, the next drain takes what is left. It does not wait
    /// for the queue to be [run down](CompletionQueue::run_down), which counts an operation as taken when the last one was.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn drain_with(&self, mut f: impl FnMut(T, Op<B>)) {
        if self.inner.gather() == 0 {
            return;
        }
        let mut batch = Batch::take(&self.inner);
        while let Some(header) = batch.next() {
            // SAFETY: the result was delivered to the queue, with the owner's handle. Only operations for a `T`, with the
            // buffers `B`, are submitted to this queue.
            let (result, op) = unsafe { Op::take(header.cast::<Block<B>>()) };
            f(result, op);
        }
    }

    /// This queue, as the destination of what is not done when WSK has returned; what is done comes back at once.
    #[must_use]
    pub const fn unless_done(&self) -> UnlessDone<'_, 'r, B, T> {
        UnlessDone(self)
    }

    /// Waits until every operation that was submitted to the queue has been taken from it, and the doorbell has rung
    /// for the last time. Somebody else does the taking.
    ///
    /// For a driver that unloads: afterwards, what the doorbell started can be flushed, and the queue dropped.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    pub fn run_down(&self, _: &Passive) {
        self.inner.wait(|| ());
    }

    /// A handle for an operation that is about to be submitted.
    pub(crate) fn expect(&self) -> Expecting {
        // Relaxed: whoever looks for the end does so after the submissions, or cannot know of them.
        self.inner.submitted.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the drop of the queue waits until the operation, counted just now, was taken.
        unsafe { Expecting::new(&self.inner) }
    }
}

impl<B: Send + 'static, T> Drop for CompletionQueue<'_, B, T> {
    fn drop(&mut self) {
        self.inner.wait(|| drop(self.drain()));
    }
}

/// The operations that are to be taken from a queue, one by one, each with what was made of its result. Those not
/// looked at are dropped with it.
///
/// Until it is looked at, an operation stays the queue's: should this value be forgotten, the next drain takes it. After the end
/// there are no more, also if others arrive.
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
        let Some(header) = self.queue.inner.pop() else {
            // Others drain as well, and have taken all there was. What is ready from now on is theirs, whose gathering it was: this
            // one has ended, and its drop takes nothing more.
            self.left = 0;
            return None;
        };
        // SAFETY: the result was delivered to the queue, with the owner's handle. Only operations for a `T`, with the buffers
        // `B`, are submitted to this queue.
        let taken = unsafe { Op::take(header.cast::<Block<B>>()) };
        self.queue.inner.step();
        Some(taken)
    }
}

impl<B: Send + 'static, T> FusedIterator for Drain<'_, '_, B, T> {}

impl<B: Send + 'static, T> Drop for Drain<'_, '_, B, T> {
    fn drop(&mut self) {
        while self.next().is_some() {}
    }
}
