//! What a request leaves in its output buffer: the answer, and nothing else.
//!
//! The buffer is filled with a byte before, and looked at to its end afterwards. That the driver has written every byte that it
//! claims is a rule of the hosted kernel, whose system buffers are poisoned.

use std::mem::offset_of;
use std::net::SocketAddr;

use wsk_sys::{SO_BROADCAST, SOL_SOCKET, STATUS_IO_TIMEOUT};
use wskdrv_abi::{
    Datagrams, IOCTL_WSKDRV_DRAIN, IOCTL_WSKDRV_GET_OPTION, IOCTL_WSKDRV_GET_SECURITY,
    IOCTL_WSKDRV_LOCAL_ADDRESS, IOCTL_WSKDRV_PROVIDER, IOCTL_WSKDRV_RECEIVE, IOCTL_WSKDRV_STATISTICS,
    IOCTL_WSKDRV_TRANSPORTS, IOCTL_WSKDRV_VERSION, NO_TIMEOUT, Provider, Receive, Received, Statistics,
    Transport, Version,
};
use zerocopy::{FromBytes, IntoBytes};

use super::lab::{Lab, ended};
use super::outcome::{Failure, Outcome, equal, holds, status_is};
use super::requests::{option, timed_with};
use super::test::tests;
use crate::device::{Completed, Handle};
use crate::family::Family;
use crate::session::Session;

tests! { outputs:
    "What lies beyond an answer is as it was." what_lies_beyond_an_answer_is_as_it_was;
    "A request that is refused leaves the output as it was." a_refused_request_leaves_the_output_as_it_was;
    "Reserved fields of an answer, and what is behind an address, are zero." reserved_bytes_are_zero;
    "Around the datagrams of a receive the output is as it was."
        around_received_datagrams_nothing_is_told [v4 v6];
    "Around the datagrams of a drain the output is as it was."
        around_drained_datagrams_nothing_is_told [v4 v6];
}

/// What the output is filled with.
const POISON: u8 = 0xA5;
/// Room beyond any answer.
const BEYOND: usize = 100;
/// Lengths of payloads, so that there is something between a record and the next.
const LENGTHS: [usize; 4] = [1, 7, 0, 13];

fn request(handle: &Handle, code: u32, input: Vec<u8>, room: usize) -> Outcome<Completed> {
    ended(handle.begin(code, input, vec![POISON; room]))
}

/// That bytes are as they were.
#[track_caller]
fn untouched(bytes: &[u8], what: &str) -> Outcome {
    let touched = bytes.iter().position(|byte| *byte != POISON);
    equal(touched, None, format_args!("{what}: the first byte that is not as it was"))
}

fn name(code: u32) -> &'static str {
    wskdrv_abi::code::name(code).unwrap_or("the request")
}

/// Requests with an answer, by a system buffer: the code, the input, the size of the answer if it is always the same.
fn with_an_answer() -> Vec<(u32, Vec<u8>, Option<usize>)> {
    vec![
        (IOCTL_WSKDRV_VERSION, Vec::new(), Some(size_of::<Version>())),
        (IOCTL_WSKDRV_STATISTICS, Vec::new(), Some(size_of::<Statistics>())),
        (IOCTL_WSKDRV_PROVIDER, Vec::new(), Some(size_of::<Provider>())),
        (IOCTL_WSKDRV_TRANSPORTS, Vec::new(), None),
        (IOCTL_WSKDRV_LOCAL_ADDRESS, timed_with(&[]), Some(16)),
        (IOCTL_WSKDRV_GET_OPTION, option(SOL_SOCKET, SO_BROADCAST), None),
        (IOCTL_WSKDRV_GET_SECURITY, timed_with(&[]), None),
    ]
}

fn what_lies_beyond_an_answer_is_as_it_was(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    for (code, input, size) in with_an_answer() {
        // An option is asked for with the size that it has.
        let room = if code == IOCTL_WSKDRV_GET_OPTION { 4 } else { 2048 };
        let completed = request(session.handle(), code, input, room)?;
        status_is(completed.status, 0, name(code))?;
        if let Some(size) = size {
            equal(completed.information, size, format_args!("the size of the answer to {}", name(code)))?;
        }
        holds(completed.information <= room, "an answer is no larger than its room")?;
        untouched(&completed.output[completed.information..], name(code))?;
    }
    Ok(())
}

fn a_refused_request_leaves_the_output_as_it_was(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    for (code, mut input, _) in with_an_answer() {
        // One byte too many, which no request of these takes.
        input.push(0);
        let completed = request(session.handle(), code, input, BEYOND)?;
        holds(completed.status != 0, format_args!("{} with a byte too many is refused", name(code)))?;
        equal(completed.information, 0, format_args!("the output of {}", name(code)))?;
        untouched(&completed.output, name(code))?;
    }
    // The driver may have begun a list, which is empty.
    session.enable_receive(1 << 12)?;
    let now = |code| {
        if code == IOCTL_WSKDRV_DRAIN { vec![0; 8] } else { receive_of(1, 0) }
    };
    for code in [IOCTL_WSKDRV_DRAIN, IOCTL_WSKDRV_RECEIVE] {
        let completed = request(session.handle(), code, now(code), BEYOND)?;
        status_is(completed.status, STATUS_IO_TIMEOUT, format_args!("{} without time", name(code)))?;
        let (head, rest) = completed.output.split_at(size_of::<Datagrams>());
        untouched(rest, name(code))?;
        let empty = head.iter().all(|byte| *byte == 0) || head.iter().all(|byte| *byte == POISON);
        holds(empty, format_args!("the head that {} leaves is empty", name(code)))?;
    }
    Ok(())
}

fn reserved_bytes_are_zero(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let answer = |code, input, room| -> Outcome<Vec<u8>> {
        let completed = request(session.handle(), code, input, room)?;
        status_is(completed.status, 0, name(code))?;
        Ok(completed.output[..completed.information].to_vec())
    };
    let short = |_| Failure::new("the answer is too short");
    let provider = answer(IOCTL_WSKDRV_PROVIDER, Vec::new(), size_of::<Provider>())?;
    equal(Provider::read_from_bytes(&provider).map_err(short)?.reserved, 0, "what is reserved of it")?;
    for transport in answer(IOCTL_WSKDRV_TRANSPORTS, Vec::new(), 2048)?.chunks(size_of::<Transport>()) {
        let transport = Transport::read_from_bytes(transport)
            .map_err(|_| Failure::new("the list ends within a transport"))?;
        equal(transport.reserved, 0, "what is reserved of a transport")?;
    }
    // `sin_zero`.
    let address = answer(IOCTL_WSKDRV_LOCAL_ADDRESS, timed_with(&[]), 28)?;
    equal(&address[8..], &[0; 8][..], "what is behind a port and an address of IPv4")
}

/// A receive of so many datagrams, with room for 16 bytes of each.
fn receive_of(count: u32, timeout_ms: u32) -> Vec<u8> {
    Receive { timeout_ms, count, payload_room: 16, control_room: 0 }.as_bytes().to_vec()
}

/// The datagrams of an output, which beside them is as it was, or zero where records are padded.
fn looked_through(completed: &Completed, family: Family) -> Outcome<Vec<Vec<u8>>> {
    let Completed { output, information, .. } = completed;
    let cut = || Failure::new("a record is cut");
    let (head, _) = Datagrams::read_from_prefix(output).map_err(|_| cut())?;
    equal(head.reserved, 0, "what is reserved of the head")?;
    let mut told = vec![false; output.len()];
    told[..size_of::<Datagrams>()].fill(true);
    let (mut at, mut found) = (head.first as usize, Vec::new());
    loop {
        let (record, _) = Received::read_from_prefix(output.get(at..).ok_or_else(cut)?).map_err(|_| cut())?;
        let payload = at + size_of::<Received>();
        let end = payload + record.length as usize;
        told.get_mut(at..end).ok_or_else(cut)?.fill(true);
        found.push(output[payload..end].to_vec());
        let unused = &record.address[record.address_length as usize..];
        holds(unused.iter().all(|byte| *byte == 0), "what is behind a sender's address is zero")?;
        if family == Family::V4 {
            // `sin_zero`.
            let zero = &output[at + offset_of!(Received, address) + 8..][..8];
            equal(zero, &[0; 8][..], "what is behind a sender's port and address")?;
        }
        if record.next == 0 {
            equal(*information, at + record.size(), "where the last record ends")?;
            break;
        }
        at += record.next as usize;
    }
    let beside = |(at, byte): (usize, &u8)| {
        let padding = at < *information && *byte == 0;
        !told[at] && *byte != POISON && !padding
    };
    let other = output.iter().enumerate().find(|found| beside(*found));
    equal(other, None, "a byte beside the datagrams that is neither as it was nor zero")?;
    Ok(found)
}

/// Sends datagrams of some lengths, and looks through what each request brings until all have come.
fn sent_and_looked_through(
    lab: &Lab,
    session: &Session,
    address: SocketAddr,
    (code, input): (u32, Vec<u8>),
) -> Outcome {
    let family = Family::of(&address);
    let peer = lab.peer(family)?;
    let data: Vec<Vec<u8>> = LENGTHS.iter().map(|length| vec![0x11; *length]).collect();
    for datagram in &data {
        peer.send(datagram, address)?;
    }
    lab.settle();
    let mut found = Vec::new();
    while found.len() < data.len() {
        let completed = request(session.handle(), code, input.clone(), 1024)?;
        status_is(completed.status, 0, name(code))?;
        found.extend(looked_through(&completed, family)?);
    }
    // Receives that are pending together are completed in any order.
    let sorted = |mut all: Vec<Vec<u8>>| {
        all.sort();
        all
    };
    equal(sorted(found), sorted(data), "the datagrams")
}

fn around_received_datagrams_nothing_is_told(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    let receive = (IOCTL_WSKDRV_RECEIVE, receive_of(4, NO_TIMEOUT));
    sent_and_looked_through(lab, &session, address, receive)
}

fn around_drained_datagrams_nothing_is_told(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    session.enable_receive(1 << 12)?;
    sent_and_looked_through(lab, &session, address, (IOCTL_WSKDRV_DRAIN, timed_with(&[])))?;
    // What does not fit whole is cut, and the rest of it does not appear anywhere else.
    lab.peer(family)?.send(&[0x22; 90], address)?;
    let input = timed_with(&[]);
    let room = size_of::<Datagrams>() + size_of::<Received>() + 9;
    let completed = request(session.handle(), IOCTL_WSKDRV_DRAIN, input, room)?;
    status_is(completed.status, 0, "the drain with room for a part")?;
    equal(looked_through(&completed, family)?, vec![vec![0x22; 9]], "the datagram")
}
