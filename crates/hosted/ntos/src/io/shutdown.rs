//! Shutdown notifications: `IRP_MJ_SHUTDOWN` to the devices that asked for it.
//!
//! A test plays the system that goes down: [`Machine::notify_shutdown`].
#![expect(unsafe_code, reason = "exports the kernel's C interface, and sends IRPs")]

use parking_lot::Mutex;

use wsk_sys::{DEVICE_OBJECT, NTSTATUS, PASSIVE_LEVEL, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS};

use crate::io::device;
use crate::ke::irql::at_most;
use crate::machine::Machine;
use crate::machine::bugcheck::violation;
use crate::machine::fault;
use crate::process::request::Request;
use crate::rule::io::{IRQL_IO_PASSIVE, SHUTDOWN_BAD_DEVICE};
use crate::sync::Pointer;

/// When a device is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Before the file systems are flushed.
    First,
    /// After that.
    LastChance,
}

/// The devices that asked, the first one first.
#[derive(Default)]
struct Registered(Mutex<Vec<(Stage, Pointer<DEVICE_OBJECT>)>>);

fn register(stage: Stage, device: *mut DEVICE_OBJECT, what: &'static str) -> NTSTATUS {
    let machine = Machine::kernel();
    at_most(PASSIVE_LEVEL, &IRQL_IO_PASSIVE, what);
    if device::target(&machine, device).is_none() {
        violation(
            &SHUTDOWN_BAD_DEVICE,
            format!("{what} of {:#x}, which is no device object, or no longer one", device.addr()),
        );
    }
    if fault::point(what) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    machine.extension(Registered::default).0.lock().push((stage, Pointer(device)));
    STATUS_SUCCESS
}

/// Forgets a device, whatever it asked for.
pub(crate) fn forget(machine: &Machine, device: *mut DEVICE_OBJECT) {
    machine.extension(Registered::default).0.lock().retain(|(_, other)| other.key() != device.addr());
}

/// Asks for `IRP_MJ_SHUTDOWN` when the system goes down. `IoDeleteDevice` takes it back.
///
/// # Safety
/// `DeviceObject` is a device object of the caller's.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Errors
/// `STATUS_INSUFFICIENT_RESOURCES`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IoRegisterShutdownNotification(DeviceObject: *mut DEVICE_OBJECT) -> NTSTATUS {
    register(Stage::First, DeviceObject, "IoRegisterShutdownNotification")
}

/// As [`IoRegisterShutdownNotification`], after the file systems are flushed: the last chance.
///
/// # Safety
/// As there.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Errors
/// `STATUS_INSUFFICIENT_RESOURCES`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IoRegisterLastChanceShutdownNotification(
    DeviceObject: *mut DEVICE_OBJECT,
) -> NTSTATUS {
    register(Stage::LastChance, DeviceObject, "IoRegisterLastChanceShutdownNotification")
}

/// Takes both back.
///
/// # Safety
/// As for [`IoRegisterShutdownNotification`].
///
/// # IRQL
/// `PASSIVE_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IoUnregisterShutdownNotification(DeviceObject: *mut DEVICE_OBJECT) {
    let machine = Machine::kernel();
    at_most(PASSIVE_LEVEL, &IRQL_IO_PASSIVE, "IoUnregisterShutdownNotification");
    forget(&machine, DeviceObject);
}

impl Machine {
    /// What the system does to drivers when it goes down: sends `IRP_MJ_SHUTDOWN` to each device that asked for it, the
    /// last that asked first, and after them to those that asked for the last chance. Each is told once.
    ///
    /// The machine goes on; [`Machine::shutdown`] ends it.
    pub fn notify_shutdown(&self) {
        let _entered = self.enter();
        for stage in [Stage::First, Stage::LastChance] {
            while let Some(device) = self.take_registered(stage) {
                let table = device::table::of(self);
                // Kept as if it were open, until the IRP is complete.
                if let Some((name, stack_size)) = table.reference(device.0) {
                    Request::shutdown(self, device.0, &name, stack_size);
                    table.close(self, device.0);
                }
            }
        }
    }

    /// The last device that asked.
    fn take_registered(&self, stage: Stage) -> Option<Pointer<DEVICE_OBJECT>> {
        let registered = self.extension(Registered::default);
        let mut registered = registered.0.lock();
        let index = registered.iter().rposition(|(other, _)| *other == stage)?;
        Some(registered.remove(index).1)
    }
}
