//! Interrupt request levels and critical regions: two numbers of each thread, and the checks on them.
//!
//! A thread's level holds nothing back here: a DPC does run beside a thread at `DISPATCH_LEVEL`, as it does on
//! another processor of a real machine. What the level does is to decide which calls are bug checks.
#![expect(unsafe_code, reason = "exports C functions by their names")]

use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem;

use wsk_sys::{APC_LEVEL, DISPATCH_LEVEL, HIGH_LEVEL, KIRQL, PASSIVE_LEVEL};

use crate::ex::pool::paged;
use crate::ke::{mutex, spinlock};
use crate::machine::Machine;
use crate::machine::bugcheck::violation;
use crate::machine::routine;
use crate::rule::{self, Rule};

thread_local! {
    static IRQL: Cell<KIRQL> = const { Cell::new(PASSIVE_LEVEL) };
    static CRITICAL_REGIONS: Cell<u32> = const { Cell::new(0) };
    /// The levels that the thread was at before it raised its own, oldest first.
    static RAISED: RefCell<Vec<KIRQL>> = const { RefCell::new(Vec::new()) };
}

/// The calling thread's level.
pub(crate) fn current() -> KIRQL {
    IRQL.get()
}

/// Sets the calling thread's level without any check, and returns the previous one.
pub(crate) fn set(level: KIRQL) -> KIRQL {
    let old = IRQL.replace(level);
    if old <= APC_LEVEL && level > APC_LEVEL {
        paged::close();
    }
    old
}

/// Calls `f` at `level`, as the kernel does when it calls a driver.
pub(crate) fn at<R>(level: KIRQL, f: impl FnOnce() -> R) -> R {
    struct Restore(KIRQL, Vec<KIRQL>);
    impl Drop for Restore {
        fn drop(&mut self) {
            set(self.0);
            RAISED.set(mem::take(&mut self.1));
        }
    }
    // What the routine raises it lowers by itself, and nothing else.
    let _restore = Restore(set(level), RAISED.take());
    f()
}

/// The name of a level.
pub(crate) fn level_name(level: KIRQL) -> String {
    match level {
        PASSIVE_LEVEL => "PASSIVE_LEVEL".to_owned(),
        APC_LEVEL => "APC_LEVEL".to_owned(),
        DISPATCH_LEVEL => "DISPATCH_LEVEL".to_owned(),
        other => format!("IRQL {other}"),
    }
}

/// Requires that the calling thread is at `level` or below, for the call named `what`.
pub(crate) fn at_most(level: KIRQL, rule: &'static Rule, what: &str) {
    let now = current();
    if now > level {
        violation(rule, format!("{what} called at {}, allowed up to {}", level_name(now), level_name(level)));
    }
}

/// What a driver's routine must leave as it found it: level, critical regions, spin locks, mutexes.
///
/// The default is what a new thread has.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallState {
    irql: KIRQL,
    critical_regions: u32,
    spin_locks: usize,
    mutexes: usize,
}

impl CallState {
    /// The calling thread's, now.
    #[must_use]
    pub fn now() -> CallState {
        CallState {
            irql: current(),
            critical_regions: CRITICAL_REGIONS.get(),
            spin_locks: spinlock::held_count(),
            mutexes: mutex::held_count(),
        }
    }

    /// The level.
    #[must_use]
    pub fn irql(&self) -> KIRQL {
        self.irql
    }

    /// How many critical regions the thread has entered and not left.
    #[must_use]
    pub fn critical_regions(&self) -> u32 {
        self.critical_regions
    }

    /// How many spin locks the thread holds.
    #[must_use]
    pub fn spin_locks(&self) -> usize {
        self.spin_locks
    }

    /// Requires that the state is the same now as it was then, when the routine named `what` has returned.
    pub fn check(&self, what: impl fmt::Display) {
        let now = CallState::now();
        if now.spin_locks != self.spin_locks {
            violation(
                &rule::SPIN_LOCK_AT_RETURN,
                format!("{what} returned with spin locks held: {}", spinlock::held_names()),
            );
        }
        if now.mutexes != self.mutexes {
            let before = self.mutexes;
            let held = mutex::held_names();
            violation(
                &rule::MUTEX_AT_RETURN,
                format!("{what} was called with {before} mutexes owned and returned with these: {held}"),
            );
        }
        if now.irql != self.irql {
            violation(
                &rule::IRQL_RETURN,
                format!(
                    "{what} was called at {} and returned at {}",
                    level_name(self.irql),
                    level_name(now.irql)
                ),
            );
        }
        if now.critical_regions != self.critical_regions {
            violation(
                &rule::CRITICAL_REGIONS,
                format!(
                    "{what} was called inside {} critical regions and returned inside {}",
                    self.critical_regions, now.critical_regions
                ),
            );
        }
    }
}

/// Calls a driver's routine named `what` at `level`, and demands that it leaves the thread as it found it.
pub fn call_driver<R>(level: KIRQL, what: impl fmt::Display, f: impl FnOnce() -> R) -> R {
    at(level, || {
        let before = CallState::now();
        let result = routine::call(&what, f);
        before.check(what);
        result
    })
}

/// The calling thread's level.
///
/// # IRQL
/// Any.
#[unsafe(no_mangle)]
pub extern "system" fn KeGetCurrentIrql() -> KIRQL {
    current()
}

/// Raises the calling thread's level, and returns the previous one.
///
/// # IRQL
/// Any; `NewIrql` is not below it.
#[unsafe(no_mangle)]
pub extern "system" fn KfRaiseIrql(NewIrql: KIRQL) -> KIRQL {
    Machine::kernel();
    let old = current();
    if NewIrql < old || NewIrql > HIGH_LEVEL {
        violation(
            &rule::RAISE_TO_LOWER,
            format!("KfRaiseIrql from {} to {}", level_name(old), level_name(NewIrql)),
        );
    }
    if NewIrql != old {
        RAISED.with_borrow_mut(|raised| raised.push(old));
    }
    set(NewIrql)
}

/// Lowers the calling thread's level.
///
/// # IRQL
/// Any; `NewIrql` is not above it.
#[unsafe(no_mangle)]
pub extern "system" fn KeLowerIrql(NewIrql: KIRQL) {
    Machine::kernel();
    let old = current();
    if NewIrql > old {
        violation(
            &rule::LOWER_TO_HIGHER,
            format!("KeLowerIrql from {} to {}", level_name(old), level_name(NewIrql)),
        );
    }
    if NewIrql < DISPATCH_LEVEL && spinlock::held_count() != 0 {
        violation(
            &rule::LOWER_WITH_SPIN_LOCK,
            format!(
                "KeLowerIrql to {} with spin locks held: {}",
                level_name(NewIrql),
                spinlock::held_names()
            ),
        );
    }
    if NewIrql == old {
        return;
    }
    let saved = RAISED.with_borrow_mut(Vec::pop);
    if saved != Some(NewIrql) {
        let before = saved.map_or("this routine has not raised".to_owned(), |saved| {
            format!("was raised from {}", level_name(saved))
        });
        violation(
            &rule::LOWER_NOT_SAVED,
            format!("KeLowerIrql to {}, at {}, which {before}", level_name(NewIrql), level_name(old)),
        );
    }
    set(NewIrql);
}

/// Holds back normal kernel asynchronous procedure calls of the calling thread. They do not exist here; the regions
/// are counted.
///
/// # IRQL
/// <= `APC_LEVEL`.
#[unsafe(no_mangle)]
pub extern "system" fn KeEnterCriticalRegion() {
    Machine::kernel();
    at_most(APC_LEVEL, &rule::IRQL_KE_APC_LTE, "KeEnterCriticalRegion");
    CRITICAL_REGIONS.set(CRITICAL_REGIONS.get() + 1);
}

/// Ends what [`KeEnterCriticalRegion`] began.
///
/// # IRQL
/// <= `APC_LEVEL`.
#[unsafe(no_mangle)]
pub extern "system" fn KeLeaveCriticalRegion() {
    Machine::kernel();
    at_most(APC_LEVEL, &rule::IRQL_KE_APC_LTE, "KeLeaveCriticalRegion");
    match CRITICAL_REGIONS.get().checked_sub(1) {
        Some(fewer) => CRITICAL_REGIONS.set(fewer),
        None => violation(
            &rule::CRITICAL_REGIONS,
            "KeLeaveCriticalRegion by a thread that is in no critical region",
        ),
    }
}
