//! A driver that panics: a bug check that names the routine.
//!
//! A driver has nobody to catch a panic, and none may unwind out of its routines, which the kernel calls by the C
//! convention. So the panic goes no further than to the hook, and the process ends there: a thread that were stopped
//! inside of it would hold the lock of the hook, and the test harness, which takes the hook away at its end, would wait
//! for it for ever.

use std::panic::{self, PanicHookInfo};
use std::sync::Once;

use crate::machine::Machine;
use crate::machine::bugcheck::{self, BugCheck};
use crate::machine::routine;
use crate::rule;

/// Looks from now on whether it is a driver that panics.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |panic| match routine::running() {
            Some(routines) if Machine::try_current().is_some() => report(panic, &routines),
            _ => previous(panic),
        }));
    });
}

fn report(panic: &PanicHookInfo<'_>, routines: &str) {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
    let place = panic.location().map_or_else(String::new, |place| format!(", at {place}"));
    let detail = format!("{routines} panicked: {text}{place}");
    bugcheck::die(&BugCheck {
        rule: rule::DRIVER_PANIC,
        parameters: [rule::DRIVER_PANIC.parameter, 0, 0, 0],
        detail,
    });
}
