//! Wine's kernel: `ntoskrnl.exe` in the process that Wine runs a driver in, one machine for each process.
//!
//! Nothing there has an IRQL: every thread is at `PASSIVE_LEVEL`, so the rules on IRQL hold trivially. Wine cannot make
//! calls fail either, so no fault point fires.
#![expect(unsafe_code, reason = "reports through the kernel's debugging functions")]

extern crate std;

use alloc::ffi::CString;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use std::sync::OnceLock;

use wsk_sys::{DbgPrint, IRP_MJ_DEVICE_CONTROL, KeBugCheckEx, METHOD_BUFFERED, METHOD_FROM_CTL_CODE};

use crate::framework::Framework;
use crate::irp::Irp;

/// Whether the I/O manager sends `IRP_MJ_CLEANUP`. Wine's does not; and it sends `IRP_MJ_CLOSE` when the last handle
/// is closed, whatever requests of the file are left.
pub(crate) const CLEANUP_COMES: bool = false;

/// What a bug check's report names: a rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The bug check code.
    pub code: u32,
    /// The first parameter of the bug check, which tells the rules of one code apart.
    pub parameter: usize,
    /// The name: that of the DDI compliance rule where there is one.
    pub name: &'static str,
    /// The title of Microsoft's page, or the C name of the function whose page states the rule.
    pub source: &'static str,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.source)
    }
}

/// Prints the report, and stops the process.
#[expect(clippy::needless_pass_by_value, reason = "the hosted kernel keeps it")]
pub(crate) fn violation(rule: &'static Rule, detail: String) -> ! {
    let text = format!("*** BUG CHECK {:#X} ({:#X}): {rule}: {detail}\n", rule.code, rule.parameter);
    // A percent sign would begin a conversion.
    if let Ok(text) = CString::new(text.replace('%', "%%")) {
        // SAFETY: a format without conversions.
        unsafe { DbgPrint(text.as_ptr()) };
    }
    // SAFETY: does not return; the report has been printed.
    unsafe { KeBugCheckEx(rule.code, rule.parameter, 0, 0, 0) }
}

/// Whether what only the framework's verifier checks is an error too: always.
pub(crate) fn strict() -> bool {
    true
}

/// Whether the call named `what` must fail now: never.
pub(crate) fn fault(_what: &'static str) -> bool {
    false
}

/// The framework of this process.
pub(crate) fn framework() -> Arc<Framework> {
    static FRAMEWORK: OnceLock<Arc<Framework>> = OnceLock::new();
    Arc::clone(FRAMEWORK.get_or_init(Arc::default))
}

/// An IRP has come. Of a direct device control, Wine's I/O manager builds the MDL but locks no pages, as it has none;
/// what it describes is memory of this process until the IRP is completed, which is what a lock is for.
pub(crate) fn arrived(irp: Irp) {
    if irp.major() == IRP_MJ_DEVICE_CONTROL
        && METHOD_FROM_CTL_CODE(irp.device_control().IoControlCode) != METHOD_BUFFERED
    {
        irp.mark_mdl_locked();
    }
}
