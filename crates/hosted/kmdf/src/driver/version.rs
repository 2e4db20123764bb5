//! The version of the framework, for drivers that ask.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver")]

use alloc::format;

use wsk_sys::{
    BOOLEAN, FALSE, NTSTATUS, PASSIVE_LEVEL, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS, TRUE, ULONG,
};

use crate::driver::Driver;
use crate::object::args::{at_most, read_sized, required};
use crate::object::lookup;
use crate::platform;
use crate::string::Characters;
use crate::types::{PWDF_DRIVER_GLOBALS, PWDF_DRIVER_VERSION_AVAILABLE_PARAMS, WDFDRIVER, WDFSTRING};

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
    lookup::typed::<self::Driver, _>(NAME, Driver);
    let string = lookup::typed::<Characters, _>(NAME, String);
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
    lookup::typed::<self::Driver, _>(NAME, Driver);
    required(NAME, "VersionAvailableParams", VersionAvailableParams);
    // SAFETY: the driver's question; zero bytes are a valid one.
    match unsafe { read_sized(VersionAvailableParams, &[0xC]) } {
        Ok(asked) if asked.MajorVersion == MAJOR && asked.MinorVersion <= MINOR => TRUE,
        _ => FALSE,
    }
}
