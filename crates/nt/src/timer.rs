//! Timers: a deferred procedure call that comes when a time has passed.
#![expect(unsafe_code, reason = "the kernel links a timer into its lists, in place")]
#![expect(clippy::must_use_candidate, reason = "what was is told, and need not be asked")]

use core::cell::UnsafeCell;
use core::time::Duration;

use nt_sys::{
    FALSE, KTIMER, KeCancelTimer, KeInitializeTimerEx, KeSetTimerEx, LONG, NotificationTimer, ULONG,
};

use crate::dpc::Dpc;
use crate::error::Result;
use crate::pool::PoolBox;
use crate::time;

/// A timer (`KTIMER`), in non-paged pool, with the [`Dpc`] that it queues.
///
/// # Drop
/// Cancels the timer, then drops the DPC: at `PASSIVE_LEVEL` only, as a [`Dpc`]'s drop. One that is forgotten
/// (`mem::forget`) must not be set when the driver is unloaded: the routine is code of the driver's image.
///
/// # Invariants
/// The block holds an initialised timer, which is not set once the value is gone.
#[derive(Debug)]
pub struct Timer<T: Send + Sync, const TAG: ULONG> {
    dpc: Dpc<T, TAG>,
    // Freed after the DPC's drop, by when no processor is at the end of its expiry any more.
    timer: PoolBox<UnsafeCell<KTIMER>, TAG>,
}

// SAFETY: a timer belongs to no thread; the dispatcher has locks of its own.
unsafe impl<T: Send + Sync, const TAG: ULONG> Send for Timer<T, TAG> {}
// SAFETY: each function of a timer may be called on any thread at any time.
unsafe impl<T: Send + Sync, const TAG: ULONG> Sync for Timer<T, TAG> {}

impl<T: Send + Sync, const TAG: ULONG> Timer<T, TAG> {
    /// A timer that is not set yet.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`; `PASSIVE_LEVEL` if it fails, as that drops the DPC
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES)
    pub fn new(dpc: Dpc<T, TAG>) -> Result<Timer<T, TAG>> {
        let timer = PoolBox::new(UnsafeCell::new(KTIMER::ZERO))?;
        // INVARIANT: initialised here.
        // SAFETY: the block is non-paged and never moves.
        unsafe { KeInitializeTimerEx(timer.get(), NotificationTimer) };
        Ok(Timer { dpc, timer })
    }

    /// Has the DPC queued once, when `due` has passed. True: it was set already, and is set anew (`KeSetTimerEx`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn set(&self, due: Duration) -> bool {
        self.start(due, 0)
    }

    /// Has the DPC queued when `due` has passed, and then each time that `period` has, rounded up to milliseconds, one at
    /// least. True: it was set already, and is set anew (`KeSetTimerEx`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn set_periodic(&self, due: Duration, period: Duration) -> bool {
        self.start(due, LONG::try_from(time::milliseconds(period)).unwrap_or(LONG::MAX).max(1))
    }

    fn start(&self, due: Duration, period: LONG) -> bool {
        // SAFETY: by the type's invariant it is initialised, and is not set any more when the DPC is dropped.
        (unsafe { KeSetTimerEx(self.timer.get(), time::interval(due), period, self.dpc.raw()) }) != FALSE
    }

    /// Cancels it. False: it was not set, or has expired. Its DPC may be queued then, or run (`KeCancelTimer`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn cancel(&self) -> bool {
        // SAFETY: by the type's invariant it is initialised.
        (unsafe { KeCancelTimer(self.timer.get()) }) != FALSE
    }

    /// The value that the routine is called with.
    #[must_use]
    pub fn context(&self) -> &T {
        self.dpc.context()
    }
}

impl<T: Send + Sync, const TAG: ULONG> Drop for Timer<T, TAG> {
    fn drop(&mut self) {
        // The drop of the DPC, which follows, waits for a call that the timer has queued before.
        self.cancel();
    }
}
