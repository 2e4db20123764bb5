//! Drivers whose imports nobody else completes: a module that is there already does it when the loader has mapped them.
//!
//! That is before `DriverEntry`, as [`imports::supply`] must be: what a driver allocates before it registers with WSK is
//! freed afterwards, and must come from the functions that will free it. This project's framework does the same in
//! `WdfVersionBind`, for itself and its drivers, and says so by [`COMPLETES`]. A framework without that name, which somebody
//! else built, is completed here as its drivers are.
#![expect(unsafe_code, reason = "hears from the loader of modules")]

use std::collections::BTreeSet;
use std::ffi::{CStr, c_void};
use std::sync::{Mutex, PoisonError};

use hosted_rule::report::print;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::w;
use wsk_sys::{NTSTATUS, PCUNICODE_STRING, PVOID, STATUS_SUCCESS, ULONG};

use crate::{imports, left};

/// `LDR_DLL_NOTIFICATION_REASON_LOADED`; 2 is `LDR_DLL_NOTIFICATION_REASON_UNLOADED`.
const LOADED: ULONG = 1;
/// The framework.
const FRAMEWORK: &str = "wdfldr.sys";
/// The data that a framework exports which completes the imports of its drivers itself.
const COMPLETES: &CStr = c"WdfldrCompletesImports";

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

/// A module that drivers import from.
#[derive(Debug)]
pub struct Module {
    /// Its name in their import tables.
    pub name: &'static str,
    /// Called when the last of them has been unloaded.
    pub clients_gone: fn(),
}

/// The drivers that are loaded and import from the module, or from the kernel alone, by the addresses of their images.
static CLIENTS: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

/// Completes each driver that the process loads from now on and that imports from `module`, or from the kernel and not from the
/// framework, and when the last of them has been unloaded looks for what they left.
pub fn watch(module: &'static Module) {
    let mut cookie = std::ptr::null_mut();
    let context: *const Module = module;
    // SAFETY: the function stays, as its module does; the context is static; the cookie goes to a local.
    let status =
        unsafe { LdrRegisterDllNotification(0, notified, context.cast_mut().cast(), &raw mut cookie) };
    if status != STATUS_SUCCESS {
        print(&format!("{}: drivers without the framework are not completed: {status:#x}", module.name));
    }
    // A driver may import from the framework before it imports from `module`.
    if let Some(framework) = other_framework() {
        // SAFETY: the loader's lock is held; no driver has come to its code yet.
        unsafe { complete(module, framework, FRAMEWORK) };
    }
}

/// The framework of the process, if it is one that does not complete its drivers.
fn other_framework() -> Option<*const c_void> {
    // SAFETY: the name is a literal with a zero at the end.
    let framework = unsafe { GetModuleHandleW(w!("wdfldr.sys")) };
    // SAFETY: a loaded module; nothing unloads it while the loader's lock is held.
    let completes =
        !framework.is_null() && unsafe { GetProcAddress(framework, COMPLETES.as_ptr().cast()) }.is_some();
    (!framework.is_null() && !completes).then_some(framework)
}

/// Whether the image at `base` is a driver that needs nothing but the kernel.
fn is_plain_driver(base: *const c_void) -> bool {
    // SAFETY: the name is a literal with a zero at the end.
    let framework = unsafe { GetModuleHandleW(w!("wdfldr.sys")) };
    imports::is_driver(base) && base != framework.cast_const() && !imports::imports_from(base, FRAMEWORK)
}

/// Turns the imports of the image at `base` to the supplement.
///
/// # Safety
/// As [`imports::supply`].
unsafe fn complete(module: &Module, base: *const c_void, what: &str) {
    // SAFETY: this function's contract.
    let supplied = unsafe { imports::supply(base) };
    print(&format!("{}: {supplied} imports of {what} turned to the supplement", module.name));
}

/// Hears of a module that was mapped and bound to its imports, and whose code has not run yet; or of one that goes.
unsafe extern "system" fn notified(reason: ULONG, data: *const Notification, context: PVOID) {
    let module: *const Module = context.cast();
    // SAFETY: what `watch` gave, which is static.
    let module = unsafe { &*module };
    // SAFETY: valid during the call, by the contract of `LdrDllNotification`.
    let base: *const c_void = unsafe { (*data).base };
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let other = other_framework();
    if reason != LOADED {
        if clients.remove(&base.addr()) && clients.is_empty() {
            // What another framework keeps for itself cannot be told from what a driver has left.
            if other.is_some() {
                left::tell();
            } else {
                left::check();
            }
            (module.clients_gone)();
        }
    } else if other == Some(base) {
        // SAFETY: the loader's lock is held, and none of its code has run.
        unsafe { complete(module, base, FRAMEWORK) };
    } else if imports::imports_from(base, module.name) || is_plain_driver(base) {
        clients.insert(base.addr());
        if other.is_some() || !imports::imports_from(base, FRAMEWORK) {
            // SAFETY: the loader's lock is held, and none of its code has run.
            unsafe { complete(module, base, "a driver") };
        }
    }
}
