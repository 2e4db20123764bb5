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
use crate::sync::Ordering;

/// The operations that wait, first come first.
///
/// # Invariants
/// `list` is touched under `lock` only. Each operation in it is in a flight whose provider's part is the list's.
#[derive(Debug)]
pub(crate) struct Parked {
    lock: UnsafeCell<KSPIN_LOCK>,
    list: UnsafeCell<List>,
}

// SAFETY: the list is reached under the lock only; what is in it may be finished on any thread.
unsafe impl Send for Parked {}
// SAFETY: as above.
unsafe impl Sync for Parked {}

/// A list through `Header::next`.
#[derive(Debug)]
struct List {
    first: *mut Header,
    last: *mut Header,
}

impl List {
    /// # Safety
    /// `header` is that of an operation in flight, which is in no list.
    unsafe fn push(&mut self, header: NonNull<Header>) {
        // SAFETY: the list's part in the flight keeps the block.
        unsafe { header.as_ref() }.next.store(ptr::null_mut(), Ordering::Relaxed);
        match NonNull::new(self.last) {
            // SAFETY: as above, of an operation in the list.
            Some(last) => unsafe { last.as_ref() }.next.store(header.as_ptr(), Ordering::Relaxed),
            None => self.first = header.as_ptr(),
        }
        self.last = header.as_ptr();
    }

    fn pop(&mut self) -> Option<NonNull<Header>> {
        let first = NonNull::new(self.first)?;
        // SAFETY: the list's part in the flight keeps the block.
        self.first = unsafe { first.as_ref() }.next.load(Ordering::Relaxed);
        if self.first.is_null() {
            self.last = ptr::null_mut();
        }
        Some(first)
    }

    /// Takes an operation out, if it is in the list.
    fn remove(&mut self, wanted: NonNull<Header>) -> bool {
        let mut found = false;
        let mut others = List { first: ptr::null_mut(), last: ptr::null_mut() };
        while let Some(header) = self.pop() {
            if header == wanted {
                found = true;
            } else {
                // SAFETY: it was taken out of this list just now.
                unsafe { others.push(header) };
            }
        }
        *self = others;
        found
    }
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
    /// Its flight has begun, and the provider's part in it becomes the list's.
    pub(crate) unsafe fn enter(&self, header: NonNull<Header>) {
        // SAFETY: passed on.
        self.with(|list| unsafe { list.push(header) });
    }

    /// Cancels an operation, if it still waits.
    ///
    /// # Safety
    /// The caller is a party of the operation's flight.
    pub(crate) unsafe fn revoke(&self, header: NonNull<Header>) {
        if self.with(|list| list.remove(header)) {
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
    pub fn submit_to<B: Send + 'static>(
        &self,
        queue: &CompletionQueue<B>,
        op: Op<B>,
        timeout: Option<Duration>,
    ) {
        let call = Call::Wait(self.parked.clone());
        let block = op.into_raw();
        // SAFETY: the operation was the caller's, and not in flight; the caller's handle goes to the queue.
        unsafe { submit::submit(block.cast(), &call, timeout, Some(queue.expect())) };
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
