//! Timers whose routine may wait: the DPC of each queues a work item.
#![expect(unsafe_code, reason = "a work item is made of a device, by a promise of the caller's")]
#![expect(clippy::must_use_candidate, reason = "what was is told, and need not be asked")]

use core::ptr::NonNull;
use core::time::Duration;

use nt_sys::{DEVICE_OBJECT, ULONG};

use crate::dpc::Dpc;
use crate::error::Result;
use crate::irql::Passive;
use crate::timer::Timer;
use crate::work_item::WorkItem;

/// A timer whose routine is called at `PASSIVE_LEVEL`, in a thread of the system: a [`Timer`] whose DPC queues a [`WorkItem`].
///
/// # Drop
/// Cancels the timer, and waits until a call that is queued or has begun has returned: at `PASSIVE_LEVEL` only. The routine
/// must not drop its own timer: it would wait for itself.
#[derive(Debug)]
pub struct PassiveTimer<T: Send + Sync, const TAG: ULONG>(Timer<WorkItem<T, TAG>, TAG>);

impl<T: Send + Sync, const TAG: ULONG> PassiveTimer<T, TAG> {
    /// A timer that is not set yet, and calls `routine` with the context.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES); the context is dropped.
    ///
    /// # Safety
    /// `device` is a device object of this driver, which is not deleted while the value lives.
    pub unsafe fn new(
        device: NonNull<DEVICE_OBJECT>,
        context: T,
        routine: fn(&T, &Passive),
        _: &Passive,
    ) -> Result<PassiveTimer<T, TAG>>
    where
        T: 'static,
    {
        // SAFETY: passed on.
        let item = unsafe { WorkItem::new(device, context, routine) }?;
        let dpc = Dpc::new(item, |item| {
            // False: a call is queued already, and comes for both.
            item.queue();
        })?;
        Timer::new(dpc).map(PassiveTimer)
    }

    /// Has the routine called once, when `due` has passed. True: it was set already, and is set anew (`KeSetTimerEx`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn set(&self, due: Duration) -> bool {
        self.0.set(due)
    }

    /// Has the routine called when `due` has passed, and then each time that `period` has, rounded up to milliseconds, one at
    /// least. True: it was set already, and is set anew (`KeSetTimerEx`).
    ///
    /// Where a call is still queued, one comes for both. A call that takes longer than the period may still run in another
    /// thread when the next one begins.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn set_periodic(&self, due: Duration, period: Duration) -> bool {
        self.0.set_periodic(due, period)
    }

    /// Cancels it. False: it was not set, or has expired; its routine may be about to be called then, or run (`KeCancelTimer`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// The value that the routine is called with.
    #[must_use]
    pub fn context(&self) -> &T {
        self.0.context().context()
    }
}
