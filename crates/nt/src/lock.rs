//! A spin lock around a value.
#![expect(unsafe_code, reason = "a lock gives exclusive access through a shared reference")]

use core::cell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

use nt_sys::{KIRQL, KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock};

use crate::sync::UnsafeCell;

/// A value behind a spin lock (`KSPIN_LOCK`), in non-paged memory.
///
/// What holds the lock runs at `DISPATCH_LEVEL`, where nothing may wait. So [`SpinLock::with`] takes a closure that is
/// `Send`: a [`Passive`](crate::Passive) stays on its thread, and no proof can be brought in. Nor can one be made inside:
/// there [`Passive::check`](crate::Passive::check) gives none. The value is `Send` as well, so no proof waits in it.
///
/// ```
/// # fn main() { hosted(driver); }
/// # fn hosted(driver: impl FnOnce()) {
/// #     let machine = ntos::Machine::boot(ntos::Config::default());
/// #     let entered = machine.enter();
/// #     driver();
/// #     drop(entered);
/// #     machine.shutdown();
/// # }
/// # fn driver() {
/// let counts = nt::SpinLock::new([0; 2]);
/// let before = counts.with(|counts| {
///     counts[1] += 1;
///     counts[0]
/// });
/// assert_eq!((before, counts.with(|counts| counts[1])), (0, 1));
/// # }
/// ```
#[derive(Debug, Default)]
pub struct SpinLock<T> {
    lock: cell::UnsafeCell<KSPIN_LOCK>,
    value: UnsafeCell<T>,
}

// SAFETY: a lock is its value, which nobody else reaches.
unsafe impl<T: Send> Send for SpinLock<T> {}
// SAFETY: the value is reached under the lock only, by one thread at a time.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// An unlocked value. Zero is an initialised spin lock, by the header's `KeInitializeSpinLock`.
    pub const fn new(value: T) -> SpinLock<T> {
        SpinLock { lock: cell::UnsafeCell::new(0), value: UnsafeCell::new(value) }
    }

    /// The value, without the lock: nobody else has the reference that it takes.
    pub const fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Runs `f` with the value, at `DISPATCH_LEVEL` (`KeAcquireSpinLock`, `KeReleaseSpinLock`).
    ///
    /// `f` must not take the same lock, for which it would spin without end, and should be short: what it drops, it drops
    /// at `DISPATCH_LEVEL`, and what it calls must be callable there.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R + Send) -> R
    where
        T: Send,
    {
        // SAFETY: `f` is `Send`, and so is the value: no proof that the thread may wait comes along. The guard is dropped
        // here, in the reverse order of any that `f` takes.
        let mut value = unsafe { self.lock() };
        f(&mut value)
    }

    /// Takes the lock, until the guard is dropped: for what a closure that is `Send` cannot do.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Safety
    /// This thread does not wait while the guard lives, whatever proofs it has, and drops guards in the reverse order in
    /// which it took them.
    pub unsafe fn lock(&self) -> Guard<'_, T> {
        // SAFETY: IRQL <= DISPATCH_LEVEL, where all of this crate's calls are allowed; zero, or what the kernel made of it.
        let irql = unsafe { KeAcquireSpinLockRaiseToDpc(self.lock.get()) };
        Guard { lock: self, irql, _this_processor: PhantomData }
    }
}

/// A lock that is held; its drop releases it.
///
/// # Invariants
/// The lock is held by this thread, which was at `irql` before.
#[derive(Debug)]
#[must_use = "the lock is released when the guard is dropped"]
pub struct Guard<'l, T> {
    lock: &'l SpinLock<T>,
    irql: KIRQL,
    /// A thread at `DISPATCH_LEVEL` stays on its processor, and the guard on its thread.
    _this_processor: PhantomData<*mut ()>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: by the type's invariant the lock is held, so nobody else reaches the value.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: by the type's invariant the lock is held, so nobody else reaches the value; the borrow is exclusive.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: by the type's invariant this thread holds the lock, and this is the level that it came from.
        unsafe { KeReleaseSpinLock(self.lock.lock.get(), self.irql) };
    }
}
