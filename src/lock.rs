//! A spin lock around a value.
#![expect(unsafe_code, reason = "a lock gives exclusive access through a shared reference")]

use core::cell::UnsafeCell;

use wsk::DispatchDrop;
use wsk_sys::{KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock};

/// A value behind a spin lock, in non-paged memory.
#[derive(Debug, Default)]
pub(crate) struct SpinLock<T> {
    lock: UnsafeCell<KSPIN_LOCK>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached under the lock only, by one thread at a time.
unsafe impl<T: Send> Send for SpinLock<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SpinLock<T> {}

// SAFETY: only the value is dropped.
unsafe impl<T: DispatchDrop> DispatchDrop for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// An unlocked value. Zero is an initialised spin lock, by the header's `KeInitializeSpinLock`.
    pub(crate) const fn new(value: T) -> SpinLock<T> {
        SpinLock { lock: UnsafeCell::new(0), value: UnsafeCell::new(value) }
    }

    /// Runs `f` with the value, at `DISPATCH_LEVEL`. It must not complete a request or call WSK.
    ///
    /// It is `Send`, so it brings no proof of `PASSIVE_LEVEL` along: a [`Passive`](wsk::Passive) stays on its thread.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R + Send) -> R {
        self.with_argument((), |value, ()| f(value))
    }

    /// As [`SpinLock::with`], with an argument that need not be `Send`, and so is named.
    pub(crate) fn with_argument<A, R>(&self, argument: A, f: impl FnOnce(&mut T, A) -> R + Send) -> R {
        // SAFETY: IRQL <= DISPATCH_LEVEL, as everywhere in the driver; the lock is not held by this thread, because
        // `f` has no way back here with the same value but through a reference that it is not given.
        let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        // SAFETY: the lock is held, so nobody else reaches the value.
        let result = f(unsafe { &mut *self.value.get() }, argument);
        // SAFETY: acquired above, on this thread, from this level.
        unsafe { KeReleaseSpinLock(self.lock.get(), irql) };
        result
    }
}
