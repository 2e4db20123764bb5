//! The start-up code that a framework driver is linked with, for drivers that are linked into the test.
#![expect(unsafe_code, reason = "takes the place of the driver's entry point")]

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use parking_lot::Mutex;
use wsk_sys::{
    DRIVER_INITIALIZE, DRIVER_OBJECT, NT_SUCCESS, NTSTATUS, PCUNICODE_STRING, STATUS_NOT_FOUND,
    UNICODE_STRING,
};

use crate::device::{self, Device};
use crate::driver::service_name;
use crate::object::Typed;
use crate::object::args::characters;
use crate::object::callback;
use crate::object::client::{Client, clients};
use crate::object::handles::handles;
use crate::platform;
use crate::queue::line::Line;
use crate::request::{Request, Source};
use crate::rules;
use crate::table::bind::{WdfVersionBind, WdfVersionUnbind, check_inits};
use crate::types::{_WDF_VERSION, WDF_BIND_INFO, WDFFUNC};

/// Checks that a client has finished its control devices.
fn check_finished(client: &Arc<Client>) {
    for object in handles().of_client(client) {
        let unfinished =
            Typed::<Device>::of(Arc::clone(&object)).is_some_and(|device| !device.state().finished);
        if unfinished {
            rules::verify(&rules::FINISH_INITIALIZING, || {
                format!(
                    "{} returned from DriverEntry without WdfControlFinishInitializing for {object}: nobody can open it",
                    client.service()
                )
            });
        }
    }
}

/// The entry points of the drivers that are being loaded on a machine, by the name of their service.
#[derive(Default)]
pub(super) struct Loading(pub(super) Mutex<Vec<(String, DRIVER_INITIALIZE)>>);

pub(super) fn loading() -> Arc<Loading> {
    platform::state()
}

/// The entry point that a framework driver is linked with: binds it, calls its `DriverEntry`, and puts itself before
/// its unload routine.
pub(crate) unsafe extern "system" fn start(
    driver_object: *mut DRIVER_OBJECT,
    registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: the I/O manager passes a counted string.
    let service = service_name(&unsafe { characters(registry_path) }.unwrap_or_default());
    let entry = {
        let loading = loading();
        let mut loading = loading.0.lock();
        let index = loading.iter().position(|(name, _)| *name == service);
        index.map(|index| loading.remove(index).1)
    };
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
    let Some(client) = clients().of_globals(globals) else { return STATUS_NOT_FOUND };
    let status = callback::call_driver(&client, "DriverEntry", 0, || {
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
        // SAFETY: the I/O manager's object; nobody else touches it while `DriverEntry` runs.
        unsafe { (*driver_object).DriverUnload = Some(unload) };
    }
    status
}

/// The start-up code's unload routine: the framework's, then the end of the binding.
unsafe extern "system" fn unload(driver_object: *mut DRIVER_OBJECT) {
    let Some(client) = clients().of_driver(driver_object) else { return };
    if let Some(displaced) = client.displaced() {
        // SAFETY: the routine that was in the driver object, called with it.
        unsafe { displaced(driver_object) };
    }
    let empty = UNICODE_STRING { Length: 0, MaximumLength: 0, Buffer: core::ptr::null_mut() };
    // SAFETY: bound when the driver was loaded; it is done.
    unsafe { WdfVersionUnbind(&raw const empty, core::ptr::null_mut(), client.globals()) };
}

/// The requests of a device that its driver has from `EvtIoInCallerContext`, neither completed nor enqueued yet.
fn in_caller_context(device: &Typed<Device>) -> Vec<Typed<Request>> {
    let requests = handles().of_client(device.object().client()).into_iter().filter_map(Typed::<Request>::of);
    let here = |request: &Typed<Request>| matches!(request.state.lock().source, Source::CallerContext);
    let theirs = |request: &Typed<Request>| {
        request.object().parent().is_some_and(|parent| Arc::ptr_eq(&parent, device.object()))
    };
    requests.filter(|request| here(request) && theirs(request)).collect()
}

/// The requests that drivers own, and those that wait in their queues: for the report of a wait that does not end.
pub(crate) fn in_flight(machine: &ntos::Machine) -> Vec<String> {
    let _entered = machine.enter();
    let mut all = Vec::new();
    for device in device::all() {
        for queue in device.queues() {
            let (owned, waiting) = {
                let state = queue.state();
                let all = |line: &Line<_>| line.iter().cloned().collect::<Vec<_>>();
                (all(&state.owned), all(&state.waiting))
            };
            let name = queue.object();
            let owned = owned.iter().map(Typed::object);
            all.extend(owned.map(|one| format!("the driver has not completed {one}, of {name}")));
            all.extend(waiting.iter().map(|one| format!("{} waits in {name}", one.object())));
        }
        let before = in_caller_context(&device);
        all.extend(before.iter().map(|one| {
            format!("the driver has {} since EvtIoInCallerContext, of {}", one.object(), device.object())
        }));
    }
    all
}

/// The requests that drivers own, for a report: one text for each queue, and for each device.
pub(crate) fn owned_requests() -> Vec<String> {
    let mut all = Vec::new();
    for device in device::all() {
        all.extend(device.queues().iter().map(|queue| queue.owned_names()));
        let before = in_caller_context(&device);
        let names: Vec<String> = before.iter().map(|one| format!("{}", one.object())).collect();
        all.push(names.join(", "));
    }
    all.retain(|names| !names.is_empty());
    all
}
