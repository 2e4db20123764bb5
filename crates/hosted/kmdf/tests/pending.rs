//! Requests that wait: in queues, with the driver, and through cancellation and the closing of their handle.

use std::sync::{Arc, Barrier};

use crate::common::{
    self, FINISH, HOLD, Made, Opened, Options, PEND, RELEASE, Rig, SPECIAL, complete_cancelled, ended,
    finish, indices, joined, state_changed, succeeds, trace, until, wdf,
};
use kmdf::{
    _WDF_IO_QUEUE_DISPATCH_TYPE as Type, _WDF_IO_QUEUE_STATE as Bits, STATUS_CANCELLED,
    STATUS_INVALID_DEVICE_STATE, STATUS_NO_MORE_ENTRIES, STATUS_SUCCESS, STATUS_WDF_PAUSED, WDFFILEOBJECT,
    WDFREQUEST,
};

#[test]
fn the_manual_queue_keeps_the_order() {
    let test = Opened::new(Options::default());
    let first = test.file.begin(PEND, b"1".to_vec(), vec![]);
    let second = test.file.begin(PEND, b"2".to_vec(), vec![]);
    assert!(!first.is_done() && !second.is_done());
    assert_eq!(test.send(RELEASE), STATUS_SUCCESS);
    assert_eq!(ended(first).status, STATUS_SUCCESS);
    assert!(!second.is_done());
    assert_eq!(test.send(RELEASE), STATUS_SUCCESS);
    assert_eq!(ended(second).status, STATUS_SUCCESS);
    assert_eq!(test.send(RELEASE), STATUS_NO_MORE_ENTRIES);
    test.end();
}

#[test]
fn a_waiting_request_is_cancelled_without_the_driver() {
    let test = Opened::new(Options::default());
    let waiting = test.begin(PEND);
    waiting.cancel();
    let completed = ended(waiting);
    assert_eq!(completed.io_status(), (STATUS_CANCELLED, 0));
    assert_eq!(test.send(RELEASE), STATUS_NO_MORE_ENTRIES);
    test.end();
}

#[test]
fn the_driver_may_complete_what_is_cancelled_in_a_queue() {
    let test = Opened::new(Options { canceled_on_queue: true, ..Options::default() });
    let waiting = test.begin(PEND);
    test.file.cancel_all();
    assert_eq!(ended(waiting).status, STATUS_CANCELLED);
    assert!(test.has_seen("EvtIoCanceledOnQueue"));
    test.end();
}

#[test]
fn closing_the_handle_cancels_what_waits_after_the_cleanup_callback() {
    let rig = Rig::new(Options { canceled_on_queue: true, ..Options::default() });
    let (file, other) = (rig.open(), rig.open());
    let waiting = file.begin(PEND, vec![], vec![]);
    let others = other.begin(PEND, vec![], vec![]);
    rig.taken();
    file.close();
    assert_eq!(ended(waiting).status, STATUS_CANCELLED);
    assert_eq!(
        rig.taken(),
        [
            "EvtFileCleanup",
            "EvtIoCanceledOnQueue",
            "cleanup WDFREQUEST",
            "EvtFileClose",
            "cleanup WDFFILEOBJECT"
        ]
    );
    assert!(!others.is_done(), "another handle's requests are left alone");
    others.cancel();
    assert_eq!(ended(others).status, STATUS_CANCELLED);
    other.close();
    rig.end();
}

#[test]
fn a_held_request_is_cancelled_by_its_callback() {
    let test = Opened::new(Options::default());
    let held = test.begin(HOLD);
    assert!(!held.is_done());
    held.cancel();
    assert_eq!(ended(held).status, STATUS_CANCELLED);
    assert!(test.has_seen("EvtRequestCancel"));
    assert_eq!(test.send(FINISH), STATUS_CANCELLED);
    test.end();
}

#[test]
fn an_unmarked_request_is_not_cancelled() {
    let test = Opened::new(Options::default());
    let held = test.begin(HOLD);
    assert_eq!(test.send(FINISH), STATUS_SUCCESS);
    held.cancel();
    assert_eq!(ended(held).status, STATUS_SUCCESS);
    assert!(!test.has_seen("EvtRequestCancel"));
    test.end();
}

#[test]
fn unmark_and_cancel_never_both_win() {
    let rig = Rig::new(Options::default());
    let file = rig.open();
    for round in 0..300 {
        let held = Arc::new(file.begin(HOLD, vec![], vec![]));
        let start = Arc::new(Barrier::new(2));
        let canceller = {
            let held = Arc::clone(&held);
            let start = Arc::clone(&start);
            rig.machine.spawn("canceller", move || {
                start.wait();
                // Later from round to round, so that the cancellation meets each step of the other thread.
                for _ in 0..round * 20 {
                    std::hint::spin_loop();
                }
                held.cancel();
            })
        };
        start.wait();
        let finished = file.device_io_control(FINISH, b"", &mut []).status;
        canceller.join().expect("the canceller returns");
        let held = Arc::into_inner(held).expect("the canceller is gone");
        assert_eq!(ended(held).status, finished, "one of the two completed it, and says so");
    }
    file.close();
    rig.end();
}

/// Waits until the request is cancelled, which another thread does.
fn wait_until_cancelled(request: WDFREQUEST) {
    trace("waiting");
    until(|| wdf::is_canceled(request), "the request is cancelled");
}

/// Sends a request whose handler, `special`, waits for its cancellation, and cancels it; what the driver saw.
fn cancelled_in_the_handler(special: fn(&Made, WDFREQUEST)) -> Vec<String> {
    let test = Opened::new(Options { special: Some(special), ..Options::default() });
    let sender = test.send_special("waiting");
    test.file.cancel_all();
    assert_eq!(joined(sender), STATUS_CANCELLED);
    let seen = test.taken();
    test.end();
    seen
}

#[test]
fn marking_a_cancelled_request_calls_back() {
    let special = |_: &Made, request| {
        wait_until_cancelled(request);
        wdf::mark(request, Some(complete_cancelled));
        trace("marked");
    };
    let (marked, called_back) = indices(&cancelled_in_the_handler(special), "marked", "called back");
    assert!(marked < called_back, "on this thread, when its handler has returned");
}

#[test]
fn marking_a_cancelled_request_with_ex_returns_it() {
    let special = |_: &Made, request| {
        wait_until_cancelled(request);
        assert_eq!(wdf::mark_ex(request, Some(complete_cancelled)), Err(STATUS_CANCELLED));
        wdf::complete(request, STATUS_CANCELLED);
    };
    assert!(!cancelled_in_the_handler(special).contains(&"called back".to_owned()));
}

#[test]
fn forwarding_a_cancelled_request_completes_it() {
    let special = |made: &Made, request| {
        wait_until_cancelled(request);
        assert_eq!(wdf::forward(request, made.manual), Ok(()));
    };
    cancelled_in_the_handler(special);
}

#[test]
fn closing_the_handle_leaves_a_held_request_to_the_driver() {
    let cleanup = |made: &Made, _: WDFFILEOBJECT| {
        assert!(finish(made), "nobody else took the request");
    };
    let rig = Rig::new(Options { cleanup: Some(cleanup), ..Options::default() });
    let file = rig.open();
    let held = file.begin(HOLD, vec![], vec![]);
    rig.taken();
    file.close();
    assert_eq!(ended(held).status, STATUS_SUCCESS);
    assert_eq!(
        rig.taken(),
        ["EvtFileCleanup", "cleanup WDFREQUEST", "EvtFileClose", "cleanup WDFFILEOBJECT"]
    );
    rig.end();
}

#[test]
fn a_process_that_dies_leaves_nothing_behind() {
    let rig = Rig::new(Options::default());
    let file = rig.open();
    let waiting = file.begin(PEND, vec![], vec![]);
    let held = file.begin(HOLD, vec![], vec![]);
    rig.process.clone().kill();
    assert_eq!(ended(waiting).status, STATUS_CANCELLED);
    assert_eq!(ended(held).status, STATUS_CANCELLED);
    let other = rig.machine.process(ntos::Token::Administrator);
    let file = other.create_file(common::PATH, common::ACCESS).expect("the device opens again");
    assert_eq!(file.device_io_control(FINISH, b"", &mut []).status, STATUS_CANCELLED);
    file.close();
    rig.end();
}

#[test]
fn requests_are_retrieved_by_their_file() {
    let special = |made: &Made, request| {
        let mine = wdf::request_file(request);
        let found = wdf::retrieve_of(made.manual, mine).expect("one of this file");
        assert_eq!(wdf::request_file(found), mine);
        assert_eq!(wdf::retrieve_of(made.manual, mine).err(), Some(STATUS_NO_MORE_ENTRIES));
        wdf::complete(found, STATUS_SUCCESS);
        wdf::complete(request, STATUS_SUCCESS);
    };
    let rig = Rig::new(Options { special: Some(special), ..Options::default() });
    let (one, two) = (rig.open(), rig.open());
    let first = one.begin(PEND, vec![], vec![]);
    let second = two.begin(PEND, vec![], vec![]);
    assert_eq!(two.device_io_control(SPECIAL, b"", &mut []).status, STATUS_SUCCESS);
    assert_eq!(ended(second).status, STATUS_SUCCESS);
    assert!(!first.is_done());
    one.close();
    assert_eq!(ended(first).status, STATUS_CANCELLED);
    two.close();
    rig.end();
}

#[test]
fn a_requeued_request_is_the_next_again() {
    let special = |made: &Made, request| {
        let first = wdf::retrieve_next(made.manual).expect("two wait");
        assert_eq!(wdf::requeue(first), Ok(()));
        let again = wdf::retrieve_next(made.manual).expect("two wait");
        assert_eq!(first, again);
        let (bits, waiting, owned) = wdf::queue_state(made.manual);
        assert_eq!(
            (bits, waiting, owned),
            (Bits::WdfIoQueueAcceptRequests | Bits::WdfIoQueueDispatchRequests, 1, 1)
        );
        wdf::complete(again, STATUS_SUCCESS);
        wdf::complete(request, STATUS_SUCCESS);
    };
    let rig = Rig::new(Options { special: Some(special), ..Options::default() });
    let file = rig.open();
    let first = file.begin(PEND, vec![], vec![]);
    let second = file.begin(PEND, vec![], vec![]);
    assert_eq!(file.device_io_control(SPECIAL, b"", &mut []).status, STATUS_SUCCESS);
    assert_eq!(ended(first).status, STATUS_SUCCESS);
    assert!(!second.is_done());
    file.close();
    assert_eq!(ended(second).status, STATUS_CANCELLED);
    rig.end();
}

#[test]
fn a_purged_queue_cancels_and_refuses() {
    let special = |made: &Made, request| {
        wdf::queue_purge(made.manual, Some(state_changed));
        assert_eq!(wdf::queue_state(made.manual).0 & Bits::WdfIoQueueAcceptRequests, 0);
        wdf::complete(request, STATUS_SUCCESS);
    };
    let test = Opened::new(Options { special: Some(special), ..Options::default() });
    let waiting = test.begin(PEND);
    assert_eq!(test.send(SPECIAL), STATUS_SUCCESS);
    assert_eq!(ended(waiting).status, STATUS_CANCELLED);
    assert!(test.has_seen("state changed"));
    // The manual queue accepts nothing: the driver reports what forwarding returned, as the framework translates it.
    assert_eq!(test.send(PEND), kmdf::STATUS_DEVICE_BUSY);
    test.end();
}

#[test]
fn purging_the_default_queue_cancels_what_the_driver_marked() {
    let work = |made: &Made, _| {
        wdf::queue_purge_and_wait(made.queue);
        trace("purged");
    };
    let cleanup = |made: &Made, _: WDFFILEOBJECT| {
        assert!(!finish(made), "the cancel callback has completed it");
    };
    let test = Opened::new(Options { work: Some(work), cleanup: Some(cleanup), ..Options::default() });
    let held = test.begin(HOLD);
    assert_eq!(test.send(common::WORK), STATUS_SUCCESS);
    assert_eq!(ended(held).status, STATUS_CANCELLED);
    test.wait_for("purged");
    assert_eq!(test.file.device_io_control(common::ECHO, b"x", &mut [0]).status, STATUS_INVALID_DEVICE_STATE);
    test.end();
}

#[test]
fn a_stopped_queue_keeps_its_requests_until_it_is_started() {
    let work = |made: &Made, _| {
        wdf::queue_stop_and_wait(made.manual);
        assert_eq!(wdf::retrieve_next(made.manual).err(), Some(STATUS_WDF_PAUSED));
        wdf::queue_stop(made.queue, Some(state_changed));
        trace("stopped");
        until(|| wdf::queue_state(made.queue).1 == 1, "a request waits in the stopped queue");
        wdf::queue_start(made.queue);
        wdf::queue_start(made.manual);
    };
    for kind in [Type::WdfIoQueueDispatchSequential, Type::WdfIoQueueDispatchParallel] {
        let test = Opened::new(Options { work: Some(work), queue: kind, ..Options::default() });
        assert_eq!(test.send(common::WORK), STATUS_SUCCESS);
        test.wait_for("stopped");
        test.wait_for("state changed");
        let mut output = [0; 1];
        assert_eq!(test.file.device_io_control(common::ECHO, b"x", &mut output), (STATUS_SUCCESS, 1));
        test.end();
    }
}

#[test]
fn a_sequential_queue_presents_one_at_a_time() {
    let test = Opened::new(Options { queue: Type::WdfIoQueueDispatchSequential, ..Options::default() });
    let held = test.begin(HOLD);
    let behind = test.file.begin(common::ECHO, b"x".to_vec(), vec![0; 1]);
    assert!(!behind.is_done(), "the driver still has the first one");
    held.cancel();
    assert_eq!(ended(held).status, STATUS_CANCELLED);
    assert_eq!(ended(behind).status, STATUS_SUCCESS);
    assert_eq!(test.send(FINISH), STATUS_CANCELLED);
    test.end();
}

#[test]
fn deleting_a_queue_cancels_what_waits_in_it() {
    let special = |made: &Made, request| {
        wdf::delete(made.manual.cast());
        wdf::complete(request, STATUS_SUCCESS);
    };
    let test = Opened::new(Options { special: Some(special), ..Options::default() });
    let waiting = test.begin(PEND);
    assert_eq!(test.send(SPECIAL), STATUS_SUCCESS);
    assert_eq!(ended(waiting).status, STATUS_CANCELLED);
    test.end();
}

#[test]
fn unmark_loses_to_a_canceller_that_has_the_routine() {
    let special = |_: &Made, request| {
        assert_eq!(wdf::mark_ex(request, Some(complete_cancelled)), Ok(()));
        let routine = wdf::take_cancel_routine(request).expect("the request is marked");
        assert_eq!(wdf::unmark(request), STATUS_CANCELLED, "the callback is about to come");
        wdf::run_cancel_routine(request, routine);
    };
    let test = Opened::new(Options { special: Some(special), ..Options::default() });
    assert_eq!(test.send(SPECIAL), STATUS_CANCELLED);
    assert!(test.has_seen("called back"));
    test.end();
}

#[test]
fn a_request_that_is_being_cancelled_is_not_handed_out() {
    let special = |made: &Made, request| {
        let waiting = wdf::retrieve_next(made.manual).expect("one waits");
        assert_eq!(wdf::requeue(waiting), Ok(()));
        let routine = wdf::take_cancel_routine(waiting).expect("it waits");
        assert_eq!(wdf::retrieve_next(made.manual).err(), Some(STATUS_NO_MORE_ENTRIES));
        wdf::run_cancel_routine(waiting, routine);
        wdf::complete(request, STATUS_SUCCESS);
    };
    let test = Opened::on(common::boot_lenient(), Options { special: Some(special), ..Options::default() });
    let waiting = test.begin(PEND);
    assert_eq!(test.send(SPECIAL), STATUS_SUCCESS);
    assert_eq!(ended(waiting).status, STATUS_CANCELLED);
    test.end();
}

#[test]
fn changes_of_an_idle_queue_s_state_are_done_at_once() {
    succeeds(|made, request| {
        let accepts = |queue| wdf::queue_state(queue).0 & Bits::WdfIoQueueAcceptRequests != 0;
        let dispatches = |queue| wdf::queue_state(queue).0 & Bits::WdfIoQueueDispatchRequests != 0;
        wdf::queue_stop_and_purge_and_wait(made.manual);
        assert!(accepts(made.manual) && !dispatches(made.manual), "new requests wait");
        wdf::queue_start(made.manual);
        wdf::queue_drain_and_wait(made.manual);
        assert!(!accepts(made.manual) && dispatches(made.manual), "none may come any more");
        wdf::complete(request, STATUS_SUCCESS);
    });
}
