//! Waiting: for an object, for some time.
#![expect(unsafe_code, reason = "exports C functions by their names; the objects are the driver's")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use wsk_sys::{
    APC_LEVEL, BOOLEAN, DISPATCH_LEVEL, KPROCESSOR_MODE, KWAIT_BLOCK, KWAIT_REASON, KernelMode,
    MAXIMUM_WAIT_OBJECTS, NTSTATUS, PVOID, STATUS_SUCCESS, STATUS_TIMEOUT, STATUS_WAIT_0,
    THREAD_WAIT_OBJECTS, ULONG, WAIT_TYPE, WaitAll, WaitAny,
};

use crate::ex::pool;
use crate::ke::dispatcher::{Awaited, Wait};
use crate::ke::header::{Header, Kinds};
use crate::ke::irql::{self, at_most, level_name};
use crate::ke::{mutex, spinlock};
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

/// Waits for an event, semaphore, mutex or timer. `STATUS_TIMEOUT`, which is a success code, if the time runs out first.
///
/// The thread is never alerted: there are no user-mode threads in the kernel here, and no asynchronous procedure calls.
///
/// # Safety
/// `Object` is an initialised dispatcher object that lives until the wait ends; `Timeout` is null or points to a number.
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
    let _ = (WaitReason, Alertable);
    let what = "KeWaitForSingleObject";
    let machine = Machine::kernel();
    // SAFETY: this function's own contract.
    let limit = unsafe { read_limit(Timeout) };
    require(check_waitable(&limit, Object.addr(), what));
    // SAFETY: this function's own contract.
    let object = require(unsafe { check_object(&machine, Object, WaitMode, what) });
    wait(&machine, Wait::new(vec![Awaited::Object(object)], false, what), limit)
}

/// Waits for several events, semaphores, mutexes or timers: for all, which are then taken together, or for any, whose number
/// in the array is the status. `STATUS_TIMEOUT`, which is a success code, if the time runs out first.
///
/// The thread is never alerted, and no mutex is ever abandoned: that is a bug check.
///
/// # Safety
/// `Object` points to `Count` pointers to initialised dispatcher objects, which live until the wait ends; `WaitBlockArray` is
/// null or points to memory for `Count` wait blocks; `Timeout` is null or points to a number.
///
/// # IRQL
/// <= `APC_LEVEL`; <= `DISPATCH_LEVEL` if `Timeout` points to zero.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeWaitForMultipleObjects(
    Count: ULONG,
    Object: *mut PVOID,
    WaitType: WAIT_TYPE,
    WaitReason: KWAIT_REASON,
    WaitMode: KPROCESSOR_MODE,
    Alertable: BOOLEAN,
    Timeout: *const i64,
    WaitBlockArray: *mut KWAIT_BLOCK,
) -> NTSTATUS {
    let _ = (WaitReason, Alertable);
    let what = "KeWaitForMultipleObjects";
    let machine = Machine::kernel();
    // SAFETY: this function's own contract.
    let limit = unsafe { read_limit(Timeout) };
    require(check_waitable(&limit, Object.addr(), what));
    require(check_blocks(&machine, Count, WaitBlockArray));
    pool::require_non_paged(&machine, Object.addr(), "KeWaitForMultipleObjects with an array of objects");
    let mut objects = Vec::new();
    for index in 0..Count as usize {
        // SAFETY: this function's own contract; only an address is computed.
        let place = unsafe { Object.add(index) };
        // SAFETY: this function's own contract.
        let object = unsafe { place.read() };
        // SAFETY: this function's own contract.
        objects.push(require(unsafe { check_object(&machine, object, WaitMode, what) }));
        if !WaitBlockArray.is_null() {
            // SAFETY: this function's own contract; only an address is computed.
            let block = unsafe { WaitBlockArray.add(index) };
            // SAFETY: this function's own contract. Windows writes to each, too, which tells an array that is too short.
            unsafe { block.write(KWAIT_BLOCK::ZERO) };
        }
    }
    require(check_type(WaitType, &objects));
    let awaited = objects.into_iter().map(Awaited::Object).collect();
    wait(&machine, Wait::new(awaited, WaitType == WaitAll, what), limit)
}

/// Waits as long as the limit allows.
fn wait(machine: &Machine, wait: Wait, limit: Limit) -> NTSTATUS {
    let dispatcher = &machine.parts.dispatcher;
    if matches!(limit, Limit::None) {
        mutex::acquiring(&wait, wait.what());
    }
    let mut locked = dispatcher.lock();
    let index = match (locked.take(&wait), limit) {
        (None, Limit::Zero) => return STATUS_TIMEOUT,
        (Some(index), _) => {
            drop(locked);
            mutex::acquired(&wait, index);
            index
        }
        (None, limit) => {
            let deadline = match limit {
                Limit::Until(deadline) => Some(deadline),
                Limit::None | Limit::Zero => None,
            };
            let wait = Arc::new(wait);
            // Over means taken: a signal has gone to this thread and no other.
            let index = require(dispatcher.wait(locked, machine, &wait, deadline));
            Machine::kernel();
            let Some(index) = index else { return STATUS_TIMEOUT };
            mutex::acquired(&wait, index);
            index
        }
    };
    // At most 63.
    NTSTATUS::try_from(index).map_or(STATUS_WAIT_0, |index| STATUS_WAIT_0 + index)
}

/// Checks that an object can be waited for.
///
/// # Errors
/// [`rule::MUTEX_USER_WAIT`], and those of [`Header::check`].
///
/// # Safety
/// As for [`Header::check`].
unsafe fn check_object(
    machine: &Machine,
    object: PVOID,
    mode: KPROCESSOR_MODE,
    what: &str,
) -> Result<Header, Broken> {
    // SAFETY: this function's own contract.
    let header = unsafe { Header::check(machine, object.cast(), Kinds::ANY, what) }?;
    if mode != KernelMode && header.is_mutex() {
        let detail = format!("{what} on mutex {:#x} in UserMode", header.key());
        return Err(Broken::new(&rule::MUTEX_USER_WAIT, detail));
    }
    Ok(header)
}

/// Checks that there are as many wait blocks as objects.
fn check_blocks(machine: &Machine, count: ULONG, blocks: *mut KWAIT_BLOCK) -> Result<(), Broken> {
    let most = if blocks.is_null() { THREAD_WAIT_OBJECTS } else { MAXIMUM_WAIT_OBJECTS };
    if count > most {
        let with = if blocks.is_null() { "without" } else { "with" };
        let detail =
            format!("KeWaitForMultipleObjects on {count} objects {with} wait blocks, allowed up to {most}");
        return Err(Broken::new(&rule::WAIT_OBJECTS, detail));
    }
    pool::require_non_paged(machine, blocks.addr(), "KeWaitForMultipleObjects with wait blocks");
    Ok(())
}

/// Checks that a wait of this type for these objects has a meaning. n/d: no page says what Windows does otherwise.
fn check_type(kind: WAIT_TYPE, objects: &[Header]) -> Result<(), Broken> {
    let mut seen = BTreeSet::new();
    let twice = objects.iter().map(|object| object.key()).find(|key| !seen.insert(*key));
    let wrong = if objects.is_empty() {
        "no objects".to_owned()
    } else if kind == WaitAll
        && let Some(key) = twice
    {
        format!("all of several objects, among them {key:#x} twice")
    } else if kind == WaitAll || kind == WaitAny {
        return Ok(());
    } else {
        format!("{} objects, with a wait type of {kind}", objects.len())
    };
    Err(Broken::new(&rule::WAIT_TYPE, format!("KeWaitForMultipleObjects on {wrong}")))
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
    let wait = Arc::new(Wait::new(vec![Awaited::Word(key)], false, "KeDelayExecutionThread"));
    require(machine.parts.dispatcher.wait(locked, &machine, &wait, deadline));
    Machine::kernel();
    STATUS_SUCCESS
}
