//! Waiting: for an object, for some time.
#![expect(unsafe_code, reason = "exports C functions by their names; the objects are the driver's")]

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use wsk_sys::{
    APC_LEVEL, BOOLEAN, DISPATCH_LEVEL, KPROCESSOR_MODE, KWAIT_REASON, NTSTATUS, PVOID, STATUS_SUCCESS,
    STATUS_TIMEOUT,
};

use crate::ke::dispatcher::Header;
use crate::ke::irql::{self, at_most, level_name};
use crate::ke::spinlock;
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, require};
use crate::rule;

/// 100 ns units in a second.
const UNITS_PER_SECOND: u64 = 10_000_000;
#[allow(clippy::duration_suboptimal_units, reason = "the number is known in seconds")]
/// From 1601, where Windows begins to count, to 1970, in seconds.
const EPOCH: Duration = Duration::from_secs(11_644_473_600);

/// How long a wait may take.
enum Limit {
    None,
    Zero,
    Until(Instant),
}

/// Reads a `Timeout` argument: null, an interval if negative, a time if positive.
///
/// # Safety
/// `timeout` is null or points to a number.
unsafe fn read_limit(timeout: *const i64) -> Limit {
    if timeout.is_null() {
        return Limit::None;
    }
    // SAFETY: not null, so the caller's number.
    let units = unsafe { *timeout };
    if units == 0 {
        return Limit::Zero;
    }
    let interval = until(units);
    // A time beyond the host's clock is never reached.
    Instant::now().checked_add(interval).map_or(Limit::None, Limit::Until)
}

/// How long it is from now until a time in the kernel's form: an interval of units of 100 ns if negative, a system time
/// otherwise.
pub(crate) fn until(units: i64) -> Duration {
    let magnitude = units.unsigned_abs();
    let duration = Duration::from_secs(magnitude / UNITS_PER_SECOND)
        + Duration::from_nanos(magnitude % UNITS_PER_SECOND * 100);
    if units < 0 {
        return duration;
    }
    // Zero above all: a time that has passed on any clock, so none is asked.
    let Some(after_1970) = duration.checked_sub(EPOCH) else { return Duration::ZERO };
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    after_1970.saturating_sub(since_1970)
}

/// Waits for an event or timer. `STATUS_TIMEOUT`, which is a success code, if the time runs out first.
///
/// The thread is never alerted: there are no user-mode threads in the kernel here, and no asynchronous procedure calls.
///
/// # Safety
/// `Object` is an initialised event or timer that lives until the wait ends; `Timeout` is null or points to a number.
///
/// # IRQL
/// <= `APC_LEVEL`; <= `DISPATCH_LEVEL` if `Timeout` points to zero.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeWaitForSingleObject(
    Object: PVOID,
    WaitReason: KWAIT_REASON,
    WaitMode: KPROCESSOR_MODE,
    Alertable: BOOLEAN,
    Timeout: *const i64,
) -> NTSTATUS {
    let _ = (WaitReason, WaitMode, Alertable);
    let what = "KeWaitForSingleObject";
    let machine = Machine::kernel();
    // SAFETY: this function's own contract.
    let limit = unsafe { read_limit(Timeout) };
    require(check_waitable(&limit, Object.addr(), what));
    // SAFETY: this function's own contract.
    let header = require(unsafe { Header::check(&machine, Object.cast(), what) });
    let mut locked = machine.parts.dispatcher.lock();
    if header.take(&mut locked) {
        return STATUS_SUCCESS;
    }
    let deadline = match limit {
        Limit::Zero => return STATUS_TIMEOUT,
        Limit::None => None,
        Limit::Until(deadline) => Some(deadline),
    };
    // Released means signalled: for a synchronisation object, its signal has gone to this thread and no other.
    let released = require(machine.parts.dispatcher.wait(locked, &machine, header.key(), what, deadline));
    Machine::kernel();
    if released { STATUS_SUCCESS } else { STATUS_TIMEOUT }
}

/// Checks that the calling thread may wait.
fn check_waitable(limit: &Limit, object: usize, what: &str) -> Result<(), Broken> {
    let level = irql::current();
    if level > DISPATCH_LEVEL {
        let detail = format!("{what} on {object:#x} at {}", level_name(level));
        return Err(Broken::new(&rule::WAIT_ABOVE_DISPATCH, detail));
    }
    if matches!(limit, Limit::Zero) {
        return Ok(());
    }
    spinlock::check_none_held(object, what)?;
    if level == DISPATCH_LEVEL {
        let (rule, timeout) = match limit {
            Limit::None => (&rule::WAIT_AT_DISPATCH, "no timeout"),
            _ => (&rule::WAIT_AT_DISPATCH_LIMITED, "a timeout other than zero"),
        };
        let detail = format!("{what} on {object:#x} with {timeout} at DISPATCH_LEVEL");
        return Err(Broken::new(rule, detail));
    }
    Ok(())
}

/// Sleeps for an interval if negative, until a time if positive.
///
/// # Safety
/// `Interval` points to a number.
///
/// # IRQL
/// <= `APC_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeDelayExecutionThread(
    WaitMode: KPROCESSOR_MODE,
    Alertable: BOOLEAN,
    Interval: *const i64,
) -> NTSTATUS {
    let _ = (WaitMode, Alertable);
    let machine = Machine::kernel();
    at_most(APC_LEVEL, &rule::IRQL_KE_APC_LTE, "KeDelayExecutionThread");
    // SAFETY: this function's own contract.
    let deadline = match unsafe { read_limit(Interval) } {
        Limit::Zero => {
            thread::yield_now();
            return STATUS_SUCCESS;
        }
        Limit::Until(deadline) => Some(deadline),
        // Null is no interval, and an interval beyond the host's clock never ends.
        Limit::None => None,
    };
    // A wait for what nobody signals.
    let nothing = 0_u8;
    let locked = machine.parts.dispatcher.lock();
    let key = (&raw const nothing).addr();
    require(machine.parts.dispatcher.wait(locked, &machine, key, "KeDelayExecutionThread", deadline));
    Machine::kernel();
    STATUS_SUCCESS
}
