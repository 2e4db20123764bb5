//! Drivers that are wrong in the ways in which WSK clients usually are, and the bug check that stops each.
//!
//! `docs/broken-drivers.md` is made of these files: what is wrong, the code, what the hosted kernel says to it, what is right.
//! Each right driver is run, too, and passes.
#![cfg(not(miri))]
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "they are written as in C, and half of them are wrong"
)]

mod client;

mod cancel_forgotten;
mod closed_twice;
mod completed_twice;
mod deregister_in_callback;
mod irp_freed;
mod irp_given_away;
mod irp_not_reused;
mod leak;
mod page;
mod paged_memory;
mod value_on_the_stack;
mod wait_at_dispatch;

use std::time::Duration;

use netio::memory::Net;
use netio::{Completion, Config, Network};
use ntos::{BugCheck, Machine, Rule, Token, io_rules, rule};
use wsk_sys::{
    CTL_CODE, DRIVER_DISPATCH, FILE_ANY_ACCESS, FILE_DEVICE_UNKNOWN, IRP_MJ_DEVICE_CONTROL, METHOD_BUFFERED,
};

use crate::common::READ_WRITE;

/// The code of the request that has a driver do what it does.
const DO_IT: u32 = CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS);

/// A driver that is wrong, and the same one, right.
struct Lesson {
    /// The name of its file.
    file: &'static str,
    /// The file.
    text: &'static str,
    wrong: DRIVER_DISPATCH,
    right: DRIVER_DISPATCH,
    rule: &'static Rule,
    /// How requests run: most mistakes hide if the request ends within the call.
    completion: Completion,
    /// What the process does after its request.
    end: End,
}

/// What a process does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Waits for the request, and closes its handle.
    Close,
    /// Is ended while the request is pending.
    Kill,
}

/// A lesson of the file of that name.
macro_rules! lesson {
    ($file:ident, $rule:expr, $completion:ident, $end:ident) => {
        Lesson {
            file: stringify!($file),
            text: include_str!(concat!(stringify!($file), ".rs")),
            wrong: $file::wrong,
            right: $file::right,
            rule: &$rule,
            completion: Completion::$completion,
            end: End::$end,
        }
    };
}

/// In the order of the page.
fn lessons() -> Vec<Lesson> {
    vec![
        lesson!(irp_not_reused, netio::rules::IRP_NOT_REUSED, Deferred, Close),
        lesson!(irp_given_away, io_rules::OWN_IRP_PAST_TOP, Deferred, Close),
        lesson!(irp_freed, io_rules::FREE_IN_USE, Deferred, Close),
        lesson!(completed_twice, io_rules::MULTIPLE_COMPLETE, Inline, Close),
        lesson!(value_on_the_stack, io_rules::FREED_IN_FLIGHT, Deferred, Close),
        lesson!(paged_memory, netio::rules::PAGED_MEMORY, Deferred, Close),
        lesson!(wait_at_dispatch, rule::WAIT_AT_DISPATCH, Deferred, Close),
        lesson!(closed_twice, netio::rules::SOCKET_CLOSED, Deferred, Close),
        lesson!(deregister_in_callback, netio::rules::IRQL, Deferred, Close),
        lesson!(cancel_forgotten, io_rules::CANCEL_IGNORED, Deferred, Kill),
        lesson!(leak, rule::POOL_LEAK, Deferred, Close),
    ]
}

/// Loads a driver with this dispatch routine, has a process send it a request, and unloads it.
fn run(lesson: &Lesson, control: DRIVER_DISPATCH) -> Result<(), BugCheck> {
    /// How long a killed process waits for what it has left.
    const LIMIT: Duration = Duration::from_millis(100);
    // Without special pool: a driver is stopped by the rule that it breaks, not by the memory that it touches first.
    let machine = Machine::boot(ntos::Config { special_pool: ntos::SpecialPool::Off, ..Default::default() });
    let network = Network::Memory(Net::new());
    netio::install(&machine, Config { network, completion: lesson.completion, ..Config::default() });
    let end = lesson.end;
    machine.clone().catch_bug_check(move || {
        let driver = machine.load_driver("broken", client::driver_entry).expect("it loads");
        // What its DriverEntry would do, if it were not that of all of them.
        unsafe { (*driver.object()).MajorFunction[usize::from(IRP_MJ_DEVICE_CONTROL)] = Some(control) };
        let process = machine.process(Token::Administrator);
        let file = process.create_file(client::USER_PATH, READ_WRITE).expect("it opens");
        let request = file.begin(DO_IT, Vec::new(), Vec::new());
        if end == End::Kill {
            process.kill_within(LIMIT);
        }
        let _ = request.wait();
        drop(file);
        driver.unload().expect("it unloads");
        machine.shutdown();
    })
}

#[test]
fn each_broken_driver_is_stopped_by_its_rule() {
    let report = |lesson: &Lesson| {
        let report = run(lesson, lesson.wrong).expect_err(lesson.file);
        assert_eq!(report.rule, *lesson.rule, "{}: {report}", lesson.file);
        report
    };
    let lessons = lessons();
    let reports: Vec<BugCheck> = lessons.iter().map(report).collect();
    expect_test::expect_file!["../../docs/broken-drivers.md"].assert_eq(&page::page(&lessons, &reports));
}

#[test]
fn each_right_driver_passes() {
    for lesson in lessons() {
        if let Err(report) = run(&lesson, lesson.right) {
            panic!("{}: {report}", lesson.file);
        }
    }
}
