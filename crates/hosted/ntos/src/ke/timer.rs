//! Timers, and the time.
#![expect(unsafe_code, reason = "exports C functions by their names; the objects are the driver's")]

use std::time::Duration;

use wsk_sys::{
    BOOLEAN, DISPATCH_LEVEL, KDPC, KTIMER, LONG, NotificationTimer, SynchronizationTimer, TIMER_TYPE,
};

use crate::ex::pool;
use crate::ke::dpc;
use crate::ke::header::{Header, Kind, Kinds};
use crate::ke::irql::at_most;
use crate::ke::wait::until;
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, require, violation};
use crate::rule;

/// Initialises a timer.
///
/// # Safety
/// `Timer` points to non-paged memory for a timer that is not in use. It must not be moved afterwards.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeInitializeTimerEx(Timer: *mut KTIMER, Type: TIMER_TYPE) {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_KE_DISPATCH_LTE, "KeInitializeTimerEx");
    let address = Timer.addr();
    if machine.parts.processor.timer_in(&(address..address + 1)).is_some() {
        let detail = format!("KeInitializeTimerEx of timer {address:#x}, which is set");
        violation(&rule::TIMER_INITIALIZED_SET, detail);
    }
    pool::require_non_paged(&machine, Timer.addr(), "KeInitializeTimerEx of a timer");
    // SAFETY: the caller's memory, which nobody reads yet.
    unsafe { Timer.write(KTIMER::ZERO) };
    let kind =
        if Type == SynchronizationTimer { Kind::SynchronizationTimer } else { Kind::NotificationTimer };
    // SAFETY: the header is the timer's first field.
    unsafe { Header::initialize(Timer.cast(), kind, size_of::<KTIMER>(), 0) };
}

/// Initialises a notification timer.
///
/// # Safety
/// As [`KeInitializeTimerEx`].
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeInitializeTimer(Timer: *mut KTIMER) {
    // SAFETY: this function's own contract.
    unsafe { KeInitializeTimerEx(Timer, NotificationTimer) };
}

/// Sets a timer that expires once.
///
/// # Safety
/// As [`KeSetTimerEx`].
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeSetTimer(Timer: *mut KTIMER, DueTime: i64, Dpc: *mut KDPC) -> BOOLEAN {
    // SAFETY: this function's own contract.
    unsafe { KeSetTimerEx(Timer, DueTime, 0, Dpc) }
}

/// Checks that `timer` is an initialised timer.
///
/// # Safety
/// `timer` points to readable memory of a timer's size, which stays as long as the timer is in use.
unsafe fn check(machine: &Machine, timer: *mut KTIMER, what: &str) -> Result<Header, Broken> {
    // SAFETY: this function's own contract; the header is the timer's first field.
    unsafe { Header::check(machine, timer.cast(), Kinds::TIMER, what) }
}

/// Sets a timer: to expire after an interval if `DueTime` is negative, at a time if positive, and every `Period`
/// milliseconds after that, unless zero. `TRUE` if it was set already.
///
/// # Safety
/// `Timer` is an initialised timer and `Dpc` null or an initialised DPC; both stay while the timer is set.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeSetTimerEx(
    Timer: *mut KTIMER,
    DueTime: i64,
    Period: LONG,
    Dpc: *mut KDPC,
) -> BOOLEAN {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_KE_DISPATCH_LTE, "KeSetTimerEx");
    // SAFETY: this function's own contract.
    let header = require(unsafe { check(&machine, Timer, "KeSetTimerEx") });
    if !Dpc.is_null() {
        // SAFETY: this function's own contract.
        require(unsafe { dpc::check(&machine, Dpc, "KeSetTimerEx") });
    }
    let after = until(DueTime);
    // n/d: a negative period is taken as none.
    let period = Duration::from_millis(u64::try_from(Period).unwrap_or(0));
    BOOLEAN::from(machine.parts.processor.set_timer(&machine, Timer, header, after, period, Dpc))
}

/// Cancels a timer; `FALSE` if it was not set, which may mean that its DPC is queued or runs.
///
/// # Safety
/// `Timer` is an initialised timer.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeCancelTimer(Timer: *mut KTIMER) -> BOOLEAN {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_KE_DISPATCH_LTE, "KeCancelTimer");
    // SAFETY: this function's own contract.
    require(unsafe { check(&machine, Timer, "KeCancelTimer") });
    BOOLEAN::from(machine.parts.processor.cancel_timer(Timer.addr()))
}

/// The time since boot, in units of 100 ns.
///
/// # IRQL
/// Any.
#[unsafe(no_mangle)]
pub extern "system" fn KeQueryInterruptTime() -> u64 {
    let units = Machine::kernel().uptime().as_nanos() / 100;
    u64::try_from(units).unwrap_or(u64::MAX)
}
