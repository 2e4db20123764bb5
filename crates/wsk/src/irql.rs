//! The proof that a thread runs at `PASSIVE_LEVEL`.
#![expect(unsafe_code, reason = "the level cannot be read everywhere, so the proof is made by assertion")]

use core::marker::PhantomData;
use core::time::Duration;

/// Proof that the current thread runs at `PASSIVE_LEVEL`, so that it may wait.
///
/// Every call that can block takes one. The proof is neither `Send` nor `Sync`: it says something of this thread only. So a
/// handler of events, which WSK calls at up to `DISPATCH_LEVEL`, has none, and cannot make one but by an assertion.
///
/// A proof says what the level was when it was made. Code that raises the level and has a proof at hand, inside a spin
/// lock for instance, is not kept from using it by this type alone; a lock that asks for a `Send` closure, as the driver of
/// this project does, keeps proofs out of it. What is written all the same ends at the wait, which asks for the level: at
/// `DISPATCH_LEVEL` it is a bug check, and no machine that stands still.
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

    /// Asks the kernel for the current level: the proof, if it is `PASSIVE_LEVEL`.
    #[must_use]
    pub fn check() -> Option<Passive> {
        // SAFETY: KeGetCurrentIrql can be called at any IRQL and has no other precondition.
        let level = unsafe { wsk_sys::KeGetCurrentIrql() };
        (level == wsk_sys::PASSIVE_LEVEL).then_some(Passive { _this_thread: [] })
    }

    /// Permission to wait for at most `timeout`.
    #[must_use]
    pub const fn within(&self, timeout: Duration) -> Wait<'_> {
        Wait { timeout: Some(timeout), _passive: PhantomData }
    }
}

/// Permission to wait, with or without a time limit.
///
/// `&Passive` is permission without a limit; [`Passive::within`] sets one. When it passes, the operation is
/// cancelled and the wait goes on until it has completed. A late success is a success, a late failure that failure;
/// only a request that was cancelled yields [`IO_TIMEOUT`](crate::Error::IO_TIMEOUT).
///
/// A limit of zero asks for what is there now: the request is made, and cancelled only if it has not completed when the
/// call of WSK returns. A result that is there at once never loses against it.
#[derive(Clone, Copy, Debug)]
pub struct Wait<'p> {
    timeout: Option<Duration>,
    _passive: PhantomData<&'p Passive>,
}

impl Wait<'_> {
    /// The time limit, if there is one.
    #[must_use]
    pub const fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

impl<'p> From<&'p Passive> for Wait<'p> {
    fn from(_: &'p Passive) -> Wait<'p> {
        Wait { timeout: None, _passive: PhantomData }
    }
}
