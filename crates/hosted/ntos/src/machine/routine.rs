//! The drivers' routines that each thread runs: what reports call them, and which part of the stack is theirs.
#![expect(unsafe_code, reason = "the routines of a thread are a list on its stack")]

use std::cell::Cell;
use std::fmt::Display;
use std::hint::black_box;
use std::ptr;

use crate::machine::Machine;
use crate::machine::bugcheck::require;
use crate::mm::in_flight;

/// A routine that runs.
struct Frame<'a> {
    what: &'a dyn Display,
    /// The one that it was called from, on the same thread.
    outer: *const Frame<'static>,
}

thread_local! {
    /// The innermost routine of this thread.
    ///
    /// # Invariants
    /// Null, or a frame of a [`call`] on this thread that has not returned, as are all that follow from it.
    static INNERMOST: Cell<*const Frame<'static>> = const { Cell::new(ptr::null()) };
    /// An address above all that the routines running on this thread have on its stack; 0 outside of any.
    static TOP: Cell<usize> = const { Cell::new(0) };
}

/// Calls a driver's routine, which reports name as `what`. When it has returned, no request in flight may use its stack.
///
/// What happens meanwhile on the calling thread is told of this routine: a panic, an access violation.
///
/// # Panics
/// If the routine panics and is no driver's, which must not.
pub fn call<R>(what: &dyn Display, routine: impl FnOnce() -> R) -> R {
    struct Leave(*const Frame<'static>);
    impl Drop for Leave {
        fn drop(&mut self) {
            INNERMOST.set(self.0);
        }
    }
    let outer = INNERMOST.get();
    let frame = Frame { what, outer };
    let leave = Leave(outer);
    // INVARIANT: `leave` takes the frame out when this function ends, however it does.
    INNERMOST.set((&raw const frame).cast());
    let mut routine = Some(routine);
    let mut result = None;
    let top = below(&mut || result = routine.take().map(|routine| routine()));
    drop(leave);
    // A routine that came back into a dead machine goes no further.
    require(in_flight::check_stack_unused(&Machine::kernel(), top, what));
    result.expect("the routine was called, and has returned")
}

/// Whether the calling thread runs a driver's routine.
pub(crate) fn is_running() -> bool {
    INNERMOST.try_with(|innermost| !innermost.get().is_null()).unwrap_or(false)
}

/// The routines that the calling thread runs, for a report, the innermost first; none if it runs none.
pub(crate) fn running() -> Option<String> {
    let mut next = INNERMOST.try_with(Cell::get).ok()?;
    let mut names = Vec::new();
    while !next.is_null() {
        // SAFETY: the invariant of `INNERMOST`: the call that made this frame has not returned, so it lives, with what it
        // borrows.
        let frame = unsafe { &*next };
        names.push(frame.what.to_string());
        next = frame.outer;
    }
    (!names.is_empty()).then(|| names.join(", in "))
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
