//! The dispatch loop of queues: who calls what, and when a change of a queue's state is done.

use crate::common::{
    self, ECHO, HOLD, Made, Opened, Options, PEND, SPECIAL, WORK, complete_cancelled, ended, indices, joined,
    state_changed, succeeds, trace, wait_for, wdf,
};
use kmdf::{
    _WDF_EXECUTION_LEVEL as Level, _WDF_IO_QUEUE_DISPATCH_TYPE as Type, _WDF_SYNCHRONIZATION_SCOPE as Scope,
    STATUS_CANCELLED, STATUS_SUCCESS, WDFQUEUE, WDFREQUEST,
};

/// A handler that stays until the test releases it.
fn stays(_: &Made, request: WDFREQUEST) {
    trace("in");
    wait_for("go");
    trace("out");
    wdf::complete(request, STATUS_SUCCESS);
}

#[test]
fn a_cancel_callback_waits_for_the_handler_that_runs() {
    let test = Opened::new(Options { special: Some(stays), ..Options::default() });
    let held = test.begin(HOLD);
    let sender = test.send_special("in");
    held.cancel();
    assert!(!test.has_seen("EvtRequestCancel"), "another thread is in a handler of the queue");
    test.release("go");
    assert_eq!(ended(held).status, STATUS_CANCELLED);
    assert_eq!(joined(sender), STATUS_SUCCESS);
    let (out, callback) = indices(&test.seen(), "out", "EvtRequestCancel");
    assert!(out < callback);
    test.end();
}

#[test]
fn the_next_request_brings_a_cancel_callback_that_waits() {
    let test = Opened::new(Options { special: Some(stays), ..Options::default() });
    let held = test.begin(HOLD);
    let sender = test.send_special("in");
    held.cancel();
    assert_eq!(test.file.device_io_control(ECHO, b"x", &mut [0]).status, STATUS_SUCCESS);
    assert!(test.has_seen("EvtRequestCancel"), "by the thread that came with the request");
    assert_eq!(ended(held).status, STATUS_CANCELLED);
    test.release("go");
    assert_eq!(joined(sender), STATUS_SUCCESS);
    test.end();
}

#[test]
fn a_request_cancelled_in_its_handler_is_called_back_after_it() {
    let special = |made: &Made, request| {
        common::hold(made, request);
        trace("in");
        wait_for("go");
        trace("out");
    };
    let test = Opened::new(Options { special: Some(special), ..Options::default() });
    let sender = test.send_special("in");
    test.file.cancel_all();
    assert!(!test.has_seen("EvtRequestCancel"), "the handler that marked it still runs");
    test.release("go");
    assert_eq!(joined(sender), STATUS_CANCELLED);
    test.end();
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
        wdf::queue_stop(made.queue, Some(state_changed));
        trace("asked");
    };
    let purge = |made: &Made, _| {
        wdf::queue_purge(made.queue, Some(state_changed));
        trace("asked");
    };
    let drain = |made: &Made, _| {
        wdf::queue_drain(made.queue, Some(state_changed));
        trace("asked");
    };
    let changes: [fn(&Made, kmdf::WDFWORKITEM); 3] = [stop, purge, drain];
    for work in changes {
        let test = Opened::new(Options { special: Some(lingers), work: Some(work), ..Options::default() });
        let sender = test.send_special("in");
        assert_eq!(test.send(WORK), STATUS_SUCCESS);
        test.wait_for("asked");
        assert!(!test.has_seen("state changed"), "its requests are completed, but a handler is still in");
        test.release("go");
        test.wait_for("state changed");
        let (out, told) = indices(&test.seen(), "out", "state changed");
        assert!(out < told);
        assert_eq!(joined(sender), STATUS_SUCCESS);
        test.end();
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
    let test = Opened::new(Options { queue, special: Some(lingers), ..Options::default() });
    let sender = test.send_special("in");
    assert_eq!(test.file.device_io_control(ECHO, b"x", &mut [0]), (STATUS_SUCCESS, 1));
    test.release("go");
    joined(sender);
    test.end();
}

#[test]
fn a_queue_that_was_stopped_and_purged_lets_nothing_be_marked_until_it_is_started() {
    let special = |made: &Made, request| {
        wdf::queue_stop_and_purge(made.queue, None);
        assert_eq!(wdf::mark_ex(request, Some(complete_cancelled)), Err(STATUS_CANCELLED));
        wdf::queue_start(made.queue);
        assert_eq!(wdf::mark_ex(request, Some(complete_cancelled)), Ok(()));
        assert_eq!(wdf::unmark(request), STATUS_SUCCESS);
        wdf::complete(request, STATUS_SUCCESS);
    };
    succeeds(special);
}

#[test]
fn a_stop_does_not_end_a_purge() {
    let special = |made: &Made, request| {
        wdf::queue_purge(made.queue, None);
        wdf::queue_stop(made.queue, None);
        assert_eq!(wdf::mark_ex(request, Some(complete_cancelled)), Err(STATUS_CANCELLED));
        wdf::queue_start(made.queue);
        wdf::complete(request, STATUS_SUCCESS);
    };
    succeeds(special);
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
    let test = Opened::new(Options { special: Some(special), ..Options::default() });
    let waiting = test.begin(PEND);
    assert_eq!(test.send(SPECIAL), STATUS_SUCCESS);
    assert_eq!(ended(waiting).status, STATUS_SUCCESS);
    test.end();
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
        let test = Opened::new(Options { canceled_on_queue, special: Some(special), ..Options::default() });
        let waiting = test.begin(PEND);
        assert_eq!(test.send(SPECIAL), STATUS_SUCCESS);
        assert_eq!(ended(waiting).status, STATUS_CANCELLED);
        assert_eq!(test.has_seen("EvtIoCanceledOnQueue"), canceled_on_queue);
        test.end();
    }
}

#[test]
fn a_cancelled_request_that_is_forwarded_is_cancelled_in_the_other_queue() {
    let special = |made: &Made, request| {
        trace("in");
        common::until(|| wdf::is_canceled(request), "the request is cancelled");
        assert_eq!(wdf::forward(request, made.manual), Ok(()));
    };
    let test = Opened::new(Options { canceled_on_queue: true, special: Some(special), ..Options::default() });
    let sender = test.send_special("in");
    test.file.cancel_all();
    assert_eq!(joined(sender), STATUS_CANCELLED);
    assert!(test.has_seen("EvtIoCanceledOnQueue"), "the driver has had it, and wants to know");
    test.end();
}

#[test]
fn the_next_request_is_presented_before_the_last_one_is_destroyed() {
    let special = |_: &Made, request| {
        trace("next");
        wdf::complete(request, STATUS_SUCCESS);
    };
    let test = Opened::new(Options {
        queue: Type::WdfIoQueueDispatchSequential,
        special: Some(special),
        entry: Some(common::start_finishing),
        destroyed: true,
        ..Options::default()
    });
    test.taken();
    let held = test.begin(HOLD);
    let behind = test.begin(SPECIAL);
    test.release("both are sent");
    assert_eq!(ended(held).status, STATUS_SUCCESS);
    assert_eq!(ended(behind).status, STATUS_SUCCESS);
    test.wait_for("destroy WDFREQUEST");
    let (next, destroyed) = indices(&test.seen(), "next", "destroy WDFREQUEST");
    assert!(next < destroyed);
    test.end();
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
    let test = Opened::new(Options { queue, special: Some(special), ..Options::default() });
    let sender = test.send_special("in");
    let second = test.file.begin(ECHO, b"x".to_vec(), vec![0]);
    test.release("go");
    assert_eq!(ended(second).status, STATUS_SUCCESS);
    assert_eq!(joined(sender), STATUS_SUCCESS);
    test.end();
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
        let test = Opened::new(Options {
            level,
            scope: Scope::WdfSynchronizationScopeDevice,
            special: Some(special),
            ..Options::default()
        });
        assert_eq!(ended(test.begin(SPECIAL)).status, STATUS_SUCCESS);
        let (forwarded, other) = indices(&test.seen(), "forwarded", later);
        assert!(forwarded < other, "later, by a thread that gets the lock");
        test.end();
    }
}
