//! Opening and closing: who may, what the driver is told, and deleting a device that is open.

use crate::common::{ACCESS, ECHO, Made, Opened, Options, PATH, Rig, SPECIAL, trace, wdf};
use kmdf::{
    _WDF_EXECUTION_LEVEL as Level, _WDF_SYNCHRONIZATION_SCOPE as Scope, NTSTATUS,
    PFN_WDF_OBJECT_CONTEXT_CLEANUP, STATUS_ACCESS_DENIED, STATUS_DEVICE_NOT_READY, STATUS_SUCCESS, WDFDEVICE,
    WDFDRIVER, WDFFILEOBJECT, WDFOBJECT,
};
use ntos::Token;
use wsk_sys::NamedStatus;

#[test]
fn a_create_that_the_driver_fails_has_no_cleanup_or_close() {
    let rig = Rig::new(Options { create: STATUS_DEVICE_NOT_READY, ..Options::default() });
    assert_eq!(rig.process.create_file(PATH, ACCESS).err(), Some(NamedStatus(STATUS_DEVICE_NOT_READY)));
    assert_eq!(rig.taken(), ["EvtDeviceFileCreate", "cleanup WDFREQUEST", "cleanup WDFFILEOBJECT"]);
    rig.end();
}

#[test]
fn an_exclusive_device_has_one_handle() {
    let rig = Rig::new(Options { exclusive: true, ..Options::default() });
    let file = rig.open();
    assert_eq!(rig.process.create_file(PATH, ACCESS).err(), Some(NamedStatus(STATUS_ACCESS_DENIED)));
    file.close();
    rig.open().close();
    rig.end();
}

#[test]
fn only_those_in_the_descriptor_may_open() {
    let rig = Rig::new(Options::default());
    let user = rig.machine.process(Token::User);
    assert_eq!(user.create_file(PATH, ACCESS).err(), Some(NamedStatus(STATUS_ACCESS_DENIED)));
    assert!(rig.taken().is_empty(), "the driver never hears of it");
    rig.end();
}

#[test]
fn files_and_requests_know_their_process() {
    let special = |_: &Made, request| {
        let file = wdf::request_file(request);
        trace(format!("{} {}", wdf::file_process(file), wdf::request_process(request)));
        let (flags, of_the_kernel) = wdf::file_flags(file);
        assert_eq!(flags, of_the_kernel);
        wdf::complete(request, STATUS_SUCCESS);
    };
    let test = Opened::new(Options { special: Some(special), ..Options::default() });
    test.taken();
    assert_eq!(test.send(SPECIAL), STATUS_SUCCESS);
    let id = test.process.id();
    assert_eq!(test.taken()[0], format!("{id} {id}"));
    test.end();
}

#[test]
fn a_device_deleted_while_open_goes_with_its_last_handle() {
    let special = |made: &Made, request| {
        wdf::delete(made.device.cast());
        trace("deleted");
        wdf::complete(request, STATUS_SUCCESS);
    };
    let rig = Rig::new(Options { special: Some(special), ..Options::default() });
    let (file, other) = (rig.open(), rig.open());
    assert_eq!(file.device_io_control(SPECIAL, b"", &mut []).status, STATUS_SUCCESS);
    rig.taken();
    assert!(rig.process.create_file(PATH, ACCESS).is_err(), "nobody opens it any more");
    file.close();
    let mut output = [0; 1];
    assert_eq!(other.device_io_control(ECHO, b"x", &mut output), (STATUS_SUCCESS, 1), "open handles go on");
    assert!(!rig.taken().contains(&"cleanup WDFDEVICE".to_owned()));
    other.close();
    assert_eq!(rig.taken().last().map(String::as_str), Some("cleanup WDFDEVICE"));
    assert_eq!(rig.machine.counters().devices.live, 0);
    rig.end();
}

const SECOND: &str = r"\Device\KmdfSecond";

/// Makes a second device of the driver's, with this cleanup callback.
fn second(driver: WDFDRIVER, gone: PFN_WDF_OBJECT_CONTEXT_CLEANUP) -> Result<WDFDEVICE, NTSTATUS> {
    let level = Level::WdfExecutionLevelInheritFromParent;
    let scope = Scope::WdfSynchronizationScopeInheritFromParent;
    let init = wdf::init_allocate(driver, "D:P(A;;GA;;;SY)").expect("a description");
    wdf::init_assign_name(init, SECOND).expect("room for a name");
    let device = wdf::device_create(init, level, scope, gone);
    if device.is_err() {
        wdf::init_free(init);
    }
    device
}

extern "C" fn makes_it_anew(device: WDFOBJECT) {
    assert!(!wdf::device_object(device.cast()).is_null());
    let again = second(wdf::device_driver(device.cast()), None);
    trace(format!("{}", again.is_ok()));
    if let Ok(again) = again {
        wdf::delete(again.cast());
    }
}

#[test]
fn the_name_of_a_deleted_device_is_free_in_its_cleanup_callback() {
    let entry = |made: &Made| {
        let device = second(made.driver, Some(makes_it_anew)).expect("a device");
        wdf::delete(device.cast());
        STATUS_SUCCESS
    };
    let rig = Rig::new(Options { entry: Some(entry), ..Options::default() });
    assert_eq!(rig.taken(), ["true"]);
    assert_eq!(rig.machine.counters().devices.live, 1);
    rig.end();
}

#[test]
fn a_file_has_a_device_and_an_empty_name() {
    let cleanup = |made: &Made, file: WDFFILEOBJECT| {
        assert_eq!(wdf::file_device(file), made.device);
        assert_eq!(wdf::file_name(file), "");
        assert!(!wdf::file_object(file).is_null());
    };
    let rig = Rig::new(Options { cleanup: Some(cleanup), ..Options::default() });
    rig.open().close();
    rig.end();
}
