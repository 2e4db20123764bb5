//! What a driver asks the framework by its WDFDRIVER: for a device description, and about itself and the framework.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver")]

use alloc::format;

use wsk_sys::{
    BOOLEAN, DISPATCH_LEVEL, FALSE, NTSTATUS, PASSIVE_LEVEL, PCUNICODE_STRING, PDRIVER_OBJECT,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS, TRUE, ULONG,
};

use crate::device::init;
use crate::driver::Driver;
use crate::object::args::{at_most, characters, read_sized, required};
use crate::object::lookup;
use crate::platform;
use crate::string::Characters;
use crate::types::{
    PWDF_DRIVER_GLOBALS, PWDF_DRIVER_VERSION_AVAILABLE_PARAMS, PWDFDEVICE_INIT, PWSTR, WDFDRIVER, WDFSTRING,
};

/// Describes a control device. Null when resources are short.
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub unsafe extern "C" fn WdfControlDeviceInitAllocate(
    _globals: PWDF_DRIVER_GLOBALS,
    Driver: WDFDRIVER,
    SDDLString: PCUNICODE_STRING,
) -> PWDFDEVICE_INIT {
    const NAME: &str = "WdfControlDeviceInitAllocate";
    at_most(NAME, PASSIVE_LEVEL);
    let driver = lookup::typed::<self::Driver>(NAME, Driver);
    required(NAME, "SDDLString", SDDLString);
    // SAFETY: the driver passes a counted string.
    let sddl = unsafe { characters(SDDLString) }.unwrap_or_default();
    if platform::fault(NAME) {
        return core::ptr::null_mut();
    }
    init::allocate(driver.object().client(), sddl)
}

/// The path of the service's registry key, ending with a zero.
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub unsafe extern "C" fn WdfDriverGetRegistryPath(_globals: PWDF_DRIVER_GLOBALS, Driver: WDFDRIVER) -> PWSTR {
    const NAME: &str = "WdfDriverGetRegistryPath";
    at_most(NAME, PASSIVE_LEVEL);
    let driver = lookup::typed::<self::Driver>(NAME, Driver);
    driver.registry_path.lock().as_mut_ptr()
}

/// The kernel's driver object.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfDriverWdmGetDriverObject(
    _globals: PWDF_DRIVER_GLOBALS,
    Driver: WDFDRIVER,
) -> PDRIVER_OBJECT {
    const NAME: &str = "WdfDriverWdmGetDriverObject";
    at_most(NAME, DISPATCH_LEVEL);
    lookup::typed::<self::Driver>(NAME, Driver).object().client().driver_object()
}

/// The version that the function table is of.
const MAJOR: ULONG = 1;
const MINOR: ULONG = 33;

/// Writes the framework's version into a string object. Its build number is 0 here.
///
/// # IRQL
/// `PASSIVE_LEVEL`
///
/// # Errors
/// `STATUS_INSUFFICIENT_RESOURCES`.
pub unsafe extern "C" fn WdfDriverRetrieveVersionString(
    _globals: PWDF_DRIVER_GLOBALS,
    Driver: WDFDRIVER,
    String: WDFSTRING,
) -> NTSTATUS {
    const NAME: &str = "WdfDriverRetrieveVersionString";
    at_most(NAME, PASSIVE_LEVEL);
    lookup::typed::<self::Driver>(NAME, Driver);
    let string = lookup::typed::<Characters>(NAME, String);
    if platform::fault(NAME) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    string.assign(&format!("Kernel Mode Driver Framework version {MAJOR}.{MINOR}.0"));
    STATUS_SUCCESS
}

/// Whether the driver runs with a framework of at least a version. No, if the size of the question is not set.
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub unsafe extern "C" fn WdfDriverIsVersionAvailable(
    _globals: PWDF_DRIVER_GLOBALS,
    Driver: WDFDRIVER,
    VersionAvailableParams: PWDF_DRIVER_VERSION_AVAILABLE_PARAMS,
) -> BOOLEAN {
    const NAME: &str = "WdfDriverIsVersionAvailable";
    at_most(NAME, PASSIVE_LEVEL);
    lookup::typed::<self::Driver>(NAME, Driver);
    required(NAME, "VersionAvailableParams", VersionAvailableParams);
    // SAFETY: the driver's question; zero bytes are a valid one.
    match unsafe { read_sized(VersionAvailableParams, &[0xC]) } {
        Ok(asked) if asked.MajorVersion == MAJOR && asked.MinorVersion <= MINOR => TRUE,
        _ => FALSE,
    }
}
