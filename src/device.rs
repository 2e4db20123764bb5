//! `DriverEntry`, the control device, and unload.
#![expect(unsafe_code, reason = "the framework hands out handles and contexts as raw pointers")]

use core::ffi::c_void;
use core::ptr;

use wsk::{CompletionQueue, Doorbell, Passive, Registration, Result, Version, check};
use wsk_sys::{NTSTATUS, STATUS_SUCCESS};
use wskdrv_abi::device::{DEVICE_NAME_UTF16, LINK_NAME_UTF16, SDDL_UTF16};

use crate::context::{Context, ContextType, context};
use crate::driver::{Counters, Driver};
use crate::file::{self, File};
use crate::io;
use crate::wdf::{
    self, PCUNICODE_STRING, PDRIVER_OBJECT, PWDFDEVICE_INIT, WDFDEVICE, WDFDRIVER, WDFWORKITEM,
};
use crate::wdf_request::RequestContext;

static TYPE: ContextType = ContextType::new::<Place>(c"wskdrv::Driver", &TYPE);

/// The context of the framework's driver object.
///
/// The framework zeroes contexts; the state is written when all of it is there.
pub(crate) struct Place {
    driver: Option<Driver>,
    work_item: WDFWORKITEM,
}

impl Context for Place {
    const TYPE: &'static ContextType = &TYPE;
}

/// The driver's entry point.
///
/// # Safety
/// Called once by the system for each load, at `PASSIVE_LEVEL`, with the arguments of `DRIVER_INITIALIZE`.
// The name is the one that the framework's stub calls; nothing else in the image has it.
#[cfg_attr(feature = "kernel", unsafe(export_name = "DriverEntry"))]
pub unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry is called at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: DriverEntry's own arguments.
    match unsafe { create(driver, path, &passive) } {
        Ok(()) => STATUS_SUCCESS,
        Err(error) => error.status(),
    }
}

/// Makes the driver and its device. On failure the framework deletes what was made.
///
/// # Safety
/// The arguments are those of `DriverEntry`, which calls this once.
unsafe fn create(driver: PDRIVER_OBJECT, path: PCUNICODE_STRING, passive: &Passive) -> Result {
    let mut attributes = wdf::attributes(TYPE.info());
    let mut config = wdf::non_pnp_driver(Some(evt_unload));
    let mut framework: WDFDRIVER = ptr::null_mut();
    // SAFETY: the caller's promise; the structures are initialised and outlive the call.
    check(unsafe {
        wdf::call_unsafe_wdf_function_binding!(
            WdfDriverCreate,
            driver,
            path,
            &raw mut attributes,
            &raw mut config,
            &raw mut framework
        )
    })?;
    // SAFETY: the framework made the driver object just now, with a context of this type.
    let place = unsafe { context::<Place>(framework.cast()) };
    // SAFETY: the context is memory for a `Place`, which nobody uses before the device exists.
    unsafe { place.write(Place { driver: None, work_item: ptr::null_mut() }) };

    // SAFETY: the framework made the driver object just now.
    let device = unsafe { create_device(framework) }?;
    // SAFETY: made just now; it is not open yet.
    unsafe { create_queue(device) }?;
    // SAFETY: as above.
    let work_item = unsafe { create_work_item(device) }?;
    // SAFETY: the framework's enqueue may be called at IRQL <= DISPATCH_LEVEL on any thread; the work item is deleted
    // with the device, after `evt_unload` has dropped the queue.
    let doorbell = unsafe { Doorbell::new(ring, work_item.cast()) };
    let queue = CompletionQueue::new(doorbell, passive)?;
    let registration = Registration::register(Version::V1_0, passive)?;
    let driver = Driver { queue, registration, counters: Counters::default() };
    // SAFETY: nobody uses the context before the device is open for requests, below.
    unsafe { place.write(Place { driver: Some(driver), work_item }) };
    // SAFETY: the device is complete; from here on it can be opened.
    unsafe { wdf::call_unsafe_wdf_function_binding!(WdfControlFinishInitializing, device) };
    Ok(())
}

/// # Safety
/// `driver` is the framework's driver object.
unsafe fn create_device(driver: WDFDRIVER) -> Result<WDFDEVICE> {
    let sddl = wdf::unicode(&SDDL_UTF16);
    // SAFETY: the caller's promise; the string is constant.
    let init = unsafe {
        wdf::call_unsafe_wdf_function_binding!(WdfControlDeviceInitAllocate, driver, &raw const sddl)
    };
    if init.is_null() {
        return Err(wsk::Error::INSUFFICIENT_RESOURCES);
    }
    let mut init: PWDFDEVICE_INIT = init;
    // SAFETY: allocated just now.
    let created = unsafe { fill_device(&mut init) };
    if created.is_err() && !init.is_null() {
        // SAFETY: `WdfDeviceCreate` has not consumed it.
        unsafe { wdf::call_unsafe_wdf_function_binding!(WdfDeviceInitFree, init) };
    }
    let device = created?;
    let link = wdf::unicode(&LINK_NAME_UTF16);
    // SAFETY: the device was made just now, and has a name; the string is constant.
    check(unsafe {
        wdf::call_unsafe_wdf_function_binding!(WdfDeviceCreateSymbolicLink, device, &raw const link)
    })?;
    Ok(device)
}

/// Makes the device of its description, which becomes null with a success.
///
/// # Safety
/// `init` is a description that the framework has allocated, and that no device was made of.
unsafe fn fill_device(init: &mut PWDFDEVICE_INIT) -> Result<WDFDEVICE> {
    let name = wdf::unicode(&DEVICE_NAME_UTF16);
    // SAFETY: the init is not consumed yet; the string is constant.
    check(unsafe {
        wdf::call_unsafe_wdf_function_binding!(WdfDeviceInitAssignName, *init, &raw const name)
    })?;
    let mut files = wdf::file_object(Some(file::evt_create), Some(file::evt_close), Some(file::evt_cleanup));
    let mut file_attributes = wdf::attributes(File::TYPE.info());
    // SAFETY: the init is not consumed yet; the structures are initialised and outlive the call.
    unsafe {
        wdf::call_unsafe_wdf_function_binding!(
            WdfDeviceInitSetFileObjectConfig,
            *init,
            &raw mut files,
            &raw mut file_attributes
        );
    }
    let mut request_attributes = wdf::attributes(RequestContext::TYPE.info());
    // SAFETY: as above.
    unsafe {
        wdf::call_unsafe_wdf_function_binding!(
            WdfDeviceInitSetRequestAttributes,
            *init,
            &raw mut request_attributes
        );
    }
    let mut device: WDFDEVICE = ptr::null_mut();
    // SAFETY: the init is complete; a success consumes it and makes it null.
    check(unsafe {
        wdf::call_unsafe_wdf_function_binding!(
            WdfDeviceCreate,
            &raw mut *init,
            wdf::WDF_NO_OBJECT_ATTRIBUTES,
            &raw mut device
        )
    })?;
    Ok(device)
}

/// # Safety
/// `device` is this driver's device, which is not open yet.
unsafe fn create_queue(device: WDFDEVICE) -> Result {
    let mut config = wdf::parallel_default_queue(Some(io::evt_io_device_control));
    // SAFETY: the caller's promise; the structure is initialised and outlives the call.
    check(unsafe {
        wdf::call_unsafe_wdf_function_binding!(
            WdfIoQueueCreate,
            device,
            &raw mut config,
            wdf::WDF_NO_OBJECT_ATTRIBUTES,
            ptr::null_mut()
        )
    })
}

/// # Safety
/// `device` is this driver's device.
unsafe fn create_work_item(device: WDFDEVICE) -> Result<WDFWORKITEM> {
    let mut config = wdf::work_item(Some(io::evt_work_item));
    let mut attributes = wdf::attributes(ptr::null());
    attributes.ParentObject = device.cast();
    let mut work_item: WDFWORKITEM = ptr::null_mut();
    // SAFETY: the structures are initialised and outlive the call; the parent is the caller's promise.
    check(unsafe {
        wdf::call_unsafe_wdf_function_binding!(
            WdfWorkItemCreate,
            &raw mut config,
            &raw mut attributes,
            &raw mut work_item
        )
    })?;
    Ok(work_item)
}

/// The completion queue's doorbell.
///
/// # Safety
/// `work_item` is the driver's work item, not deleted yet.
unsafe fn ring(work_item: *mut c_void) {
    let work_item: WDFWORKITEM = work_item.cast();
    // SAFETY: the caller's promise; enqueueing a work item that is queued already does nothing.
    unsafe { wdf::call_unsafe_wdf_function_binding!(WdfWorkItemEnqueue, work_item) };
}

/// The driver's state, from a device.
///
/// # Safety
/// `device` is this driver's device, in a callback that the framework makes before `EvtDriverUnload`.
pub(crate) unsafe fn driver_of(device: WDFDEVICE) -> &'static Driver {
    // SAFETY: the device exists, by the caller's promise.
    let driver = unsafe { wdf::call_unsafe_wdf_function_binding!(WdfDeviceGetDriver, device) };
    // SAFETY: the driver object exists as long as its device.
    let place = unsafe { context::<Place>(driver.cast()) };
    // SAFETY: `create` wrote the context before the device was opened. It lives until `evt_unload`, which the I/O
    // manager has called when every handle is closed: what a handle or a request holds, a 'static reference among it,
    // is gone by then. The work item is flushed before the state is dropped.
    let driver = unsafe { (*place).driver.as_ref() };
    match driver {
        Some(driver) => driver,
        // Requests, handles and completions come after `create` has written the state.
        None => unreachable!(),
    }
}

/// `EvtDriverUnload`: every handle is closed.
///
/// # Safety
/// Called by the framework, at `PASSIVE_LEVEL`.
unsafe extern "C" fn evt_unload(driver: WDFDRIVER) {
    // SAFETY: the framework calls this at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: the framework passes its driver object.
    let place = unsafe { context::<Place>(driver.cast()) };
    // SAFETY: written by `create`; a driver that failed to load is not unloaded.
    let work_item = unsafe { (*place).work_item };
    // SAFETY: as above.
    if let Some(driver) = unsafe { (*place).driver.as_ref() } {
        driver.queue.run_down(&passive);
    }
    // The doorbell has rung for the last time; what it started may still be running.
    // SAFETY: the work item is deleted with the device, after this callback.
    unsafe { wdf::call_unsafe_wdf_function_binding!(WdfWorkItemFlush, work_item) };
    // SAFETY: no handle, request or work item is left, so nobody refers to the state any more. Deregistering waits for
    // closes that are still under way.
    unsafe { place.drop_in_place() };
}
