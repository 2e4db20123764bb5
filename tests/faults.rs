//! A sweep of a scenario with one of everything, in every completion mode: each call fails, and each request is disturbed.
//! That of the suite's scenarios is in `sweep.rs`.

use std::collections::BTreeSet;
use std::time::Duration;

use wsk::ControlInfo;
use wsk::cmsg::Message;
use wsk_sys::{SO_BROADCAST, SOL_SOCKET, STATUS_IO_TIMEOUT};
use wskctl::conformance::sweep::{End, Numbers, Reach, Sweep, Swept};
use wskctl::conformance::{Lab, Outcome, Test};
use wskctl::device::{Completion, Disturbance, Hosted, Network};
use wskctl::session::Room;
use wskctl::{Error, Family};

/// A security descriptor without lists and identifiers.
const EVERYONE: [u8; 20] = [1, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

static EVERYTHING: Test = Test {
    name: "faults::one_of_everything",
    about: "One of everything, on one handle.",
    needs: &[],
    run: one_of_everything,
};

fn one_of_everything(lab: &Lab) -> Outcome {
    let session = lab.open()?;
    let briefly = session.within(Duration::from_millis(1));
    session.transports()?;
    session.create(Family::V4)?;
    briefly.wait_for_transports().or_else(timeout)?;
    session.set_security(&EVERYONE)?;
    session.security()?;
    session.set_option(SOL_SOCKET, SO_BROADCAST, &1_u32.to_ne_bytes())?;
    session.get_option(SOL_SOCKET, SO_BROADCAST, 4)?;
    session.bind(Family::V4.loopback())?;
    let local = session.local_address()?;
    let peer = lab.peer(Family::V4)?;
    let mut control = ControlInfo::new();
    control.push(&Message::TimeToLive(7)).expect("room");
    session.set_remote_address(Some(peer.address()))?;
    session.send(b"hello", None)?;
    peer.send(b"there", local)?;
    session.receive(100)?;
    session.send_many(&["several", "", "of them"], None, &[])?;
    session.send_many(&["one"], None, control.as_bytes())?;
    peer.send(b"more", local)?;
    session.receive_many(Room { datagrams: 3, payload: 8, control: 24 })?;
    briefly.receive(100).map(drop).or_else(timeout)?;
    Ok(session.set_remote_address(None)?)
}

fn timeout(error: Error) -> Result<(), Error> {
    if error.status() == Some(STATUS_IO_TIMEOUT) { Ok(()) } else { Err(error) }
}

/// Sweeps all of it.
fn sweep(completion: Completion, disturbances: &'static [Disturbance]) -> Vec<Numbers> {
    let hosted = Hosted { completion, network: Network::Memory, ..Hosted::default() };
    let sweep = Sweep { hosted, disturbances, reach: Reach::Whole(u64::MAX) };
    match sweep.scenario(&EVERYTHING) {
        Ok(Swept::Numbers(numbers)) => numbers.into_values().collect(),
        other => panic!("{other:?}"),
    }
}

/// Each call that fails is told, or made good.
fn every_call_fails(completion: Completion) {
    for numbers in sweep(completion, &[Disturbance::Fault]) {
        println!("{numbers}");
        assert!(numbers.points() >= numbers.opportunities, "{numbers}");
        assert_eq!(numbers.ends.get(&End::Otherwise), None, "{numbers}");
        let expected =
            ["ExAllocatePool2", "IoAllocateIrp", "WDFREQUEST", "WskBind", "WskSocket", "WskSendTo"];
        assert!(numbers.struck.is_superset(&BTreeSet::from(expected)), "{numbers}");
    }
}

#[test]
fn every_call_fails_in_turn_with_inline_completion() {
    every_call_fails(Completion::Inline);
}

#[test]
fn every_call_fails_in_turn_with_deferred_completion() {
    every_call_fails(Completion::Deferred);
}

#[test]
fn every_call_fails_in_turn_with_delayed_completion() {
    every_call_fails(Completion::Delayed(9));
}

#[test]
fn every_request_is_disturbed_in_turn() {
    for completion in [Completion::Inline, Completion::Deferred, Completion::Delayed(9)] {
        let all = sweep(completion, Disturbance::OF_REQUESTS);
        assert_eq!(all.len(), Disturbance::OF_REQUESTS.len());
        for numbers in all {
            println!("{numbers}");
            assert_eq!(numbers.points(), numbers.opportunities, "{numbers}");
            assert_eq!(numbers.struck.len(), 12, "{numbers}");
        }
    }
}
