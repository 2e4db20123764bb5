//! A driver that panics: a bug check that names the routine.
//!
//! A driver has nobody to catch a panic, and none may unwind out of its routines, which the kernel calls by the C
//! convention. So the thread must stop before the host ends the process for that. It cannot stop in the panic hook: the
//! host holds a lock while the hook runs, and the test harness, which takes the hook away at its end, would wait for it
//! for ever. The hook reports and returns, and the thread is stopped at the next place where the host asks: on Unix when
//! it calls `abort`, with the signal that this raises; on Windows when the unwinding begins, which is an exception. The
//! host's own words about the abort are on standard error then, and are not true.

use std::panic::{self, PanicHookInfo};
use std::sync::Once;

use crate::machine::Machine;
use crate::machine::bugcheck::{self, BugCheck};
use crate::machine::frames;
use crate::machine::routine;
use crate::rule;

/// Looks from now on whether it is a driver that panics.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        stop::install();
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |panic| match Machine::try_current() {
            Some(machine) if routine::is_running() => report(&machine, panic),
            _ => previous(panic),
        }));
    });
}

/// Whether the calling thread runs a driver's routine on a dead machine: it may be stopped, wherever it is.
#[cfg_attr(any(miri, not(any(unix, windows))), expect(dead_code, reason = "nothing asks there"))]
fn is_over() -> bool {
    routine::is_running() && Machine::try_current().is_some_and(|machine| machine.is_dead())
}

fn report(machine: &Machine, panic: &PanicHookInfo<'_>) {
    if machine.is_dead() {
        // What follows a report: that the panic cannot go on, or another one in a destructor. Before the routines are named:
        // a name may ask the kernel, which stops a thread of a dead machine, and this one has the host's lock.
        return;
    }
    let routines = routine::running().unwrap_or_default();
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
    let place = panic.location().map_or_else(String::new, |place| format!(", at {place}"));
    let callers = frames::capture().map_or_else(String::new, |frames| frames::panicked_in(&frames));
    let parameters = [rule::DRIVER_PANIC.parameter, 0, 0, 0];
    let detail = format!("{routines} panicked: {text}{place}{callers}");
    let report = BugCheck::new(&rule::DRIVER_PANIC, parameters, detail);
    if stop::IS_POSSIBLE {
        bugcheck::end(machine, report);
    } else {
        bugcheck::die(&report, "on this system a thread that panics cannot be stopped");
    }
}

#[cfg(all(unix, not(miri)))]
mod stop {
    use libc::{SIGABRT, c_int, c_void, siginfo_t};

    use super::is_over;
    use crate::machine::signal::{self, Handler};

    pub(super) const IS_POSSIBLE: bool = true;

    static ABORT: Handler = Handler::new(SIGABRT);

    pub(super) fn install() {
        ABORT.install(handle);
    }

    /// By POSIX, `abort` does not end the process if the handler of its signal does not return.
    extern "C" fn handle(_signal: c_int, _info: *mut siginfo_t, _context: *mut c_void) {
        while is_over() {
            signal::pause();
        }
        ABORT.give_back();
        signal::raise(SIGABRT);
    }
}

#[cfg(windows)]
mod stop {
    #![expect(unsafe_code, reason = "adds an exception handler")]

    use windows_sys::Win32::System::Diagnostics::Debug::{
        AddVectoredExceptionHandler, EXCEPTION_CONTINUE_SEARCH, EXCEPTION_POINTERS,
    };

    use super::is_over;
    use crate::machine::bugcheck::park_for_ever;

    pub(super) const IS_POSSIBLE: bool = true;

    pub(super) fn install() {
        // SAFETY: the handler is a function of this program's. Without room for it the process ends at a panic.
        unsafe { AddVectoredExceptionHandler(1, Some(handle)) };
    }

    unsafe extern "system" fn handle(_exception: *mut EXCEPTION_POINTERS) -> i32 {
        if is_over() {
            park_for_ever();
        }
        EXCEPTION_CONTINUE_SEARCH
    }
}

#[cfg(not(any(windows, all(unix, not(miri)))))]
mod stop {
    pub(super) const IS_POSSIBLE: bool = false;

    pub(super) fn install() {}
}
