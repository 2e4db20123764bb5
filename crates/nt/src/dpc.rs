//! Deferred procedure calls: a routine that is called soon, at `DISPATCH_LEVEL`.
#![expect(unsafe_code, reason = "the kernel keeps the address of a DPC, and calls its routine with it")]
#![expect(clippy::must_use_candidate, reason = "what was is told, and need not be asked")]

use core::cell::UnsafeCell;
use core::fmt;
use core::ptr;

use nt_sys::{
    FALSE, KDPC, KeFlushQueuedDpcs, KeInitializeDpc, KeInsertQueueDpc, KeRemoveQueueDpc, PVOID, ULONG,
};

use crate::bug_check;
use crate::error::Result;
use crate::pool::PoolBox;

/// A deferred procedure call (`KDPC`) with the value that its routine is called with, in non-paged pool.
///
/// ```
/// # fn main() { hosted(|| driver().unwrap()); }
/// # fn hosted(driver: impl FnOnce()) {
/// #     let machine = ntos::Machine::boot(ntos::Config::default());
/// #     let entered = machine.enter();
/// #     driver();
/// #     drop(entered);
/// #     machine.shutdown();
/// # }
/// const TAG: u32 = nt::pool::tag(b"Demo");
/// type Event = nt::Event<TAG>;
///
/// fn driver() -> nt::Result {
///     let passive = &nt::Passive::check().expect("this may wait");
///     let dpc = nt::Dpc::<Event, TAG>::new(Event::notification()?, Event::set)?;
///     assert!(dpc.queue());
///     dpc.context().wait(passive)?;
///     Ok(())
/// }
/// ```
///
/// # Drop
/// Takes the call back if it has not begun, and waits until one that has begun has returned (`KeFlushQueuedDpcs`): at
/// `PASSIVE_LEVEL` only, which is why the type does not have [`DispatchDrop`](crate::DispatchDrop). One that is forgotten
/// (`mem::forget`) must not be queued when the driver is unloaded: its routine is code of the driver's image.
///
/// # Invariants
/// The block's DPC is initialised with the block's address, and is not queued once the value is gone.
pub struct Dpc<T: Send + Sync, const TAG: ULONG>(PoolBox<Block<T>, TAG>);

struct Block<T> {
    dpc: UnsafeCell<KDPC>,
    context: T,
    routine: fn(&T),
}

// SAFETY: the value is both, and a DPC belongs to no thread.
unsafe impl<T: Send + Sync, const TAG: ULONG> Send for Dpc<T, TAG> {}
// SAFETY: each function of a DPC may be called on any thread at any time.
unsafe impl<T: Send + Sync, const TAG: ULONG> Sync for Dpc<T, TAG> {}

impl<T: Send + Sync, const TAG: ULONG> Dpc<T, TAG> {
    /// A call of `routine`, which is not queued yet.
    ///
    /// The routine is called with the context at `DISPATCH_LEVEL`, on any thread, and may run on several processors at the
    /// same time. The context borrows nothing: a value that is forgotten is still called.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES); the context is dropped.
    pub fn new(context: T, routine: fn(&T)) -> Result<Dpc<T, TAG>>
    where
        T: 'static,
    {
        let block = PoolBox::new(Block { dpc: UnsafeCell::new(KDPC::ZERO), context, routine })?;
        let address = ptr::from_ref(&*block).cast_mut().cast();
        // INVARIANT: initialised here.
        // SAFETY: the block is non-paged and never moves.
        unsafe { KeInitializeDpc(block.dpc.get(), call::<T>, address) };
        Ok(Dpc(block))
    }

    /// Queues the call, for this processor. False: it was queued already, and one call will come for both
    /// (`KeInsertQueueDpc`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn queue(&self) -> bool {
        // SAFETY: by the type's invariant it is initialised, and lives until it is not queued any more.
        (unsafe { KeInsertQueueDpc(self.raw(), ptr::null_mut(), ptr::null_mut()) }) != FALSE
    }

    /// Takes the call back. False: it was not queued, or has begun (`KeRemoveQueueDpc`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn cancel(&self) -> bool {
        // SAFETY: by the type's invariant it is initialised.
        (unsafe { KeRemoveQueueDpc(self.raw()) }) != FALSE
    }

    /// The value that the routine is called with.
    #[must_use]
    pub fn context(&self) -> &T {
        &self.0.context
    }

    /// The DPC, for a timer that ends before this value does.
    pub(crate) fn raw(&self) -> *mut KDPC {
        self.0.dpc.get()
    }
}

impl<T: Send + Sync, const TAG: ULONG> Drop for Dpc<T, TAG> {
    fn drop(&mut self) {
        bug_check::unless_it_can_wait();
        self.cancel();
        // SAFETY: PASSIVE_LEVEL, as the type's documentation demands.
        unsafe { KeFlushQueuedDpcs() };
    }
}

impl<T: Send + Sync + fmt::Debug, const TAG: ULONG> fmt::Debug for Dpc<T, TAG> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dpc").field(self.context()).finish()
    }
}

/// `KDEFERRED_ROUTINE`
///
/// # Safety
/// Called by the kernel with the address of a `Block<T>` whose [`Dpc`] is not dropped.
unsafe extern "system" fn call<T>(_: *mut KDPC, context: PVOID, _: PVOID, _: PVOID) {
    // SAFETY: the caller's promise: the drop waits until this has returned.
    let block = unsafe { &*context.cast::<Block<T>>() };
    (block.routine)(&block.context);
}
