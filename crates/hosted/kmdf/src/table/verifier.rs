//! What a driver may tell the framework's verifier.
#![expect(unsafe_code, reason = "calls the kernel's debugging functions")]

use wsk_sys::{DbgPrint, KeBugCheckEx, ULONG};

use crate::types::{PWDF_DRIVER_GLOBALS, ULONG_PTR};

/// Breaks into the debugger. There is none here: it is noted in the debug log.
///
/// # IRQL
/// Any
pub unsafe extern "C" fn WdfVerifierDbgBreakPoint(_globals: PWDF_DRIVER_GLOBALS) {
    // SAFETY: a format without arguments.
    unsafe { DbgPrint(c"WdfVerifierDbgBreakPoint\n".as_ptr()) };
}

/// Stops the machine.
///
/// # IRQL
/// Any
pub unsafe extern "C" fn WdfVerifierKeBugCheck(
    _globals: PWDF_DRIVER_GLOBALS,
    BugCheckCode: ULONG,
    BugCheckParameter1: ULONG_PTR,
    BugCheckParameter2: ULONG_PTR,
    BugCheckParameter3: ULONG_PTR,
    BugCheckParameter4: ULONG_PTR,
) {
    let parameters = [BugCheckParameter1, BugCheckParameter2, BugCheckParameter3, BugCheckParameter4];
    let [one, two, three, four] =
        parameters.map(|parameter| usize::try_from(parameter).unwrap_or(usize::MAX));
    // SAFETY: does not return.
    unsafe { KeBugCheckEx(BugCheckCode, one, two, three, four) };
}
