//! The driver on the hosted kernel.

use hosted::ntos::NamedStatus;
use hosted::ntos::security::{GENERIC_READ, GENERIC_WRITE};
use hosted::{File, Machine, Setup, Token, each_failure};
use mailbox::{PUT, TAKE};
use nt_sys::{
    STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_QUOTA_EXCEEDED, STATUS_SUCCESS,
};

/// Loads the driver, calls `test` with a handle to its device, closes it and unloads the driver.
fn with_device<R>(machine: &Machine, test: impl FnOnce(File) -> R) -> Result<R, NamedStatus> {
    let driver = machine.load_driver("mailbox", mailbox::driver_entry)?;
    let process = machine.process(Token::Administrator);
    let opened = process.create_file(r"\\.\Mailbox", GENERIC_READ | GENERIC_WRITE).map(test);
    drop(process);
    driver.unload().expect("it unloads");
    opened
}

fn run(test: impl FnOnce(File)) {
    Setup::strict().run(|machine| with_device(machine, test)).expect("it loads and opens");
}

fn put(file: &File, letter: &[u8]) -> i32 {
    file.device_io_control(PUT, letter, &mut []).status.0
}

fn take(file: &File) -> Result<Vec<u8>, i32> {
    let mut letter = vec![0; 256];
    let ended = file.device_io_control(TAKE, &[], &mut letter);
    letter.truncate(ended.information);
    if ended.status.0 == STATUS_SUCCESS { Ok(letter) } else { Err(ended.status.0) }
}

#[test]
fn letters_come_out_in_order() {
    run(|file| {
        for letter in [&b"first"[..], b"second", &[7; 256]] {
            assert_eq!(put(&file, letter), STATUS_SUCCESS);
        }
        assert_eq!(take(&file).unwrap(), b"first");
        assert_eq!(take(&file).unwrap(), b"second");
        assert_eq!(take(&file).unwrap(), [7; 256]);
        assert_eq!(take(&file), Err(STATUS_INVALID_DEVICE_STATE));
    });
}

#[test]
fn what_does_not_fit_stays() {
    run(|file| {
        assert_eq!(put(&file, b"letter"), STATUS_SUCCESS);
        let short = file.device_io_control(TAKE, &[], &mut [0; 5]);
        assert_eq!(short, (STATUS_BUFFER_TOO_SMALL, 0));
        assert_eq!(take(&file).unwrap(), b"letter");
    });
}

/// The shutdown of the machine finds a letter that the unload would leave.
#[test]
fn a_full_mailbox_refuses_and_unloads() {
    run(|file| {
        for _ in 0..16 {
            assert_eq!(put(&file, b"letter"), STATUS_SUCCESS);
        }
        assert_eq!(put(&file, b"one more"), STATUS_QUOTA_EXCEEDED);
    });
}

#[test]
fn what_is_no_letter_is_refused() {
    run(|file| {
        assert_eq!(put(&file, &[]), STATUS_INVALID_PARAMETER);
        assert_eq!(put(&file, &[0; 257]), STATUS_INVALID_PARAMETER);
        let unknown = file.device_io_control(PUT + 8, &[], &mut []);
        assert_eq!(unknown, (STATUS_INVALID_DEVICE_REQUEST, 0));
    });
}

/// Each call that can fail does so once. The driver says so, and leaves nothing behind.
#[test]
fn every_call_fails_in_turn() {
    let failures = each_failure(&Setup::strict(), |machine, number| {
        let put = with_device(machine, |file| put(&file, b"letter"));
        let status = put.unwrap_or_else(|refused| refused.0);
        let expected = [STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES];
        assert!(expected.contains(&status), "failure {number}: {}", NamedStatus(status));
    });
    for call in ["IoCreateDevice", "IoCreateSymbolicLink", "ExAllocatePool2"] {
        assert!(failures.iter().any(|failure| failure.call == call), "{call}: {failures:?}");
    }
}

/// The driver is right whatever Windows does where its pages are silent.
#[test]
fn it_works_under_every_reading() {
    for setup in (0..20).map(Setup::seed) {
        println!("{setup}");
        let echoed = setup.run(|machine| {
            with_device(machine, |file| {
                assert_eq!(put(&file, b"letter"), STATUS_SUCCESS);
                take(&file)
            })
        });
        assert_eq!(echoed.expect("it loads and opens").unwrap(), b"letter");
    }
}
