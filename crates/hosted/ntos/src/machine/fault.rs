//! Fault points: places where a test can make the kernel run out of resources.
//!
//! Every exported function that can fail asks [`point`] first. [`Faults::fail_nth`] lets one of them fail; a sweep
//! that counts up from zero until [`Faults::fired`] is `None` has failed each of them once.
//!
//! ```
//! use ntos::{Config, Machine};
//! use wsk_sys::{FALSE, IoAllocateIrp, IoFreeIrp};
//!
//! let machine = Machine::boot(Config::default());
//! let entered = machine.enter();
//! machine.faults().fail_nth(0); // the next call that can fail
//! assert!(unsafe { IoAllocateIrp(1, FALSE) }.is_null());
//! assert_eq!(machine.faults().fired(), Some("IoAllocateIrp"));
//! let irp = unsafe { IoAllocateIrp(1, FALSE) };
//! assert!(!irp.is_null());
//! unsafe { IoFreeIrp(irp) };
//! drop(entered);
//! machine.shutdown();
//! ```

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::machine::Machine;

/// The faults of one machine; see [`Machine::faults`].
#[derive(Debug, Default)]
pub struct Faults {
    passed: AtomicU64,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    /// The points that fail: from the first number up to, not including, the second.
    fail: Option<(u64, u64)>,
    fired: Option<&'static str>,
}

impl Faults {
    /// Lets the next `n` fault points pass and the one after them fail; all later ones pass. Restarts the count.
    pub fn fail_nth(&self, n: u64) {
        self.arm(Some((n, n.saturating_add(1))));
    }

    /// Lets the next `n` fault points pass and all later ones fail. Restarts the count.
    pub fn fail_from(&self, n: u64) {
        self.arm(Some((n, u64::MAX)));
    }

    /// Lets all later fault points pass. Keeps the count, and what [`Faults::fired`] says.
    pub fn disarm(&self) {
        self.plan.lock().fail = None;
    }

    /// How many fault points were reached since boot, or since the last `fail_nth` or `fail_from`.
    #[must_use]
    pub fn count(&self) -> u64 {
        let _plan = self.plan.lock();
        self.passed.load(Ordering::Relaxed)
    }

    /// The name of the call that was made to fail by the last `fail_nth` or `fail_from`; the first one, if several.
    #[must_use]
    pub fn fired(&self) -> Option<&'static str> {
        self.plan.lock().fired
    }

    fn arm(&self, fail: Option<(u64, u64)>) {
        let mut plan = self.plan.lock();
        self.passed.store(0, Ordering::Relaxed);
        *plan = Plan { fail, fired: None };
    }

    fn point(&self, what: &'static str) -> bool {
        let mut plan = self.plan.lock();
        let index = self.passed.fetch_add(1, Ordering::Relaxed);
        let fails = plan.fail.is_some_and(|(from, to)| (from..to).contains(&index));
        if fails && plan.fired.is_none() {
            plan.fired = Some(what);
        }
        fails
    }
}

/// Whether the call named `what` must fail now, as if resources had run out.
#[must_use]
pub fn point(what: &'static str) -> bool {
    Machine::try_here().is_some_and(|machine| machine.faults().point(what))
}
