//! Every fallible call of the kernel fails in turn: the request says so, and nothing is left behind.

mod common;

use std::time::Duration;

use common::{Completion, Rig, SOON};
use ntos::File;
use wsk::ControlInfo;
use wsk::cmsg::Message;
use wsk_sys::{SO_BROADCAST, SOL_SOCKET, STATUS_INSUFFICIENT_RESOURCES};
use wskctl::session::Room;
use wskctl::{Error, Family};

/// A security descriptor without lists and identifiers.
const EVERYONE: [u8; 20] = [1, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// One of everything, on one handle. Stops at the first error.
fn scenario(rig: &Rig, file: File) -> Result<(), Error> {
    let session = common::session(file);
    session.transports()?;
    session.create(Family::V4)?;
    session.within(Duration::from_millis(1)).wait_for_transports().or_else(timeout)?;
    session.set_security(&EVERYONE)?;
    session.security()?;
    session.set_option(SOL_SOCKET, SO_BROADCAST, &1_u32.to_ne_bytes())?;
    session.get_option(SOL_SOCKET, SO_BROADCAST, 4)?;
    session.bind("127.0.0.1:0".parse().expect("an address"))?;
    let local = session.local_address()?;
    let peer = rig.peer("127.0.0.1:0");
    let mut control = ControlInfo::new();
    control.push(&Message::TimeToLive(7)).expect("room");
    session.set_remote_address(Some(peer.address()))?;
    session.send(b"hello", None)?;
    peer.send(b"there", local);
    session.within(SOON).receive(100)?;
    session.send_many(&["several", "", "of them"], None, &[])?;
    session.send_many(&["one"], None, control.as_bytes())?;
    peer.send(b"more", local);
    let room = Room { datagrams: 3, payload: 8, control: 24 };
    session.within(SOON).receive_many(room)?;
    session.within(Duration::from_millis(1)).receive(100).map(drop).or_else(timeout)?;
    session.set_remote_address(None)
}

fn timeout(error: Error) -> Result<(), Error> {
    if error.status() == Some(wsk_sys::STATUS_IO_TIMEOUT) { Ok(()) } else { Err(error) }
}

fn sweep(completion: Completion) {
    let rig = Rig::memory(completion);
    let mut failed = Vec::new();
    for n in 1.. {
        rig.machine.faults().fail_nth(n);
        // Opening is part of it.
        let opened = rig.process.create_file(wskdrv_abi::USER_PATH, common::READ_WRITE);
        let result = match opened {
            Ok(file) => scenario(&rig, file).map_err(|error| error.status()),
            Err(status) => Err(Some(status.0)),
        };
        let fired = rig.machine.faults().fired();
        rig.machine.faults().disarm();
        rig.eventually_idle();
        let counts = rig.open().statistics().expect("counts");
        assert_eq!(
            counts.operations_submitted, counts.operations_completed,
            "with {fired:?}, when all is done"
        );
        match (result, fired) {
            (Ok(()), None) => break,
            // A call whose failure the driver makes good.
            (Ok(()), Some(_)) => {}
            (Err(status), Some(what)) => {
                assert_eq!(status, Some(STATUS_INSUFFICIENT_RESOURCES), "{what} failed");
                failed.push(what);
            }
            (Err(status), None) => panic!("{:?} without a fault", status.map(wsk_sys::NamedStatus)),
        }
    }
    assert!(failed.len() >= 10, "the sweep reached {failed:?}");
    rig.finish();
}

#[test]
fn every_call_fails_in_turn_with_inline_completion() {
    sweep(Completion::Inline);
}

#[test]
fn every_call_fails_in_turn_with_deferred_completion() {
    sweep(Completion::Deferred);
}

#[test]
fn every_call_fails_in_turn_with_delayed_completion() {
    sweep(Completion::Delayed { seed: 9 });
}
