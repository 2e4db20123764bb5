//! Work items: a routine that is called soon, at `PASSIVE_LEVEL`, in a thread of the system.
#![expect(unsafe_code, reason = "the I/O manager calls the routine with a raw pointer")]

use core::fmt;
use core::ptr::{self, NonNull};

use nt_sys::{
    DEVICE_OBJECT, DelayedWorkQueue, IO_WORKITEM, IoAllocateWorkItem, IoFreeWorkItem, IoQueueWorkItem, PVOID,
    ULONG,
};

use crate::bug_check;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::irql::Passive;
use crate::pool::PoolBox;
use crate::sync::{AtomicBool, AtomicUsize, Ordering};

/// A work item (`IO_WORKITEM`) with the value that its routine is called with, in non-paged pool.
///
/// # Drop
/// Waits until a call that is queued or has begun has returned: at `PASSIVE_LEVEL` only, which is why the type does not
/// have [`DispatchDrop`](crate::DispatchDrop). The routine must not drop its own work item: it would wait for itself.
///
/// # Invariants
/// `users` counts this value, and the calls that are queued or run. `queued` says that a call is queued, and has not begun.
pub struct WorkItem<T: Send + Sync, const TAG: ULONG>(PoolBox<Block<T, TAG>, TAG>);

struct Block<T, const TAG: ULONG> {
    item: NonNull<IO_WORKITEM>,
    queued: AtomicBool,
    users: AtomicUsize,
    /// Set when the last user is gone.
    unused: Event<TAG>,
    context: T,
    routine: fn(&T, &Passive),
}

// SAFETY: the value is both, and a work item belongs to no thread.
unsafe impl<T: Send + Sync, const TAG: ULONG> Send for WorkItem<T, TAG> {}
// SAFETY: `queue` may be called on any thread at any time: who sets `queued` has the item to itself.
unsafe impl<T: Send + Sync, const TAG: ULONG> Sync for WorkItem<T, TAG> {}

impl<T: Send + Sync, const TAG: ULONG> WorkItem<T, TAG> {
    /// A call of `routine`, which is not queued yet (`IoAllocateWorkItem`).
    ///
    /// The routine is called with the context, and may run in several threads at the same time: it can be queued again as
    /// soon as it has begun. The context borrows nothing: a value that is forgotten is still called.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES); the context is dropped.
    ///
    /// # Safety
    /// `device` is a device object of this driver, which is not deleted while the value lives.
    pub unsafe fn new(
        device: NonNull<DEVICE_OBJECT>,
        context: T,
        routine: fn(&T, &Passive),
    ) -> Result<WorkItem<T, TAG>>
    where
        T: 'static,
    {
        let unused = Event::notification()?;
        // SAFETY: the device is the caller's promise; IRQL <= DISPATCH_LEVEL, where all of this crate's calls are allowed.
        let item = unsafe { IoAllocateWorkItem(device.as_ptr()) };
        let item = NonNull::new(item).ok_or(Error::INSUFFICIENT_RESOURCES)?;
        // INVARIANT: one user, this value; nothing is queued.
        let (queued, users) = (AtomicBool::new(false), AtomicUsize::new(1));
        match PoolBox::new(Block { item, queued, users, unused, context, routine }) {
            Ok(block) => Ok(WorkItem(block)),
            Err(error) => {
                // SAFETY: allocated just now, and never queued.
                unsafe { IoFreeWorkItem(item.as_ptr()) };
                Err(error)
            }
        }
    }

    /// Queues a call. False: one is queued already, and has not begun (`IoQueueWorkItem`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn queue(&self) -> bool {
        let block = &*self.0;
        // Acquire: pairs with the release by the routine, after which the item is out of the system's queue.
        if block.queued.swap(true, Ordering::Acquire) {
            return false;
        }
        // Relaxed: this value is a user, so the number is not zero.
        block.users.fetch_add(1, Ordering::Relaxed);
        let context = ptr::from_ref(block).cast_mut().cast();
        // SAFETY: `queued` was not set, so the item is in no queue; the block lives until its users are gone.
        unsafe { IoQueueWorkItem(block.item.as_ptr(), call::<T, TAG>, DelayedWorkQueue, context) };
        true
    }

    /// The value that the routine is called with.
    #[must_use]
    pub fn context(&self) -> &T {
        &self.0.context
    }
}

impl<T, const TAG: ULONG> Block<T, TAG> {
    /// Gives up the count of a user. True: it was the last.
    fn leave(&self) -> bool {
        // Release: what this user did happens before the end. Acquire: who ends the block sees all of it.
        self.users.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

impl<T: Send + Sync, const TAG: ULONG> Drop for WorkItem<T, TAG> {
    fn drop(&mut self) {
        bug_check::unless_it_can_wait();
        // SAFETY: PASSIVE_LEVEL, as the type's documentation demands.
        let passive = unsafe { Passive::assume() };
        if !self.0.leave() {
            // A wait without a limit ends by the signal.
            let _ = self.0.unused.wait(&passive);
        }
        // SAFETY: no call is queued or runs, and nobody can queue one.
        unsafe { IoFreeWorkItem(self.0.item.as_ptr()) };
    }
}

impl<T: Send + Sync + fmt::Debug, const TAG: ULONG> fmt::Debug for WorkItem<T, TAG> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkItem").field(self.context()).finish()
    }
}

/// `IO_WORKITEM_ROUTINE`
///
/// # Safety
/// Called by the I/O manager at `PASSIVE_LEVEL`, with the address of a block that counts the call.
unsafe extern "system" fn call<T, const TAG: ULONG>(_: *mut DEVICE_OBJECT, context: PVOID) {
    // SAFETY: the caller's promise.
    let block = unsafe { &*context.cast::<Block<T, TAG>>() };
    // Release: the item is out of the system's queue, and may be queued again.
    block.queued.store(false, Ordering::Release);
    // SAFETY: the I/O manager calls this at PASSIVE_LEVEL.
    (block.routine)(&block.context, &unsafe { Passive::assume() });
    if block.leave() {
        block.unused.set();
    }
}
