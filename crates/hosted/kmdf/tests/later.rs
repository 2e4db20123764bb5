//! What runs later: timers, work items and DPCs; and the locks between them.

use std::time::Duration;

use crate::common::{
    self, DPC, FINISH, HOLD, Made, Opened, Options, Rig, SPECIAL, TIMED, WORK, ended, succeeds, succeeds_on,
    trace, until, wdf,
};
use kmdf::{
    _WDF_EXECUTION_LEVEL as Level, _WDF_SYNCHRONIZATION_SCOPE as Scope, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_NOT_SUPPORTED, STATUS_SUCCESS, STATUS_TIMEOUT, STATUS_WDF_PARENT_NOT_SPECIFIED, WDFTIMER,
};

fn held_request_ends_by(code: u32, callback: &str, options: Options) {
    let test = Opened::new(options);
    let held = test.begin(HOLD);
    assert_eq!(test.send(code), STATUS_SUCCESS);
    assert_eq!(ended(held).status, STATUS_SUCCESS);
    assert!(test.has_seen(callback), "{callback}");
    test.end();
}

#[test]
fn a_timer_runs_at_dispatch_level() {
    held_request_ends_by(TIMED, "EvtTimerFunc at 2", Options::default());
}

#[test]
fn a_passive_timer_runs_at_passive_level() {
    let options = Options { level: Level::WdfExecutionLevelPassive, ..Options::default() };
    held_request_ends_by(TIMED, "EvtTimerFunc at 0", options);
}

#[test]
fn a_timer_is_serialised_with_its_device() {
    let level = Level::WdfExecutionLevelPassive;
    let options = Options { level, scope: Scope::WdfSynchronizationScopeDevice, ..Options::default() };
    held_request_ends_by(TIMED, "EvtTimerFunc at 0", options);
}

#[test]
fn a_work_item_runs_at_passive_level() {
    held_request_ends_by(WORK, "EvtWorkItem at 0", Options::default());
}

#[test]
fn a_dpc_runs_at_dispatch_level() {
    held_request_ends_by(DPC, "EvtDpcFunc at 2", Options::default());
}

#[test]
fn a_stopped_timer_does_not_fire() {
    let special = |made: &Made, request| {
        assert!(!wdf::timer_start(made.timer, Duration::from_hours(1)));
        assert!(wdf::timer_start(made.timer, Duration::from_hours(1)), "it was running");
        assert!(wdf::timer_stop(made.timer, true), "it was running");
        assert!(!wdf::timer_stop(made.timer, true));
        wdf::complete(request, STATUS_SUCCESS);
    };
    succeeds(special);
}

#[test]
fn a_timer_that_starts_itself_again_is_stopped_for_good() {
    let timer = |_: &Made, timer: WDFTIMER| {
        let start = || wdf::timer_start(timer, Duration::from_hours(1));
        start();
        trace("in");
        // It runs, until the other thread has cancelled it, and waits for this callback.
        until(|| !start(), "the timer is being stopped");
    };
    let work = |made: &Made, _: kmdf::WDFWORKITEM| {
        assert!(wdf::timer_stop(made.timer, true), "it ran");
        assert!(!wdf::timer_stop(made.timer, true), "and was not started again");
        trace("done");
    };
    let test = Opened::new(Options {
        level: Level::WdfExecutionLevelPassive,
        timer: Some(timer),
        work: Some(work),
        ..Options::default()
    });
    assert_eq!(test.send(TIMED), STATUS_SUCCESS);
    test.wait_for("in");
    assert_eq!(test.send(WORK), STATUS_SUCCESS);
    test.wait_for("done");
    test.end();
}

#[test]
fn a_timer_that_is_being_deleted_is_not_started() {
    let special = |made: &Made, request| {
        wdf::reference(made.timer.cast());
        wdf::delete(made.timer.cast());
        assert!(!wdf::timer_start(made.timer, Duration::from_hours(1)));
        wdf::dereference(made.timer.cast());
        wdf::complete(request, STATUS_SUCCESS);
    };
    succeeds_on(common::boot_lenient(), special);
}

#[test]
fn unloading_cancels_a_timer_that_runs() {
    let entry = |made: &Made| {
        wdf::timer_start(made.timer, Duration::from_hours(1));
        STATUS_SUCCESS
    };
    Rig::new(Options { entry: Some(entry), ..Options::default() }).end();
}

#[test]
fn a_periodic_timer_fires_until_it_is_stopped() {
    let entry = |made: &Made| {
        let periodic = wdf::timer_create(made.device.cast(), Some(tick), 1, false).expect("a timer");
        wdf::timer_start(periodic, Duration::from_millis(1));
        STATUS_SUCCESS
    };
    let rig = Rig::new(Options { entry: Some(entry), ..Options::default() });
    let seen = rig.machine.extension(common::Trace::default);
    until(|| seen.seen().iter().filter(|what| *what == "tick").count() >= 3, "three ticks");
    rig.end();
}

extern "C" fn tick(_timer: WDFTIMER) {
    trace("tick");
}

#[test]
fn a_timer_deleted_in_a_dpc_ends_in_a_worker_thread() {
    let timer = |made: &Made, timer: WDFTIMER| {
        wdf::delete(timer.cast());
        let _ = made;
    };
    let test = Opened::new(Options { timer: Some(timer), ..Options::default() });
    assert_eq!(test.send(TIMED), STATUS_SUCCESS);
    test.wait_for("EvtTimerFunc at 2");
    test.end();
}

#[test]
fn a_flushed_work_item_has_run() {
    let special = |made: &Made, request| {
        wdf::work_item_enqueue(made.work);
        wdf::work_item_flush(made.work);
        trace("flushed");
        wdf::complete(request, STATUS_SUCCESS);
    };
    let test = Opened::new(Options { special: Some(special), ..Options::default() });
    test.taken();
    assert_eq!(test.send(SPECIAL), STATUS_SUCCESS);
    assert_eq!(test.taken()[..2], ["EvtWorkItem at 0", "flushed"]);
    test.end();
}

#[test]
fn a_work_item_may_delete_itself() {
    let work = |_: &Made, item: kmdf::WDFWORKITEM| wdf::delete(item.cast());
    let test = Opened::new(Options { work: Some(work), ..Options::default() });
    assert_eq!(test.send(WORK), STATUS_SUCCESS);
    test.wait_for("EvtWorkItem at 0");
    test.end();
}

#[test]
fn a_work_item_that_is_being_deleted_is_not_queued_again() {
    let work = |_: &Made, item: kmdf::WDFWORKITEM| {
        wdf::delete(item.cast());
        // The handle is good until the callback returns.
        wdf::work_item_enqueue(item);
        trace("not queued");
    };
    let rig = Rig::on(common::boot_lenient(), Options { work: Some(work), ..Options::default() });
    let file = rig.open();
    assert_eq!(file.device_io_control(WORK, b"", &mut []).status, STATUS_SUCCESS);
    rig.wait_for("not queued");
    file.close();
    let runs = rig.seen().iter().filter(|seen| seen.starts_with("EvtWorkItem")).count();
    assert_eq!(runs, 1);
    rig.end();
}

#[test]
fn a_work_item_that_was_queued_before_it_deleted_itself_runs_once_more() {
    let work = |_: &Made, item: kmdf::WDFWORKITEM| {
        if common::seen("deleted") {
            trace("ran again");
            return;
        }
        wdf::work_item_enqueue(item);
        trace("deleted");
        wdf::delete(item.cast());
    };
    let test = Opened::new(Options { work: Some(work), ..Options::default() });
    assert_eq!(test.send(WORK), STATUS_SUCCESS);
    test.wait_for("ran again");
    test.end();
}

#[test]
fn without_the_verifier_a_flush_in_the_work_item_s_own_callback_returns() {
    let work = |_: &Made, item: kmdf::WDFWORKITEM| {
        wdf::work_item_flush(item);
        trace("flushed");
    };
    let test = Opened::on(common::boot_lenient(), Options { work: Some(work), ..Options::default() });
    assert_eq!(test.send(WORK), STATUS_SUCCESS);
    test.wait_for("flushed");
    test.end();
}

#[test]
fn timers_and_work_items_need_a_device() {
    let entry = |made: &Made| {
        let none = std::ptr::null_mut();
        assert_eq!(wdf::timer_create(none, Some(tick), 0, false), Err(STATUS_WDF_PARENT_NOT_SPECIFIED));
        let driver = made.driver.cast();
        assert_eq!(wdf::timer_create(driver, Some(tick), 0, false), Err(STATUS_INVALID_DEVICE_REQUEST));
        assert_eq!(wdf::work_item_create(driver, Some(item)), Err(STATUS_INVALID_DEVICE_REQUEST));
        let device = made.device.cast();
        assert_eq!(wdf::timer_create(device, Some(tick), 1, true), Err(STATUS_NOT_SUPPORTED));
        STATUS_SUCCESS
    };
    Rig::new(Options { entry: Some(entry), ..Options::default() }).end();
}

extern "C" fn item(_item: kmdf::WDFWORKITEM) {}

#[test]
fn a_wait_lock_lets_one_thread_in() {
    let special = |made: &Made, request| {
        let lock = wdf::wait_lock_create(made.device.cast()).expect("a lock");
        assert_eq!(wdf::wait_lock_acquire(lock, None), STATUS_SUCCESS);
        let other = {
            let lock = common::Handle::new(lock.cast());
            ntos::Machine::current()
                .spawn("other", move || wdf::wait_lock_acquire(lock.get().cast(), Some(0)))
        };
        assert_eq!(other.join().expect("the other returns"), STATUS_TIMEOUT);
        wdf::wait_lock_release(lock);
        assert_eq!(wdf::wait_lock_acquire(lock, Some(0)), STATUS_SUCCESS);
        wdf::wait_lock_release(lock);
        wdf::delete(lock.cast());
        wdf::complete(request, STATUS_SUCCESS);
    };
    succeeds(special);
}

#[test]
fn completing_at_dispatch_level_presents_the_next_at_passive_level() {
    let special = |_: &Made, request| {
        assert_eq!(wdf::irql(), 0, "the handler is at passive level");
        wdf::complete(request, STATUS_SUCCESS);
    };
    let test = Opened::new(Options {
        queue: kmdf::_WDF_IO_QUEUE_DISPATCH_TYPE::WdfIoQueueDispatchSequential,
        level: Level::WdfExecutionLevelPassive,
        special: Some(special),
        entry: Some(common::start_finishing),
        ..Options::default()
    });
    let held = test.begin(HOLD);
    let behind = test.begin(SPECIAL);
    test.release("both are sent");
    assert_eq!(ended(held).status, STATUS_SUCCESS);
    assert_eq!(ended(behind).status, STATUS_SUCCESS);
    assert_ne!(test.send(FINISH), STATUS_SUCCESS);
    test.end();
}
