//! A kernel event at a fixed address.
#![expect(unsafe_code, reason = "events are waited for by address")]

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use wsk_sys::{
    EVENT_TYPE, Executive, FALSE, KEVENT, KeClearEvent, KeInitializeEvent, KeSetEvent, KeWaitForSingleObject,
    KernelMode, NotificationEvent, STATUS_TIMEOUT, SynchronizationEvent,
};

/// One millisecond in the kernel's unit of 100 ns.
pub(crate) const MILLISECOND: i64 = 10_000;

/// An event. It is initialised when it is made, and stays in its box.
pub(crate) struct Event(Box<UnsafeCell<MaybeUninit<KEVENT>>>);

// SAFETY: after `new`, the event is only passed to kernel functions, which synchronise among themselves.
unsafe impl Send for Event {}
// SAFETY: after `new`, the event is only passed to kernel functions, which synchronise among themselves.
unsafe impl Sync for Event {}

impl Event {
    fn new(kind: EVENT_TYPE, signalled: bool) -> Event {
        let event = Event(Box::new(UnsafeCell::new(MaybeUninit::uninit())));
        // SAFETY: the box has room for an event, and nobody else knows it yet.
        unsafe { KeInitializeEvent(event.as_ptr(), kind, u8::from(signalled)) };
        event
    }

    /// An event that stays signalled until it is cleared.
    pub(crate) fn notification(signalled: bool) -> Event {
        Event::new(NotificationEvent, signalled)
    }

    /// An event that releases one waiter: a lock to wait for, free at first.
    pub(crate) fn free_lock() -> Event {
        Event::new(SynchronizationEvent, true)
    }

    fn as_ptr(&self) -> *mut KEVENT {
        self.0.get().cast()
    }

    pub(crate) fn set(&self) {
        // SAFETY: an initialised event; `Wait` is false, so any level up to dispatch will do.
        unsafe { KeSetEvent(self.as_ptr(), 0, FALSE) };
    }

    pub(crate) fn clear(&self) {
        // SAFETY: an initialised event.
        unsafe { KeClearEvent(self.as_ptr()) };
    }

    /// Waits for the event, for ever or at most for `timeout` in the kernel's form; whether it was signalled.
    pub(crate) fn wait(&self, timeout: Option<i64>) -> bool {
        let timeout = timeout.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
        let object = self.as_ptr().cast();
        // SAFETY: an initialised event, which outlives the wait; `timeout` is null or points to this frame.
        let status = unsafe { KeWaitForSingleObject(object, Executive, KernelMode, FALSE, timeout) };
        status != STATUS_TIMEOUT
    }
}
