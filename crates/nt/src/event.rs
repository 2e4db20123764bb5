//! Events: what one thread signals, and others wait for.
#![expect(unsafe_code, reason = "the kernel links an event into its lists, in place")]

use core::cell::UnsafeCell;
use core::ptr;

use nt_sys::{
    EVENT_TYPE, Executive, FALSE, KEVENT, KeClearEvent, KeInitializeEvent, KeReadStateEvent, KeSetEvent,
    KeWaitForSingleObject, KernelMode, NotificationEvent, STATUS_TIMEOUT, SynchronizationEvent, ULONG,
};

use crate::bug_check;
use crate::error::{Error, Result};
use crate::irql::IntoWait;
use crate::pool::PoolBox;
use crate::time::interval;

/// An event (`KEVENT`), in non-paged pool.
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
/// use core::time::Duration;
///
/// type Event = nt::Event<{ nt::pool::tag(b"Demo") }>;
///
/// fn driver() -> nt::Result {
///     let passive = &nt::Passive::check().expect("this may wait");
///     let done = Event::synchronization()?;
///     done.set();
///     done.wait(passive)?;
///     // The wait has reset it.
///     assert_eq!(done.wait(passive.within(Duration::ZERO)), Err(nt::Error::IO_TIMEOUT));
///     Ok(())
/// }
/// ```
///
/// # Invariants
/// The block holds an initialised event.
#[derive(Debug)]
pub struct Event<const TAG: ULONG>(PoolBox<UnsafeCell<KEVENT>, TAG>);

// SAFETY: an event belongs to no thread; the dispatcher has locks of its own.
unsafe impl<const TAG: ULONG> Send for Event<TAG> {}
// SAFETY: each of its functions may be called on any thread at any time.
unsafe impl<const TAG: ULONG> Sync for Event<TAG> {}

impl<const TAG: ULONG> Event<TAG> {
    /// An event that stays signalled until it is cleared (`NotificationEvent`). It is not signalled yet.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
    pub fn notification() -> Result<Event<TAG>> {
        Event::new(NotificationEvent)
    }

    /// An event that lets one waiter go, and is reset by that (`SynchronizationEvent`). It is not signalled yet.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
    pub fn synchronization() -> Result<Event<TAG>> {
        Event::new(SynchronizationEvent)
    }

    fn new(kind: EVENT_TYPE) -> Result<Event<TAG>> {
        let block = PoolBox::new(UnsafeCell::new(KEVENT::ZERO))?;
        // INVARIANT: initialised here.
        // SAFETY: the block is non-paged and never moves.
        unsafe { KeInitializeEvent(block.get(), kind, FALSE) };
        Ok(Event(block))
    }

    /// Signals the event (`KeSetEvent`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn set(&self) {
        // SAFETY: by the type's invariant it is initialised. The caller does not wait with the same call.
        unsafe { KeSetEvent(self.0.get(), 0, FALSE) };
    }

    /// Takes the signal back (`KeClearEvent`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn clear(&self) {
        // SAFETY: by the type's invariant it is initialised.
        unsafe { KeClearEvent(self.0.get()) };
    }

    /// Whether it is signalled now (`KeReadStateEvent`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    #[must_use]
    pub fn is_set(&self) -> bool {
        // SAFETY: by the type's invariant it is initialised.
        (unsafe { KeReadStateEvent(self.0.get()) }) != 0
    }

    /// Waits until it is signalled (`KeWaitForSingleObject`).
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// [`IO_TIMEOUT`](Error::IO_TIMEOUT): the time limit passed.
    pub fn wait<'p>(&self, wait: impl IntoWait<'p>) -> Result {
        let limit = wait.into_wait().timeout().map(interval);
        bug_check::unless_it_can_wait();
        let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
        let event = self.0.get().cast();
        // SAFETY: by the type's invariant it is initialised, and the borrow keeps it; PASSIVE_LEVEL is proven.
        let status = unsafe { KeWaitForSingleObject(event, Executive, KernelMode, FALSE, limit) };
        // A wait in kernel mode that is not alertable ends by the signal or the limit.
        if status == STATUS_TIMEOUT { Err(Error::IO_TIMEOUT) } else { Ok(()) }
    }
}
