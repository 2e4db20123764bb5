//! Enabling and disabling the receive event of one handle, several at a time.

use std::thread;
use std::time::Duration;

use crate::common::{Completion, Rig, SOON, eventually, status};
use netio::{Config, Network};
use readings::{EnabledTwice, Readings};
use wsk_sys::{STATUS_CANCELLED, STATUS_INVALID_DEVICE_STATE, STATUS_SUCCESS};
use wskctl::Session;
use wskctl::device::Pending;
use wskdrv_abi::{DISABLE_AND_WAIT, IOCTL_WSKDRV_DISABLE_RECEIVE, NO_TIMEOUT};
use zerocopy::IntoBytes;

const LOCAL: &str = "127.0.0.1:0";
const MODES: [Completion; 3] = [Completion::Inline, Completion::Deferred, Completion::Delayed { seed: 5 }];

fn begin_disable(session: &Session) -> Pending {
    let input = [NO_TIMEOUT, DISABLE_AND_WAIT].as_bytes().to_vec();
    session.handle().begin(IOCTL_WSKDRV_DISABLE_RECEIVE, input, vec![0; 8])
}

fn ended(pending: Pending) -> i32 {
    pending.wait_for(SOON).unwrap_or_else(|_| panic!("the disabling hangs")).status
}

/// That the event is enabled, and what it brings can be drained.
fn works(rig: &Rig, session: &Session, address: std::net::SocketAddr) {
    rig.peer(LOCAL).send(b"here", address);
    let drain = session.within(SOON).drain(4096).expect("a datagram");
    assert_eq!(drain.datagrams[0].data, b"here");
}

#[test]
fn nobody_switches_while_a_disabling_is_under_way() {
    for mode in MODES {
        let rig = Rig::memory(mode);
        let (session, address) = rig.bound(LOCAL);
        session.enable_receive(4096).expect("enabled");
        let hold = rig.netio.hold("WskControlSocket");
        let disabling = begin_disable(&session);
        eventually("the disabling is held", || hold.held() == 1);
        assert_eq!(status(session.disable_receive_soon()), STATUS_INVALID_DEVICE_STATE);
        assert_eq!(status(session.enable_receive(4096)), STATUS_INVALID_DEVICE_STATE);
        drop(hold);
        assert_eq!(ended(disabling), STATUS_SUCCESS);
        session.enable_receive(4096).expect("enabled again");
        works(&rig, &session, address);
        drop(session);
        rig.finish();
    }
}

#[test]
fn a_disabling_that_was_cancelled_can_be_made_again() {
    for mode in MODES {
        let rig = Rig::memory(mode);
        let (session, address) = rig.bound(LOCAL);
        session.enable_receive(4096).expect("enabled");
        let hold = rig.netio.hold("WskControlSocket");
        let disabling = begin_disable(&session);
        eventually("the disabling is held", || hold.held() == 1);
        disabling.cancel();
        assert_eq!(ended(disabling), STATUS_CANCELLED);
        drop(hold);
        session.disable_receive().expect("disabled");
        session.enable_receive(4096).expect("enabled again");
        works(&rig, &session, address);
        drop(session);
        rig.finish();
    }
}

#[test]
fn enabling_against_disabling_loses_no_datagram() {
    let rig = Rig::memory(Completion::Deferred);
    let (session, address) = rig.bound(LOCAL);
    for _ in 0..300 {
        session.enable_receive(4096).expect("enabled");
        let other = session.clone();
        let disabling = thread::spawn(move || other.disable_receive_soon().is_ok());
        let enabled = status(session.enable_receive(4096)) == STATUS_SUCCESS;
        let disabled = disabling.join().expect("it ends");
        if enabled || !disabled {
            works(&rig, &session, address);
            session.disable_receive().expect("disabled");
        }
    }
    drop(session);
    rig.finish();
}

#[test]
fn what_was_dropped_before_the_event_was_enabled_again_is_counted() {
    let rig = Rig::memory(Completion::Inline);
    let (session, address) = rig.bound(LOCAL);
    let (poll, peer) = (session.within(Duration::ZERO), rig.peer(LOCAL));
    let mut dropped = 0;
    while dropped == 0 {
        // There is room for one of three.
        session.enable_receive(1024).expect("enabled");
        for _ in 0..3 {
            peer.send(&[1; 500], address);
        }
        session.disable_receive().expect("disabled");
        // What was not given to the event is still the socket's.
        let left = std::iter::from_fn(|| poll.receive(500).ok()).count();
        dropped += 2_u64.saturating_sub(left as u64);
    }
    session.enable_receive(1024).expect("enabled again");
    peer.send(b"new", address);
    assert_eq!(session.drain(4096).expect("a datagram").dropped, 0, "the drain's count begins anew");
    assert_eq!(session.statistics().expect("counts").datagrams_dropped, dropped, "the driver's goes on");
    drop((session, poll));
    rig.finish();
}

#[test]
fn a_datagram_that_fills_the_queue_is_taken() {
    let rig = Rig::memory(Completion::Inline);
    let (session, address) = rig.bound(LOCAL);
    session.enable_receive(1024).expect("enabled");
    // With the head of its record.
    let filling = vec![7; 1024 - size_of::<wskdrv_abi::Received>()];
    rig.peer(LOCAL).send(&filling, address);
    assert_eq!(session.drain(4096).expect("a datagram").datagrams[0].data, filling);
    drop(session);
    rig.finish();
}

/// Where WSK refuses to disable what is not enabled, the driver says that it is off: nothing is pending, by either form.
#[test]
fn disabling_what_is_off_leaves_nothing_pending() {
    for reading in [EnabledTwice::Success, EnabledTwice::InvalidState] {
        for completion in MODES {
            let net = netio::memory::Net::new();
            let (network, readings) = (Network::Memory(net.clone()), Readings::STRICT.with(reading));
            let rig = Rig::boot(Config { network, completion, readings, ..Config::default() }, Some(net));
            let (handle, address) = rig.bound(LOCAL);
            let session = handle.within(SOON);
            let both_forms = || {
                let done = begin_disable(&session).wait();
                assert_eq!((done.status, &done.output[..]), (STATUS_SUCCESS, &[0; 8][..]), "{reading:?}");
                assert!(
                    !session.disable_receive_soon().expect("it ends with success"),
                    "{reading:?}: pending"
                );
            };
            both_forms();
            session.enable_receive(4096).expect("enabled");
            works(&rig, &session, address);
            session.disable_receive().expect("it is disabled");
            both_forms();
            session.enable_receive(4096).expect("enabled");
            works(&rig, &session, address);
            drop((handle, session));
            rig.finish();
        }
    }
}
