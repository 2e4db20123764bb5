//! Several datagrams with one request.

use std::thread;
use std::time::Duration;

use wsk_sys::{
    MSG_TRUNC, NTSTATUS, STATUS_BUFFER_TOO_SMALL, STATUS_CANCELLED, STATUS_INVALID_BUFFER_SIZE,
    STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_IO_TIMEOUT,
};
use wskdrv_abi::{IOCTL_WSKDRV_RECEIVE, IOCTL_WSKDRV_SEND, NO_TIMEOUT, RECEIVE_MAX, Receive, SEND_MAX, Send};
use zerocopy::IntoBytes;

use super::lab::Lab;
use super::outcome::{Failure, Outcome, SOON, equal, eventually, holds, refused, status_is};
use super::pending::RECEIVE_MANY;
use super::process::kill_with;
use super::raw;
use super::requests::sockaddr;
use super::test::tests;
use crate::family::Family;
use crate::session::{Room, Session};

tests! { many:
    "Datagrams that are sent with one request arrive one by one, empty ones too." datagrams_go_out_with_one_request [v4 v6];
    "One request sends up to 64 datagrams, and not none." one_request_has_its_bounds;
    "Without an address, many go to the fixed one." many_go_to_the_fixed_address;
    "One request receives those datagrams that have come, and none is lost or doubled."
        those_that_have_come_are_received [v4 v6];
    "A datagram larger than its room is cut, and MSG_TRUNC says so." a_datagram_larger_than_its_room_is_cut;
    "No datagram is lost to receives that are cancelled." nothing_is_lost_to_cancelled_receives;
    "A receive of many that is cancelled, out of time or closed under ends so." a_receive_of_many_ends_as_one_does;
    "The end of a process ends its receives of many." a_killed_process_leaves_no_receives needs [Process];
    "Unloading the driver waits for a handle with a receive of many pending." unload_waits_for_a_receive_of_many needs [Unload];
    "Single receives and receives of many share a handle." both_kinds_of_receive_share_a_handle;
    "Each datagram of a request is counted." each_datagram_is_counted;
    "Requests whose parts do not add up are refused." requests_that_do_not_add_up_are_refused;
}

/// Slots for a few small datagrams.
const ROOM: Room = Room { datagrams: 4, payload: 32, control: 0 };

fn datagrams_go_out_with_one_request(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    let peer = lab.peer(family)?;
    for datagrams in [&["alone"][..], &["one", "", "three"]] {
        let total: usize = datagrams.iter().map(|one| one.len()).sum();
        equal(session.send_many(datagrams, Some(peer.address()), &[])?, total, "bytes sent")?;
        for datagram in datagrams {
            equal(peer.receive()?, (datagram.as_bytes().to_vec(), address), "a datagram and its sender")?;
        }
    }
    Ok(())
}

fn one_request_has_its_bounds(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    let many = vec!["x"; SEND_MAX + 1];
    let send = |count| session.send_many(&many[..count], Some(peer.address()), &[]);
    refused(send(0), STATUS_INVALID_PARAMETER, "none")?;
    refused(send(SEND_MAX + 1), STATUS_INVALID_PARAMETER, "too many")?;
    equal(send(SEND_MAX)?, SEND_MAX, "bytes sent")?;
    for _ in 0..SEND_MAX {
        equal(peer.receive()?.0, b"x".to_vec(), "a datagram")?;
    }
    Ok(())
}

fn many_go_to_the_fixed_address(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    session.set_sendto_address(Some(peer.address()))?;
    equal(session.send_many(&["a", "b"], None, &[])?, 2, "bytes sent")?;
    equal((peer.receive()?.0, peer.receive()?.0), (b"a".to_vec(), b"b".to_vec()), "the datagrams")
}

/// Receives datagrams of one byte until there are `count` of them.
fn numbers(session: &Session, mut so_far: Vec<u8>, count: usize) -> Outcome<Vec<u8>> {
    while so_far.len() < count {
        let batch = session.receive_many(ROOM)?;
        holds(
            (1..=4).contains(&batch.len()),
            "a request yields as many datagrams as it has room for, or fewer",
        )?;
        so_far.extend(batch.iter().flat_map(|message| &message.data));
    }
    so_far.sort_unstable();
    Ok(so_far)
}

fn those_that_have_come_are_received(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    let peer = lab.peer(family)?;
    peer.send(b"first", address)?;
    // Without the cancel that a session sends when its time is up: the slots that stay empty must not hold the request.
    let received = session.begin_receive_many(ROOM).wait_for(SOON);
    let batch =
        received.map_err(|_| Failure::new("the request waits for more than the first datagram"))??;
    equal(batch.len(), 1, "datagrams when one has come")?;
    let found = batch.first().map(|message| (message.data.clone(), message.from, message.flags));
    equal(found, Some((b"first".to_vec(), peer.address(), 0)), "the datagram")?;
    for number in 0..30 {
        peer.send(&[number], address)?;
    }
    equal(numbers(&session, Vec::new(), 30)?, (0..30).collect::<Vec<u8>>(), "the datagrams")?;
    let brief = session.within(Duration::from_millis(20));
    refused(brief.receive_many(ROOM), STATUS_IO_TIMEOUT, "a receive when all have been received")
}

fn a_datagram_larger_than_its_room_is_cut(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    lab.peer(Family::V4)?.send(&[7; 33], address)?;
    let batch = session.receive_many(ROOM)?;
    let found = batch.first().map(|message| (message.data.clone(), message.flags & MSG_TRUNC));
    equal(found, Some((vec![7; 32], MSG_TRUNC)), "what fits, and MSG_TRUNC")
}

fn nothing_is_lost_to_cancelled_receives(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    let mut found = Vec::new();
    for number in 0..100 {
        let receiving = session.begin_receive_many(ROOM);
        peer.send(&[number], address)?;
        if number % 3 == 0 {
            thread::sleep(Duration::from_micros(u64::from(number) * 10));
        }
        receiving.cancel();
        match receiving.wait() {
            Ok(batch) => found.extend(batch.iter().flat_map(|message| &message.data)),
            error => refused(error, STATUS_CANCELLED, "a cancelled receive")?,
        }
    }
    equal(numbers(&session, found, 100)?, (0..100).collect::<Vec<u8>>(), "the datagrams")
}

fn a_receive_of_many_ends_as_one_does(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let receiving = session.begin_receive_many(ROOM);
    thread::sleep(Duration::from_millis(2));
    receiving.cancel();
    refused(receiving.wait(), STATUS_CANCELLED, "the cancelled receive")?;
    for limit in [0, 5] {
        let limited = session.within(Duration::from_millis(limit));
        refused(limited.receive_many(ROOM), STATUS_IO_TIMEOUT, "a receive that has no more time")?;
    }
    let receiving = session.begin_receive_many(ROOM);
    session.close();
    refused(receiving.wait(), STATUS_CANCELLED, "a receive on a handle that is closed")?;
    lab.idle()
}

fn a_killed_process_leaves_no_receives(lab: &Lab) -> Outcome {
    kill_with(lab, &[&RECEIVE_MANY], 2, 2)
}

fn unload_waits_for_a_receive_of_many(lab: &Lab) -> Outcome {
    let (session, _) = lab.bound(Family::V4)?;
    let receiving = session.begin_receive_many(ROOM).into_pending();
    let closer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        let waited = holds(!receiving.is_done(), "the unload has not ended the request");
        session.close();
        let ended = receiving.wait_for(SOON).map_err(|_| Failure::new("the receive did not end"))?;
        waited.and_then(|()| status_is(ended.status, STATUS_CANCELLED, "the receive"))
    });
    let unloaded = lab.unload();
    closer.join().map_err(|_panic| Failure::new("the thread panicked"))??;
    unloaded
}

fn both_kinds_of_receive_share_a_handle(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    let (one, many) = (session.begin_receive(8), session.begin_receive_many(ROOM));
    peer.send(&[0], address)?;
    peer.send(&[1], address)?;
    // At least one of the two is for the slots; both may be. Then the third is for the other.
    let mut found: Vec<u8> = many.wait()?.into_iter().flat_map(|message| message.data).collect();
    peer.send(&[2], address)?;
    found.extend(one.wait()?.data);
    equal(numbers(&session, found, 3)?, vec![0, 1, 2], "the datagrams")
}

fn each_datagram_is_counted(lab: &Lab) -> Outcome {
    let watcher = lab.watcher()?;
    let before = watcher.statistics()?;
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    for _ in 0..10 {
        session.send_many(&["abc", "d"], Some(peer.address()), &[])?;
        peer.send(b"12", address)?;
        equal(session.receive_many(ROOM)?.len(), 1, "datagrams received")?;
    }
    let now = watcher.statistics()?;
    equal(now.datagrams_sent - before.datagrams_sent, 20, "datagrams sent")?;
    equal(now.bytes_sent - before.bytes_sent, 40, "bytes sent")?;
    equal(now.datagrams_received - before.datagrams_received, 10, "datagrams received")?;
    equal(now.bytes_received - before.bytes_received, 20, "bytes received")?;
    let operations = now.operations_submitted - before.operations_submitted;
    equal(now.operations_completed - before.operations_completed, operations, "operations completed")?;
    // create, bind, local address; one for each request to send, and one for each slot
    equal(operations, 3 + 10 + 40, "operations submitted")?;
    holds(now.irps_allocated - before.irps_allocated <= 5, "IRPs are used again")?;
    session.close();
    eventually(|| {
        let now = watcher.statistics()?;
        equal(now.irps_freed - before.irps_freed, now.irps_allocated - before.irps_allocated, "IRPs freed")
    })
}

fn requests_that_do_not_add_up_are_refused(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let good = Send {
        timeout_ms: NO_TIMEOUT,
        flags: 0,
        count: 2,
        address_length: 16,
        control_length: 0,
        reserved: 0,
    };
    let rest = [[1_u32, 2].as_bytes(), &sockaddr(address)].concat();
    let ends = |head: Send, rest: &[u8], payload, status, what| {
        let input = [head.as_bytes(), rest].concat();
        status_is(raw(session.handle(), IOCTL_WSKDRV_SEND, &input, payload)?.0, status, what)
    };
    ends(Send { flags: 1, ..good }, &rest, 3, STATUS_INVALID_PARAMETER, "a flag")?;
    ends(Send { reserved: 1, ..good }, &rest, 3, STATUS_INVALID_PARAMETER, "a reserved field")?;
    ends(
        Send { control_length: 257, ..good },
        &rest,
        3,
        STATUS_INVALID_PARAMETER,
        "much control information",
    )?;
    ends(good, &rest[..23], 3, STATUS_BUFFER_TOO_SMALL, "an address that is cut")?;
    ends(good, &[&rest[..], &[0]].concat(), 3, STATUS_INVALID_BUFFER_SIZE, "a byte too many")?;
    ends(good, &rest, 2, STATUS_INVALID_BUFFER_SIZE, "lengths beyond the payload")?;
    ends(good, &rest, 4, STATUS_INVALID_BUFFER_SIZE, "payload beyond the lengths")?;
    let header = [17_u64, 0, 0].as_bytes().to_vec();
    let malformed = [&rest[..], &header[..16]].concat();
    ends(
        Send { control_length: 16, ..good },
        &malformed,
        3,
        STATUS_INVALID_PARAMETER,
        "a message that is cut",
    )?;

    let good = Receive { timeout_ms: NO_TIMEOUT, count: 2, payload_room: 8, control_room: 8 };
    let receive = |session: &Session, head: Receive, output, status: NTSTATUS, what| {
        status_is(raw(session.handle(), IOCTL_WSKDRV_RECEIVE, head.as_bytes(), output)?.0, status, what)
    };
    let parameter = STATUS_INVALID_PARAMETER;
    let too_many = u32::try_from(RECEIVE_MAX + 1).unwrap_or(u32::MAX);
    receive(&session, Receive { count: 0, ..good }, 144, parameter, "no datagrams")?;
    receive(&session, Receive { count: too_many, ..good }, 4096, parameter, "too many datagrams")?;
    receive(&session, Receive { control_room: 257, ..good }, 4096, parameter, "much control information")?;
    let small = STATUS_BUFFER_TOO_SMALL;
    receive(&session, Receive { payload_room: u32::MAX, ..good }, 4096, small, "much payload")?;
    receive(&session, good, 143, small, "less output than room")?;
    let unbound = lab.socket(Family::V4)?;
    receive(&unbound, good, 144, STATUS_INVALID_DEVICE_STATE, "a receive before the bind")?;
    let sent = unbound.send_many(&["x"], Some(address), &[]);
    refused(sent, STATUS_INVALID_DEVICE_STATE, "a send before the bind")
}
