//! Devices, links, files, drivers that are loaded and unloaded.

use std::ptr;
use std::sync::mpsc;

use ntos::{Machine, Token, io_rules as rules, rule};
use wsk_sys::{
    APC_LEVEL, DEVICE_OBJECT, DRIVER_OBJECT, DelayedWorkQueue, FALSE, FILE_DEVICE_UNKNOWN,
    IoAllocateWorkItem, IoCreateDevice, IoDeleteDevice, IoFreeWorkItem, IoQueueWorkItem,
    IoRegisterShutdownNotification, IoUnregisterShutdownNotification, KeDelayExecutionThread, KeSetEvent,
    KeWaitForSingleObject, KernelMode, NTSTATUS, NotificationEvent, ObfDereferenceObject, ObfReferenceObject,
    PCUNICODE_STRING, PVOID, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};

use crate::io::{self, ACCESS, PATH, delete_device, delete_link, open};
use crate::irp::device;
use crate::levels::at;
use crate::objects::event;
use crate::{Right, kernel};

unsafe extern "system" fn sets(_: *mut DEVICE_OBJECT, event: PVOID) {
    kernel!(KeSetEvent(event.cast(), 0, FALSE));
}

/// A device of the probe's beside its own.
fn unnamed_device() -> *mut DEVICE_OBJECT {
    // SAFETY: the probe's device.
    let driver = unsafe { (*device()).DriverObject };
    let mut made = ptr::null_mut();
    let out = &raw mut made;
    let status = kernel!(IoCreateDevice(driver, 0, ptr::null(), FILE_DEVICE_UNKNOWN, 0, FALSE, out));
    assert_eq!(status, STATUS_SUCCESS);
    made
}

/// Fails, and has undone what it did.
unsafe extern "system" fn undoes(driver: *mut DRIVER_OBJECT, _path: PCUNICODE_STRING) -> NTSTATUS {
    let mut device = ptr::null_mut();
    let out = &raw mut device;
    let status = kernel!(IoCreateDevice(driver, 0, ptr::null(), FILE_DEVICE_UNKNOWN, 0, FALSE, out));
    assert_eq!(status, STATUS_SUCCESS);
    kernel!(IoDeleteDevice(device));
    STATUS_UNSUCCESSFUL
}

fn delay() {
    let interval = -10_000;
    kernel!(KeDelayExecutionThread(KernelMode, FALSE, &raw const interval));
}

unsafe extern "system" fn takes_its_time(_driver: *mut DRIVER_OBJECT) {
    delay();
}

unsafe extern "system" fn slow(driver: *mut DRIVER_OBJECT, _path: PCUNICODE_STRING) -> NTSTATUS {
    delay();
    // SAFETY: the driver object of a DriverEntry in progress.
    unsafe { (*driver).DriverUnload = Some(takes_its_time) };
    STATUS_SUCCESS
}

/// Takes the probe's names, which it gives up here, for a device of another driver.
unsafe extern "system" fn makes_device_and_link(
    driver: *mut DRIVER_OBJECT,
    path: PCUNICODE_STRING,
) -> NTSTATUS {
    delete_link();
    delete_device();
    let status = kernel!(io::entry(driver, path));
    // SAFETY: the driver object of a DriverEntry in progress.
    unsafe { (*driver).DriverUnload = Some(deletes_both) };
    status
}

/// The device first: for a moment the link points to nothing.
unsafe extern "system" fn deletes_both(_driver: *mut DRIVER_OBJECT) {
    delete_device();
    delete_link();
}

/// A driver beside the probe that takes its names, and gives all back.
fn takes_over(machine: &Machine) {
    let other = machine.load_driver("other", makes_device_and_link).expect("it loads");
    open(machine).close();
    other.unload().expect("it unloads");
}

pub(crate) fn rights() -> Vec<Right> {
    vec![
        (&rules::IRQL_IO_PASSIVE, |machine| {
            at(APC_LEVEL, || ());
            takes_over(machine);
        }),
        (&rules::IRQL_IO_APC_LTE, |_| at(APC_LEVEL, delete_device)),
        (&rules::DELETE_BAD_DEVICE, |machine| {
            kernel!(ObfReferenceObject(device().cast()));
            kernel!(ObfDereferenceObject(device().cast()));
            // While a handle is open, which keeps it.
            let file = open(machine);
            delete_device();
            file.close();
        }),
        (&rules::SHUTDOWN_BAD_DEVICE, |machine| {
            assert_eq!(kernel!(IoRegisterShutdownNotification(device())), STATUS_SUCCESS);
            kernel!(IoUnregisterShutdownNotification(device()));
            // Not registered any more.
            kernel!(IoUnregisterShutdownNotification(device()));
            assert_eq!(kernel!(IoRegisterShutdownNotification(device())), STATUS_SUCCESS);
            machine.notify_shutdown();
        }),
        (&rules::DEVICE_LEAK, |machine| {
            takes_over(machine);
            assert!(machine.load_driver("undoes", undoes).is_err());
        }),
        (&rules::LINK_LEAK, |machine| takes_over(machine)),
        (&rules::ROUTINE_STUCK, |machine| {
            machine.load_driver("slow", slow).expect("it loads").unload().expect("it unloads");
        }),
        (&rules::UNLOAD_STUCK, |machine| {
            let driver = machine.load_driver("other", makes_device_and_link).expect("it loads");
            let file = open(machine);
            let (begun, begins) = mpsc::channel();
            let closer = machine.spawn("closer", move || {
                begins.recv().expect("the unload begins");
                file.close();
            });
            begun.send(()).expect("the closer waits");
            driver.unload().expect("it unloads when the handle is closed");
            closer.join().expect("the closer returns");
        }),
        (&rule::WORK_ITEM_DEVICE_DELETED, |_| {
            let device = unnamed_device();
            let item = kernel!(IoAllocateWorkItem(device));
            let done = event(NotificationEvent, FALSE);
            // Queued before the device is deleted: the I/O manager keeps it for the routine.
            kernel!(IoQueueWorkItem(item, sets, DelayedWorkQueue, done.get().cast()));
            kernel!(IoDeleteDevice(device));
            kernel!(KeWaitForSingleObject(done.get().cast(), 0, 0, FALSE, ptr::null()));
            kernel!(IoFreeWorkItem(item));
        }),
        (&rules::FILE_LEAK, |machine| {
            // By itself, and by the end of its process.
            open(machine).close();
            let process = machine.process(Token::User);
            let _file = process.create_file(PATH, ACCESS).expect("the probe opens");
            process.kill();
        }),
    ]
}
