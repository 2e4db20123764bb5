//! The framework's own lock: a kernel spin lock around a value.
#![expect(unsafe_code, reason = "the value is reached through the lock that guards it")]

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

use wsk_sys::{
    DISPATCH_LEVEL, KIRQL, KSPIN_LOCK, KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc,
    KeGetCurrentIrql, KeInitializeSpinLock, KeReleaseSpinLock, KeReleaseSpinLockFromDpcLevel,
};

/// A value that one thread at a time may touch, at `DISPATCH_LEVEL`.
///
/// No driver's code is ever called, and nothing waited for, while one is held. Of two, the inner one is released
/// first, as each remembers the IRQL to return to.
pub(crate) struct Lock<T> {
    word: UnsafeCell<KSPIN_LOCK>,
    value: UnsafeCell<T>,
}

// SAFETY: the spin lock lets one thread at a time reach the value, which may be sent from thread to thread.
unsafe impl<T: Send> Send for Lock<T> {}
// SAFETY: the spin lock lets one thread at a time reach the value, which may be sent from thread to thread.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A free lock around `value`.
    pub(crate) const fn new(value: T) -> Lock<T> {
        // A spin lock is a word, zero when free.
        Lock { word: UnsafeCell::new(0), value: UnsafeCell::new(value) }
    }

    /// Waits for the lock.
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        // SAFETY: reads a value of the calling thread.
        let irql = unsafe { KeGetCurrentIrql() };
        let previous = if irql < DISPATCH_LEVEL {
            // SAFETY: the word is a spin lock that lives as long as `self`, and the level is below dispatch.
            Some(unsafe { KeAcquireSpinLockRaiseToDpc(self.word.get()) })
        } else {
            // SAFETY: the word is a spin lock that lives as long as `self`, and the level is dispatch already.
            unsafe { KeAcquireSpinLockAtDpcLevel(self.word.get()) };
            None
        };
        Guard { lock: self, previous }
    }
}

impl<T> Drop for Lock<T> {
    fn drop(&mut self) {
        // So that a kernel which knows its locks takes the next one here for another.
        // SAFETY: the word is one, and nobody has the lock, which is the caller's alone.
        unsafe { KeInitializeSpinLock(self.word.get()) };
    }
}

impl<T: Default> Default for Lock<T> {
    fn default() -> Lock<T> {
        Lock::new(T::default())
    }
}

/// The right to the value, until it is dropped.
pub(crate) struct Guard<'a, T> {
    lock: &'a Lock<T>,
    /// The IRQL to return to, if the lock raised it.
    previous: Option<KIRQL>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: while the guard lives, this thread holds the lock.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: while the guard lives, this thread holds the lock, and the guard is borrowed for one use.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        let word = self.lock.word.get();
        match self.previous {
            // SAFETY: this thread acquired the lock, from this level.
            Some(irql) => unsafe { KeReleaseSpinLock(word, irql) },
            // SAFETY: this thread acquired the lock at dispatch level.
            None => unsafe { KeReleaseSpinLockFromDpcLevel(word) },
        }
    }
}
