//! A process that ends although nobody has heard of a bug check must not look like a success.
#![expect(unsafe_code, reason = "calls the C library")]

use std::io::Write;
use std::sync::Once;

use parking_lot::Mutex;

use crate::machine::Machine;

/// The machines whose bug checks nobody had heard of when they came.
static UNHEARD: Mutex<Vec<Machine>> = Mutex::new(Vec::new());

/// Looks at the end of the process whether somebody has heard of the bug check of `machine`.
pub(crate) fn watch(machine: &Machine) {
    static ONCE: Once = Once::new();
    UNHEARD.lock().push(machine.clone());
    ONCE.call_once(|| {
        // SAFETY: a function without arguments, which may run at the end of the process. If there is no room for one
        // more, the limit for unheard bug checks is what is left.
        let _ = unsafe { libc::atexit(report) };
    });
}

extern "C" fn report() {
    let unheard = |machine: &Machine| machine.parts.crash.is_unheard();
    let Some(report) = UNHEARD.lock().iter().find(|machine| unheard(machine)).and_then(Machine::bug_check)
    else {
        return;
    };
    // Nothing is left to do about an error here: the process ends.
    let _ = writeln!(std::io::stderr(), "{report}\n    heard of by nobody");
    // SAFETY: ends the process, whatever else there is to be done at its end.
    unsafe { libc::_exit(101) };
}
