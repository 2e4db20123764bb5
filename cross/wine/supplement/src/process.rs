//! Who sent a request: a stub that raises an exception in Wine, though it knows the answer.
#![expect(unsafe_code, reason = "functions of the kernel's C names")]

use wsk_sys::{HANDLE, IRP, PEPROCESS, ULONG};

unsafe extern "system" {
    fn IoGetRequestorProcess(Irp: *mut IRP) -> PEPROCESS;
    fn PsGetProcessId(Process: PEPROCESS) -> HANDLE;
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn IoGetRequestorProcessId(Irp: *mut IRP) -> ULONG {
    // SAFETY: the caller's living IRP.
    let process = unsafe { IoGetRequestorProcess(Irp) };
    if process.is_null() {
        return 0;
    }
    // SAFETY: the process of a thread that waits for the IRP.
    let id = unsafe { PsGetProcessId(process) };
    ULONG::try_from(id.addr()).unwrap_or(0)
}
