//! A machine, and a driver with a device, for tests that play the driver.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr::{self, NonNull};
use std::time::Duration;

use nt_sys::{
    DEVICE_OBJECT, DRIVER_OBJECT, FALSE, FILE_DEVICE_UNKNOWN, IoCreateDevice, IoDeleteDevice, NTSTATUS,
    UNICODE_STRING,
};
use ntos::{BugCheck, Config, Machine};

/// The tag of what the tests allocate.
pub const TAG: u32 = nt::pool::tag(b"Test");

/// Long enough for anything that will happen.
pub const SOON: Duration = Duration::from_secs(20);

/// A strict machine on which a hang is a bug check.
pub fn machine() -> Machine {
    Machine::boot(Config { wait_limit: Some(SOON), ..Config::default() })
}

/// Runs a driver's code on a machine, which then looks for what it has left.
pub fn in_driver(driver: impl FnOnce(&Machine)) {
    let machine = machine();
    let entered = machine.enter();
    driver(&machine);
    drop(entered);
    machine.shutdown();
}

/// Runs a driver's code with a device of its own.
pub fn with_device(test: impl FnOnce(&Machine, NonNull<DEVICE_OBJECT>)) {
    let machine = machine();
    let driver = machine.load_driver("nt-test", driver_entry).expect("it loads");
    let entered = machine.enter();
    // SAFETY: the driver has made one device, and is loaded.
    let device = unsafe { (*driver.object()).DeviceObject };
    let device = NonNull::new(device).expect("a device");
    // As the driver, whose unload waits for its work items.
    driver.owner().run(|| test(&machine, device));
    drop(entered);
    driver.unload().expect("it unloads");
    machine.shutdown();
}

/// The bug check that a wrong driver causes.
pub fn bug_check(driver: impl FnOnce() + Send + 'static) -> BugCheck {
    machine().catch_bug_check(driver).expect_err("a bug check")
}

unsafe extern "system" fn driver_entry(driver: *mut DRIVER_OBJECT, _: *const UNICODE_STRING) -> NTSTATUS {
    let mut device = ptr::null_mut();
    // SAFETY: the system passes the driver object.
    unsafe { (*driver).DriverUnload = Some(unload) };
    // SAFETY: the driver object again; a device without a name.
    unsafe { IoCreateDevice(driver, 0, ptr::null(), FILE_DEVICE_UNKNOWN, 0, FALSE, &raw mut device) }
}

unsafe extern "system" fn unload(driver: *mut DRIVER_OBJECT) {
    // SAFETY: the system passes the driver object, which has one device.
    let device = unsafe { (*driver).DeviceObject };
    // SAFETY: the device is this driver's, and nobody uses it any more.
    unsafe { IoDeleteDevice(device) };
}
