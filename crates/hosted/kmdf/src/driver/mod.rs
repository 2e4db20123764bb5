//! The driver object: `WdfDriverCreate` and what follows from it.
#![expect(unsafe_code, reason = "fills in the kernel's driver object")]

pub(crate) mod api;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use parking_lot::Mutex;
use wsk_sys::{
    DRIVER_OBJECT, NTSTATUS, PASSIVE_LEVEL, PCUNICODE_STRING, PDRIVER_OBJECT, STATUS_DRIVER_INTERNAL_ERROR,
    STATUS_INVALID_PARAMETER, STATUS_SUCCESS, ULONG,
};

use crate::device::dispatch;
use crate::object::args::{at_most, characters, read_sized, required, store};
use crate::object::attributes::{self, Allowed};
use crate::object::callback;
use crate::object::client::{self, Client, clients};
use crate::object::kind::Kind;
use crate::object::{self, Body, Family, Kinded, Object, Typed};
use crate::rules::{self, Broken};
use crate::types::{
    _WDF_DRIVER_INIT_FLAGS as Flags, _WDF_EXECUTION_LEVEL as Level, _WDF_SYNCHRONIZATION_SCOPE as Scope,
    PFN_WDF_DRIVER_UNLOAD, PWDF_DRIVER_CONFIG, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, WDFDRIVER,
    WDFDRIVER__,
};

/// The tag that the development kit's samples use, which the framework takes for none.
const DDK_TAG: ULONG = u32::from_le_bytes(*b"Ddk ");

/// The body of a WDFDRIVER.
pub(crate) struct Driver {
    unload: PFN_WDF_DRIVER_UNLOAD,
    /// The path of the service's registry key, with a zero at the end. In a lock because the driver gets a pointer
    /// that it may write through.
    registry_path: Mutex<Vec<u16>>,
    service: String,
}

impl Body for Driver {
    fn needs_passive(&self) -> bool {
        true
    }

    fn cannot_delete(&self, _object: &Object) -> Option<&'static str> {
        Some("which the framework deletes")
    }

    fn describe(&self) -> String {
        self.service.clone()
    }
}

impl Kinded for Driver {
    type Handle = WDFDRIVER__;
    const KIND: &'static Kind = &Kind::new("WDFDRIVER");
}

/// The last part of a registry path: the service's name.
pub(crate) fn service_name(path: &[u16]) -> String {
    let name = path.rsplit(|character| *character == u16::from(b'\\')).next().unwrap_or_default();
    String::from_utf16_lossy(name)
}

/// The pool tag of a driver without one of its own: the first four characters of its service's name, without a
/// leading `WDF`; none if there are two or fewer.
fn tag_of(service: &str) -> Option<ULONG> {
    let name = match service.get(..3) {
        Some(start) if start.eq_ignore_ascii_case("wdf") => &service[3..],
        _ => service,
    };
    let mut tag = [b' '; 4];
    let mut length = 0;
    for (slot, byte) in tag.iter_mut().zip(name.bytes().filter(u8::is_ascii_graphic)) {
        *slot = byte;
        length += 1;
    }
    (length > 2).then(|| u32::from_le_bytes(tag))
}

/// Makes the driver a framework driver.
///
/// # IRQL
/// `PASSIVE_LEVEL`
///
/// # Errors
/// `STATUS_INFO_LENGTH_MISMATCH`, `STATUS_INVALID_PARAMETER`, `STATUS_DRIVER_INTERNAL_ERROR` for a second call,
/// `STATUS_INSUFFICIENT_RESOURCES`, and what the attributes are refused with.
pub unsafe extern "C" fn WdfDriverCreate(
    globals: PWDF_DRIVER_GLOBALS,
    DriverObject: PDRIVER_OBJECT,
    RegistryPath: PCUNICODE_STRING,
    DriverAttributes: PWDF_OBJECT_ATTRIBUTES,
    DriverConfig: PWDF_DRIVER_CONFIG,
    Driver: *mut WDFDRIVER,
) -> NTSTATUS {
    const NAME: &str = "WdfDriverCreate";
    const KNOWN: ULONG = (Flags::WdfDriverInitNonPnpDriver
        | Flags::WdfDriverInitNoDispatchOverride
        | Flags::WdfVerifyOn
        | Flags::WdfVerifierOn
        | Flags::WdfDriverInitCompanion)
        .cast_unsigned();
    let client = client::calling(NAME, globals);
    at_most(NAME, PASSIVE_LEVEL);
    required(NAME, "DriverObject", DriverObject);
    required(NAME, "RegistryPath", RegistryPath);
    required(NAME, "DriverConfig", DriverConfig);
    // SAFETY: the driver's configuration; zero bytes are a valid one.
    let config = match unsafe { read_sized(DriverConfig, &[0x20]) } {
        Ok(config) => config,
        Err(status) => return status,
    };
    let flags = config.DriverInitFlags;
    let non_pnp = flags & Flags::WdfDriverInitNonPnpDriver.cast_unsigned() != 0;
    let no_override = flags & Flags::WdfDriverInitNoDispatchOverride.cast_unsigned() != 0;
    if flags & !KNOWN != 0 || non_pnp && config.EvtDriverDeviceAdd.is_some() && !no_override {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the driver passes null or attributes.
    let attributes = match unsafe { attributes::read(DriverAttributes, Allowed::FRAMEWORK) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    if client.driver().is_some() {
        rules::verify(&rules::DRIVER_CREATE, || {
            format!("{NAME} was called a second time by {}", client.service())
        });
        return STATUS_DRIVER_INTERNAL_ERROR;
    }
    if !client.is_entering() {
        rules::verify(&rules::DRIVER_CREATE, || {
            format!("{NAME} was called by {} outside its DriverEntry", client.service())
        });
    }
    // SAFETY: the driver passes a counted string.
    let mut path = unsafe { characters(RegistryPath) }.unwrap_or_default();
    let service = service_name(&path);
    if service.is_empty() {
        return STATUS_INVALID_PARAMETER;
    }
    path.push(0);
    let own_tag = match config.DriverPoolTag {
        0 | DDK_TAG => tag_of(&service),
        tag => Some(tag),
    };
    let (level, scope) =
        attributes.resolve((Level::WdfExecutionLevelDispatch, Scope::WdfSynchronizationScopeNone));
    let body = self::Driver { unload: config.EvtDriverUnload, registry_path: Mutex::new(path), service };
    let driver = match object::create(NAME, &client, Family::Root, &attributes, body) {
        Ok(driver) => driver,
        Err(status) => return status,
    };
    client.set_driver(driver.object(), level, scope);
    let displace = !(non_pnp || no_override) || config.EvtDriverUnload.is_some();
    client.publish(driver.as_handle(), flags, own_tag, displace);
    // SAFETY: the driver passes its own object, in its `DriverEntry`.
    unsafe { take_over(DriverObject, !no_override, config.EvtDriverUnload.is_some() || !non_pnp) };
    // SAFETY: null, or the driver's variable.
    unsafe { store(Driver, driver.as_handle()) };
    STATUS_SUCCESS
}

/// Puts the framework's routines into the driver object.
///
/// # Safety
/// `driver_object` is a driver object whose `DriverEntry` is running.
unsafe fn take_over(driver_object: *mut DRIVER_OBJECT, requests: bool, unloadable: bool) {
    // SAFETY: this function's own contract; only the field's address is taken.
    let functions = unsafe { &raw mut (*driver_object).MajorFunction };
    if requests {
        for index in 0..wsk_sys::MAJOR_FUNCTIONS {
            let slot = functions.cast::<Option<wsk_sys::DRIVER_DISPATCH>>().wrapping_add(index);
            // SAFETY: one of the array's entries, which nobody reads before `DriverEntry` has returned.
            unsafe { slot.write(Some(dispatch::dispatch)) };
        }
    }
    // SAFETY: this function's own contract.
    unsafe { (*driver_object).DriverUnload = unloadable.then_some(unload as wsk_sys::DRIVER_UNLOAD) };
}

/// The framework's unload routine: `EvtDriverUnload`, then the WDFDRIVER with all of its children.
unsafe extern "system" fn unload(driver_object: *mut DRIVER_OBJECT) {
    let Some(client) = clients().of_driver(driver_object) else { return };
    let Some(driver) = client.driver().and_then(Typed::<Driver>::of) else { return };
    if let Some(unload) = driver.unload {
        callback::call(driver.object(), "EvtDriverUnload", || {
            // SAFETY: the driver's callback; its WDFDRIVER lives.
            unsafe { unload(driver.as_handle()) };
        });
    }
    rules::require(delete(&client));
}

/// Deletes a client's WDFDRIVER, if it has one.
///
/// # Errors
/// The violation of a driver that does not let one of its objects end.
pub(crate) fn delete(client: &Client) -> Result<(), Broken> {
    client.driver().map_or(Ok(()), |driver| object::delete(&driver))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_from_the_service_name() {
        assert_eq!(tag_of("wskdrv"), Some(u32::from_le_bytes(*b"wskd")));
        assert_eq!(tag_of("WdfEcho"), Some(u32::from_le_bytes(*b"Echo")));
        assert_eq!(tag_of("abc"), Some(u32::from_le_bytes(*b"abc ")));
        assert_eq!(tag_of("ab"), None);
    }

    #[test]
    fn the_service_is_the_last_part_of_the_path() {
        let path: Vec<u16> = r"\Registry\Machine\Services\echo".encode_utf16().collect();
        assert_eq!(service_name(&path), "echo");
        assert_eq!(service_name(&[]), "");
    }
}
