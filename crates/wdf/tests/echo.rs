//! The driver of the example, in the hosted kernel: buffered and direct requests, one that waits, its cancellation.
#![allow(missing_docs, reason = "a test")]

#[path = "../examples/echo.rs"]
mod echo;

use std::time::Duration;

use echo::driver::{ECHO, FILL, RELEASE, WAIT, driver_entry};
use nt_sys::{
    STATUS_BUFFER_TOO_SMALL, STATUS_CANCELLED, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};
use ntos::security::{GENERIC_READ, GENERIC_WRITE};
use ntos::{Config, File, Machine, Token};

const SOON: Duration = Duration::from_secs(20);

/// A machine with the driver, which leaves nothing behind.
fn with_driver(test: impl FnOnce(&dyn Fn() -> File)) {
    let machine = Machine::boot(Config { wait_limit: Some(SOON), ..Config::default() });
    let driver = kmdf::load(&machine, "echo", driver_entry).expect("it loads");
    let process = machine.process(Token::Administrator);
    test(&|| process.create_file(r"\\.\Echo", GENERIC_READ | GENERIC_WRITE).expect("it opens"));
    drop(process);
    driver.unload_within(SOON).expect("it unloads");
    let left = machine.counters();
    assert_eq!((left.irps.live, left.pool_blocks.live, left.devices.live), (0, 0, 0));
    machine.shutdown();
}

#[test]
fn a_buffered_request_reads_its_input_and_writes_its_output() {
    with_driver(|open| {
        let file = open();
        let mut output = *b"........";
        assert_eq!(file.device_io_control(ECHO, b"hello", &mut output), (STATUS_SUCCESS, 5));
        assert_eq!(&output, b"HELLO...");
        let refused = file.device_io_control(ECHO, b"hello", &mut output[..4]);
        assert_eq!(refused.status, STATUS_BUFFER_TOO_SMALL);
        assert_eq!(file.device_io_control(ECHO, &[0; 65], &mut output).status, STATUS_INVALID_PARAMETER);
        assert_eq!(file.device_io_control(ECHO, &[], &mut []), (STATUS_SUCCESS, 0));
        assert_eq!(file.device_io_control(0x0022_2040, &[], &mut []).status, STATUS_INVALID_DEVICE_REQUEST);
    });
}

#[test]
fn a_direct_request_writes_to_the_buffer_of_the_process() {
    with_driver(|open| {
        let file = open();
        let mut output = [0; 200];
        assert_eq!(file.device_io_control(FILL, b"x", &mut output), (STATUS_SUCCESS, 200));
        assert_eq!(output, [b'x'; 200]);
        assert_eq!(file.device_io_control(FILL, b"x", &mut []), (STATUS_SUCCESS, 0));
        assert_eq!(file.device_io_control(FILL, &[], &mut output).status, STATUS_INVALID_PARAMETER);
    });
}

#[test]
fn a_work_item_completes_the_request_that_waits() {
    with_driver(|open| {
        let (file, other) = (open(), open());
        let waits = file.begin(WAIT, Vec::new(), vec![0; 4]);
        assert_eq!(
            other.device_io_control(WAIT, &[], &mut []).status,
            STATUS_INVALID_DEVICE_STATE,
            "one at a time"
        );
        assert!(!waits.is_done());
        assert_eq!(other.device_io_control(RELEASE, &[], &mut []), (STATUS_SUCCESS, 0));
        let completed = waits.wait();
        assert_eq!(completed.io_status(), (STATUS_SUCCESS, 4));
        assert_eq!(completed.output, 2_u32.to_ne_bytes(), "two handles");
    });
}

#[test]
fn a_request_that_waits_is_cancelled() {
    with_driver(|open| {
        let file = open();
        for _ in 0..3 {
            let waits = file.begin(WAIT, Vec::new(), vec![0; 4]);
            waits.cancel();
            assert_eq!(waits.wait().status, STATUS_CANCELLED);
        }
        // The next one waits again.
        let waits = file.begin(WAIT, Vec::new(), vec![0; 4]);
        file.device_io_control(RELEASE, &[], &mut []);
        assert_eq!(waits.wait().status, STATUS_SUCCESS);
    });
}

#[test]
fn a_cancel_and_a_release_meet() {
    with_driver(|open| {
        let file = open();
        for _ in 0..if cfg!(miri) { 2 } else { 200 } {
            let waits = file.begin(WAIT, Vec::new(), vec![0; 4]);
            std::thread::scope(|scope| {
                scope.spawn(|| waits.cancel());
                file.device_io_control(RELEASE, &[], &mut []);
            });
            // Whichever was first: it is completed once, which the framework sees to.
            let status = waits.wait().status;
            assert!(matches!(status.0, STATUS_SUCCESS | STATUS_CANCELLED), "{status}");
        }
    });
}

#[test]
fn the_load_fails_without_memory_and_leaves_nothing() {
    let machine = Machine::boot(Config { wait_limit: Some(SOON), ..Config::default() });
    for nth in (0..).step_by(if cfg!(miri) { 12 } else { 1 }) {
        machine.faults().fail_nth(nth);
        let loaded = kmdf::load(&machine, "echo", driver_entry);
        let fired = machine.faults().fired();
        machine.faults().disarm();
        match (loaded, fired) {
            (Ok(driver), None) => {
                driver.unload_within(SOON).expect("it unloads");
                break;
            }
            (Ok(_), Some(what)) => panic!("loaded without {what}"),
            (Err(_), Some(_)) => {}
            (Err(status), None) => panic!("{status} without a fault"),
        }
    }
    machine.shutdown();
}
