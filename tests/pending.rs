//! Requests that wait, and everything that can end them: cancel, close, the process' end, two threads, unload.

mod common;

use std::sync::Barrier;
use std::time::Duration;

use common::{Completion, Rig, SOON, eventually, raw, session, status};
use ntos::{File, Overlapped};
use wsk_sys::{NT_SUCCESS, NTSTATUS, STATUS_CANCELLED, STATUS_FILE_CLOSED, STATUS_SUCCESS};
use wskctl::Family;
use wskdrv_abi::{
    Create, IOCTL_WSKDRV_BIND, IOCTL_WSKDRV_CREATE, IOCTL_WSKDRV_GET_OPTION, IOCTL_WSKDRV_RECEIVE,
    IOCTL_WSKDRV_SEND, IOCTL_WSKDRV_SET_OPTION, NO_TIMEOUT, OptionRequest, Send, Timed, address,
};
use zerocopy::IntoBytes;

in_every_mode! {
    a_cancelled_receive_is_cancelled
    cancelling_one_receive_spares_the_others
    every_request_can_be_cancelled_at_every_moment
    closing_the_handle_ends_its_receives
    killing_the_process_ends_its_requests
    two_threads_can_use_one_handle
    a_close_that_overtakes_a_create_leaves_no_socket
    unload_waits_for_handles_with_requests
}

fn begin_receive(file: &File) -> Overlapped {
    let input = Timed { timeout_ms: NO_TIMEOUT, reserved: 0 }.as_bytes().to_vec();
    file.begin(IOCTL_WSKDRV_RECEIVE, input, vec![0; 100])
}

/// A handle whose socket is bound.
fn bound(rig: &Rig) -> (File, std::net::SocketAddr) {
    let file = rig.file();
    let opened = session(file.clone());
    opened.create(Family::V4).expect("created");
    opened.bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
    let address = opened.local_address().expect("an address");
    drop(opened);
    (file, address)
}

fn end(pending: Overlapped) -> (NTSTATUS, usize) {
    let done = pending.wait_for(SOON).unwrap_or_else(|_| panic!("the request ends in time"));
    (done.status, done.information)
}

fn a_cancelled_receive_is_cancelled(rig: &Rig) {
    let (file, _) = bound(rig);
    let pending = begin_receive(&file);
    std::thread::sleep(Duration::from_millis(2));
    assert!(!pending.is_done());
    pending.cancel();
    assert_eq!(end(pending), (STATUS_CANCELLED, 0));
}

fn cancelling_one_receive_spares_the_others(rig: &Rig) {
    let (file, address) = bound(rig);
    let (first, second, third) = (begin_receive(&file), begin_receive(&file), begin_receive(&file));
    second.cancel();
    assert_eq!(end(second), (STATUS_CANCELLED, 0));
    let peer = rig.peer("127.0.0.1:0");
    peer.send(b"one", address);
    peer.send(b"two", address);
    for pending in [first, third] {
        let (status, information) = end(pending);
        assert_eq!((status, information), (STATUS_SUCCESS, 48 + 3));
    }
}

/// Cancels each kind of request after a growing pause, so that the cancel comes before, while and after the request
/// is served. It ends as a success or as cancelled, and the handle goes on working.
fn every_request_can_be_cancelled_at_every_moment(rig: &Rig) {
    let timed = Timed { timeout_ms: NO_TIMEOUT, reserved: 0 };
    let option = OptionRequest { timeout_ms: NO_TIMEOUT, level: 0xFFFF, name: 0x20, reserved: 0 };
    let create = Create { timeout_ms: NO_TIMEOUT, family: 2, reserved: 0 };
    let send = Send { timeout_ms: NO_TIMEOUT, flags: 0 };
    let peer = rig.peer("127.0.0.1:0");
    let (to, to_length) = address::encode(peer.address());
    let (any, any_length) = address::encode("127.0.0.1:0".parse().expect("an address"));
    let with = |head: &[u8], rest: &[u8]| [head, rest].concat();
    for step in 0..40_u64 {
        let pause = Duration::from_micros(step * step);
        let file = rig.file();
        for (code, input, output) in [
            (IOCTL_WSKDRV_CREATE, create.as_bytes().to_vec(), 0),
            (IOCTL_WSKDRV_SET_OPTION, with(option.as_bytes(), &1_u32.to_ne_bytes()), 0),
            (IOCTL_WSKDRV_GET_OPTION, option.as_bytes().to_vec(), 4),
            (IOCTL_WSKDRV_BIND, with(timed.as_bytes(), &any[..any_length]), 0),
            (IOCTL_WSKDRV_SEND, with(send.as_bytes(), &to[..to_length]), 4),
            (IOCTL_WSKDRV_RECEIVE, timed.as_bytes().to_vec(), 100),
        ] {
            let pending = file.begin(code, input.clone(), vec![0; output]);
            std::thread::sleep(pause);
            pending.cancel();
            let (status, _) = end(pending);
            assert!(
                status == STATUS_CANCELLED || NT_SUCCESS(status),
                "{code:#x} after {pause:?}: {status:#x}"
            );
            if status == STATUS_CANCELLED && code != IOCTL_WSKDRV_RECEIVE {
                // Not cancelled, it does what it does: the steps that follow need it.
                assert_eq!(raw(&file, code, &input, output).0, STATUS_SUCCESS, "{code:#x} again");
            }
        }
        file.close();
    }
}

fn closing_the_handle_ends_its_receives(rig: &Rig) {
    let (file, address) = bound(rig);
    let pending: Vec<_> = (0..20).map(|_| begin_receive(&file)).collect();
    file.close();
    for pending in pending {
        assert_eq!(end(pending), (STATUS_CANCELLED, 0));
    }
    eventually("the socket is closed", || rig.netio.sockets() == 0);
    // The address is free again.
    let again = rig.open();
    again.create(Family::V4).expect("created");
    again.bind(address).expect("bound");
}

fn killing_the_process_ends_its_requests(rig: &Rig) {
    let process = rig.machine.process(ntos::Token::Administrator);
    let mut pending = Vec::new();
    for _ in 0..5 {
        let file = process.create_file(wskdrv_abi::USER_PATH, common::READ_WRITE).expect("opened");
        let opened = session(file.clone());
        opened.create(Family::V4).expect("created");
        opened.bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
        pending.push(begin_receive(&file));
        pending.push(begin_receive(&file));
    }
    process.kill();
    for pending in pending {
        assert_eq!(end(pending), (STATUS_CANCELLED, 0));
    }
    rig.eventually_idle();
}

fn two_threads_can_use_one_handle(rig: &Rig) {
    const ROUNDS: u32 = 100;
    let (file, address) = bound(rig);
    let (peer, start) = (rig.peer("127.0.0.1:0"), Barrier::new(3));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let session = session(file.clone());
            start.wait();
            for round in 0..ROUNDS {
                session.send(&round.to_ne_bytes(), Some(peer.address())).expect("sent");
                assert_eq!(session.local_address().expect("an address"), address);
            }
        });
        scope.spawn(|| {
            let session = session(file.clone());
            start.wait();
            for round in 0..ROUNDS {
                let value = (round % 2).to_ne_bytes();
                session.set_option(0xFFFF, 0x20, &value).expect("set");
                assert_eq!(session.get_option(0xFFFF, 0x20, 4).expect("got"), value);
            }
        });
        start.wait();
        for _ in 0..ROUNDS {
            assert_eq!(peer.receive().0.len(), 4);
        }
    });
}

fn a_close_that_overtakes_a_create_leaves_no_socket(rig: &Rig) {
    for _ in 0..50 {
        let file = rig.file();
        let create = Create { timeout_ms: NO_TIMEOUT, family: 2, reserved: 0 };
        let pending = file.begin(IOCTL_WSKDRV_CREATE, create.as_bytes().to_vec(), vec![]);
        file.close();
        let (status, _) = end(pending);
        assert!([STATUS_SUCCESS, STATUS_CANCELLED, STATUS_FILE_CLOSED].contains(&status), "{status:#x}");
    }
    rig.eventually_idle();
}

fn unload_waits_for_handles_with_requests(rig: &Rig) {
    // A second machine of the same kind, because the rig unloads its own driver.
    let other = match &rig.net {
        Some(_) => Rig::memory(Completion::Deferred),
        None => Rig::host(Completion::Deferred),
    };
    let (file, _) = bound(&other);
    let pending = begin_receive(&file);
    let closer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        assert!(!pending.is_done(), "the unload has not ended the request");
        file.close();
        end(pending)
    });
    // Waits for the handle, then unloads with the socket's close still under way.
    other.finish();
    assert_eq!(closer.join().expect("joined"), (STATUS_CANCELLED, 0));
}

#[test]
fn requests_after_the_cleanup_are_refused() {
    // The framework may present requests of a file object that is being closed: begin them as fast as closes go.
    let rig = Rig::memory(Completion::Deferred);
    for _ in 0..200 {
        let (file, _) = bound(&rig);
        let other = file.clone();
        let thread = std::thread::spawn(move || {
            let pending: Vec<_> = (0..10).map(|_| begin_receive(&other)).collect();
            pending.into_iter().map(|pending| end(pending).0).collect::<Vec<_>>()
        });
        file.close();
        for status in thread.join().expect("joined") {
            let expected = [STATUS_CANCELLED, STATUS_FILE_CLOSED, wsk_sys::STATUS_INVALID_HANDLE];
            assert!(expected.contains(&status), "{status:#x}");
        }
    }
    rig.eventually_idle();
    rig.finish();
}

#[test]
fn a_cancel_of_everything_ends_everything() {
    let rig = Rig::memory(Completion::Deferred);
    let (file, _) = bound(&rig);
    let pending: Vec<_> = (0..10).map(|_| begin_receive(&file)).collect();
    file.cancel_all();
    for pending in pending {
        assert_eq!(end(pending), (STATUS_CANCELLED, 0));
    }
    assert_eq!(status(session(file).local_address()), STATUS_SUCCESS, "the handle goes on");
    rig.finish();
}
