//! The control device and its queue.
#![expect(unsafe_code, reason = "the framework's functions take handles")]

use core::marker::PhantomData;
use core::ptr;

use nt::{Error, Result, check};

use crate::driver::Driver;
use crate::raw::{self, PWDFDEVICE_INIT, WDFDEVICE, WDFDRIVER, call_unsafe_wdf_function_binding};
use crate::{file, in_flight, request};

/// The control device of a driver, while the driver is made.
///
/// # Invariants
/// The device is of a driver that `driver_entry::<D>` makes, and cannot be opened yet.
#[derive(Debug)]
pub struct Device<'c, D> {
    handle: WDFDEVICE,
    _driver: PhantomData<&'c fn() -> D>,
}

impl<D: Driver> Device<'_, D> {
    /// The framework's handle.
    #[must_use]
    pub const fn handle(&self) -> WDFDEVICE {
        self.handle
    }

    /// The device is complete: from here on it can be opened (`WdfControlFinishInitializing`).
    pub(crate) fn finish_initializing(self) {
        // SAFETY: by the type's invariant the device exists, and is not finished.
        unsafe { call_unsafe_wdf_function_binding!(WdfControlFinishInitializing, self.handle) };
    }
}

/// Makes the device with its link and its queue.
///
/// # Safety
/// `driver` is the driver object that `driver_entry::<D>` has made just now.
pub(crate) unsafe fn create<'c, D: Driver>(driver: WDFDRIVER) -> Result<Device<'c, D>> {
    let sddl = const { raw::unicode(D::DEVICE.sddl) };
    // SAFETY: the caller's promise; the string is constant.
    let init =
        unsafe { call_unsafe_wdf_function_binding!(WdfControlDeviceInitAllocate, driver, &raw const sddl) };
    if init.is_null() {
        return Err(Error::INSUFFICIENT_RESOURCES);
    }
    let mut init: PWDFDEVICE_INIT = init;
    // SAFETY: allocated just now.
    let created = unsafe { fill::<D>(&mut init) };
    if created.is_err() && !init.is_null() {
        // SAFETY: `WdfDeviceCreate` has not consumed it.
        unsafe { call_unsafe_wdf_function_binding!(WdfDeviceInitFree, init) };
    }
    let device = created?;
    let link = const { raw::unicode(D::DEVICE.link) };
    // SAFETY: the device was made just now, and has a name; the string is constant.
    check(unsafe {
        call_unsafe_wdf_function_binding!(WdfDeviceCreateSymbolicLink, device, &raw const link)
    })?;
    let mut config = raw::parallel_default_queue(Some(request::evt_io_device_control::<D>));
    // SAFETY: the device was made just now; the structure is initialised and outlives the call.
    check(unsafe {
        call_unsafe_wdf_function_binding!(
            WdfIoQueueCreate,
            device,
            &raw mut config,
            raw::WDF_NO_OBJECT_ATTRIBUTES,
            ptr::null_mut()
        )
    })?;
    // INVARIANT: made here.
    Ok(Device { handle: device, _driver: PhantomData })
}

/// Makes the device of its description, which becomes null with a success.
///
/// # Safety
/// `init` is a description that the framework has allocated, and that no device was made of.
unsafe fn fill<D: Driver>(init: &mut PWDFDEVICE_INIT) -> Result<WDFDEVICE> {
    let name = const { raw::unicode(D::DEVICE.name) };
    // SAFETY: the init is not consumed yet; the string is constant.
    check(unsafe { call_unsafe_wdf_function_binding!(WdfDeviceInitAssignName, *init, &raw const name) })?;
    let (mut files, mut attributes) = file::config::<D>();
    // SAFETY: the init is not consumed yet; the structures are initialised and outlive the call.
    unsafe {
        call_unsafe_wdf_function_binding!(
            WdfDeviceInitSetFileObjectConfig,
            *init,
            &raw mut files,
            &raw mut attributes
        );
    }
    let mut attributes = in_flight::attributes::<D>();
    // SAFETY: the init is not consumed yet; the structure is initialised and outlives the call.
    unsafe {
        call_unsafe_wdf_function_binding!(WdfDeviceInitSetRequestAttributes, *init, &raw mut attributes);
    }
    let mut device: WDFDEVICE = ptr::null_mut();
    // SAFETY: the init is complete; a success consumes it and makes it null.
    check(unsafe {
        call_unsafe_wdf_function_binding!(
            WdfDeviceCreate,
            &raw mut *init,
            raw::WDF_NO_OBJECT_ATTRIBUTES,
            &raw mut device
        )
    })?;
    Ok(device)
}
