//! What a driver learns of the system and of the framework: shutdowns, versions, strings; and what it is told in vain.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::{self, Opened, Options, Rig, boot, boot_lenient, trace, wdf};
use kmdf::{
    GUID, NTSTATUS, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS, UNICODE_STRING, WDF_PNPPOWER_EVENT_CALLBACKS, WDFDEVICE,
};

extern "C" fn down(device: WDFDEVICE) {
    assert_eq!(wdf::irql(), 0);
    trace(format!("down {}", wdf::name(device.cast())));
}

/// `WdfDeviceShutdown` and `WdfDeviceLastChanceShutdown`.
const FIRST: u8 = 1;
const LAST_CHANCE: u8 = 2;
const BOTH: u8 = FIRST | LAST_CHANCE;

fn told(flags: fn(kmdf::PWDFDEVICE_INIT)) -> Vec<String> {
    let rig = Rig::new(Options { init: Some(flags), ..Options::default() });
    rig.machine.notify_shutdown();
    let told = rig.taken();
    rig.machine.notify_shutdown();
    assert!(rig.taken().is_empty(), "it goes down once");
    rig.end();
    told
}

#[test]
fn a_device_is_told_of_a_shutdown_as_often_as_it_asked() {
    let once = ["down WDFDEVICE"];
    assert_eq!(told(|init| wdf::init_set_shutdown(init, Some(down), FIRST)), once);
    assert_eq!(told(|init| wdf::init_set_shutdown(init, Some(down), LAST_CHANCE)), once);
    assert_eq!(
        told(|init| wdf::init_set_shutdown(init, Some(down), BOTH)),
        ["down WDFDEVICE", "down WDFDEVICE"]
    );
    assert!(told(|init| wdf::init_set_shutdown(init, Some(down), 0)).is_empty());
    assert!(told(|_| ()).is_empty());
}

#[test]
fn a_device_that_is_gone_is_not_told() {
    let options =
        Options { init: Some(|init| wdf::init_set_shutdown(init, Some(down), BOTH)), ..Options::default() };
    let Rig { machine, driver, process: _ } = Rig::new(options);
    driver.unload().expect("the driver unloads");
    drop(std::mem::take(&mut machine.extension(common::Trace::default).seen()));
    machine.notify_shutdown();
    let seen = machine.extension(common::Trace::default).seen();
    assert!(!seen.iter().any(|seen| seen.starts_with("down")), "{seen:?}");
    machine.shutdown();
}

#[test]
fn a_handle_may_be_open_and_requests_under_way() {
    let options =
        Options { init: Some(|init| wdf::init_set_shutdown(init, Some(down), 1)), ..Options::default() };
    let test = Opened::new(options);
    let waiting = test.begin(common::PEND);
    test.taken();
    test.machine.notify_shutdown();
    assert_eq!(test.taken(), ["down WDFDEVICE"]);
    waiting.cancel();
    drop(waiting.wait());
    test.end();
}

#[test]
fn a_device_that_cannot_be_registered_is_not_made() {
    let options =
        Options { init: Some(|init| wdf::init_set_shutdown(init, Some(down), BOTH)), ..Options::default() };
    let mut failed = Vec::new();
    for n in 0..200 {
        let machine = boot();
        machine.faults().fail_nth(n);
        let loaded = common::load(&machine, options);
        let fired = machine.faults().fired();
        machine.faults().disarm();
        match (loaded, fired) {
            (Ok(driver), None) => {
                driver.unload().expect("the driver unloads");
                machine.shutdown();
                for what in ["IoRegisterShutdownNotification", "IoRegisterLastChanceShutdownNotification"] {
                    assert!(failed.contains(&what), "{what} is a fault point, of {failed:?}");
                }
                return;
            }
            (Err(wsk_sys::NamedStatus(STATUS_INSUFFICIENT_RESOURCES)), Some(what)) => {
                assert_eq!(machine.counters().devices.live, 0, "{what}");
                machine.notify_shutdown();
                failed.push(what);
                machine.shutdown();
            }
            (loaded, fired) => panic!("DriverEntry returned {loaded:?} when {fired:?} failed"),
        }
    }
    panic!("more fault points than expected: {failed:?}");
}

#[test]
fn flags_that_are_none_are_ignored_by_a_lenient_machine() {
    let init = |init| wdf::init_set_shutdown(init, Some(down), 5);
    let rig = Rig::on(boot_lenient(), Options { init: Some(init), ..Options::default() });
    rig.machine.notify_shutdown();
    assert!(rig.taken().is_empty());
    rig.end();
}

/// Runs `ask` in a `DriverEntry`, after the device was made.
fn entering(ask: fn(&common::Made) -> NTSTATUS) {
    Rig::new(Options { entry: Some(ask), ..Options::default() }).end();
}

#[test]
fn a_driver_asks_for_the_version_and_prints_it() {
    entering(|made| {
        let string = wdf::string_create(None, std::ptr::null_mut()).expect("a string");
        assert_eq!(wdf::string(string), "");
        wdf::version_into(made.driver, string).expect("there is memory");
        assert_eq!(wdf::string(string), "Kernel Mode Driver Framework version 1.33.0");
        wdf::delete(string.cast());
        let size = wdf::size::<kmdf::WDF_DRIVER_VERSION_AVAILABLE_PARAMS>();
        let answers = [(1, 0), (1, 33), (1, 34), (2, 0), (0, 1)];
        let answers = answers.map(|(major, minor)| wdf::has_version(made.driver, size, major, minor));
        assert_eq!(answers, [true, true, false, false, false]);
        assert!(!wdf::has_version(made.driver, 0, 1, 0), "a size that is not set");
        STATUS_SUCCESS
    });
}

#[test]
fn strings_are_copies_and_end_with_their_parent() {
    entering(|made| {
        let own = wdf::string_create(Some("own"), std::ptr::null_mut()).expect("a string");
        let child = wdf::string_create(Some(r"\Device\Eché"), made.timer.cast()).expect("a string");
        assert_eq!((wdf::string(own), wdf::string(child)), ("own".to_owned(), r"\Device\Eché".to_owned()));
        wdf::delete(made.timer.cast());
        assert_eq!(wdf::string_create(None, made.device.cast()).map(drop), Ok(()));
        // What is left goes with the driver and the device.
        STATUS_SUCCESS
    });
}

#[test]
fn a_counted_string_that_contradicts_itself_is_refused() {
    entering(|_| {
        let mut text = [u16::from(b'x'); 2];
        let buffer = text.as_mut_ptr();
        for (length, maximum, buffer) in
            [(3, 4, buffer), (2, 3, buffer), (4, 2, buffer), (2, 2, std::ptr::null_mut())]
        {
            let counted = UNICODE_STRING { Length: length, MaximumLength: maximum, Buffer: buffer };
            assert_eq!(wdf::string_create_from(&counted).err(), Some(STATUS_INVALID_PARAMETER), "{length}");
        }
        let empty = UNICODE_STRING { Length: 0, MaximumLength: 0, Buffer: std::ptr::null_mut() };
        let string = wdf::string_create_from(&empty).expect("an empty string is one");
        assert_eq!(wdf::string(string), "");
        STATUS_SUCCESS
    });
}

#[test]
fn strings_and_versions_can_run_out_of_memory() {
    static FAILED: AtomicU32 = AtomicU32::new(0);
    let options = Options {
        special: Some(|made, request| {
            let string = wdf::string_create(Some("x"), request.cast());
            let version = string.and_then(|string| wdf::version_into(made.driver, string));
            if version == Err(STATUS_INSUFFICIENT_RESOURCES) {
                FAILED.fetch_add(1, Ordering::Relaxed);
            }
            wdf::complete(request, version.err().unwrap_or(STATUS_SUCCESS));
        }),
        ..Options::default()
    };
    let test = Opened::new(options);
    let mut failed = Vec::new();
    for n in 0..50 {
        test.machine.faults().fail_nth(n);
        test.file.device_io_control(common::SPECIAL, b"", &mut []);
        failed.extend(test.machine.faults().fired());
    }
    test.machine.faults().disarm();
    for what in ["WdfStringCreate", "WdfDriverRetrieveVersionString"] {
        assert!(failed.contains(&what), "{what} is a fault point, of {failed:?}");
    }
    // The context of the string is one more.
    assert!(FAILED.load(Ordering::Relaxed) >= 2);
    test.end();
}

#[test]
fn callbacks_of_plug_and_play_are_taken_and_never_called() {
    extern "C" fn never(_device: WDFDEVICE) -> NTSTATUS {
        trace("called");
        STATUS_SUCCESS
    }
    fn set(init: kmdf::PWDFDEVICE_INIT) {
        for size in [0x88, wdf::size::<WDF_PNPPOWER_EVENT_CALLBACKS>()] {
            let callbacks = WDF_PNPPOWER_EVENT_CALLBACKS {
                Size: size,
                EvtDeviceSelfManagedIoInit: Some(never),
                EvtDeviceSelfManagedIoSuspend: Some(never),
                EvtDeviceSelfManagedIoRestart: Some(never),
                ..WDF_PNPPOWER_EVENT_CALLBACKS::default()
            };
            wdf::init_set_pnp_callbacks(init, callbacks);
        }
    }
    let rig = Rig::new(Options { init: Some(set), ..Options::default() });
    rig.open().close();
    assert!(!rig.taken().contains(&"called".to_owned()));
    rig.end();
}

#[test]
fn a_control_device_has_no_interface() {
    entering(|made| {
        let class = GUID { Data1: 1, Data2: 2, Data3: 3, Data4: [4; 8] };
        assert_eq!(wdf::create_interface(made.device, &class), Err(STATUS_INVALID_DEVICE_REQUEST));
        STATUS_SUCCESS
    });
}

/// What Microsoft's `nonpnp` and `echo` samples call.
const SAMPLES: [&str; 59] = [
    "WdfControlDeviceInitAllocate",
    "WdfControlDeviceInitSetShutdownNotification",
    "WdfControlFinishInitializing",
    "WdfDeviceConfigureRequestDispatching",
    "WdfDeviceCreate",
    "WdfDeviceCreateDeviceInterface",
    "WdfDeviceCreateSymbolicLink",
    "WdfDeviceEnqueueRequest",
    "WdfDeviceGetDefaultQueue",
    "WdfDeviceInitAssignName",
    "WdfDeviceInitFree",
    "WdfDeviceInitSetExclusive",
    "WdfDeviceInitSetFileObjectConfig",
    "WdfDeviceInitSetIoInCallerContextCallback",
    "WdfDeviceInitSetIoType",
    "WdfDeviceInitSetPnpPowerEventCallbacks",
    "WdfDeviceInitSetRequestAttributes",
    "WdfDriverCreate",
    "WdfDriverIsVersionAvailable",
    "WdfDriverRetrieveVersionString",
    "WdfDriverWdmGetDriverObject",
    "WdfFileObjectGetDevice",
    "WdfFileObjectGetFileName",
    "WdfIoQueueCreate",
    "WdfIoQueueGetDevice",
    "WdfIoQueueStart",
    "WdfIoQueueStopSynchronously",
    "WdfMemoryCopyFromBuffer",
    "WdfMemoryCopyToBuffer",
    "WdfMemoryGetBuffer",
    "WdfObjectAllocateContext",
    "WdfObjectDelete",
    "WdfObjectGetTypedContextWorker",
    "WdfRequestComplete",
    "WdfRequestCompleteWithInformation",
    "WdfRequestGetIoQueue",
    "WdfRequestGetParameters",
    "WdfRequestMarkCancelable",
    "WdfRequestMarkCancelableEx",
    "WdfRequestProbeAndLockUserBufferForRead",
    "WdfRequestProbeAndLockUserBufferForWrite",
    "WdfRequestRetrieveInputBuffer",
    "WdfRequestRetrieveInputMemory",
    "WdfRequestRetrieveOutputBuffer",
    "WdfRequestRetrieveOutputMemory",
    "WdfRequestRetrieveUnsafeUserInputBuffer",
    "WdfRequestRetrieveUnsafeUserOutputBuffer",
    "WdfRequestSetInformation",
    "WdfRequestUnmarkCancelable",
    "WdfSpinLockAcquire",
    "WdfSpinLockCreate",
    "WdfSpinLockRelease",
    "WdfStringCreate",
    "WdfStringGetUnicodeString",
    "WdfTimerCreate",
    "WdfTimerGetParentObject",
    "WdfTimerStart",
    "WdfTimerStop",
    "WdfVerifierDbgBreakPoint",
];

#[test]
fn what_the_general_samples_call_is_there() {
    for name in SAMPLES {
        let index = kmdf::NAMES.iter().position(|other| *other == name).expect("a function of the framework");
        assert!(kmdf::IMPLEMENTED[index], "{name}");
    }
}

#[test]
fn the_page_says_how_many_functions_there_are() {
    let page = include_str!("../../../../docs/fidelity.md");
    let count = kmdf::IMPLEMENTED.iter().filter(|implemented| **implemented).count();
    let said = format!("{count} of {}", kmdf::FUNCTION_COUNT);
    assert!(page.contains(&said), "docs/fidelity.md does not say {said:?}");
}
