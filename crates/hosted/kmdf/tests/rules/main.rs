//! Wrong drivers: each breaks one rule, and is caught by name, with the object. Beside each one that comes close, and is
//! right.

#[path = "../common/mod.rs"]
mod common;

mod objects;
mod requests;
mod right;
#[path = "../transfers/sender.rs"]
mod sender;
mod start;
mod stuck;
mod users;

use common::{Opened, Options, Rig, SPECIAL, boot_lenient, bug_check};
use ntos::Rule;

/// One wrong driver, and what a process does to show it.
struct Case {
    rule: &'static Rule,
    /// Part of the report: the type of the object.
    object: &'static str,
    options: Options,
    act: fn(&Rig),
}

impl Case {
    /// A driver that is wrong in its handler.
    fn special(
        rule: &'static Rule,
        object: &'static str,
        special: fn(&common::Made, kmdf::WDFREQUEST),
    ) -> Case {
        let options = Options { special: Some(special), ..Options::default() };
        Case { rule, object, options, act: send_special }
    }

    /// The same, found out by something else than a request of [`SPECIAL`].
    fn sending(self, act: fn(&Rig)) -> Case {
        Case { act, ..self }
    }

    /// A driver that is wrong in its `DriverEntry`.
    fn entry(rule: &'static Rule, object: &'static str, entry: fn(&common::Made) -> kmdf::NTSTATUS) -> Case {
        let options = Options { entry: Some(entry), ..Options::default() };
        Case { rule, object, options, act: |_| () }
    }
}

fn send_special(rig: &Rig) {
    rig.open().device_io_control(SPECIAL, b"input", &mut [0; 4]);
}

fn cases() -> Vec<Case> {
    requests::cases()
        .into_iter()
        .chain(objects::cases())
        .chain(start::cases())
        .chain(stuck::cases())
        .chain(users::cases())
        .collect()
}

#[test]
fn each_wrong_driver_is_caught() {
    for case in cases() {
        let act = case.act;
        let report = bug_check(case.options, act);
        common::assert_rule(&report, case.rule, case.object);
        assert_eq!(report.rule.code, 0x10D, "WDF_VIOLATION");
    }
}

#[test]
fn each_rule_lets_a_driver_pass_that_comes_close() {
    for right in right::rights() {
        println!("{}", right.rule);
        let rig = Rig::new(right.options);
        (right.act)(&rig);
        rig.end();
    }
    for rule in kmdf::rules::RULES {
        let tried = right::rights().iter().any(|right| std::ptr::eq(right.rule, *rule));
        assert!(tried, "{rule} has no right driver that comes close");
    }
}

#[test]
fn each_rule_has_a_wrong_driver() {
    let cases = cases();
    for rule in kmdf::rules::RULES {
        let tried = cases.iter().any(|case| std::ptr::eq(case.rule, *rule));
        assert!(tried, "{rule} has no wrong driver");
    }
}

/// The order of locks is the kernel's affair: the framework tells it of its own.
#[test]
fn locks_in_both_orders_are_caught() {
    type Special = fn(&common::Made, kmdf::WDFREQUEST);
    let wrong: [(Special, &str); 2] = [
        (
            |made, _| {
                let other = common::wdf::spin_lock_create(made.device.cast()).expect("a lock");
                common::wdf::with_lock(made.lock, || common::wdf::with_lock(other, || ()));
                common::wdf::with_lock(other, || common::wdf::with_lock(made.lock, || ()));
            },
            "WDFSPINLOCK",
        ),
        (
            |made, _| {
                let new = || common::wdf::wait_lock_create(made.device.cast()).expect("a lock");
                let (one, other) = (new(), new());
                for (outer, inner) in [(one, other), (other, one)] {
                    common::wdf::wait_lock_acquire(outer, None);
                    common::wdf::wait_lock_acquire(inner, None);
                    common::wdf::wait_lock_release(inner);
                    common::wdf::wait_lock_release(outer);
                }
            },
            "WDFWAITLOCK",
        ),
    ];
    for (special, object) in wrong {
        let level = kmdf::_WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;
        let options = Options { special: Some(special), level, ..Options::default() };
        let report = bug_check(options, send_special);
        common::assert_rule(&report, &ntos::rule::LOCK_ORDER, object);
    }
}

/// A lock that is tried is waited for by nobody.
#[test]
fn a_lock_may_be_tried_in_any_order() {
    let special = |made: &common::Made, request| {
        let new = || common::wdf::wait_lock_create(made.device.cast()).expect("a lock");
        let (one, other) = (new(), new());
        for (outer, inner) in [(one, other), (other, one)] {
            common::wdf::wait_lock_acquire(outer, None);
            common::wdf::wait_lock_acquire(inner, Some(0));
            common::wdf::wait_lock_release(inner);
            common::wdf::wait_lock_release(outer);
        }
        common::wdf::complete(request, kmdf::STATUS_SUCCESS);
    };
    let level = kmdf::_WDF_EXECUTION_LEVEL::WdfExecutionLevelPassive;
    let test = Opened::on(common::boot(), Options { special: Some(special), level, ..Options::default() });
    assert_eq!(test.file.device_io_control(SPECIAL, b"input", &mut [0; 4]).status, kmdf::STATUS_SUCCESS);
    test.end();
}

#[test]
fn a_lenient_machine_takes_what_only_the_verifier_reports() {
    let special = |_: &common::Made, request| {
        assert_eq!(requests::mark(request), Ok(()));
        assert_eq!(requests::mark(request), Err(kmdf::STATUS_INVALID_DEVICE_REQUEST));
        common::wdf::complete(request, kmdf::STATUS_SUCCESS);
    };
    let test = Opened::on(boot_lenient(), Options { special: Some(special), ..Options::default() });
    assert_eq!(test.file.device_io_control(SPECIAL, b"input", &mut [0; 4]).status, kmdf::STATUS_SUCCESS);
    test.end();
}
