//! A handle's close, and the driver's unload, against what is under way.

use hosted_loom::framework::{spawn_worker, unload};
use hosted_loom::provider::{deliver_now, indicate, indicate_forced_close};
use wskdrv_abi::{IOCTL_WSKDRV_RECEIVE, IOCTL_WSKDRV_TRANSPORT_CHANGE};

use super::*;

/// How a request may end whose handle is closed.
const ENDS: [Error; 2] = [Error::CANCELLED, Error::FILE_CLOSED];

#[test]
fn the_close_against_a_socket_that_is_being_made() {
    explore_with_worker(Begin::Opened, |handle| {
        let request = handle.request(IOCTL_WSKDRV_CREATE, &create(), 0);
        let closing = spawn(move || handle.close());
        request.send();
        deliver_now();
        is_one_of(request.wait().0, &ENDS);
        closing.join().unwrap();
        End::Closed
    });
}

#[test]
fn the_close_ends_the_making_of_a_socket() {
    explore(Begin::Opened, |handle| {
        let request = handle.request(IOCTL_WSKDRV_CREATE, &create(), 0);
        let closing = spawn(move || handle.close());
        request.send();
        // Nothing but the close ends it.
        let (status, _) = request.wait();
        assert_ne!(status, STATUS_SUCCESS);
        is_one_of(status, &ENDS);
        closing.join().unwrap();
        End::Closed
    });
}

#[test]
fn the_close_against_a_bind() {
    explore_with_worker(Begin::Created, |handle| {
        let request = handle.request(IOCTL_WSKDRV_BIND, &bind(), 0);
        let closing = spawn(move || handle.close());
        request.send();
        deliver_now();
        is_one_of(request.wait().0, &ENDS);
        closing.join().unwrap();
        End::Closed
    });
}

#[test]
fn the_close_against_a_wait_that_no_socket_has() {
    explore(Begin::Opened, |handle| {
        let request = handle.request(IOCTL_WSKDRV_TRANSPORT_CHANGE, &timed(), 0);
        let closing = spawn(move || handle.close());
        request.send();
        // Nothing but the close ends it.
        let (status, _) = request.wait();
        assert_ne!(status, STATUS_SUCCESS);
        is_one_of(status, &ENDS);
        closing.join().unwrap();
        End::Closed
    });
}

#[test]
fn the_close_against_a_receive_of_two() {
    explore(Begin::Bound, |handle| {
        let input =
            wskdrv_abi::Receive { timeout_ms: NO_TIMEOUT, count: 2, payload_room: 0, control_room: 0 };
        let request = handle.request(IOCTL_WSKDRV_RECEIVE, input.as_bytes(), input.size().unwrap());
        let closing = spawn(move || handle.close());
        request.send();
        is_one_of(datagrams(request).0, &ENDS);
        closing.join().unwrap();
        End::Closed
    });
}

#[test]
fn the_close_against_a_cancel() {
    explore(Begin::Opened, |handle| {
        let request = handle.request(IOCTL_WSKDRV_TRANSPORT_CHANGE, &timed(), 0);
        request.send();
        let closing = spawn(move || handle.close());
        let cancelling = spawn(move || request.cancel());
        is_one_of(request.wait().0, &ENDS);
        closing.join().unwrap();
        cancelling.join().unwrap();
        End::Closed
    });
}

#[test]
fn the_close_against_a_drain() {
    explore(Begin::Enabled, |handle| {
        let request = drain_request(handle, NO_TIMEOUT);
        let closing = spawn(move || handle.close());
        request.send();
        // Nothing but the close ends it.
        let (status, _) = request.wait();
        assert_ne!(status, STATUS_SUCCESS);
        is_one_of(status, &ENDS);
        closing.join().unwrap();
        End::Closed
    });
}

#[test]
fn the_close_against_a_datagram() {
    explore(Begin::Enabled, |handle| {
        let network = spawn(indicate);
        handle.close();
        network.join().unwrap();
        End::Closed
    });
}

#[test]
fn the_close_against_enabling_the_event() {
    explore(Begin::Bound, |handle| {
        let input = EnableReceive { capacity: 1024, reserved: 0 };
        let request = handle.request(IOCTL_WSKDRV_ENABLE_RECEIVE, input.as_bytes(), 0);
        let closing = spawn(move || handle.close());
        request.send();
        is_one_of(request.wait().0, &[Error::FILE_CLOSED, Error::FILE_FORCED_CLOSED]);
        closing.join().unwrap();
        End::Closed
    });
}

#[test]
fn the_unload_waits_for_the_work_item() {
    explore(Begin::Opened, |handle| {
        let worker = spawn_worker();
        let network = spawn(deliver_now);
        let request = handle.request(IOCTL_WSKDRV_CREATE, &create(), 0);
        request.send();
        handle.close();
        is_one_of(request.wait().0, &ENDS);
        // The work item has completed the request, and may not have returned.
        unload();
        worker.join().unwrap();
        network.join().unwrap();
        End::Unloaded
    });
}

#[test]
fn the_unload_waits_for_the_completion() {
    explore(Begin::Opened, |handle| {
        let network = spawn(deliver_now);
        let request = handle.request(IOCTL_WSKDRV_TRANSPORT_CHANGE, &timed(), 0);
        request.send();
        handle.close();
        is_one_of(request.wait().0, &ENDS);
        // The completion has completed the request, and may not have returned.
        unload();
        network.join().unwrap();
        End::Unloaded
    });
}

#[test]
fn the_close_against_the_end_of_the_socket() {
    explore(Begin::Enabled, |handle| {
        let network = spawn(indicate_forced_close);
        handle.close();
        network.join().unwrap();
        End::Closed
    });
}

#[test]
fn the_close_against_disabling_the_event() {
    explore(Begin::Enabled, |handle| {
        let input = [NO_TIMEOUT, wskdrv_abi::DISABLE_AND_WAIT];
        let request = handle.request(IOCTL_WSKDRV_DISABLE_RECEIVE, input.as_bytes(), 8);
        let closing = spawn(move || handle.close());
        request.send();
        is_one_of(request.wait().0, &[Error::FILE_CLOSED, Error::CANCELLED, Error::FILE_FORCED_CLOSED]);
        closing.join().unwrap();
        End::Closed
    });
}

#[test]
fn the_close_against_a_drain_and_a_datagram() {
    explore(Begin::Enabled, |handle| {
        let request = drain_request(handle, NO_TIMEOUT);
        request.send();
        let network = spawn(indicate);
        let closing = spawn(move || handle.close());
        is_one_of(datagrams(request).0, &ENDS);
        network.join().unwrap();
        closing.join().unwrap();
        End::Closed
    });
}
