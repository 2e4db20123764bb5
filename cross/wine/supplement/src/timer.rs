//! Timers that queue a DPC.
//!
//! Wine's call their DPC on a thread of a pool, and touch the timer again afterwards; so a driver that cancels a timer,
//! flushes the DPCs and frees both, as documented, would have its freed memory written to. Waiting for a timer object
//! is not possible here.
#![expect(unsafe_code, reason = "functions of the kernel's C names")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use wsk_sys::{BOOLEAN, FALSE, KDPC, KTIMER, LARGE_INTEGER, LONG, TIMER_TYPE, TRUE};

use crate::dpc::{Queued, notify, state};

/// `KOBJECTS`: a notification timer; a synchronization timer is one more.
const TIMER_OBJECT: u8 = 8;
/// The year 1970 in the kernel's time, which counts 100 ns from 1601.
const UNIX_EPOCH: i128 = 116_444_736_000_000_000;

/// A timer that is set.
struct Set {
    due: Instant,
    period: Option<Duration>,
    dpc: Option<Queued>,
}

/// The timers that are set, by their address.
pub(crate) struct Timers(BTreeMap<usize, Set>);

impl Timers {
    pub(crate) const fn new() -> Timers {
        Timers(BTreeMap::new())
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.values().map(|set| set.due).min()
    }

    /// Takes out or sets again the timers that are due, and gives their DPCs, the earliest first.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Queued> {
        let mut due: Vec<(Instant, Queued)> = Vec::new();
        self.0.retain(|_, set| {
            if set.due > now {
                return true;
            }
            due.extend(set.dpc.map(|dpc| (set.due, dpc)));
            let Some(period) = set.period else { return false };
            while set.due <= now {
                set.due += period;
            }
            true
        });
        due.sort_by_key(|(time, _)| *time);
        due.into_iter().map(|(_, dpc)| dpc).collect()
    }
}

/// How many timers are set.
#[must_use]
pub fn left() -> usize {
    state().timers.0.len()
}

/// The time until a due time, negative or absolute, in units of 100 ns.
fn until(due_time: LARGE_INTEGER) -> Duration {
    let units = if due_time <= 0 {
        u128::from(due_time.unsigned_abs())
    } else {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = i128::try_from(now.as_nanos() / 100).unwrap_or(0) + UNIX_EPOCH;
        u128::try_from(i128::from(due_time) - now).unwrap_or(0)
    };
    Duration::from_nanos(u64::try_from(units * 100).unwrap_or(u64::MAX))
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn KeInitializeTimerEx(Timer: *mut KTIMER, Type: TIMER_TYPE) {
    let mut timer = KTIMER::ZERO;
    timer.Header.Type = TIMER_OBJECT + u8::from(Type != 0);
    // SAFETY: the caller's memory, which is nothing yet.
    unsafe { Timer.write(timer) };
}

pub(crate) unsafe extern "system" fn KeInitializeTimer(Timer: *mut KTIMER) {
    // SAFETY: this function's own contract.
    unsafe { KeInitializeTimerEx(Timer, 0) };
}

pub(crate) extern "system" fn KeSetTimer(
    Timer: *mut KTIMER,
    DueTime: LARGE_INTEGER,
    Dpc: *mut KDPC,
) -> BOOLEAN {
    KeSetTimerEx(Timer, DueTime, 0, Dpc)
}

#[unsafe(no_mangle)]
pub(crate) extern "system" fn KeSetTimerEx(
    Timer: *mut KTIMER,
    DueTime: LARGE_INTEGER,
    Period: LONG,
    Dpc: *mut KDPC,
) -> BOOLEAN {
    let set = Set {
        due: Instant::now() + until(DueTime).min(Duration::from_hours(24 * 365)),
        period: u64::try_from(Period).ok().filter(|period| *period != 0).map(Duration::from_millis),
        dpc: (!Dpc.is_null()).then_some(Queued(Dpc)),
    };
    let was_set = state().timers.0.insert(Timer.addr(), set).is_some();
    notify();
    if was_set { TRUE } else { FALSE }
}

#[unsafe(no_mangle)]
pub(crate) extern "system" fn KeCancelTimer(Timer: *mut KTIMER) -> BOOLEAN {
    if state().timers.0.remove(&Timer.addr()).is_some() { TRUE } else { FALSE }
}
