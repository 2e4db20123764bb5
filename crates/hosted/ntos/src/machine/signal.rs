//! Handlers of signals, each put in front of the one that was there.
#![expect(unsafe_code, reason = "calls the C library")]

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;

use libc::{SA_ONSTACK, SA_SIGINFO, SIG_DFL, c_int, c_void, sigaction, siginfo_t};

/// The handler of one signal.
pub(super) struct Handler {
    signal: c_int,
    /// What was there before.
    previous: OnceLock<sigaction>,
}

impl Handler {
    pub(super) const fn new(signal: c_int) -> Handler {
        Handler { signal, previous: OnceLock::new() }
    }

    pub(super) fn signal(&self) -> c_int {
        self.signal
    }

    /// Lets `handle` have the signal from now on. It keeps to what the handler of a signal may do.
    pub(super) fn install(&self, handle: extern "C" fn(c_int, *mut siginfo_t, *mut c_void)) {
        let mut action: MaybeUninit<sigaction> = MaybeUninit::zeroed();
        // SAFETY: all zeros is a valid value of this structure of integers.
        let action = unsafe { action.assume_init_mut() };
        action.sa_sigaction = handle as *const () as usize;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        let mut old: MaybeUninit<sigaction> = MaybeUninit::zeroed();
        // SAFETY: both structures are variables of this frame; the handler has the type that SA_SIGINFO asks for.
        if unsafe { libc::sigaction(self.signal, action, old.as_mut_ptr()) } == 0 {
            // SAFETY: zeroed at first, and then written by the call.
            let _ = self.previous.set(unsafe { old.assume_init() });
        }
    }

    /// Gives the signal back: the next one means what it meant before.
    pub(super) fn give_back(&self) {
        if let Some(previous) = self.previous.get() {
            // SAFETY: as the system gave it.
            unsafe { libc::sigaction(self.signal, previous, ptr::null_mut()) };
        } else {
            // SAFETY: the default is always there.
            unsafe { libc::signal(self.signal, SIG_DFL) };
        }
    }
}

/// Sends the signal to the calling thread.
pub(super) fn raise(signal: c_int) {
    // SAFETY: nothing is asked of the caller.
    unsafe { libc::raise(signal) };
}

/// Waits for a signal.
pub(super) fn pause() {
    // SAFETY: nothing is asked of the caller.
    unsafe { libc::pause() };
}
