//! Requests: presented, in flight, cancelled, timed out, completed; their operation used again.

use hosted_loom::framework::Request;
use hosted_loom::kernel::{kernel, tick};
use hosted_loom::provider::{deliver, deliver_now};
use wsk_sys::STATUS_CANCELLED;
use wskdrv_abi::{IOCTL_WSKDRV_RECEIVE, IOCTL_WSKDRV_TRANSPORT_CHANGE};

use super::*;

fn cancelled_or_done(status: NTSTATUS) {
    is_one_of(status, &[Error::CANCELLED]);
}

fn transport_change(handle: Handle) -> Request {
    handle.request(IOCTL_WSKDRV_TRANSPORT_CHANGE, &timed(), 0)
}

#[test]
fn a_cancel_is_not_lost() {
    explore(Begin::Opened, |handle| {
        // Before, during or after the presentation: nothing but the cancel ends the request.
        let request = transport_change(handle);
        let cancelling = spawn(move || request.cancel());
        request.send();
        assert_eq!(request.wait().0, STATUS_CANCELLED);
        cancelling.join().unwrap();
        End::Open
    });
}

#[test]
fn completion_against_cancelling() {
    explore(Begin::Opened, |handle| {
        let request = transport_change(handle);
        request.send();
        let network = spawn(deliver_now);
        let cancelling = spawn(move || request.cancel());
        cancelled_or_done(request.wait().0);
        network.join().unwrap();
        cancelling.join().unwrap();
        End::Open
    });
}

#[test]
fn a_cancel_does_not_meet_the_next_request() {
    explore_with_worker(Begin::Opened, |handle| {
        let first = transport_change(handle);
        first.send();
        let cancelling = spawn(move || first.cancel());
        deliver_now();
        cancelled_or_done(first.wait().0);
        // It gets the operation of the first, whose cancel may still run.
        let second = transport_change(handle);
        second.send();
        deliver_now();
        assert_eq!(second.wait().0, STATUS_SUCCESS);
        cancelling.join().unwrap();
        End::Open
    });
}

#[test]
fn the_time_limit_against_completion() {
    explore(Begin::Opened, |handle| {
        let input = Timed { timeout_ms: 9, reserved: 0 };
        let request = handle.request(IOCTL_WSKDRV_TRANSPORT_CHANGE, input.as_bytes(), 0);
        let network = spawn(deliver);
        let clock = spawn(tick);
        request.send();
        is_one_of(request.wait().0, &[Error::IO_TIMEOUT]);
        network.join().unwrap();
        clock.join().unwrap();
        End::Open
    });
}

#[test]
fn one_wait_for_the_transports_at_a_time() {
    explore(Begin::Opened, |handle| {
        let [first, second] = [(); 2].map(|()| transport_change(handle));
        let other = spawn(move || second.send());
        first.send();
        other.join().unwrap();
        deliver();
        let results = [first.wait().0, second.wait().0];
        let refused = Error::INVALID_DEVICE_STATE.status();
        assert!(results == [STATUS_SUCCESS, refused] || results == [refused, STATUS_SUCCESS], "{results:x?}");
        End::Open
    });
}

#[test]
fn a_bind_that_is_cancelled_leaves_the_socket_as_it_was() {
    explore(Begin::Created, |handle| {
        let request = handle.request(IOCTL_WSKDRV_BIND, &bind(), 0);
        let network = spawn(deliver_now);
        let cancelling = spawn(move || request.cancel());
        request.send();
        // If the network was too early.
        deliver_now();
        let (status, _) = request.wait();
        cancelled_or_done(status);
        network.join().unwrap();
        cancelling.join().unwrap();
        kernel().provider.pends.set(false);
        let (again, _) = handle.call(IOCTL_WSKDRV_BIND, &bind(), 0);
        assert_eq!(again == STATUS_SUCCESS, status != STATUS_SUCCESS, "{again:#x}");
        assert_eq!(enable(handle), STATUS_SUCCESS, "it is bound");
        End::Open
    });
}

#[test]
fn a_create_that_is_cancelled_leaves_the_handle_without_a_socket() {
    explore(Begin::Opened, |handle| {
        kernel().provider.pends.set(false);
        let request = handle.request(IOCTL_WSKDRV_CREATE, &create(), 0);
        let cancelling = spawn(move || request.cancel());
        request.send();
        let (status, _) = request.wait();
        cancelled_or_done(status);
        cancelling.join().unwrap();
        let (again, _) = handle.call(IOCTL_WSKDRV_CREATE, &create(), 0);
        assert_eq!(again == STATUS_SUCCESS, status != STATUS_SUCCESS, "{again:#x}");
        End::Open
    });
}

fn receive_two(handle: Handle) -> Request {
    let input = wskdrv_abi::Receive { timeout_ms: NO_TIMEOUT, count: 2, payload_room: 0, control_room: 0 };
    handle.request(IOCTL_WSKDRV_RECEIVE, input.as_bytes(), input.size().unwrap())
}

#[test]
fn the_first_datagram_ends_a_receive_of_two() {
    explore_with_worker(Begin::Bound, |handle| {
        let request = receive_two(handle);
        let network = spawn(deliver);
        request.send();
        assert_eq!(datagrams(request), (STATUS_SUCCESS, 1));
        network.join().unwrap();
        End::Open
    });
}

#[test]
fn two_datagrams_against_a_receive_of_two() {
    explore_with_worker(Begin::Bound, |handle| {
        let request = receive_two(handle);
        request.send();
        let network = spawn(deliver_now);
        deliver_now();
        let (status, count) = datagrams(request);
        assert_eq!(status, STATUS_SUCCESS);
        assert!(count == 1 || count == 2);
        network.join().unwrap();
        End::Open
    });
}

#[test]
fn a_receive_of_two_against_its_cancel() {
    explore_with_worker(Begin::Bound, |handle| {
        let request = receive_two(handle);
        let cancelling = spawn(move || request.cancel());
        request.send();
        deliver_now();
        cancelled_or_done(datagrams(request).0);
        cancelling.join().unwrap();
        End::Open
    });
}
