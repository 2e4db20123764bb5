//! Drivers without the framework: a module that they import from completes them when the loader has mapped them.
//!
//! That is before `DriverEntry`, as [`imports::supply`] must be: what a driver allocates before it registers with WSK is
//! freed afterwards, and must come from the functions that will free it. `WdfVersionBind` does the same for drivers of
//! the framework, which are left alone here.
#![expect(unsafe_code, reason = "hears from the loader of modules")]

use std::collections::BTreeSet;
use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use hosted_rule::report::print;
use wsk_sys::{NTSTATUS, PCUNICODE_STRING, PVOID, STATUS_SUCCESS, ULONG};

use crate::{imports, left};

/// `LDR_DLL_NOTIFICATION_REASON_LOADED`; 2 is `LDR_DLL_NOTIFICATION_REASON_UNLOADED`.
const LOADED: ULONG = 1;
/// The module that completes its drivers itself.
const FRAMEWORK: &str = "wdfldr.sys";

/// `LDR_DLL_LOADED_NOTIFICATION_DATA`, which for an unloaded module has the same members.
#[repr(C)]
struct Notification {
    flags: ULONG,
    full_name: PCUNICODE_STRING,
    base_name: PCUNICODE_STRING,
    base: PVOID,
    size: ULONG,
}

type Function = unsafe extern "system" fn(ULONG, *const Notification, PVOID);

#[link(name = "ntdll", kind = "raw-dylib")]
unsafe extern "system" {
    fn LdrRegisterDllNotification(
        flags: ULONG,
        function: Function,
        context: PVOID,
        cookie: *mut PVOID,
    ) -> NTSTATUS;
}

/// The drivers that were completed and are loaded, by the addresses of their images.
static CLIENTS: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

/// Completes each driver that the process loads from now on and that imports from `module`, and when the last of them has
/// been unloaded looks for what they left.
pub fn watch(module: &'static &'static str) {
    let mut cookie = std::ptr::null_mut();
    let context: *const &str = module;
    // SAFETY: the function stays, as its module does; the context is static; the cookie goes to a local.
    let status =
        unsafe { LdrRegisterDllNotification(0, notified, context.cast_mut().cast(), &raw mut cookie) };
    if status != STATUS_SUCCESS {
        print(&format!("{module}: drivers without the framework are not completed: {status:#x}"));
    }
}

/// Hears of a module that was mapped and bound to its imports, and whose code has not run yet; or of one that goes.
unsafe extern "system" fn notified(reason: ULONG, data: *const Notification, context: PVOID) {
    let module: *const &'static str = context.cast();
    // SAFETY: what `watch` gave.
    let module = unsafe { *module };
    // SAFETY: valid during the call, by the contract of `LdrDllNotification`.
    let base: *const c_void = unsafe { (*data).base };
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    if reason != LOADED {
        if clients.remove(&base.addr()) && clients.is_empty() {
            left::check();
        }
    } else if imports::imports_from(base, module) && !imports::imports_from(base, FRAMEWORK) {
        // SAFETY: the loader's lock is held, and none of its code has run.
        let supplied = unsafe { imports::supply(base) };
        print(&format!("{module}: {supplied} imports of a driver turned to the supplement"));
        clients.insert(base.addr());
    }
}
