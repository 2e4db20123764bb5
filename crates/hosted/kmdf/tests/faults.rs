//! Running out of memory, at each call once: nothing leaks, and nothing is left half made.

use crate::common::{self, ACCESS, ECHO, HOLD, LIMIT, Options, PATH, PEND, RELEASE, Rig, boot, load};
use kmdf::{_WDF_EXECUTION_LEVEL as Level, STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS};
use ntos::NamedStatus;

/// More fault points than any of the tests has.
const MANY: u64 = 500;

#[test]
fn a_driver_entry_that_fails_leaves_nothing_behind() {
    let mut failed = Vec::new();
    for n in 0..MANY {
        let machine = boot();
        machine.faults().fail_nth(n);
        let options = Options { level: Level::WdfExecutionLevelPassive, ..Options::default() };
        let loaded = load(&machine, options);
        let fired = machine.faults().fired();
        machine.faults().disarm();
        match (loaded, fired) {
            (Ok(driver), None) => {
                driver.unload().expect("the driver unloads");
                machine.shutdown();
                for what in ["WdfDriverCreate", "WdfDeviceCreate", "IoCreateDeviceSecure", "WdfIoQueueCreate"]
                {
                    assert!(failed.contains(&what), "{what} is a fault point, of {failed:?}");
                }
                return;
            }
            (Err(status), Some(what)) => {
                assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES, "{what}");
                assert_eq!(machine.counters().pool_blocks.live, 0, "{what}");
                assert_eq!(machine.counters().work_items.live, 0, "{what}");
                assert_eq!(machine.counters().devices.live, 0, "{what}");
                failed.push(what);
                // The machine is as before: the driver loads now.
                let driver = load(&machine, options).expect("with memory the driver loads");
                driver.unload().expect("the driver unloads");
                machine.shutdown();
            }
            (loaded, fired) => panic!("DriverEntry returned {loaded:?} when {fired:?} failed"),
        }
    }
    panic!("more than {MANY} fault points");
}

#[test]
fn a_request_that_cannot_be_made_is_refused() {
    for n in 0..MANY {
        let rig = Rig::new(Options::default());
        rig.machine.faults().fail_nth(n);
        let outcome = serve(&rig);
        let fired = rig.machine.faults().fired();
        rig.machine.faults().disarm();
        match (outcome, fired) {
            (Ok(()), None) => {
                rig.end();
                return;
            }
            (Err(status), Some(what)) => assert_eq!(status, STATUS_INSUFFICIENT_RESOURCES, "{what}"),
            // Cleaning up must not need memory, so the rest may succeed all the same.
            (Ok(()), Some(_)) => {}
            (Err(status), None) => panic!("{} though nothing failed", wsk_sys::NamedStatus(status)),
        }
        rig.end();
    }
    panic!("more than {MANY} fault points");
}

/// Opens the device, sends it a few requests, and closes it.
fn serve(rig: &Rig) -> Result<(), i32> {
    let file = rig.process.create_file(PATH, ACCESS).map_err(|status| status.0)?;
    let mut result = Ok(());
    let mut note = |status: NamedStatus| {
        if status != STATUS_SUCCESS && result.is_ok() {
            result = Err(status.0);
        }
    };
    note(file.device_io_control(ECHO, b"x", &mut [0]).status);
    let waiting = file.begin(PEND, vec![1], vec![1]);
    let held = file.begin(HOLD, vec![], vec![]);
    if waiting.is_done() {
        note(waiting.wait().status);
    } else {
        note(file.device_io_control(RELEASE, b"", &mut []).status);
        waiting.cancel();
        drop(waiting.wait_for(LIMIT).expect("released or cancelled"));
    }
    if held.is_done() {
        note(held.wait().status);
    } else {
        held.cancel();
        assert_eq!(held.wait_for(LIMIT).expect("cancelled").status, STATUS_CANCELLED);
        let status = file.device_io_control(common::FINISH, b"", &mut []).status;
        if status == STATUS_INSUFFICIENT_RESOURCES {
            note(status);
            file.device_io_control(common::FINISH, b"", &mut []);
        }
    }
    file.close();
    result
}
