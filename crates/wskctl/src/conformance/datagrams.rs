//! Datagrams, out and in.

use wsk_sys::MSG_TRUNC;

use super::lab::Lab;
use super::outcome::{Outcome, equal};
use super::test::tests;
use crate::family::Family;

tests! { datagrams:
    "A datagram arrives outside with the socket's address on it, and one comes in with its sender's."
        datagrams_go_out_and_come_in [v4 v6];
    "A datagram without payload is sent and received as one." an_empty_datagram_is_a_datagram;
    "A datagram that is larger than the buffer is cut, and MSG_TRUNC says so."
        a_datagram_that_is_too_large_is_cut_and_says_so;
}

fn datagrams_go_out_and_come_in(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    let peer = lab.peer(family)?;
    equal(session.send(b"out", Some(peer.address()))?, 3, "bytes sent")?;
    equal(peer.receive()?, (b"out".to_vec(), address), "the datagram and its sender")?;
    peer.send(b"and in", address)?;
    let datagram = session.receive(100)?;
    equal(&datagram.data[..], b"and in", "the payload")?;
    equal((datagram.from, datagram.flags), (peer.address(), 0), "the sender and the flags")
}

fn an_empty_datagram_is_a_datagram(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    equal(session.send(b"", Some(peer.address()))?, 0, "bytes sent")?;
    equal(peer.receive()?, (Vec::new(), address), "the datagram and its sender")?;
    peer.send(b"", address)?;
    let datagram = session.receive(100)?;
    equal((datagram.data.len(), datagram.from), (0, peer.address()), "the length and the sender")
}

fn a_datagram_that_is_too_large_is_cut_and_says_so(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    peer.send(b"twelve bytes", address)?;
    let datagram = session.receive(6)?;
    equal(&datagram.data[..], b"twelve", "what fits")?;
    equal(datagram.flags & MSG_TRUNC, MSG_TRUNC, "MSG_TRUNC")
}
