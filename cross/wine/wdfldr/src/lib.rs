//! `wdfldr.sys` for Wine: the framework of `crates/hosted/kmdf`, and what Wine's kernel lacks for the driver.
#![cfg(windows)]
#![expect(unsafe_code, reason = "exports the C interface of wdfldr.sys")]
#![allow(non_snake_case, reason = "the functions and their parameters bear their C names")]

use hosted_rule::report::print;
use kmdf::{PWDF_BIND_INFO, PWDF_DRIVER_GLOBALS};
use supplement::{imports, left};
use wsk_sys::{NTSTATUS, PCUNICODE_STRING, PDRIVER_OBJECT};

supplement::module!("wdfldr.sys");

/// By this name `netio.sys` sees that drivers of this framework need no completing.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "a name like those of the functions")]
pub static WdfldrCompletesImports: u8 = 1;

/// Binds a driver, whose imports from the kernel are completed first.
///
/// # Safety
/// As `kmdf::WdfVersionBind`; no code of the driver runs but that which calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WdfVersionBind(
    DriverObject: PDRIVER_OBJECT,
    RegistryPath: PCUNICODE_STRING,
    BindInfo: PWDF_BIND_INFO,
    ComponentGlobals: *mut PWDF_DRIVER_GLOBALS,
) -> NTSTATUS {
    // The bind information lies in the driver's own image.
    // SAFETY: this function's contract.
    let supplied = unsafe { imports::supply(BindInfo.cast()) };
    print(&format!("wdfldr: {supplied} imports of the driver turned to the supplement"));
    // SAFETY: this function's contract.
    unsafe { kmdf::WdfVersionBind(DriverObject, RegistryPath, BindInfo, ComponentGlobals) }
}

/// Ends a binding, and looks for what the driver has left.
///
/// # Safety
/// As `kmdf::WdfVersionUnbind`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn WdfVersionUnbind(
    RegistryPath: PCUNICODE_STRING,
    BindInfo: PWDF_BIND_INFO,
    ComponentGlobals: PWDF_DRIVER_GLOBALS,
) {
    // SAFETY: this function's contract.
    unsafe { kmdf::WdfVersionUnbind(RegistryPath, BindInfo, ComponentGlobals) };
    left::check();
}
