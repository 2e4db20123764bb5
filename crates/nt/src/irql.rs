//! The proof that a thread runs at `PASSIVE_LEVEL`.
#![expect(unsafe_code, reason = "the level cannot be read everywhere, so the proof is made by assertion")]

use core::time::Duration;

use nt_sys::{FALSE, KernelMode};

use crate::{bug_check, time};

/// Proof that the current thread runs at `PASSIVE_LEVEL`, so that it may wait.
///
/// Every call that can block takes one. The proof is neither `Send` nor `Sync`: it says something of this thread only. So
/// a callback that may come at `DISPATCH_LEVEL` has none, and the closure of a [`SpinLock`](crate::SpinLock), which is
/// `Send`, cannot bring one in from outside.
///
/// A proof says what the level was when it was made. What raises the level by other means than this crate's, with a proof
/// at hand, is not kept from waiting by the types. It ends at the wait, which asks for the level: at `DISPATCH_LEVEL` that
/// is a bug check, and no machine that stands still.
#[derive(Debug)]
pub struct Passive {
    /// Nothing, of a type that stays on its thread.
    _this_thread: [*mut (); 0],
}

impl Passive {
    /// Asserts that the current thread runs at `PASSIVE_LEVEL`.
    ///
    /// # Safety
    /// The caller runs at `PASSIVE_LEVEL` for as long as the proof lives: in `DriverEntry`, a work item, a system
    /// thread, or a callback that the framework calls at passive level.
    #[must_use]
    pub const unsafe fn assume() -> Passive {
        Passive { _this_thread: [] }
    }

    /// Asks the kernel for the current level (`KeGetCurrentIrql`): the proof, if it is `PASSIVE_LEVEL`.
    ///
    /// # IRQL
    /// Any
    #[must_use]
    pub fn check() -> Option<Passive> {
        // SAFETY: KeGetCurrentIrql can be called at any IRQL and has no other precondition.
        let level = unsafe { nt_sys::KeGetCurrentIrql() };
        (level == nt_sys::PASSIVE_LEVEL).then_some(Passive { _this_thread: [] })
    }

    /// Waits until so long has passed, and never less (`KeDelayExecutionThread`). How much longer depends on the system's clock.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    pub fn sleep(&self, duration: Duration) {
        bug_check::unless_it_can_wait();
        let interval = time::interval(duration);
        // SAFETY: PASSIVE_LEVEL is proven; the interval is a variable of this frame.
        unsafe { nt_sys::KeDelayExecutionThread(KernelMode, FALSE, &raw const interval) };
    }

    /// Permission to wait for at most `timeout`.
    #[must_use]
    pub const fn within(&self, timeout: Duration) -> Wait<'_> {
        Wait { passive: self, timeout: Some(timeout) }
    }
}

/// Permission to wait, with or without a time limit.
///
/// `&Passive` is permission without a limit; [`Passive::within`] sets one. What a call does when the limit passes is for
/// the call to say.
#[derive(Clone, Copy, Debug)]
pub struct Wait<'p> {
    passive: &'p Passive,
    timeout: Option<Duration>,
}

impl<'p> Wait<'p> {
    /// The time limit, if there is one.
    #[must_use]
    pub const fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// The proof that the thread may wait.
    #[must_use]
    pub const fn passive(&self) -> &'p Passive {
        self.passive
    }
}

/// What a call that waits takes: `&Passive`, or a [`Wait`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not prove that the thread may wait",
    label = "no permission to wait",
    note = "`passive`, a `&Passive`, is permission without a limit; with one it is `passive.within(limit)`"
)]
pub trait IntoWait<'p> {
    /// The permission.
    fn into_wait(self) -> Wait<'p>;
}

impl<'p> IntoWait<'p> for &'p Passive {
    fn into_wait(self) -> Wait<'p> {
        Wait { passive: self, timeout: None }
    }
}

impl<'p> IntoWait<'p> for Wait<'p> {
    fn into_wait(self) -> Wait<'p> {
        self
    }
}
