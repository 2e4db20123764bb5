//! Whose code the calling thread runs, so that what a driver leaves behind is found when it is unloaded.
//!
//! Windows finds the allocating driver by the return address. Here each thread carries an [`Owner`], set where the
//! kernel calls into a driver, and inherited by the threads, work items and DPCs that the driver starts. What was
//! allocated where no owner was known is looked for at shutdown only.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::machine::Machine;
use crate::machine::bugcheck::Broken;
use crate::rule::Rule;

/// A driver, or the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(u32);

thread_local! {
    static CURRENT: Cell<Owner> = const { Cell::new(Owner::SYSTEM) };
}

impl Owner {
    /// No driver.
    pub const SYSTEM: Owner = Owner(0);

    /// A new owner, for a driver that is about to be loaded.
    #[must_use]
    pub fn new_driver() -> Owner {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        // Relaxed: only the number's uniqueness matters.
        Owner(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The owner of what the calling thread does.
    #[must_use]
    pub fn current() -> Owner {
        CURRENT.get()
    }

    /// Calls `f` with this owner as the calling thread's.
    pub fn run<R>(self, f: impl FnOnce() -> R) -> R {
        struct Restore(Owner);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let _restore = Restore(CURRENT.replace(self));
        f()
    }
}

/// When leaks are looked for, and of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeakScope {
    /// A driver was unloaded: what it owns must be gone.
    Unload(Owner),
    /// The machine shuts down: everything must be gone.
    Shutdown,
}

impl LeakScope {
    /// Whether something of `owner` that is still there is a leak.
    #[must_use]
    pub fn covers(self, owner: Owner) -> bool {
        match self {
            LeakScope::Unload(driver) => driver == owner,
            LeakScope::Shutdown => true,
        }
    }

    /// When, for a report.
    #[must_use]
    pub fn when(self) -> &'static str {
        match self {
            LeakScope::Unload(_) => "after DriverUnload",
            LeakScope::Shutdown => "at shutdown",
        }
    }
}

/// Looks for what was left behind, or damaged: rules that only Driver Verifier enforces.
pub type LeakCheck = fn(&Machine, LeakScope) -> Vec<Broken>;

/// How many leaks a report shows.
const SHOWN: usize = 8;

/// The report of what was left, if anything was: how many, and the first few. Only those that are shown are asked for their
/// names.
#[must_use]
pub fn leak_report<L>(rule: &'static Rule, what: &str, scope: LeakScope, leaks: L) -> Option<Broken>
where
    L: IntoIterator<Item = String, IntoIter: ExactSizeIterator>,
{
    let leaks = leaks.into_iter();
    let count = leaks.len();
    if count == 0 {
        return None;
    }
    let more = if count > SHOWN { ", ..." } else { "" };
    let names: Vec<String> = leaks.take(SHOWN).collect();
    Some(Broken::new(rule, format!("{count} {what} left {}: {}{more}", scope.when(), names.join(", "))))
}
