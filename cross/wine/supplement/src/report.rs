//! Bug checks: a line in the debug output that names the rule, then the end of the process.
#![expect(unsafe_code, reason = "calls the kernel's debugging functions")]

use std::ffi::CString;

use wsk_sys::{DbgPrint, KeBugCheckEx};

/// Prints a line to the debug output.
pub fn print(text: &str) {
    // A percent sign would begin a conversion.
    if let Ok(text) = CString::new(text.replace('%', "%%") + "\n") {
        // SAFETY: a format without conversions.
        unsafe { DbgPrint(text.as_ptr()) };
    }
}

/// Reports a broken rule, and stops the process: what a bug check is here.
pub fn bug_check(code: u32, parameter: usize, rule: &str, detail: &str) -> ! {
    print(&format!("*** BUG CHECK {code:#X} ({parameter:#X}): {rule}: {detail}"));
    // SAFETY: does not return; the report has been printed.
    unsafe { KeBugCheckEx(code, parameter, 0, 0, 0) }
}
