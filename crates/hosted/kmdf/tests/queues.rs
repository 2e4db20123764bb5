//! The dispatch loop of queues: who calls what, and when a change of a queue's state is done.

mod common;

use std::thread::JoinHandle;
use std::time::Duration;

use common::{ECHO, HOLD, LIMIT, Made, Options, PEND, Rig, SPECIAL, WORK, places, trace, wait_for, wdf};
use kmdf::{
    _WDF_EXECUTION_LEVEL as Level, _WDF_IO_QUEUE_DISPATCH_TYPE as Type, _WDF_SYNCHRONIZATION_SCOPE as Scope,
    NTSTATUS, STATUS_CANCELLED, STATUS_SUCCESS, WDFCONTEXT, WDFQUEUE, WDFREQUEST, WDFTIMER,
};
use ntos::{Completed, File, Overlapped};

fn ended(request: Overlapped) -> Completed {
    request.wait_for(LIMIT).expect("the request ends in time")
}

extern "C" fn told(_queue: WDFQUEUE, _context: WDFCONTEXT) {
    trace("told");
}

extern "C" fn cancelled(request: WDFREQUEST) {
    wdf::complete(request, STATUS_CANCELLED);
}

/// A handler that stays until the test lets it go.
fn stays(_: &Made, request: WDFREQUEST) {
    trace("in");
    wait_for("go");
    trace("out");
    wdf::complete(request, STATUS_SUCCESS);
}

/// Sends [`SPECIAL`] from another thread, and waits until its handler is in.
fn send_special(rig: &Rig, file: &File) -> JoinHandle<Completed> {
    let file = file.clone();
    let sender = rig.machine.spawn("sender", move || ended(file.begin(SPECIAL, vec![], vec![])));
    rig.wait_for("in");
    sender
}

fn has_seen(rig: &Rig, what: &str) -> bool {
    rig.seen().iter().any(|seen| seen == what)
}

#[test]
fn a_cancel_callback_waits_for_the_handler_that_runs() {
    let rig = Rig::new(Options { special: Some(stays), ..Options::default() });
    let file = rig.open();
    let held = file.begin(HOLD, vec![], vec![]);
    let sender = send_special(&rig, &file);
    held.cancel();
    assert!(!has_seen(&rig, "EvtRequestCancel"), "another thread is in a handler of the queue");
    rig.let_go("go");
    assert_eq!(ended(held).status, STATUS_CANCELLED);
    assert_eq!(sender.join().expect("the sender returns").status, STATUS_SUCCESS);
    let (out, callback) = places(&rig.seen(), "out", "EvtRequestCancel");
    assert!(out < callback);
    file.close();
    rig.end();
}

#[test]
fn the_next_request_brings_a_cancel_callback_that_waits() {
    let rig = Rig::new(Options { special: Some(stays), ..Options::default() });
    let file = rig.open();
    let held = file.begin(HOLD, vec![], vec![]);
    let sender = send_special(&rig, &file);
    held.cancel();
    assert_eq!(file.device_io_control(ECHO, b"x", &mut [0]).0, STATUS_SUCCESS);
    assert!(has_seen(&rig, "EvtRequestCancel"), "by the thread that came with the request");
    assert_eq!(ended(held).status, STATUS_CANCELLED);
    rig.let_go("go");
    assert_eq!(sender.join().expect("the sender returns").status, STATUS_SUCCESS);
    file.close();
    rig.end();
}

#[test]
fn a_request_cancelled_in_its_handler_is_called_back_after_it() {
    let special = |made: &Made, request| {
        common::hold(made, request);
        trace("in");
        wait_for("go");
        trace("out");
    };
    let rig = Rig::new(Options { special: Some(special), ..Options::default() });
    let file = rig.open();
    let sender = send_special(&rig, &file);
    file.cancel_all();
    assert!(!has_seen(&rig, "EvtRequestCancel"), "the handler that marked it still runs");
    rig.let_go("go");
    assert_eq!(sender.join().expect("the sender returns").status, STATUS_CANCELLED);
    file.close();
    rig.end();
}

#[test]
fn a_change_of_state_is_done_when_no_handler_runs_any_more() {
    fn lingers(_: &Made, request: WDFREQUEST) {
        wdf::complete(request, STATUS_SUCCESS);
        trace("in");
        wait_for("go");
        trace("out");
    }
    let stop = |made: &Made, _| {
        wdf::queue_stop(made.queue, Some(told));
        trace("asked");
    };
    let purge = |made: &Made, _| {
        wdf::queue_purge(made.queue, Some(told));
        trace("asked");
    };
    let drain = |made: &Made, _| {
        wdf::queue_drain(made.queue, Some(told));
        trace("asked");
    };
    let changes: [fn(&Made, kmdf::WDFWORKITEM); 3] = [stop, purge, drain];
    for work in changes {
        let rig = Rig::new(Options { special: Some(lingers), work: Some(work), ..Options::default() });
        let file = rig.open();
        let sender = send_special(&rig, &file);
        assert_eq!(file.device_io_control(WORK, b"", &mut []).0, STATUS_SUCCESS);
        rig.wait_for("asked");
        assert!(!has_seen(&rig, "told"), "its requests are completed, but a handler is still in");
        rig.let_go("go");
        rig.wait_for("told");
        let (out, told) = places(&rig.seen(), "out", "told");
        assert!(out < told);
        assert_eq!(sender.join().expect("the sender returns").status, STATUS_SUCCESS);
        file.close();
        rig.end();
    }
}

#[test]
fn a_sequential_queue_presents_the_next_beside_a_handler_that_has_completed_its_request() {
    fn lingers(_: &Made, request: WDFREQUEST) {
        wdf::complete(request, STATUS_SUCCESS);
        trace("in");
        wait_for("go");
    }
    let queue = Type::WdfIoQueueDispatchSequential;
    let rig = Rig::new(Options { queue, special: Some(lingers), ..Options::default() });
    let file = rig.open();
    let sender = send_special(&rig, &file);
    assert_eq!(file.device_io_control(ECHO, b"x", &mut [0]), (STATUS_SUCCESS, 1));
    rig.let_go("go");
    sender.join().expect("the sender returns");
    file.close();
    rig.end();
}

#[test]
fn a_queue_that_was_stopped_and_purged_lets_nothing_be_marked_until_it_is_started() {
    let special = |made: &Made, request| {
        wdf::queue_stop_and_purge(made.queue, None);
        assert_eq!(wdf::mark_ex(request, Some(cancelled)), Err(STATUS_CANCELLED));
        wdf::queue_start(made.queue);
        assert_eq!(wdf::mark_ex(request, Some(cancelled)), Ok(()));
        assert_eq!(wdf::unmark(request), STATUS_SUCCESS);
        wdf::complete(request, STATUS_SUCCESS);
    };
    let rig = Rig::new(Options { special: Some(special), ..Options::default() });
    let file = rig.open();
    assert_eq!(file.device_io_control(SPECIAL, b"", &mut []).0, STATUS_SUCCESS);
    file.close();
    rig.end();
}

#[test]
fn a_purge_goes_on_over_a_stop() {
    let special = |made: &Made, request| {
        wdf::queue_purge(made.queue, None);
        wdf::queue_stop(made.queue, None);
        assert_eq!(wdf::mark_ex(request, Some(cancelled)), Err(STATUS_CANCELLED));
        wdf::queue_start(made.queue);
        wdf::complete(request, STATUS_SUCCESS);
    };
    let rig = Rig::new(Options { special: Some(special), ..Options::default() });
    let file = rig.open();
    assert_eq!(file.device_io_control(SPECIAL, b"", &mut []).0, STATUS_SUCCESS);
    file.close();
    rig.end();
}

#[test]
fn a_request_can_be_requeued_to_a_queue_that_accepts_none() {
    let special = |made: &Made, request| {
        let waiting = wdf::retrieve_next(made.manual).expect("one waits");
        wdf::queue_drain(made.manual, None);
        assert_eq!(wdf::requeue(waiting), Ok(()));
        assert_eq!(wdf::queue_state(made.manual).1, 1, "it waits again");
        assert_eq!(wdf::retrieve_next(made.manual), Ok(waiting));
        wdf::complete(waiting, STATUS_SUCCESS);
        wdf::complete(request, STATUS_SUCCESS);
    };
    let rig = Rig::new(Options { special: Some(special), ..Options::default() });
    let file = rig.open();
    let waiting = file.begin(PEND, vec![], vec![]);
    assert_eq!(file.device_io_control(SPECIAL, b"", &mut []).0, STATUS_SUCCESS);
    assert_eq!(ended(waiting).status, STATUS_SUCCESS);
    file.close();
    rig.end();
}

#[test]
fn a_request_requeued_during_a_purge_is_cancelled_there() {
    let special = |made: &Made, request| {
        let waiting = wdf::retrieve_next(made.manual).expect("one waits");
        wdf::queue_purge(made.manual, None);
        assert_eq!(
            wdf::requeue(waiting),
            Ok(()),
            "for the driver it is as if it had been cancelled in the queue"
        );
        wdf::complete(request, STATUS_SUCCESS);
    };
    for canceled_on_queue in [false, true] {
        let rig = Rig::new(Options { canceled_on_queue, special: Some(special), ..Options::default() });
        let file = rig.open();
        let waiting = file.begin(PEND, vec![], vec![]);
        assert_eq!(file.device_io_control(SPECIAL, b"", &mut []).0, STATUS_SUCCESS);
        assert_eq!(ended(waiting).status, STATUS_CANCELLED);
        assert_eq!(has_seen(&rig, "EvtIoCanceledOnQueue"), canceled_on_queue);
        file.close();
        rig.end();
    }
}

#[test]
fn a_cancelled_request_that_is_forwarded_is_cancelled_in_the_other_queue() {
    let special = |made: &Made, request| {
        trace("in");
        common::until(|| wdf::is_canceled(request), "the request is cancelled");
        assert_eq!(wdf::forward(request, made.manual), Ok(()));
    };
    let rig = Rig::new(Options { canceled_on_queue: true, special: Some(special), ..Options::default() });
    let file = rig.open();
    let sender = send_special(&rig, &file);
    file.cancel_all();
    assert_eq!(sender.join().expect("the sender returns").status, STATUS_CANCELLED);
    assert!(has_seen(&rig, "EvtIoCanceledOnQueue"), "the driver has had it, and wants to know");
    file.close();
    rig.end();
}

/// Completes the held request at dispatch level, when the test lets it.
extern "C" fn finish_later(timer: WDFTIMER) {
    let finish = || common::finish(&wdf::made(wdf::timer_parent(timer).cast()));
    if !common::seen("both are sent") || !finish() {
        wdf::timer_start(timer, Duration::from_millis(5));
    }
}

#[test]
fn the_next_request_is_presented_before_the_last_one_is_destroyed() {
    fn entry(made: &Made) -> NTSTATUS {
        let timer = wdf::timer_create(made.device.cast(), Some(finish_later), 0, false).expect("a timer");
        wdf::timer_start(timer, Duration::from_millis(20));
        STATUS_SUCCESS
    }
    let special = |_: &Made, request| {
        trace("next");
        wdf::complete(request, STATUS_SUCCESS);
    };
    let rig = Rig::new(Options {
        queue: Type::WdfIoQueueDispatchSequential,
        special: Some(special),
        entry: Some(entry),
        destroyed: true,
        ..Options::default()
    });
    let file = rig.open();
    rig.taken();
    let held = file.begin(HOLD, vec![], vec![]);
    let behind = file.begin(SPECIAL, vec![], vec![]);
    rig.let_go("both are sent");
    assert_eq!(ended(held).status, STATUS_SUCCESS);
    assert_eq!(ended(behind).status, STATUS_SUCCESS);
    rig.wait_for("destroy WDFREQUEST");
    let (next, destroyed) = places(&rig.seen(), "next", "destroy WDFREQUEST");
    assert!(next < destroyed);
    file.close();
    rig.end();
}

#[test]
fn a_sequential_queue_may_be_asked_for_more_while_the_driver_has_one() {
    let special = |made: &Made, request| {
        if let Ok(next) = wdf::retrieve_next(made.queue) {
            wdf::complete(next, STATUS_SUCCESS);
            trace("two at once");
        } else {
            trace("in");
            wait_for("go");
            let next = wdf::retrieve_next(made.queue).expect("one has come");
            wdf::complete(next, STATUS_SUCCESS);
        }
        wdf::complete(request, STATUS_SUCCESS);
    };
    let queue = Type::WdfIoQueueDispatchSequential;
    let rig = Rig::new(Options { queue, special: Some(special), ..Options::default() });
    let file = rig.open();
    let sender = send_special(&rig, &file);
    let second = file.begin(ECHO, b"x".to_vec(), vec![0]);
    rig.let_go("go");
    assert_eq!(ended(second).status, STATUS_SUCCESS);
    assert_eq!(sender.join().expect("the sender returns").status, STATUS_SUCCESS);
    file.close();
    rig.end();
}

extern "C" fn other(_queue: WDFQUEUE, request: WDFREQUEST, _output: usize, _input: usize, _code: u32) {
    trace(format!("other at {}", wdf::irql()));
    wdf::complete(request, STATUS_SUCCESS);
}

#[test]
fn a_handler_that_holds_the_device_s_lock_is_not_interrupted_by_another_one() {
    let special = |made: &Made, request| {
        assert_eq!(wdf::forward(request, wdf::other_queue(made, Some(other))), Ok(()));
        trace("forwarded");
    };
    for (level, later) in
        [(Level::WdfExecutionLevelPassive, "other at 0"), (Level::WdfExecutionLevelDispatch, "other at 2")]
    {
        let rig = Rig::new(Options {
            level,
            scope: Scope::WdfSynchronizationScopeDevice,
            special: Some(special),
            ..Options::default()
        });
        let file = rig.open();
        assert_eq!(ended(file.begin(SPECIAL, vec![], vec![])).status, STATUS_SUCCESS);
        let (forwarded, other) = places(&rig.seen(), "forwarded", later);
        assert!(forwarded < other, "later, by a thread that gets the lock");
        file.close();
        rig.end();
    }
}
