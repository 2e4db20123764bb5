#![expect(unsafe_code, reason = "adds an exception handler")]

use std::sync::Once;

use windows_sys::Win32::Foundation::EXCEPTION_ACCESS_VIOLATION;
use windows_sys::Win32::System::Diagnostics::Debug::{
    AddVectoredExceptionHandler, EXCEPTION_CONTINUE_EXECUTION, EXCEPTION_CONTINUE_SEARCH, EXCEPTION_POINTERS,
};

use crate::machine::Machine;
use crate::machine::access_violation::report::{self, Access, Next};
use crate::machine::bugcheck::park_for_ever;

pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler is a function of this program's. Without room for it a fault ends the process unnamed.
        unsafe { AddVectoredExceptionHandler(1, Some(handle)) };
    });
}

/// The handler runs on the thread's own stack.
pub(super) fn prepare_thread() {}

unsafe extern "system" fn handle(exception: *mut EXCEPTION_POINTERS) -> i32 {
    // SAFETY: the system gives the handler a description.
    let record = unsafe { (*exception).ExceptionRecord };
    // SAFETY: part of the description.
    let record = unsafe { &*record };
    if record.ExceptionCode != EXCEPTION_ACCESS_VIOLATION {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    let Some(machine) = Machine::try_current() else { return EXCEPTION_CONTINUE_SEARCH };
    let [access, address, ..] = record.ExceptionInformation;
    let access = match access {
        0 => Access::Read,
        1 => Access::Write,
        _ => Access::Unknown,
    };
    match report::look(&machine, address, access) {
        Next::Retry => EXCEPTION_CONTINUE_EXECUTION,
        Next::Stop => park_for_ever(),
        Next::Unknown => EXCEPTION_CONTINUE_SEARCH,
    }
}
