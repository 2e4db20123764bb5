//! The receive event and the queue that it fills: enabling, disabling, datagrams, drains.

use hosted_loom::provider::{indicate, indicate_forced_close};
use wsk_sys::{STATUS_FILE_FORCED_CLOSED, STATUS_INVALID_DEVICE_STATE};

use super::*;

/// Two requests at a time, of a handle whose event is enabled and of one whose is not: whatever they come to, a datagram is
/// afterwards taken if and only if the event is enabled.
fn race(first: fn(Handle) -> NTSTATUS, second: fn(Handle) -> NTSTATUS) {
    for begin in [Begin::Bound, Begin::Enabled] {
        explore(begin, move |handle| {
            let racing = spawn(move || second(handle));
            let one = first(handle);
            let another = racing.join().unwrap();
            for status in [one, another] {
                is_one_of(status, &[Error::INVALID_DEVICE_STATE]);
            }
            let enabled = indicate();
            let expected = if enabled { (STATUS_SUCCESS, 1) } else { (STATUS_INVALID_DEVICE_STATE, 0) };
            assert_eq!(drain_now(handle), expected, "{one:#x}, {another:#x}");
            // Nobody is left switching.
            assert_eq!(disable_soon(handle), STATUS_SUCCESS);
            assert_eq!(enable(handle), STATUS_SUCCESS);
            End::Open
        });
    }
}

#[test]
fn enabling_against_disabling_soon() {
    race(enable, disable_soon);
}

#[test]
fn enabling_against_disabling_and_waiting() {
    race(enable, disable_and_wait);
}

#[test]
fn disabling_both_ways() {
    race(disable_soon, disable_and_wait);
}

#[test]
fn enabling_twice() {
    race(enable, enable);
}

#[test]
fn a_drain_gets_the_datagram() {
    explore(Begin::Enabled, |handle| {
        let network = spawn(indicate);
        let drain = drain_request(handle, NO_TIMEOUT);
        drain.send();
        assert_eq!(datagrams(drain), (STATUS_SUCCESS, 1));
        assert!(network.join().unwrap());
        End::Open
    });
}

#[test]
fn two_drains_against_two_datagrams() {
    explore_with_worker(Begin::Enabled, |handle| {
        let network = spawn(|| assert!(indicate() && indicate()));
        let drains = [(); 2].map(|()| drain_request(handle, NO_TIMEOUT));
        let [first, second] = drains;
        first.send();
        second.send();
        let first = datagrams(first);
        network.join().unwrap();
        // What waits for nothing ends with the event.
        assert_eq!(disable_soon(handle), STATUS_SUCCESS);
        let results = [first, datagrams(second)];
        assert_eq!(results.map(|(_, count)| count).iter().sum::<usize>(), 2, "{results:x?}");
        End::Open
    });
}

#[test]
fn a_drain_that_is_cancelled_takes_no_datagram() {
    explore(Begin::Enabled, |handle| {
        let drain = drain_request(handle, NO_TIMEOUT);
        drain.send();
        let cancelling = spawn(move || drain.cancel());
        let network = spawn(indicate);
        let (status, count) = datagrams(drain);
        is_one_of(status, &[Error::CANCELLED]);
        cancelling.join().unwrap();
        assert!(network.join().unwrap());
        let (_, left) = drain_now(handle);
        assert_eq!(count + left, 1, "{status:#x}");
        End::Open
    });
}

#[test]
fn the_end_of_the_event_ends_a_drain() {
    for disable in [disable_soon, disable_and_wait] {
        explore(Begin::Enabled, move |handle| {
            let drain = drain_request(handle, NO_TIMEOUT);
            let disabling = spawn(move || disable(handle));
            drain.send();
            assert_eq!(drain.wait().0, STATUS_INVALID_DEVICE_STATE);
            assert_eq!(disabling.join().unwrap(), STATUS_SUCCESS);
            End::Open
        });
    }
}

#[test]
fn what_came_before_a_disabling_that_waits_is_in_the_queue() {
    explore(Begin::Enabled, |handle| {
        let network = spawn(indicate);
        assert_eq!(disable_and_wait(handle), STATUS_SUCCESS);
        let expected =
            if network.join().unwrap() { (STATUS_SUCCESS, 1) } else { (STATUS_INVALID_DEVICE_STATE, 0) };
        assert_eq!(drain_now(handle), expected);
        End::Open
    });
}

#[test]
fn a_datagram_against_a_disabling_that_does_not_wait() {
    explore(Begin::Enabled, |handle| {
        let network = spawn(indicate);
        assert_eq!(disable_soon(handle), STATUS_SUCCESS);
        network.join().unwrap();
        // It may come too late for the queue.
        let (_, count) = drain_now(handle);
        assert!(count <= 1);
        assert_eq!(drain_now(handle), (STATUS_INVALID_DEVICE_STATE, 0));
        End::Open
    });
}

#[test]
fn the_end_of_the_socket_ends_a_drain() {
    explore(Begin::Enabled, |handle| {
        let network = spawn(indicate_forced_close);
        let drain = drain_request(handle, NO_TIMEOUT);
        drain.send();
        assert_eq!(drain.wait().0, STATUS_FILE_FORCED_CLOSED);
        assert!(network.join().unwrap());
        assert_eq!(drain_now(handle), (STATUS_FILE_FORCED_CLOSED, 0));
        End::Open
    });
}

#[test]
fn the_end_of_the_socket_against_disabling() {
    explore(Begin::Enabled, |handle| {
        let network = spawn(indicate_forced_close);
        assert_eq!(disable_soon(handle), STATUS_SUCCESS);
        let expected =
            if network.join().unwrap() { STATUS_FILE_FORCED_CLOSED } else { STATUS_INVALID_DEVICE_STATE };
        assert_eq!(drain_now(handle), (expected, 0));
        End::Open
    });
}
