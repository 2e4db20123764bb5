//! The drivers' routines that each thread runs: what reports call them, and which part of the stack is theirs.

use std::cell::Cell;
use std::fmt::Display;
use std::hint::black_box;

use crate::in_flight;
use crate::machine::Machine;

thread_local! {
    /// An address above all that the routines running on this thread have on its stack; 0 outside of any.
    static TOP: Cell<usize> = const { Cell::new(0) };
}

/// Calls a driver's routine named `what`. When it has returned, no request in flight may use its stack.
pub(crate) fn call<R>(what: &dyn Display, routine: impl FnOnce() -> R) -> R {
    let mut routine = Some(routine);
    let mut result = None;
    let top = below(&mut || result = routine.take().map(|routine| routine()));
    // A routine that came back into a dead machine goes no further.
    in_flight::require_stack_unused(&Machine::kernel(), top, what);
    result.expect("the routine was called, and has returned")
}

/// An address above all that the routines running on this thread have on its stack; 0 outside of any.
pub(crate) fn top_of_stack() -> usize {
    TOP.get()
}

/// Calls `routine`, and returns an address of the stack between what is the caller's and what was the routine's.
///
/// Never inlined, so that whatever the callers have on the stack is above that address.
#[inline(never)]
fn below(routine: &mut dyn FnMut()) -> usize {
    struct Restore(usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            TOP.set(self.0);
        }
    }
    let mark = 0_u8;
    let address = black_box(&raw const mark).addr();
    let outer = TOP.get();
    let _restore = Restore(outer);
    TOP.set(outer.max(address));
    black_box(routine)();
    address
}
