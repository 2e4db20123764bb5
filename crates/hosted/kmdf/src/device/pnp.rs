//! What a driver says of its device to the Plug and Play manager. There is none here: every device is a control device.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver")]

use wsk_sys::{
    DISPATCH_LEVEL, GUID, NTSTATUS, PASSIVE_LEVEL, PCUNICODE_STRING, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
};

use crate::device::Device;
use crate::device::init;
use crate::object::args::{at_most, is_valid, read_sized, required};
use crate::object::lookup;
use crate::types::{PWDF_DRIVER_GLOBALS, PWDF_PNPPOWER_EVENT_CALLBACKS, PWDFDEVICE_INIT, WDFDEVICE};

/// The accepted sizes: that of version 1.9, and today's.
const SIZES: [usize; 2] = [0x88, 0x90];

/// Sets callbacks for Plug and Play and power, which a control device never gets. Callbacks that are not valid are
/// ignored.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfDeviceInitSetPnpPowerEventCallbacks(
    _globals: PWDF_DRIVER_GLOBALS,
    DeviceInit: PWDFDEVICE_INIT,
    PnpPowerEventCallbacks: PWDF_PNPPOWER_EVENT_CALLBACKS,
) {
    const NAME: &str = "WdfDeviceInitSetPnpPowerEventCallbacks";
    at_most(NAME, DISPATCH_LEVEL);
    required(NAME, "PnpPowerEventCallbacks", PnpPowerEventCallbacks);
    init::with(NAME, DeviceInit, |_| ());
    // SAFETY: the driver's callbacks; zero bytes are valid ones.
    let Ok(callbacks) = (unsafe { read_sized(PnpPowerEventCallbacks, &SIZES) }) else {
        return init::ignored(NAME, DeviceInit, "the size of the callbacks");
    };
    let both = callbacks.EvtDeviceUsageNotification.is_some();
    if both && callbacks.EvtDeviceUsageNotificationEx.is_some() {
        init::ignored(NAME, DeviceInit, "the pair of usage notifications");
    }
}

/// Registers a device interface, which only a device of Plug and Play can have.
///
/// # IRQL
/// `PASSIVE_LEVEL`
///
/// # Errors
/// `STATUS_INVALID_PARAMETER` for a counted string that contradicts itself, `STATUS_INVALID_DEVICE_REQUEST` otherwise: for a
/// control device.
pub unsafe extern "C" fn WdfDeviceCreateDeviceInterface(
    _globals: PWDF_DRIVER_GLOBALS,
    Device: WDFDEVICE,
    InterfaceClassGUID: *const GUID,
    ReferenceString: PCUNICODE_STRING,
) -> NTSTATUS {
    const NAME: &str = "WdfDeviceCreateDeviceInterface";
    at_most(NAME, PASSIVE_LEVEL);
    lookup::typed::<self::Device>(NAME, Device);
    required(NAME, "InterfaceClassGUID", InterfaceClassGUID);
    // SAFETY: not null, so the driver's counted string.
    if !ReferenceString.is_null() && !unsafe { is_valid(ReferenceString) } {
        return STATUS_INVALID_PARAMETER;
    }
    STATUS_INVALID_DEVICE_REQUEST
}
