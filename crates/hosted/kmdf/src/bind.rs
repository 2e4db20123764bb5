//! Binding a driver to the framework: the loader's two functions, and the start-up code that a driver is linked with.
#![expect(unsafe_code, reason = "exchanges raw pointers with the driver's start-up code")]

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use wsk_sys::{
    DRIVER_OBJECT, NT_SUCCESS, NTSTATUS, PCUNICODE_STRING, PDRIVER_OBJECT, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND, STATUS_SUCCESS, UNICODE_STRING,
};

use crate::args::characters;
use crate::callback;
use crate::client::Client;
use crate::device::Device;
use crate::device_init;
use crate::driver::{self, service_name};
use crate::function_table::FUNCTIONS;
use crate::object::{self, Object, Typed};
use crate::platform::{self, framework};
use crate::rule;
use crate::types::{_WDF_VERSION, PWDF_BIND_INFO, PWDF_DRIVER_GLOBALS, WDF_BIND_INFO, WDFFUNC};

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
    framework().with(|tables| tables.clients.push(client));
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
    let Some(client) = framework().client(globals.addr()) else { return };
    driver::delete(&client);
    check_inits(&client);
    for object in left(&client) {
        rule::verify(&rule::OBJECT_LEAK, || {
            format!(
                "{} was unloaded holding {} reference(s) to {object}",
                client.service(),
                object.references()
            )
        });
        object::abandon(&object);
    }
    framework().with(|tables| tables.clients.retain(|other| !Arc::ptr_eq(other, &client)));
}

/// The objects of a client that are not destroyed.
fn left(client: &Arc<Client>) -> Vec<Arc<Object>> {
    framework().with(|tables| {
        tables.objects.values().filter(|object| Arc::ptr_eq(object.client(), client)).cloned().collect()
    })
}

/// Checks that a client has freed or used up its device descriptions.
fn check_inits(client: &Arc<Client>) {
    for handle in device_init::of_client(client) {
        rule::verify(&rule::INIT_LEAK, || {
            format!("{} neither freed nor used WDFDEVICE_INIT {handle:#x}", client.service())
        });
        drop(device_init::take("WdfVersionUnbind", core::ptr::without_provenance_mut(handle)));
    }
}

/// Checks that a client has finished its control devices.
fn check_finished(client: &Arc<Client>) {
    for object in left(client) {
        let unfinished =
            Typed::<Device>::of(Arc::clone(&object)).is_some_and(|device| !device.state().finished);
        if unfinished {
            rule::verify(&rule::FINISH_INITIALIZING, || {
                format!(
                    "{} returned from DriverEntry without WdfControlFinishInitializing for {object}: nobody can open it",
                    client.service()
                )
            });
        }
    }
}

/// The entry point that a framework driver is linked with: binds it, calls its `DriverEntry`, and puts itself before
/// its unload routine.
pub(crate) unsafe extern "system" fn start(
    driver_object: *mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: the I/O manager passes a counted string.
    let service = service_name(&unsafe { characters(registry_path) }.unwrap_or_default());
    let entry = framework().with(|tables| {
        let index = tables.loading.iter().position(|(name, _)| *name == service)?;
        Some(tables.loading.remove(index).1)
    });
    let Some(entry) = entry else { return STATUS_NOT_FOUND };
    let mut table: *const WDFFUNC = core::ptr::null();
    let mut info = WDF_BIND_INFO {
        Size: 0x30,
        Version: _WDF_VERSION { Major: 1, Minor: 33, Build: 0 },
        FuncCount: 458,
        FuncTable: (&raw mut table).cast(),
        ..WDF_BIND_INFO::default()
    };
    let mut globals = core::ptr::null_mut();
    // SAFETY: variables of this frame, and the I/O manager's objects.
    let status = unsafe { WdfVersionBind(driver_object, registry_path, &raw mut info, &raw mut globals) };
    if !NT_SUCCESS(status) {
        return status;
    }
    let Some(client) = framework().client(globals.addr()) else { return STATUS_NOT_FOUND };
    client.set_entering(true);
    let status = callback::call(&client, "DriverEntry", 0, || {
        // SAFETY: the driver's entry point, called with what the I/O manager passed.
        unsafe { entry(driver_object, registry_path) }
    });
    client.set_entering(false);
    if !NT_SUCCESS(status) {
        // SAFETY: bound above; the driver is done.
        unsafe { WdfVersionUnbind(registry_path, &raw mut info, globals) };
        return status;
    }
    check_inits(&client);
    check_finished(&client);
    if client.displaces_unload() {
        // SAFETY: the I/O manager's object; nobody else touches it while `DriverEntry` runs.
        let displaced = unsafe { (*driver_object).DriverUnload };
        client.set_displaced(displaced);
        // SAFETY: as above.
        unsafe { (*driver_object).DriverUnload = Some(unload) };
    }
    status
}

/// The start-up code's unload routine: the framework's, then the end of the binding.
unsafe extern "system" fn unload(driver_object: *mut DRIVER_OBJECT) {
    let Some(client) = framework().client_of(driver_object) else { return };
    if let Some(displaced) = client.displaced() {
        // SAFETY: the routine that was in the driver object, called with it.
        unsafe { displaced(driver_object) };
    }
    let empty = UNICODE_STRING { Length: 0, MaximumLength: 0, Buffer: core::ptr::null_mut() };
    // SAFETY: bound when the driver was loaded; it is done.
    unsafe { WdfVersionUnbind(&raw const empty, core::ptr::null_mut(), client.globals()) };
}

/// The requests that drivers own, for a report: each with its queue.
pub(crate) fn owned_requests() -> Vec<String> {
    let devices: Vec<Arc<Object>> = framework().with(|tables| tables.devices.values().cloned().collect());
    let queues = devices.into_iter().filter_map(Typed::<Device>::of).flat_map(|device| device.queues());
    queues.map(|queue| queue.owned_names()).filter(|names| !names.is_empty()).collect()
}
