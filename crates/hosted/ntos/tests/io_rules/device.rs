//! Devices, links, files: deleting what is not there, leaving what is.

use std::ptr;

use ntos::{io_rules as rules, rule};
use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, DRIVER_OBJECT, DelayedWorkQueue, IO_WORKITEM, IoAllocateWorkItem,
    IoDeleteDevice, IoQueueWorkItem, KfRaiseIrql, NTSTATUS, ObfDereferenceObject, PCUNICODE_STRING, PVOID,
};

use crate::io::{create_device, delete_device, delete_link, open, probe};

unsafe extern "system" fn delete_only_the_link(_driver: *mut DRIVER_OBJECT) {
    delete_link();
}

unsafe extern "system" fn delete_only_the_device(_driver: *mut DRIVER_OBJECT) {
    delete_device();
}

unsafe extern "system" fn leaves_device(driver: *mut DRIVER_OBJECT, _path: PCUNICODE_STRING) -> NTSTATUS {
    delete_link();
    delete_device();
    // SAFETY: the driver object of a DriverEntry in progress.
    unsafe { (*driver).DriverUnload = Some(delete_only_the_link) };
    create_device(driver, false)
}

unsafe extern "system" fn leaves_link(driver: *mut DRIVER_OBJECT, _path: PCUNICODE_STRING) -> NTSTATUS {
    delete_link();
    delete_device();
    // SAFETY: the driver object of a DriverEntry in progress.
    unsafe { (*driver).DriverUnload = Some(delete_only_the_device) };
    create_device(driver, false)
}

/// Fails, and does not undo what it did.
unsafe extern "system" fn fails(driver: *mut DRIVER_OBJECT, _path: PCUNICODE_STRING) -> NTSTATUS {
    delete_link();
    delete_device();
    create_device(driver, false);
    wsk_sys::STATUS_UNSUCCESSFUL
}

fn delete(device: *mut wsk_sys::DEVICE_OBJECT) {
    // SAFETY: the kernel looks the address up before it touches anything.
    unsafe { IoDeleteDevice(device) };
}

fn raise(level: u8) {
    // SAFETY: the tests raise from below.
    unsafe { KfRaiseIrql(level) };
}

fn work_item(device: *mut wsk_sys::DEVICE_OBJECT) -> *mut IO_WORKITEM {
    // SAFETY: the kernel looks at the address only.
    unsafe { IoAllocateWorkItem(device) }
}

unsafe extern "system" fn nothing(_: *mut wsk_sys::DEVICE_OBJECT, _: PVOID) {}

fn queue(item: *mut IO_WORKITEM) {
    // SAFETY: a work item whose routine does nothing.
    unsafe { IoQueueWorkItem(item, nothing, DelayedWorkQueue, ptr::null_mut()) };
}

violations! {
    deleted_twice: &rules::DELETE_BAD_DEVICE, "no longer one", |_| {
        let device = probe().device.lock().unwrap().expect("the probe has a device").0;
        delete(device);
        delete(device);
    };
    deleted_twice_while_open: &rules::DELETE_BAD_DEVICE, r"\Device\Probe, which is being deleted already", |machine| {
        let _file = open(&machine);
        let device = probe().device.lock().unwrap().expect("the probe has a device").0;
        delete(device);
        delete(device);
    };
    one_reference_too_many_dropped: &rules::DELETE_BAD_DEVICE, "that nobody has", |_| {
        let device = probe().device.lock().unwrap().expect("the probe has a device").0;
        // SAFETY: the kernel looks the address up before it touches anything.
        unsafe { ObfDereferenceObject(device.cast()) };
    };
    work_item_queued_after_its_device_was_deleted: &rule::WORK_ITEM_DEVICE_DELETED, "IoQueueWorkItem of work item 0x",
        |_| {
            let device = probe().device.lock().unwrap().expect("the probe has a device").0;
            let item = work_item(device);
            delete(device);
            queue(item);
        };
    work_item_made_after_its_device_was_deleted: &rule::WORK_ITEM_DEVICE_DELETED, "IoQueueWorkItem of work item 0x",
        |machine| {
            let _file = open(&machine);
            let device = probe().device.lock().unwrap().expect("the probe has a device").0;
            delete(device);
            queue(work_item(device));
        };
    deleted_no_device: &rules::DELETE_BAD_DEVICE, "no device object", |_| delete(ptr::dangling_mut());
    device_left: &rules::DEVICE_LEAK, r"1 devices left after DriverUnload: \Device\Probe", |machine| {
        machine.load_driver("leaver", leaves_device).expect("it loads").unload().expect("it unloads");
    };
    device_left_by_a_failed_entry: &rules::DEVICE_LEAK, r"\Device\Probe", |machine| {
        machine.load_driver("leaver", fails).expect_err("it fails");
    };
    link_left: &rules::LINK_LEAK, r"1 symbolic links left after DriverUnload: \DosDevices\Probe", |machine| {
        machine.load_driver("leaver", leaves_link).expect("it loads").unload().expect("it unloads");
    };
    handle_left: &rules::FILE_LEAK, r"\\.\Probe in process 8", |machine| {
        let _file = open(&machine);
        machine.shutdown();
    };
    link_deleted_at_apc_level: &rules::IRQL_IO_PASSIVE, "IoDeleteSymbolicLink called at APC_LEVEL", |_| {
        raise(APC_LEVEL);
        delete_link();
    };
    device_deleted_at_dispatch_level: &rules::IRQL_IO_APC_LTE, "IoDeleteDevice called at DISPATCH_LEVEL", |_| {
        raise(DISPATCH_LEVEL);
        delete(ptr::dangling_mut());
    };
}
