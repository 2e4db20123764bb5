//! What drivers print for a debugger: kept by the machine, and shown if asked for.
#![expect(unsafe_code, reason = "exports a C function by its name; the text is the driver's")]

use std::collections::VecDeque;
use std::ffi::{CStr, c_char};
use std::io::Write;
use std::sync::OnceLock;

use parking_lot::Mutex;
use wsk_sys::{STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG};

use crate::machine::Machine;

/// How many lines a machine keeps.
const LINES: usize = 1024;

/// The last lines that were printed on a machine.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Mutex<VecDeque<String>>,
}

impl Log {
    /// Adds a line, and prints it to standard error if the environment variable `NTOS_DEBUG` is set.
    pub(crate) fn print(&self, line: &str) {
        static SHOW: OnceLock<bool> = OnceLock::new();
        let line = line.trim_end_matches(['\r', '\n']);
        if *SHOW.get_or_init(|| std::env::var_os("NTOS_DEBUG").is_some()) {
            // Whether anybody sees the line changes nothing for the driver.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
        let mut lines = self.lines.lock();
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }
}

impl Machine {
    /// The last lines that drivers printed with `DbgPrint`, oldest first.
    #[must_use]
    pub fn debug_log(&self) -> Vec<String> {
        self.parts.debug.lines.lock().iter().cloned().collect()
    }
}

/// Prints a line for the debugger. The format is printed as it is: further arguments do not exist here.
///
/// # Safety
/// `Format` points to a string that ends in a zero byte.
///
/// # IRQL
/// Any.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn DbgPrint(Format: *const c_char) -> ULONG {
    let machine = Machine::kernel();
    if Format.is_null() {
        return STATUS_INVALID_PARAMETER.cast_unsigned();
    }
    // SAFETY: the caller passes a terminated string.
    let text = unsafe { CStr::from_ptr(Format) };
    machine.parts.debug.print(&text.to_string_lossy());
    STATUS_SUCCESS.cast_unsigned()
}
