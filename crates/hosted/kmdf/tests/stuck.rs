//! Waits of the machine for a driver of the framework's: the report names the framework's objects.

use std::time::Duration;

use crate::common::{self, HOLD, Opened, Options, PEND, Rig, SPECIAL, trace};
use ntos::{BugCheck, Config, Machine, io_rules};

/// The bug check of a machine that waits only for a moment.
fn stuck(options: Options, act: impl FnOnce(Rig) + Send + 'static) -> BugCheck {
    let moment = Duration::from_millis(50);
    let config = Config { hang_limit: moment, request_limit: moment, ..Config::default() };
    let machine = Machine::boot(config);
    let inside = machine.clone();
    machine.catch_bug_check(move || act(Rig::on(inside, options))).expect_err("the wait does not end")
}

#[test]
fn an_unload_names_the_request_that_the_driver_forgot() {
    let forgets = Options { special: Some(|_, _| trace("forgotten")), ..Options::default() };
    let report = stuck(forgets, |rig| {
        let file = rig.open();
        drop(file.begin(SPECIAL, b"input".to_vec(), vec![]));
        file.close();
        rig.end();
    });
    common::assert_rule(&report, &io_rules::UNLOAD_STUCK, "the driver has not completed WDFREQUEST 0x");
    assert!(report.detail.contains(", of WDFQUEUE 0x"), "{report}");
}

#[test]
fn a_process_is_told_who_has_its_request() {
    let report = stuck(Options::default(), |rig| {
        rig.open().device_io_control(HOLD, b"", &mut []);
    });
    common::assert_rule(&report, &io_rules::REQUEST_STUCK, "the driver has not completed WDFREQUEST 0x");
    let report = stuck(Options::default(), |rig| {
        rig.open().device_io_control(PEND, b"", &mut []);
    });
    common::assert_rule(&report, &io_rules::REQUEST_STUCK, "waits in WDFQUEUE 0x");
}

#[test]
fn a_request_that_is_cancelled_when_its_handle_is_closed_keeps_nobody() {
    let test = Opened::new(Options::default());
    drop(test.begin(PEND));
    test.end();
}
