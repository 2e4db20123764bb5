//! Datagrams that come together (`UDP_RECV_MAX_COALESCED_SIZE`): joined data, and the size of its parts.
//!
//! No transport needs to join what it could, and the size of the parts may be missing: the readings of `coalescing` and
//! `coalesced-size` say what is demanded. What is joined must be joined by the rules.

use std::net::SocketAddr;

use readings::{CoalescedSize, Coalescing};
use wsk_cmsg::Message;
use wsk_sys::{IPPROTO_UDP, MSG_TRUNC, UDP_RECV_MAX_COALESCED_SIZE, UDP_SEND_MSG_SIZE};

use super::lab::{Lab, Outsider};
use super::outcome::{Failure, Outcome, equal, holds};
use super::test::tests;
use crate::family::Family;
use crate::session::{Datagram, Room, Session};

tests! { coalescing:
    "UDP_RECV_MAX_COALESCED_SIZE has datagrams come together, the last one shorter, and control information tells their size."
        datagrams_come_together [v4 v6];
    "Data that was sent in segments comes together again." segments_come_together [v4 v6];
    "No more comes together than the option says; what alone is more comes alone." no_more_comes_together_than_wanted;
    "Datagrams of other senders and of other sizes, and empty ones, come by themselves." what_differs_comes_by_itself;
    "Without the option, and when it is off again, datagrams come one by one." without_the_option_they_come_one_by_one;
    "The queue of the event has datagrams together, with their size." the_queue_has_them_together [v4 v6];
    "A receive of many has them together in one slot, and cuts what does not fit." a_slot_has_them_together;
}

const ROOM: Room = Room { datagrams: 1, payload: 256, control: 256 };
/// How often a test is tried anew where datagrams take their time: they may come in more parts than one.
const TRIES: u32 = 10;

/// Data, and the size of the datagrams in it, if there are several.
type Part = (Vec<u8>, Option<u32>);

fn set(session: &Session, name: u32, value: u32) -> Outcome {
    Ok(session.set_option(IPPROTO_UDP, name, &value.to_ne_bytes())?)
}

fn part(data: &[u8], size: u32) -> Part {
    (data.to_vec(), Some(size).filter(|size| *size != 0))
}

/// The size of the datagrams that came together, of which the first has `first` bytes; none of a single one.
fn size_of_parts(lab: &Lab, datagram: &Datagram, first: usize) -> Outcome<Option<u32>> {
    let messages = datagram.controls().map_err(|malformed| Failure::new(malformed.to_string()))?;
    match messages[..] {
        // Who knows the datagrams knows the size.
        [] if datagram.data.len() > first && lab.followed().contains(&CoalescedSize::Missing) => {
            Ok(u32::try_from(first).ok())
        }
        [] => Ok(None),
        [Message::CoalescedInfo(size)] => {
            let several = size != 0 && datagram.data.len() > size as usize;
            holds(
                several || datagram.flags & MSG_TRUNC != 0,
                "what came together is more than one datagram",
            )?;
            Ok(Some(size))
        }
        ref other => Err(Failure::new(format!("the size of the parts was expected, not {other:?}"))),
    }
}

/// Takes datagrams with `take` until as many have come as were sent, which must be these, by the rules.
fn take_all(
    lab: &Lab,
    sent: &[&[u8]],
    mut take: impl FnMut() -> Outcome<Vec<Datagram>>,
) -> Outcome<Vec<Part>> {
    let mut left = sent;
    let mut parts = Vec::new();
    while !left.is_empty() {
        for datagram in take()? {
            let size = size_of_parts(lab, &datagram, left.first().map_or(0, |first| first.len()))?;
            let count = size.map_or(1, |size| datagram.data.len().div_ceil(size as usize));
            let (these, rest) =
                left.split_at_checked(count).ok_or_else(|| Failure::new("more has come than was sent"))?;
            equal(&datagram.data, &these.concat(), "the data, in its order")?;
            let whole = |one: &&[u8]| size.is_none_or(|size| one.len() == size as usize);
            holds(these.iter().rev().skip(1).all(whole), "all but the last have the size that is told")?;
            left = rest;
            parts.push((datagram.data, size));
        }
    }
    Ok(parts)
}

/// Runs `attempt` until it brings what it must; if it does not, the test has failed or does not apply.
fn must_bring(lab: &Lab, expected: &[Part], mut attempt: impl FnMut() -> Outcome<Vec<Part>>) -> Outcome {
    let at_once = lab.device().delivers_at_once();
    let mut found = attempt()?;
    for _ in 1..if at_once { 1 } else { TRIES } {
        if found == expected {
            break;
        }
        found = attempt()?;
    }
    let may_join_nothing = lab.followed().contains(&Coalescing::Never);
    if found != expected && may_join_nothing && found.iter().all(|(_, size)| size.is_none()) {
        let reason = "the option is taken, but the transport here joins no datagrams";
        return Err(Failure::NotApplicable(reason.to_owned()));
    }
    equal(found, expected, "what comes together")
}

/// Has datagrams arrive, before anybody receives.
fn send(lab: &Lab, peer: &Outsider, datagrams: &[&[u8]], to: SocketAddr) -> Outcome {
    datagrams.iter().try_for_each(|datagram| peer.send(datagram, to))?;
    lab.settle();
    Ok(())
}

fn receive(session: &Session) -> Outcome<Vec<Datagram>> {
    Ok(session.receive_many(ROOM)?)
}

fn datagrams_come_together(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    let peer = lab.peer(family)?;
    set(&session, UDP_RECV_MAX_COALESCED_SIZE, 1000)?;
    for (sent, expected) in [
        (&[&b"aaaa"[..], b"bbbb", b"cc"][..], vec![part(b"aaaabbbbcc", 4)]),
        (&[b"aaaa", b"bbbb", b"cccc"], vec![part(b"aaaabbbbcccc", 4)]),
        (&[b"alone"], vec![part(b"alone", 0)]),
    ] {
        must_bring(lab, &expected, || {
            send(lab, &peer, sent, address)?;
            take_all(lab, sent, || {
                let found = receive(&session)?;
                found.iter().try_for_each(|one| equal(one.from, peer.address(), "the sender"))?;
                Ok(found)
            })
        })?;
    }
    Ok(())
}

fn segments_come_together(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    let (sender, _) = lab.bound(family)?;
    set(&sender, UDP_SEND_MSG_SIZE, 3)?;
    set(&session, UDP_RECV_MAX_COALESCED_SIZE, 1000)?;
    must_bring(lab, &[part(b"aaabbbcccd", 3)], || {
        equal(sender.send(b"aaabbbcccd", Some(address))?, 10, "bytes sent")?;
        lab.settle();
        take_all(lab, &[b"aaa", b"bbb", b"ccc", b"d"], || receive(&session))
    })
}

fn no_more_comes_together_than_wanted(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    let sent: &[&[u8]] = &[b"aaaa", b"bbbb", b"cccc", b"dddd", b"e"];
    for (most, expected) in [
        (8, vec![part(b"aaaabbbb", 4), part(b"ccccdddd", 4), part(b"e", 0)]),
        (11, vec![part(b"aaaabbbb", 4), part(b"ccccdddde", 4)]),
        (12, vec![part(b"aaaabbbbcccc", 4), part(b"dddde", 4)]),
        (3, sent.iter().map(|one| part(one, 0)).collect()),
    ] {
        set(&session, UDP_RECV_MAX_COALESCED_SIZE, most)?;
        must_bring(lab, &expected, || {
            send(lab, &peer, sent, address)?;
            let parts = take_all(lab, sent, || receive(&session))?;
            let fits = |(data, size): &Part| size.is_none() || data.len() <= most as usize;
            holds(parts.iter().all(fits), format_args!("at most {most} bytes come together"))?;
            Ok(parts)
        })?;
    }
    Ok(())
}

fn what_differs_comes_by_itself(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let (one, other) = (lab.peer(Family::V4)?, lab.peer(Family::V4)?);
    set(&session, UDP_RECV_MAX_COALESCED_SIZE, 1000)?;
    let sizes: &[&[u8]] = &[b"a", b"bb", b"cc", b"", b"dd", b"eeee"];
    let expected = [part(b"a", 0), part(b"bbcc", 2), part(b"", 0), part(b"dd", 0), part(b"eeee", 0)];
    must_bring(lab, &expected, || {
        send(lab, &one, sizes, address)?;
        take_all(lab, sizes, || receive(&session))
    })?;
    must_bring(lab, &[part(b"aa", 0), part(b"bb", 0), part(b"ccdd", 2)], || {
        for (peer, datagram) in [(&one, b"aa"), (&other, b"bb"), (&one, b"cc"), (&one, b"dd")] {
            peer.send(datagram, address)?;
        }
        lab.settle();
        take_all(lab, &[b"aa", b"bb", b"cc", b"dd"], || {
            let found = receive(&session)?;
            for datagram in &found {
                let sender = if datagram.data == b"bb" { &other } else { &one };
                equal(datagram.from, sender.address(), "the sender")?;
            }
            Ok(found)
        })
    })
}

fn without_the_option_they_come_one_by_one(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    let sent: &[&[u8]] = &[b"aa", b"bb", b"cc"];
    let single: Vec<Part> = sent.iter().map(|one| part(one, 0)).collect();
    send(lab, &peer, sent, address)?;
    equal(take_all(lab, sent, || receive(&session))?, &single[..], "what comes without the option")?;
    set(&session, UDP_RECV_MAX_COALESCED_SIZE, 1000)?;
    set(&session, UDP_RECV_MAX_COALESCED_SIZE, 0)?;
    send(lab, &peer, sent, address)?;
    equal(take_all(lab, sent, || receive(&session))?, &single[..], "what comes when it is off again")
}

fn the_queue_has_them_together(lab: &Lab, family: Family) -> Outcome {
    let (session, address) = lab.bound(family)?;
    let peer = lab.peer(family)?;
    set(&session, UDP_RECV_MAX_COALESCED_SIZE, 1000)?;
    let sent: &[&[u8]] = &[b"aaaa", b"bbbb", b"cc", b"dd"];
    must_bring(lab, &[part(b"aaaabbbbcc", 4), part(b"dd", 0)], || {
        send(lab, &peer, sent, address)?;
        // What is in the socket's buffer is what comes first.
        session.enable_receive(1 << 16)?;
        let parts = take_all(lab, sent, || Ok(session.drain(1 << 12)?.datagrams))?;
        session.disable_receive()?;
        Ok(parts)
    })
}

fn a_slot_has_them_together(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    set(&session, UDP_RECV_MAX_COALESCED_SIZE, 8)?;
    let sent: &[&[u8]] = &[b"aaaa", b"bbbb", b"cccc", b"dddd"];
    must_bring(lab, &[part(b"aaaabbbb", 4), part(b"ccccdddd", 4)], || {
        send(lab, &peer, sent, address)?;
        take_all(lab, sent, || {
            let mut found = session.receive_many(Room { datagrams: 4, ..ROOM })?;
            // The slots of one request are filled in any order.
            found.sort_by(|one, other| one.data.cmp(&other.data));
            Ok(found)
        })
    })?;
    set(&session, UDP_RECV_MAX_COALESCED_SIZE, 1000)?;
    must_bring(lab, &[part(b"aaaabbbb", 4)], || {
        send(lab, &peer, &sent[..3], address)?;
        // Too long to come with the others.
        peer.send(b"later", address)?;
        let mut cut = session.receive_many(Room { payload: 8, ..ROOM })?;
        // Cut, it is still told what it was, and nothing is left of it.
        cut.retain(|datagram| datagram.flags & MSG_TRUNC != 0);
        let mut next = session.receive(100)?.data;
        holds(cut.is_empty() || next == b"later", "what is cut is gone")?;
        while next != b"later" {
            next = session.receive(100)?.data;
        }
        cut.into_iter()
            .map(|datagram| Ok((datagram.data.clone(), size_of_parts(lab, &datagram, 4)?)))
            .collect()
    })
}
