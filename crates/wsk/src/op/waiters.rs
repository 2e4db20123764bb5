//! Operations that wait for the driver itself, and not for WSK.
//!
//! A driver that is given datagrams by an event has requests that wait for its own memory to hold some. Such a wait is
//! to be cancelled, limited in time and outlived by its owner exactly as a request of WSK's is; so it is an operation
//! as well, in a flight like any other. Only the provider's part is played by a list.
#![expect(unsafe_code, reason = "the list goes through the operations' blocks")]

use core::cell::UnsafeCell;
use core::ptr::{self, NonNull};
use core::time::Duration;

use wsk_sys::{KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock, STATUS_CANCELLED, STATUS_SUCCESS};

use super::block::Header;
use super::{CompletionQueue, Op, submit};
use crate::call::Call;
use crate::error::{Error, Result};
use crate::pool::Shared;

/// The operations that wait, first come first.
///
/// # Invariants
/// `list`, and the [`Place`] of each operation that has this as its waiters, are touched under `lock` only. Each
/// operation in the list is in a flight whose provider's part is the list's.
#[derive(Debug)]
pub(crate) struct Parked {
    lock: UnsafeCell<KSPIN_LOCK>,
    list: UnsafeCell<List>,
}

// SAFETY: the list is reached under the lock only; what is in it may be finished on any thread.
unsafe impl Send for Parked {}
// SAFETY: as above.
unsafe impl Sync for Parked {}

/// An operation's place in a list: as a `LIST_ENTRY`, so that it is taken out without a walk.
#[derive(Debug)]
pub(crate) struct Place {
    /// Whether it is in a list.
    waits: bool,
    next: *mut Header,
    previous: *mut Header,
}

impl Place {
    /// In no list.
    pub(crate) const NONE: Place = Place { waits: false, next: ptr::null_mut(), previous: ptr::null_mut() };
}

/// A list through the places of operations.
#[derive(Debug)]
struct List {
    first: *mut Header,
    last: *mut Header,
}

impl List {
    /// # Safety
    /// `header` is that of an operation in flight whose waiters this list is, and which is not in it.
    unsafe fn push(&mut self, header: NonNull<Header>) {
        // SAFETY: the flight, whose provider's part becomes the list's, keeps the block.
        unsafe { exchange(header, Place { waits: true, ..Place::NONE }) };
        let last = NonNull::new(self.last);
        self.link(last, Some(header));
        self.link(Some(header), None);
    }

    fn pop(&mut self) -> Option<NonNull<Header>> {
        let first = NonNull::new(self.first)?;
        // SAFETY: an operation in the list.
        unsafe { self.remove(first) };
        Some(first)
    }

    /// Takes an operation out, if it is in the list.
    ///
    /// # Safety
    /// `header` is that of an operation in flight whose waiters this list is.
    unsafe fn remove(&mut self, header: NonNull<Header>) -> bool {
        // SAFETY: the flight keeps the block.
        let place = unsafe { exchange(header, Place::NONE) };
        if place.waits {
            self.link(NonNull::new(place.previous), NonNull::new(place.next));
        }
        place.waits
    }

    /// Makes two operations of the list, or an operation and an end of the list, neighbours.
    fn link(&mut self, previous: Option<NonNull<Header>>, next: Option<NonNull<Header>>) {
        let to_pointer = |header: Option<NonNull<Header>>| header.map_or(ptr::null_mut(), NonNull::as_ptr);
        match previous {
            Some(header) => {
                // SAFETY: an operation in the list, whose flight keeps the block.
                let place = unsafe { header.as_ref() }.place.get();
                // SAFETY: the lock is held, by the invariant of `Parked`.
                unsafe { (*place).next = to_pointer(next) };
            }
            None => self.first = to_pointer(next),
        }
        match next {
            Some(header) => {
                // SAFETY: as above.
                let place = unsafe { header.as_ref() }.place.get();
                // SAFETY: as above.
                unsafe { (*place).previous = to_pointer(previous) };
            }
            None => self.last = to_pointer(previous),
        }
    }
}

/// Gives an operation another place, and tells which it had.
///
/// # Safety
/// The block is kept, and the lock of the operation's waiters is held.
unsafe fn exchange(header: NonNull<Header>, new: Place) -> Place {
    // SAFETY: the caller's promise.
    let place = unsafe { header.as_ref() }.place.get();
    // SAFETY: the caller's promise: by the invariant of `Parked` nobody else touches the place.
    unsafe { place.replace(new) }
}

impl Parked {
    fn with<R>(&self, f: impl FnOnce(&mut List) -> R) -> R {
        // SAFETY: IRQL <= DISPATCH_LEVEL, as everywhere in this crate; `f` does not come back here.
        let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        // SAFETY: the lock is held, so nobody else reaches the list.
        let result = f(unsafe { &mut *self.list.get() });
        // SAFETY: acquired above, on this thread, from this level.
        unsafe { KeReleaseSpinLock(self.lock.get(), irql) };
        result
    }

    /// Lets an operation wait.
    ///
    /// # Safety
    /// Its flight has begun, with this as its waiters, and the provider's part in it becomes the list's.
    pub(crate) unsafe fn enter(&self, header: NonNull<Header>) {
        // SAFETY: passed on.
        self.with(|list| unsafe { list.push(header) });
    }

    /// Cancels an operation, if it still waits: in constant time, however many wait.
    ///
    /// # Safety
    /// The caller is a party of the operation's flight, whose waiters this is.
    pub(crate) unsafe fn revoke(&self, header: NonNull<Header>) {
        // SAFETY: the caller's part in the flight keeps the block; these are the operation's waiters.
        if self.with(|list| unsafe { list.remove(header) }) {
            // SAFETY: the list's part in the flight, taken out with the operation.
            unsafe { submit::finish(header, STATUS_CANCELLED) };
        }
    }

    fn wake(&self, status: i32) -> bool {
        let header = self.with(List::pop);
        if let Some(header) = header {
            // SAFETY: as in `revoke`.
            unsafe { submit::finish(header, status) };
        }
        header.is_some()
    }
}

/// Where operations wait for the driver itself.
///
/// An operation that is submitted here stays in flight until it is woken, is cancelled, or its time limit passes. Its
/// result goes the usual way: so no matter what a request waits for, it has one way to end.
///
/// Everything may be called at IRQL <= `DISPATCH_LEVEL`, from an event's handler too. To lose no wake-up, submit first,
/// and then look whether what the operation waits for is there already.
#[derive(Debug)]
pub struct Waiters {
    parked: Shared<Parked>,
}

impl Waiters {
    /// A place to wait.
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
    pub fn new() -> Result<Waiters> {
        let list = List { first: ptr::null_mut(), last: ptr::null_mut() };
        // Zero is an initialised spin lock, by the header's `KeInitializeSpinLock`.
        let parked = Parked { lock: UnsafeCell::new(0), list: UnsafeCell::new(list) };
        Ok(Waiters { parked: Shared::new(parked)? })
    }

    /// Moves an operation into flight; its result goes to `queue`.
    ///
    /// With a time limit of zero nothing can wake it in time: see [`Waiters::submit_and_look`].
    pub fn submit_to<B: Send + 'static>(
        &self,
        queue: &CompletionQueue<'_, B>,
        op: Op<B>,
        timeout: Option<Duration>,
    ) {
        self.submit_and_look(queue, op, timeout, || ());
    }

    /// As [`Waiters::submit_to`], and then calls `look`, which looks whether what the operation waits for is there already,
    /// and wakes it if so. A time limit of zero passes after that, so what is there at once never loses against it.
    pub fn submit_and_look<B: Send + 'static>(
        &self,
        queue: &CompletionQueue<'_, B>,
        op: Op<B>,
        timeout: Option<Duration>,
        look: impl FnOnce(),
    ) {
        let call = Call::Wait(self.parked.clone());
        let block = op.into_raw();
        // SAFETY: the operation was the caller's, and not in flight; the caller's handle goes to the queue.
        unsafe { submit::submit_and(block.cast(), &call, timeout, Some(queue.expect()), look) };
    }

    /// Ends the wait of the operation that has waited longest, with a success; false if none waits.
    #[must_use = "nobody may have waited"]
    pub fn wake_one(&self) -> bool {
        self.parked.wake(STATUS_SUCCESS)
    }

    /// Ends the wait of every operation that waits now, with this error.
    pub fn fail_all(&self, error: Error) {
        while self.parked.wake(error.status()) {}
    }

    /// Whether no operation waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parked.with(|list| list.first.is_null())
    }
}

impl Drop for Waiters {
    fn drop(&mut self) {
        self.fail_all(Error::CANCELLED);
    }
}
