//! A spin lock around a value.
#![expect(unsafe_code, reason = "a lock gives exclusive access through a shared reference")]

use core::cell::UnsafeCell;

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

impl<T> SpinLock<T> {
    /// An unlocked value. Zero is an initialised spin lock, by the header's `KeInitializeSpinLock`.
    pub(crate) const fn new(value: T) -> SpinLock<T> {
        SpinLock { lock: UnsafeCell::new(0), value: UnsafeCell::new(value) }
    }

    /// Runs `f` with the value, at `DISPATCH_LEVEL`. It must not complete a request or call WSK.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: IRQL <= DISPATCH_LEVEL, as everywhere in the driver; the lock is not held by this thread, because
        // `f` has no way back here with the same value but through a reference that it is not given.
        let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        // SAFETY: the lock is held, so nobody else reaches the value.
        let result = f(unsafe { &mut *self.value.get() });
        // SAFETY: acquired above, on this thread, from this level.
        unsafe { KeReleaseSpinLock(self.lock.get(), irql) };
        result
    }
}
