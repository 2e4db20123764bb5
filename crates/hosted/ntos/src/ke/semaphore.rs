//! Semaphores: `KSEMAPHORE` and its functions.
#![expect(unsafe_code, reason = "exports C functions by their names; the objects are the driver's")]

use wsk_sys::{BOOLEAN, DISPATCH_LEVEL, FALSE, KSEMAPHORE, LONG, PASSIVE_LEVEL};

use crate::ex::pool;
use crate::ke::header::{Header, Kind, Kinds};
use crate::ke::irql::at_most;
use crate::machine::Machine;
use crate::machine::bugcheck::{require, violation};
use crate::rule;

/// Initialises a semaphore.
///
/// # Safety
/// `Semaphore` points to non-paged memory for a semaphore that nobody uses yet. It must not be moved afterwards.
///
/// # IRQL
/// `PASSIVE_LEVEL`, says its page; the rule that the page names, `IrqlKeDispatchLte`, allows `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeInitializeSemaphore(Semaphore: *mut KSEMAPHORE, Count: LONG, Limit: LONG) {
    let what = "KeInitializeSemaphore";
    let machine = Machine::kernel();
    at_most(PASSIVE_LEVEL, &rule::IRQL_KE_PASSIVE, what);
    let address = Semaphore.addr();
    // A count of zero is as usual as the page's "positive" forbids it.
    if Limit <= 0 || !(0..=Limit).contains(&Count) {
        let detail = format!("{what} of {address:#x} with a count of {Count} and a limit of {Limit}");
        violation(&rule::SEMAPHORE_LIMIT, detail);
    }
    require(machine.parts.dispatcher.check_unused(address, what));
    pool::require_non_paged(&machine, address, "KeInitializeSemaphore of a semaphore");
    // SAFETY: the caller's memory, which nobody reads yet.
    unsafe { Semaphore.write(KSEMAPHORE { Limit, ..KSEMAPHORE::ZERO }) };
    // SAFETY: the header is the semaphore's first field.
    unsafe { Header::initialize(Semaphore.cast(), Kind::Semaphore, size_of::<KSEMAPHORE>(), Count) };
}

/// Adds to a semaphore's count, and returns the previous count.
///
/// # Safety
/// `Semaphore` is an initialised semaphore.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`; `PASSIVE_LEVEL` if `Wait`, which promises a wait to follow and changes nothing here.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeReleaseSemaphore(
    Semaphore: *mut KSEMAPHORE,
    Increment: LONG,
    Adjustment: LONG,
    Wait: BOOLEAN,
) -> LONG {
    let _ = Increment;
    let what = "KeReleaseSemaphore";
    let machine = Machine::kernel();
    let highest = if Wait == FALSE { DISPATCH_LEVEL } else { PASSIVE_LEVEL };
    at_most(highest, &rule::IRQL_KE_DISPATCH_LTE, what);
    // SAFETY: this function's own contract.
    let header = require(unsafe { Header::check(&machine, Semaphore.cast(), Kinds::SEMAPHORE, what) });
    // SAFETY: a semaphore, which was just checked; the field is written once, when it is initialised.
    let limit = unsafe { (*Semaphore).Limit };
    let mut locked = machine.parts.dispatcher.lock();
    let count = header.read();
    let new = count.checked_add(Adjustment).filter(|new| Adjustment > 0 && *new <= limit);
    if let Some(new) = new {
        return locked.signal(header, new);
    }
    drop(locked);
    let address = header.key();
    let with = format!("with a count of {count} and a limit of {limit}");
    violation(&rule::SEMAPHORE_LIMIT, format!("{what} of {address:#x} by {Adjustment}, {with}"))
}

/// A semaphore's count: zero if it is not signalled.
///
/// # Safety
/// `Semaphore` is an initialised semaphore.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeReadStateSemaphore(Semaphore: *mut KSEMAPHORE) -> LONG {
    let what = "KeReadStateSemaphore";
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_KE_DISPATCH_LTE, what);
    // SAFETY: this function's own contract.
    require(unsafe { Header::check(&machine, Semaphore.cast(), Kinds::SEMAPHORE, what) }).read()
}
