//! The echo driver from end to end: loading, device controls of every transfer method, unloading.

use crate::common::{
    self, ACCESS, ECHO, Made, NEITHER, Opened, Options, PATH, REVERSE, Rig, SPECIAL, SUM, boot, load, wdf,
};
use kmdf::_WDF_EXECUTION_LEVEL as Level;
use kmdf::_WDF_IO_QUEUE_DISPATCH_TYPE as Type;
use kmdf::_WDF_SYNCHRONIZATION_SCOPE as Scope;
use kmdf::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_REQUEST, STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS, WDFREQUEST, rules,
};
use ntos::{Config, Machine};
use readings::{CallbackSpinLock, Readings};
use wsk_sys::NamedStatus;

#[test]
fn buffered_input_comes_back() {
    let rig = Rig::new(Options::default());
    let file = rig.open();
    let mut output = [0; 8];
    assert_eq!(file.device_io_control(ECHO, b"hello", &mut output), (STATUS_SUCCESS, 5));
    assert_eq!(&output, b"hello\0\0\0");
    file.close();
    assert_eq!(
        rig.taken(),
        [
            "EvtDeviceFileCreate",
            "cleanup WDFREQUEST",
            "cleanup WDFREQUEST",
            "EvtFileCleanup",
            "EvtFileClose",
            "cleanup WDFFILEOBJECT"
        ]
    );
    rig.end();
}

#[test]
fn empty_and_short_buffers_are_refused() {
    let test = Opened::new(Options::default());
    assert_eq!(test.file.device_io_control(ECHO, b"", &mut [0; 4]), (STATUS_BUFFER_TOO_SMALL, 0));
    assert_eq!(test.file.device_io_control(ECHO, b"12345", &mut [0; 4]), (STATUS_BUFFER_TOO_SMALL, 0));
    test.end();
}

#[test]
fn direct_output_is_written_through_the_mdl() {
    let test = Opened::new(Options::default());
    let mut output = [0; 6];
    assert_eq!(test.file.device_io_control(REVERSE, b"abc", &mut output), (STATUS_SUCCESS, 3));
    assert_eq!(&output, b"cba\0\0\0");
    assert_eq!(test.file.device_io_control(REVERSE, b"abc", &mut []), (STATUS_BUFFER_TOO_SMALL, 0));
    test.end();
}

#[test]
fn direct_input_is_read_through_the_mdl() {
    let test = Opened::new(Options::default());
    test.taken();
    assert_eq!(test.file.device_io_control(SUM, b"x", &mut [1, 2, 3]), (STATUS_SUCCESS, 0));
    assert_eq!(test.taken()[0], "sum Ok(6)");
    test.end();
}

#[test]
fn unknown_requests_are_refused_by_the_driver() {
    let test = Opened::new(Options::default());
    let unknown = kmdf::CTL_CODE(0x8057, 0x8FF, kmdf::METHOD_BUFFERED, 0);
    assert_eq!(test.file.device_io_control(unknown, b"", &mut []), (STATUS_INVALID_DEVICE_REQUEST, 0));
    test.end();
}

#[test]
fn untested_user_buffers_are_not_handed_out() {
    let test = Opened::on(common::boot_lenient(), Options::default());
    assert_eq!(test.file.device_io_control(NEITHER, b"x", &mut [0]), (STATUS_INVALID_DEVICE_REQUEST, 0));
    assert_eq!(test.file.device_io_control(NEITHER, b"", &mut [0]), (STATUS_BUFFER_TOO_SMALL, 0));
    test.end();
}

#[test]
fn every_queue_kind_level_and_scope_serves() {
    for queue in [Type::WdfIoQueueDispatchSequential, Type::WdfIoQueueDispatchParallel] {
        for level in [Level::WdfExecutionLevelPassive, Level::WdfExecutionLevelDispatch] {
            for scope in [
                Scope::WdfSynchronizationScopeDevice,
                Scope::WdfSynchronizationScopeQueue,
                Scope::WdfSynchronizationScopeNone,
            ] {
                let test = Opened::new(Options { queue, level, scope, ..Options::default() });
                let mut output = [0; 2];
                assert_eq!(test.file.device_io_control(ECHO, b"ok", &mut output), (STATUS_SUCCESS, 2));
                assert_eq!(&output, b"ok");
                test.end();
            }
        }
    }
}

#[test]
fn a_sequential_queue_serves_many_threads() {
    let rig = Rig::new(Options { queue: Type::WdfIoQueueDispatchSequential, ..Options::default() });
    let threads: Vec<_> = (0..4u8)
        .map(|byte| {
            let file = rig.open();
            rig.machine.spawn("client", move || {
                for _ in 0..50 {
                    let mut output = [0; 1];
                    assert_eq!(file.device_io_control(ECHO, &[byte], &mut output), (STATUS_SUCCESS, 1));
                    assert_eq!(output, [byte]);
                }
                file.close();
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("the client succeeds");
    }
    rig.end();
}

#[test]
fn unloading_removes_the_device_and_its_link() {
    let rig = Rig::new(Options::default());
    let Rig { machine, driver, process } = rig;
    driver.unload().expect("the driver unloads");
    assert_eq!(process.create_file(PATH, ACCESS).err(), Some(NamedStatus(STATUS_OBJECT_NAME_NOT_FOUND)));
    assert_eq!(machine.counters().devices.live, 0);
    let again = load(&machine, Options::default()).expect("the driver loads again");
    again.unload().expect("the driver unloads again");
    machine.shutdown();
}

#[test]
fn the_device_goes_after_its_requests_and_before_the_driver() {
    let rig = Rig::new(Options::default());
    rig.open().close();
    rig.taken();
    let Rig { machine, driver, process: _ } = rig;
    driver.unload().expect("the driver unloads");
    let trace = machine.extension(common::Trace::default);
    assert_eq!(trace.seen(), ["EvtDriverUnload", "cleanup WDFDEVICE"]);
    machine.shutdown();
}

#[test]
fn two_devices_of_one_name_collide() {
    let machine = boot();
    let first = load(&machine, Options::default()).expect("the driver loads");
    let second = kmdf::load(&machine, "other", common::driver_entry);
    assert_eq!(second.err(), Some(NamedStatus(STATUS_OBJECT_NAME_COLLISION)));
    first.unload().expect("the driver unloads");
    machine.shutdown();
}

#[test]
fn the_unload_waits_for_an_open_handle() {
    let rig = Rig::new(Options::default());
    let file = rig.open();
    rig.taken();
    assert!(rig.driver.unload_within(std::time::Duration::from_millis(50)).is_err());
    assert!(!rig.taken().contains(&"EvtDriverUnload".to_owned()), "EvtDriverUnload implies no open handle");
    file.close();
    rig.driver.unload_within(common::LIMIT).expect("nothing is open any more");
    assert_eq!(rig.taken().last().map(String::as_str), Some("cleanup WDFDEVICE"));
    rig.machine.shutdown();
}

/// Takes the lock that its callbacks have already, once more.
fn acquires_again(made: &Made, request: WDFREQUEST) {
    wdf::acquire_lock(made.device.cast());
    wdf::release_lock(made.device.cast());
    wdf::complete(request, STATUS_SUCCESS);
}

/// The lock of a device whose callbacks run at `DISPATCH_LEVEL` is a spin lock by one reading; the other one never is.
#[test]
fn the_lock_of_callbacks_is_a_spin_lock_where_that_is_the_reading() {
    let spin_lock =
        || Config { readings: Readings::STRICT.with(CallbackSpinLock::KernelSpinLock), ..Config::default() };
    let options = |level, special: fn(&Made, WDFREQUEST)| Options {
        level,
        scope: Scope::WdfSynchronizationScopeDevice,
        special: Some(special),
        ..Options::default()
    };
    let [passive, dispatch] = [Level::WdfExecutionLevelPassive, Level::WdfExecutionLevelDispatch];
    let completes: fn(&Made, WDFREQUEST) = |_, request| wdf::complete(request, STATUS_SUCCESS);
    for (config, options) in [
        (Config::default(), options(dispatch, acquires_again)),
        (spin_lock(), options(passive, acquires_again)),
        (spin_lock(), options(dispatch, completes)),
    ] {
        let test = Opened::on(Machine::boot(config), options);
        assert_eq!(test.send(SPECIAL), STATUS_SUCCESS);
        test.end();
    }
    if !cfg!(miri) {
        let machine = Machine::boot(spin_lock());
        let report = common::bug_check_on(&machine, options(dispatch, acquires_again), |rig| {
            rig.open().device_io_control(SPECIAL, b"", &mut []);
        });
        common::assert_rule(&report, &rules::RECURSIVE_LOCK, "WDFDEVICE");
        let text = report.to_string();
        assert!(text.contains(
            r#"ntos::Config { readings: "strict,callback-spin-lock=kernel-spin-lock".parse()?, .. }"#
        ));
    }
}
