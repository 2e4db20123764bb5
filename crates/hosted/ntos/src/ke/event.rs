//! Events: `KEVENT` and its functions.
#![expect(unsafe_code, reason = "exports C functions by their names; the objects are the driver's")]

use std::mem::offset_of;

use wsk_sys::{
    APC_LEVEL, BOOLEAN, DISPATCH_LEVEL, EVENT_TYPE, FALSE, FAST_MUTEX, KEVENT, LONG, SynchronizationEvent,
};

use crate::ex::pool;
use crate::ke::header::{Header, Kind, Kinds};
use crate::ke::irql::at_most;
use crate::machine::Machine;
use crate::machine::bugcheck::require;
use crate::rule;

/// Initialises an event.
///
/// # Safety
/// `Event` points to non-paged memory for an event that nobody uses yet. It must not be moved afterwards.
///
/// # IRQL
/// Any.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeInitializeEvent(Event: *mut KEVENT, Type: EVENT_TYPE, State: BOOLEAN) {
    let machine = Machine::kernel();
    require(machine.parts.dispatcher.check_unused(Event.addr(), "KeInitializeEvent"));
    // If it is that of a fast mutex, which the inline in the headers initialises, this is a new lock.
    let mutex = Event.addr().wrapping_sub(offset_of!(FAST_MUTEX, Event));
    machine.parts.lock_order.forget(&(mutex..mutex.saturating_add(1)));
    pool::require_non_paged(&machine, Event.addr(), "KeInitializeEvent of an event");
    let kind =
        if Type == SynchronizationEvent { Kind::SynchronizationEvent } else { Kind::NotificationEvent };
    // SAFETY: the header is the event's first and only field.
    unsafe { Header::initialize(Event.cast(), kind, size_of::<KEVENT>(), LONG::from(State != FALSE)) };
}

/// Signals an event, and returns its previous state.
///
/// # Safety
/// `Event` is an initialised event.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`; <= `APC_LEVEL` if `Wait`, which promises a wait to follow and changes nothing here.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeSetEvent(Event: *mut KEVENT, Increment: LONG, Wait: BOOLEAN) -> LONG {
    let _ = Increment;
    let machine = Machine::kernel();
    let highest = if Wait == FALSE { DISPATCH_LEVEL } else { APC_LEVEL };
    at_most(highest, &rule::IRQL_KE_SET_EVENT, "KeSetEvent");
    // SAFETY: this function's own contract.
    let header = require(unsafe { Header::check(&machine, Event.cast(), Kinds::EVENT, "KeSetEvent") });
    machine.parts.dispatcher.lock().signal(header, 1)
}

/// Makes an event not signalled.
///
/// # Safety
/// `Event` is an initialised event.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeClearEvent(Event: *mut KEVENT) {
    // SAFETY: this function's own contract.
    unsafe { reset(Event, "KeClearEvent") };
}

/// Makes an event not signalled, and returns its previous state.
///
/// # Safety
/// `Event` is an initialised event.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeResetEvent(Event: *mut KEVENT) -> LONG {
    // SAFETY: this function's own contract.
    unsafe { reset(Event, "KeResetEvent") }
}

/// # Safety
/// `event` is an initialised event.
unsafe fn reset(event: *mut KEVENT, what: &str) -> LONG {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_KE_DISPATCH_LTE, what);
    // SAFETY: this function's own contract.
    let header = require(unsafe { Header::check(&machine, event.cast(), Kinds::EVENT, what) });
    header.reset(&mut machine.parts.dispatcher.lock())
}

/// An event's state: zero if it is not signalled.
///
/// # Safety
/// `Event` is an initialised event.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeReadStateEvent(Event: *mut KEVENT) -> LONG {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_KE_DISPATCH_LTE, "KeReadStateEvent");
    // SAFETY: this function's own contract.
    require(unsafe { Header::check(&machine, Event.cast(), Kinds::EVENT, "KeReadStateEvent") }).read()
}
