//! Binding a driver to the framework: the loader's two functions.
#![expect(unsafe_code, reason = "exchanges raw pointers with the driver's start-up code")]

use alloc::format;
use alloc::sync::Arc;

use wsk_sys::{
    NTSTATUS, PCUNICODE_STRING, PDRIVER_OBJECT, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
};

use crate::device::init;
use crate::driver::{self, service_name};
use crate::object;
use crate::object::args::characters;
use crate::object::client::{Client, clients};
use crate::object::handles::handles;
use crate::platform;
use crate::rules;
use crate::table::FUNCTIONS;
use crate::types::{PWDF_BIND_INFO, PWDF_DRIVER_GLOBALS, WDFFUNC};

/// The sizes of the function table in the versions before the newest.
const RELEASED: [u32; 13] = [383, 386, 387, 396, 432, 438, 444, 446, 448, 451, 453, 454, 458];
/// Up to this size the driver has an array of its own, which is filled in.
const COPIED: u32 = 438;

/// Binds a driver: makes its globals, and gives it the function table.
///
/// # Errors
/// `STATUS_INVALID_PARAMETER` for a null pointer or a table size that no version has; `STATUS_INSUFFICIENT_RESOURCES`.
///
/// # Safety
/// `info` points to the driver's bind information, `globals` to its variable, `registry_path` to a counted string.
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub unsafe extern "C" fn WdfVersionBind(
    driver_object: PDRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
    info: PWDF_BIND_INFO,
    globals: *mut PWDF_DRIVER_GLOBALS,
) -> NTSTATUS {
    if driver_object.is_null() || info.is_null() || globals.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the driver's bind information.
    let info = unsafe { info.read() };
    if info.FuncTable.is_null() || !RELEASED.contains(&info.FuncCount) {
        return STATUS_INVALID_PARAMETER;
    }
    if platform::fault("WdfVersionBind") {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // SAFETY: null, or a counted string.
    let path = unsafe { characters(registry_path) }.unwrap_or_default();
    let client = Arc::new(Client::new(driver_object, service_name(&path)));
    // SAFETY: the driver's variable.
    unsafe { globals.write(client.globals()) };
    let table = FUNCTIONS.as_ptr();
    if info.FuncCount <= COPIED {
        // SAFETY: the driver's array has that many entries; so has the table, at least.
        unsafe { table.copy_to_nonoverlapping(info.FuncTable, info.FuncCount as usize) };
    } else {
        // SAFETY: in these versions the field is the address of the driver's pointer to the table.
        unsafe { info.FuncTable.cast::<*const WDFFUNC>().write(table) };
    }
    // The start-up code calls `DriverEntry` next.
    client.set_entering(true);
    clients().add(client);
    STATUS_SUCCESS
}

/// Ends a binding. A WDFDRIVER that still exists, because `DriverEntry` failed, is deleted; `EvtDriverUnload` is not
/// called.
///
/// # Safety
/// `globals` came from [`WdfVersionBind`]; the driver does not use them any more.
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub unsafe extern "C" fn WdfVersionUnbind(
    _registry_path: PCUNICODE_STRING,
    _info: PWDF_BIND_INFO,
    globals: PWDF_DRIVER_GLOBALS,
) {
    let Some(client) = clients().of_globals(globals) else { return };
    rules::require(driver::delete(&client));
    check_inits(&client);
    for object in handles().of_client(&client) {
        rules::verify(&rules::OBJECT_LEAK, || {
            format!(
                "{} was unloaded holding {} reference(s) to {object}",
                client.service(),
                object.references()
            )
        });
        object::abandon(&object);
    }
    clients().remove(&client);
}

/// Checks that a client has freed or used up its device descriptions.
pub(crate) fn check_inits(client: &Arc<Client>) {
    for handle in init::take_left(client) {
        rules::verify(&rules::INIT_LEAK, || {
            format!("{} neither freed nor used WDFDEVICE_INIT {handle:#x}", client.service())
        });
    }
}
