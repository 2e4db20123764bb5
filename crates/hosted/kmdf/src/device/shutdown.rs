//! Shutdown notifications of a control device.
#![expect(unsafe_code, reason = "calls the driver, and is called through its table")]

use alloc::format;

use wsk_sys::{DEVICE_OBJECT, NT_SUCCESS, NTSTATUS, PASSIVE_LEVEL, STATUS_SUCCESS, UCHAR};

use crate::device::Device;
use crate::device::init;
use crate::object::Typed;
use crate::object::args::at_most;
use crate::object::callback;
use crate::platform;
use crate::rules;
use crate::types::{
    _WDF_DEVICE_SHUTDOWN_FLAGS as Flags, PFN_WDF_DEVICE_SHUTDOWN_NOTIFICATION, PWDF_DRIVER_GLOBALS,
    PWDFDEVICE_INIT, WDFDEVICE__,
};

/// What a driver wants to know of a shutdown.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shutdown {
    notification: Option<unsafe extern "C" fn(*mut WDFDEVICE__)>,
    first: bool,
    last_chance: bool,
}

/// Sets a callback for the shutdown of the system: before (`WdfDeviceShutdown`) or after (`WdfDeviceLastChanceShutdown`)
/// the file systems are flushed, or both.
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub unsafe extern "C" fn WdfControlDeviceInitSetShutdownNotification(
    _globals: PWDF_DRIVER_GLOBALS,
    DeviceInit: PWDFDEVICE_INIT,
    Notification: PFN_WDF_DEVICE_SHUTDOWN_NOTIFICATION,
    Flags: UCHAR,
) {
    const NAME: &str = "WdfControlDeviceInitSetShutdownNotification";
    at_most(NAME, PASSIVE_LEVEL);
    let Some(notification) = Notification else {
        platform::violation(&rules::NULL_POINTER, format!("Notification of {NAME} is null"))
    };
    let flags = i32::from(Flags);
    if flags & !(self::Flags::WdfDeviceShutdown | self::Flags::WdfDeviceLastChanceShutdown) != 0 {
        init::ignored(NAME, DeviceInit, "the flags");
        return;
    }
    init::with(NAME, DeviceInit, |init| {
        let shutdown = &mut init.shutdown;
        shutdown.notification = Some(notification);
        shutdown.first |= flags & self::Flags::WdfDeviceShutdown != 0;
        shutdown.last_chance |= flags & self::Flags::WdfDeviceLastChanceShutdown != 0;
    });
}

impl Shutdown {
    /// Asks the kernel to tell a new device.
    ///
    /// # Errors
    /// The kernel's. Nothing is registered then, once the device object is deleted.
    pub(crate) fn register(&self, device: *mut DEVICE_OBJECT) -> Result<(), NTSTATUS> {
        for (wanted, last_chance) in [(self.first, false), (self.last_chance, true)] {
            let status =
                if wanted { platform::register_shutdown(device, last_chance) } else { STATUS_SUCCESS };
            if !NT_SUCCESS(status) {
                return Err(status);
            }
        }
        Ok(())
    }
}

/// `IRP_MJ_SHUTDOWN` has come.
pub(crate) fn notify(device: &Typed<Device>) {
    let Some(notification) = device.shutdown.notification else { return };
    callback::call(device.object(), "EvtDeviceShutdownNotification", || {
        // SAFETY: the driver's callback, with the handle of a living device.
        unsafe { notification(device.as_handle()) };
    });
}
