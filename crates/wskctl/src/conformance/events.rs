//! The receive event: the queue that it fills, what is dropped, enabling and disabling.

use std::net::SocketAddr;
use std::time::Duration;

use wsk_sys::{
    MSG_TRUNC, SO_WSK_EVENT_CALLBACK, SOL_SOCKET, STATUS_ACCESS_DENIED, STATUS_BUFFER_TOO_SMALL,
    STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_IO_TIMEOUT,
};
use wskdrv_abi::{
    DISABLE_SOON, Datagrams, DisableReceive, EnableReceive, IOCTL_WSKDRV_DISABLE_RECEIVE, IOCTL_WSKDRV_DRAIN,
    IOCTL_WSKDRV_ENABLE_RECEIVE, NO_TIMEOUT, QUEUE_MAX, RAW_SET_OPTION, Received, Timed,
};
use zerocopy::IntoBytes;

use super::lab::{Lab, Outsider};
use super::outcome::{Outcome, equal, eventually, holds, refused, status_is};
use super::raw;
use super::test::tests;
use crate::family::Family;
use crate::session::Session;

tests! { events:
    "Datagrams come to the queue by themselves, in order, each with its sender; an empty one is one."
        datagrams_come_by_themselves [v4 v6];
    "One drain takes as many datagrams as its buffer has room for, and the next one the rest."
        a_drain_takes_what_fits;
    "A datagram that alone is too large for the buffer is cut, and MSG_TRUNC says so."
        a_datagram_that_does_not_fit_is_cut;
    "What came before the event was enabled is in the queue, too." what_was_buffered_comes_first;
    "A full queue keeps the oldest datagrams, drops the new ones and counts them." a_full_queue_drops_the_new_ones;
    "Pending receives come before the queue." receives_come_before_the_queue;
    "Disabled, the queue gives what it has, and then there is nothing to wait for." disabling_keeps_what_has_come;
    "Enabled again, the queue is empty and the count of dropped datagrams begins anew." enabling_again_begins_anew;
    "What is in the queue never comes too late for a drain without time." a_drain_without_time_has_what_is_there;
    "The driver counts the datagrams that were drained and those that were dropped." statistics_count_the_queue;
    "Requests in the wrong state are refused." the_wrong_state_is_refused;
    "Requests that are no requests are refused." malformed_requests_are_refused;
    "SO_WSK_EVENT_CALLBACK, which carries a pointer, is refused as bytes." the_option_is_refused_as_bytes;
}

/// Room for everything that these tests send.
const ROOM: usize = 1 << 17;
const CAPACITY: u32 = 1 << 16;

/// Drains until so many datagrams have come, and gives their payloads.
fn drain_all(session: &Session, count: usize) -> Outcome<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(session.drain(ROOM)?.datagrams.into_iter().map(|message| message.data));
    }
    Ok(all)
}

fn datagrams_come_by_themselves(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    let peer = lab.peer(family)?;
    session.enable_receive(CAPACITY)?;
    let sent = [&b"one"[..], b"", b"3", b"the fourth of them"];
    for data in sent {
        peer.send(data, address)?;
    }
    let mut messages = Vec::new();
    while messages.len() < sent.len() {
        let drain = session.drain(ROOM)?;
        holds(!drain.datagrams.is_empty(), "a drain that succeeds brings something")?;
        equal(drain.dropped, 0, "datagrams dropped")?;
        messages.extend(drain.datagrams);
    }
    for (message, data) in messages.iter().zip(sent) {
        equal(&message.data[..], data, "a datagram")?;
        equal(message.from, peer.address(), "its sender")?;
        equal(message.flags & MSG_TRUNC, 0, "its MSG_TRUNC")?;
    }
    equal(messages.len(), sent.len(), "the number of datagrams")
}

fn a_drain_takes_what_fits(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    session.enable_receive(CAPACITY)?;
    for number in 0..5_u8 {
        peer.send(&[number; 8], address)?;
    }
    lab.settle();
    // Two datagrams and a bit: 16 for the head, 48 + 8 for each.
    let room = size_of::<Datagrams>() + 2 * (size_of::<Received>() + 8) + 40;
    let mut all = Vec::new();
    while all.len() < 5 {
        let drain = session.drain(room)?;
        let most = drain.datagrams.len();
        holds((1..=2).contains(&most), format_args!("one or two datagrams fit, not {most}"))?;
        all.extend(drain.datagrams.into_iter().map(|message| message.data));
    }
    equal(all, (0..5_u8).map(|number| vec![number; 8]).collect::<Vec<_>>(), "the datagrams")
}

fn a_datagram_that_does_not_fit_is_cut(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    session.enable_receive(CAPACITY)?;
    peer.send(&[7; 100], address)?;
    peer.send(b"whole", address)?;
    let cut = session.drain(size_of::<Datagrams>() + size_of::<Received>() + 9)?.datagrams;
    equal(cut.len(), 1, "the number of datagrams")?;
    for message in cut {
        equal(message.data, vec![7; 9], "what fitted")?;
        equal(message.flags & MSG_TRUNC, MSG_TRUNC, "its MSG_TRUNC")?;
    }
    equal(drain_all(&session, 1)?, vec![b"whole".to_vec()], "the next one")
}

fn what_was_buffered_comes_first(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    peer.send(b"before", address)?;
    lab.settle();
    session.enable_receive(CAPACITY)?;
    peer.send(b"after", address)?;
    equal(drain_all(&session, 2)?, vec![b"before".to_vec(), b"after".to_vec()], "the datagrams")
}

fn a_full_queue_drops_the_new_ones(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    // Each takes 48 + 200 bytes: four of them fit.
    session.enable_receive(1024)?;
    for number in 0..10_u8 {
        peer.send(&[number; 200], address)?;
    }
    lab.settle();
    let drain = session.drain(ROOM)?;
    let kept: Vec<_> = drain.datagrams.into_iter().map(|message| message.data).collect();
    equal(
        kept,
        (0..4_u8).map(|number| vec![number; 200]).collect::<Vec<_>>(),
        "the oldest, which were kept",
    )?;
    equal(drain.dropped, 6, "datagrams dropped")?;
    // There is room again. What wraps around the end of the queue is whole.
    for number in 20..24_u8 {
        peer.send(&[number; 200], address)?;
    }
    let new: Vec<_> = (20..24_u8).map(|number| vec![number; 200]).collect();
    equal(drain_all(&session, 4)?, new, "those that came when there was room again")
}

fn receives_come_before_the_queue(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    session.enable_receive(CAPACITY)?;
    let receive = session.begin_receive(100);
    // Until it waits.
    lab.settle();
    peer.send(b"received", address)?;
    peer.send(b"queued", address)?;
    equal(receive.wait()?.data, b"received".to_vec(), "what the receive got")?;
    equal(drain_all(&session, 1)?, vec![b"queued".to_vec()], "what the queue got")
}

fn disabling_keeps_what_has_come(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    session.enable_receive(CAPACITY)?;
    peer.send(b"queued", address)?;
    lab.settle();
    session.disable_receive()?;
    holds(!session.disable_receive_soon()?, "no call of the event is left")?;
    peer.send(b"received", address)?;
    equal(session.receive(100)?.data, b"received".to_vec(), "what came afterwards")?;
    equal(drain_all(&session, 1)?, vec![b"queued".to_vec()], "what was in the queue")?;
    refused(session.drain(ROOM), STATUS_INVALID_DEVICE_STATE, "a drain of nothing")
}

/// A socket whose queue had room for one of three datagrams, and who sent them.
fn overflowing(lab: &Lab) -> Outcome<(Session, SocketAddr, Outsider)> {
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    session.enable_receive(1024)?;
    for _ in 0..3 {
        peer.send(&[1; 500], address)?;
    }
    lab.settle();
    Ok((session, address, peer))
}

fn enabling_again_begins_anew(lab: &Lab) -> Outcome {
    let (session, address, peer) = overflowing(lab)?;
    // Either form will do.
    eventually(|| holds(!session.disable_receive_soon()?, "no call of the event is left"))?;
    session.enable_receive(CAPACITY)?;
    peer.send(b"new", address)?;
    let drain = session.drain(ROOM)?;
    equal(drain.dropped, 0, "datagrams dropped")?;
    let datagrams: Vec<_> = drain.datagrams.into_iter().map(|message| message.data).collect();
    equal(datagrams, vec![b"new".to_vec()], "the datagrams")
}

fn a_drain_without_time_has_what_is_there(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let (poll, peer) = (session.within(Duration::ZERO), lab.peer(Family::V4)?);
    // Room for one.
    let room = size_of::<Datagrams>() + size_of::<Received>() + 8;
    for round in 0..100_u8 {
        session.enable_receive(CAPACITY)?;
        refused(poll.drain(ROOM), STATUS_IO_TIMEOUT, "a drain of nothing in no time")?;
        peer.send(&[round, 0], address)?;
        peer.send(&[round, 1], address)?;
        let first = session.drain(room)?.datagrams;
        equal(first[..].first().map(|message| &message.data[..]), Some(&[round, 0][..]), "the first")?;
        session.disable_receive()?;
        // The second is in the queue, or on its way there, and then it stays with the socket.
        let second = match poll.drain(ROOM) {
            Ok(drain) => drain.datagrams.into_iter().next().map(|message| message.data),
            Err(error) => {
                refused(Err::<(), _>(error), STATUS_INVALID_DEVICE_STATE, "a drain of an empty queue")?;
                Some(session.receive(8)?.data)
            }
        };
        equal(second.as_deref(), Some(&[round, 1][..]), "the second")?;
    }
    Ok(())
}

fn statistics_count_the_queue(lab: &Lab) -> Outcome {
    let (session, address, peer) = overflowing(lab)?;
    equal(session.drain(ROOM)?.datagrams.len(), 1, "datagrams that the queue had room for")?;
    for _ in 0..2 {
        peer.send(&[1; 500], address)?;
    }
    lab.settle();
    // The close counts what no drain has told of.
    session.close();
    let now = lab.watcher()?.statistics()?;
    equal(now.datagrams_received - lab.before().datagrams_received, 1, "datagrams received")?;
    equal(now.bytes_received - lab.before().bytes_received, 500, "bytes received")?;
    equal(now.datagrams_dropped - lab.before().datagrams_dropped, 3, "datagrams dropped")
}

fn the_wrong_state_is_refused(lab: &Lab) -> Outcome {
    let session = lab.open()?;
    refused(session.enable_receive(CAPACITY), STATUS_INVALID_DEVICE_STATE, "enabling without a socket")?;
    session.create(Family::V4)?;
    refused(session.enable_receive(CAPACITY), STATUS_INVALID_DEVICE_STATE, "enabling before the bind")?;
    refused(session.disable_receive(), STATUS_INVALID_DEVICE_STATE, "disabling before the bind")?;
    refused(session.drain(ROOM), STATUS_INVALID_DEVICE_STATE, "draining before the bind")?;
    session.bind(Family::V4.loopback())?;
    refused(session.drain(ROOM), STATUS_INVALID_DEVICE_STATE, "draining without a queue")?;
    session.enable_receive(CAPACITY)?;
    refused(session.enable_receive(CAPACITY), STATUS_INVALID_DEVICE_STATE, "enabling twice")?;
    refused(session.within(Duration::ZERO).drain(ROOM), STATUS_IO_TIMEOUT, "draining nothing in no time")
}

fn malformed_requests_are_refused(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let enable = |capacity, reserved| EnableReceive { capacity, reserved }.as_bytes().to_vec();
    let disable = |form| DisableReceive { timeout_ms: NO_TIMEOUT, form }.as_bytes().to_vec();
    let drain = |reserved| Timed { timeout_ms: 0, reserved }.as_bytes().to_vec();
    let large = u32::try_from(QUEUE_MAX + 8).unwrap_or(u32::MAX);
    let heads = size_of::<Datagrams>() + size_of::<Received>();
    let longer = |mut input: Vec<u8>| {
        input.push(0);
        input
    };
    for (code, input, output, status) in [
        (IOCTL_WSKDRV_ENABLE_RECEIVE, vec![0; 7], 0, STATUS_BUFFER_TOO_SMALL),
        (IOCTL_WSKDRV_ENABLE_RECEIVE, longer(enable(CAPACITY, 0)), 0, STATUS_INVALID_BUFFER_SIZE),
        (IOCTL_WSKDRV_ENABLE_RECEIVE, enable(CAPACITY, 1), 0, STATUS_INVALID_PARAMETER),
        (IOCTL_WSKDRV_ENABLE_RECEIVE, enable(1016, 0), 0, STATUS_INVALID_PARAMETER),
        (IOCTL_WSKDRV_ENABLE_RECEIVE, enable(CAPACITY + 1, 0), 0, STATUS_INVALID_PARAMETER),
        (IOCTL_WSKDRV_ENABLE_RECEIVE, enable(large, 0), 0, STATUS_INVALID_PARAMETER),
        (IOCTL_WSKDRV_DISABLE_RECEIVE, disable(DISABLE_SOON), 7, STATUS_BUFFER_TOO_SMALL),
        (IOCTL_WSKDRV_DISABLE_RECEIVE, disable(2), 8, STATUS_INVALID_PARAMETER),
        (IOCTL_WSKDRV_DISABLE_RECEIVE, longer(disable(0)), 8, STATUS_INVALID_BUFFER_SIZE),
        (IOCTL_WSKDRV_DRAIN, drain(0), heads - 1, STATUS_BUFFER_TOO_SMALL),
        (IOCTL_WSKDRV_DRAIN, drain(1), heads, STATUS_INVALID_PARAMETER),
        (IOCTL_WSKDRV_DRAIN, drain(0)[..7].to_vec(), heads, STATUS_BUFFER_TOO_SMALL),
    ] {
        let (found, bytes) = raw(session.handle(), code, &input, output)?;
        let name = wskdrv_abi::code::name(code).unwrap_or_default();
        status_is(found, status, format_args!("{name} of {input:?} with room for {output}"))?;
        equal(bytes.len(), 0, "its bytes")?;
    }
    Ok(())
}

fn the_option_is_refused_as_bytes(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let raw = session.raw(RAW_SET_OPTION, SO_WSK_EVENT_CALLBACK, SOL_SOCKET, &[0; 16], 0);
    refused(raw, STATUS_ACCESS_DENIED, "the option through the raw code")
}
