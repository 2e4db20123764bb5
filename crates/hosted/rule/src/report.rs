//! The report of a broken rule under Wine: a line in the debug output, then the end of the process.
//!
//! The hosted kernel does not come here: its bug checks are values that a test can look at.
#![expect(unsafe_code, reason = "calls the kernel's debugging functions")]

use alloc::ffi::CString;
use alloc::format;

use wsk_sys::{DbgPrint, KeBugCheckEx};

use crate::Broken;

/// Prints a line to the debug output.
pub fn print(text: &str) {
    // A percent sign would begin a conversion.
    if let Ok(text) = CString::new(text.replace('%', "%%") + "\n") {
        // SAFETY: a terminated format without conversions.
        unsafe { DbgPrint(text.as_ptr()) };
    }
}

/// Prints the rule and what was done to which object, and stops the process.
pub fn violation(Broken { rule, detail }: &Broken) -> ! {
    print(&format!("*** BUG CHECK {:#X} ({:#X}): {rule}: {detail}", rule.code, rule.parameter));
    // SAFETY: does not return; the report has been printed.
    unsafe { KeBugCheckEx(rule.code, rule.parameter, 0, 0, 0) }
}
