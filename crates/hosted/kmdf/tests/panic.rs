//! A driver that panics in a callback: the report names the callback, and the kernel's routine that it was called in.

use std::process::Command;

use crate::common::{Options, Rig, SPECIAL};
use ntos::rule;

/// Run by the test below, in a process of its own, whose harness shows what a test that failed has said.
#[test]
#[ignore = "fails, as the driver panics"]
fn callback() {
    let panics = Options { special: Some(|_, _| panic!("the driver's own words")), ..Options::default() };
    Rig::new(panics).open().device_io_control(SPECIAL, b"input", &mut []);
}

#[test]
#[cfg_attr(miri, ignore = "starts a process")]
fn a_panic_in_a_callback_names_it() {
    let program = std::env::current_exe().expect("this program");
    let output =
        Command::new(program).args(["--exact", "panic::callback", "--ignored"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(101), "{said}");
    let words = [
        rule::DRIVER_PANIC.name,
        "EvtIoDeviceControl of WDFQUEUE 0x",
        ", in the dispatch routine of ",
        " panicked: the driver's own words, at ",
    ];
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}
