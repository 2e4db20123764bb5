//! Fixed addresses: `SIO_WSK_SET_REMOTE_ADDRESS` and `SIO_WSK_SET_SENDTO_ADDRESS`.

use readings::SendWithoutAddress;
use wsk_sys::{STATUS_INVALID_CONNECTION, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER};

use super::lab::Lab;
use super::outcome::{Outcome, ends_as, equal};
use super::test::tests;
use crate::family::Family;
use crate::session::Session;

tests! { fixed:
    "SIO_WSK_SET_REMOTE_ADDRESS keeps datagrams of all others out, until it is cleared."
        a_remote_address_keeps_strangers_out_until_it_is_cleared [v4 v6];
    "SIO_WSK_SET_REMOTE_ADDRESS lets datagrams be sent without an address, until it is cleared."
        a_remote_address_is_where_datagrams_go [v4 v6];
    "SIO_WSK_SET_REMOTE_ADDRESS takes another address in place of the one it has."
        a_remote_address_can_be_changed;
    "SIO_WSK_SET_SENDTO_ADDRESS lets datagrams be sent without an address, and those of all others in."
        a_destination_lets_strangers_in [v4 v6];
}

/// That a datagram without an address is refused, as none is fixed.
pub(super) fn goes_nowhere(lab: &Lab, session: &Session) -> Outcome {
    let status = |reading| match reading {
        SendWithoutAddress::InvalidState => STATUS_INVALID_DEVICE_STATE,
        SendWithoutAddress::InvalidConnection => STATUS_INVALID_CONNECTION,
        SendWithoutAddress::InvalidParameter => STATUS_INVALID_PARAMETER,
    };
    let statuses = lab.followed().into_iter().map(|reading| Err(status(reading)));
    ends_as(session.send(b"nowhere", None), statuses, "a datagram without an address").map(drop)
}

fn a_remote_address_keeps_strangers_out_until_it_is_cleared(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    let (peer, stranger) = (lab.peer(family)?, lab.peer(family)?);
    session.set_remote_address(Some(peer.address()))?;
    stranger.send(b"stranger", address)?;
    peer.send(b"peer", address)?;
    let datagram = session.receive(100)?;
    equal(&datagram.data[..], b"peer", "what is received, because the stranger's is dropped")?;
    equal(datagram.from, peer.address(), "its sender")?;
    if lab.device().delivers_at_once() {
        // Discarded for good. Where datagrams take their time, it may still come.
        stranger.send(b"under the filter", address)?;
    }
    session.set_remote_address(None)?;
    stranger.send(b"stranger again", address)?;
    equal(&session.receive(100)?.data[..], b"stranger again", "what is received without the filter")
}

fn a_remote_address_is_where_datagrams_go(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    let peer = lab.peer(family)?;
    session.set_remote_address(Some(peer.address()))?;
    session.send(b"to the fixed one", None)?;
    equal(peer.receive()?, (b"to the fixed one".to_vec(), address), "the datagram and its sender")?;
    session.set_remote_address(None)?;
    goes_nowhere(lab, &session)
}

fn a_remote_address_can_be_changed(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let (first, second) = (lab.peer(Family::V4)?, lab.peer(Family::V4)?);
    session.set_remote_address(Some(first.address()))?;
    session.set_remote_address(Some(second.address()))?;
    first.send(b"first", address)?;
    second.send(b"second", address)?;
    equal(&session.receive(100)?.data[..], b"second", "what is received")?;
    session.send(b"out", None)?;
    equal(second.receive()?.0, b"out".to_vec(), "what the second address gets")
}

fn a_destination_lets_strangers_in(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    let (peer, stranger) = (lab.peer(family)?, lab.peer(family)?);
    session.set_sendto_address(Some(peer.address()))?;
    session.send(b"default", None)?;
    equal(peer.receive()?, (b"default".to_vec(), address), "the datagram and its sender")?;
    stranger.send(b"hello", address)?;
    let datagram = session.receive(100)?;
    equal(&datagram.data[..], b"hello", "the stranger's datagram")?;
    equal(datagram.from, stranger.address(), "its sender")?;
    session.set_sendto_address(None)?;
    goes_nowhere(lab, &session)
}
