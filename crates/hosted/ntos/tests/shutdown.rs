//! Shutdown notifications.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;
use std::sync::{Arc, Mutex};

use crate::common::{self, bug_check, machine};
use crate::io::{self, complete, set_major};
use ntos::io_rules as rules;
use ntos::{Driver, Machine};
use wsk_sys::{
    DEVICE_OBJECT, DRIVER_OBJECT, FILE_DEVICE_UNKNOWN, IRP, IRP_MJ_SHUTDOWN, IoCreateDevice, IoDeleteDevice,
    IoGetCurrentIrpStackLocation, IoRegisterLastChanceShutdownNotification, IoRegisterShutdownNotification,
    IoUnregisterShutdownNotification, KeGetCurrentIrql, NTSTATUS, PASSIVE_LEVEL, PCUNICODE_STRING,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS,
};

/// What the driver has, and the devices that were told, in order.
#[derive(Default)]
struct Seen {
    devices: Mutex<Vec<usize>>,
    told: Mutex<Vec<usize>>,
}

fn seen() -> Arc<Seen> {
    Machine::current().extension(Seen::default)
}

fn device(index: usize) -> *mut DEVICE_OBJECT {
    ptr::with_exposed_provenance_mut(seen().devices.lock().unwrap()[index])
}

unsafe extern "system" fn shutdown(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    assert_eq!(kernel!(KeGetCurrentIrql()), PASSIVE_LEVEL);
    let location = kernel!(IoGetCurrentIrpStackLocation(irp));
    // SAFETY: the IRP was sent here.
    assert!(unsafe { (*location).FileObject }.is_null(), "no handle is behind a shutdown");
    let seen = seen();
    let index = seen.devices.lock().unwrap().iter().position(|one| *one == device.addr()).unwrap();
    seen.told.lock().unwrap().push(index);
    complete(irp, STATUS_SUCCESS, 0)
}

unsafe extern "system" fn unload(_driver: *mut DRIVER_OBJECT) {
    let devices = std::mem::take(&mut *seen().devices.lock().unwrap());
    for device in devices {
        kernel!(IoDeleteDevice(ptr::with_exposed_provenance_mut(device)));
    }
}

/// A driver with three devices.
unsafe extern "system" fn entry(driver: *mut DRIVER_OBJECT, _path: PCUNICODE_STRING) -> NTSTATUS {
    set_major(driver, IRP_MJ_SHUTDOWN, shutdown);
    // SAFETY: the driver object of a DriverEntry in progress.
    unsafe { (*driver).DriverUnload = Some(unload) };
    for _ in 0..3 {
        let mut device = ptr::null_mut();
        let out = &raw mut device;
        kernel!(IoCreateDevice(driver, 0, ptr::null(), FILE_DEVICE_UNKNOWN, 0, 0, out));
        seen().devices.lock().unwrap().push(device.expose_provenance());
    }
    STATUS_SUCCESS
}

fn boot() -> (Machine, Driver) {
    let machine = machine();
    let driver = machine.load_driver("three", entry).expect("it loads");
    (machine, driver)
}

fn register(index: usize) -> NTSTATUS {
    kernel!(IoRegisterShutdownNotification(device(index)))
}

fn register_last(index: usize) -> NTSTATUS {
    kernel!(IoRegisterLastChanceShutdownNotification(device(index)))
}

fn told() -> Vec<usize> {
    std::mem::take(&mut *seen().told.lock().unwrap())
}

#[test]
fn the_last_that_asked_is_told_first_and_the_last_chance_comes_last() {
    let (machine, driver) = boot();
    let entered = machine.enter();
    assert_eq!(register_last(0), STATUS_SUCCESS);
    assert_eq!(register(0), STATUS_SUCCESS);
    assert_eq!(register(1), STATUS_SUCCESS);
    assert_eq!(register_last(2), STATUS_SUCCESS);
    machine.notify_shutdown();
    assert_eq!(told(), [1, 0, 2, 0]);
    machine.notify_shutdown();
    assert!(told().is_empty(), "each is told once");
    drop(entered);
    driver.unload().expect("it unloads");
    machine.shutdown();
}

#[test]
fn who_took_it_back_or_is_deleted_is_not_told() {
    let (machine, driver) = boot();
    let entered = machine.enter();
    for index in 0..3 {
        assert_eq!((register(index), register_last(index)), (STATUS_SUCCESS, STATUS_SUCCESS));
    }
    kernel!(IoUnregisterShutdownNotification(device(0)));
    kernel!(IoDeleteDevice(device(1)));
    machine.notify_shutdown();
    assert_eq!(told(), [2, 2]);
    seen().devices.lock().unwrap().remove(1);
    drop(entered);
    driver.unload().expect("it unloads");
    machine.shutdown();
}

#[test]
fn a_registration_can_fail() {
    let (machine, driver) = boot();
    let entered = machine.enter();
    for register in [register, register_last] {
        machine.faults().fail_nth(0);
        assert_eq!(register(0), STATUS_INSUFFICIENT_RESOURCES);
    }
    machine.faults().disarm();
    machine.notify_shutdown();
    assert!(told().is_empty());
    drop(entered);
    driver.unload().expect("it unloads");
    machine.shutdown();
}

#[cfg_attr(miri, ignore = "a bug check leaves a stopped thread")]
#[test]
fn a_registration_of_what_is_no_device() {
    let report = bug_check(|| {
        kernel!(IoRegisterShutdownNotification(ptr::without_provenance_mut(0x1230)));
    });
    common::assert_names(&report, &rules::SHUTDOWN_BAD_DEVICE, "0x1230");
}

/// The probe does not handle it: its default is to refuse, which nobody hears.
#[test]
fn a_driver_without_a_routine_for_it_is_told_and_refuses() {
    let (machine, driver) = io::boot();
    let entered = machine.enter();
    let probe = io::probe().device.lock().unwrap().expect("the probe's device");
    assert_eq!(kernel!(IoRegisterShutdownNotification(probe.0)), STATUS_SUCCESS);
    machine.notify_shutdown();
    drop(entered);
    io::finish(machine, driver);
}
