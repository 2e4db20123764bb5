//! Drains that wait for the queue: woken, cancelled, limited in time, closed under, killed, unloaded under; and what
//! becomes of them when the socket is dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use wsk_sys::{
    STATUS_CANCELLED, STATUS_FILE_FORCED_CLOSED, STATUS_INVALID_DEVICE_STATE, STATUS_IO_TIMEOUT,
    STATUS_QUOTA_EXCEEDED,
};
use wskdrv_abi::PENDING_MAX;

use super::lab::{Lab, ended};
use super::outcome::{Failure, Outcome, SOON, equal, holds, refused, status_is};
use super::pending::DRAIN;
use super::process::kill_with;
use super::test::tests;
use crate::device::Pending;
use crate::error::Error;
use crate::family::Family;
use crate::session::{Drain, Room, Session, Waiting};

tests! { events_pending:
    "A drain waits for the first datagram." a_drain_waits_for_the_first_datagram;
    "Several drains wait in their order, and each datagram goes to one of them." drains_wait_in_their_order;
    "A drain that waits can be cancelled, and the others are spared." a_drain_can_be_cancelled;
    "A drain ends when its time limit passes, and the next one works." a_drain_has_a_time_limit;
    "Closing the handle ends its drains with STATUS_CANCELLED." closing_the_handle_ends_its_drains;
    "The end of a process ends its drains." killing_the_process_ends_its_drains needs [Process];
    "Unloading the driver waits for a handle with a drain pending, and then does it."
        unload_waits_for_a_drain needs [Unload];
    "Disabling ends the drains that wait for nothing." disabling_ends_the_drains;
    "A handle has no more operations pending than the limit; another handle, and what is done in the call, are not held up."
        a_handle_has_no_more_pending_than_the_limit;
    "Drains that are cancelled at any moment, while datagrams come, lose none." cancelled_drains_lose_nothing;
    "Two threads drain one queue, and each datagram goes to one of them." two_threads_drain_one_queue;
    "A dead socket ends its drains and refuses requests with STATUS_FILE_FORCED_CLOSED; other handles work."
        a_dead_socket_ends_its_drains;
}

const ROOM: usize = 4096;

/// A bound socket with its event enabled, and where it is.
fn enabled(lab: &Lab) -> Outcome<(Session, std::net::SocketAddr)> {
    let (session, address) = lab.bound(Family::V4)?;
    session.enable_receive(1 << 16)?;
    Ok((session, address))
}

fn briefly() {
    thread::sleep(Duration::from_millis(10));
}

fn end(draining: Waiting<Drain>) -> Outcome<Result<Drain, Error>> {
    draining.wait_for(SOON).map_err(|_draining| Failure::new("expected: the drain ends"))
}

/// The payloads of a drain that must have brought some.
fn data(draining: Waiting<Drain>) -> Outcome<Vec<Vec<u8>>> {
    Ok(end(draining)??.datagrams.into_iter().map(|message| message.data).collect())
}

fn cancelled(pending: Pending) -> Outcome {
    let completed = ended(pending)?;
    status_is(completed.status, STATUS_CANCELLED, "a drain that waits")?;
    equal(completed.information, 0, "its bytes")
}

fn a_drain_waits_for_the_first_datagram(lab: &Lab) -> Outcome {
    let (session, address) = enabled(lab)?;
    let draining = session.begin_drain(ROOM);
    briefly();
    holds(!draining.is_done(), "the drain waits")?;
    lab.peer(Family::V4)?.send(b"first", address)?;
    equal(data(draining)?, vec![b"first".to_vec()], "what it brought")
}

fn drains_wait_in_their_order(lab: &Lab) -> Outcome {
    let (session, address) = enabled(lab)?;
    let drains: Vec<_> = (0..3).map(|_| session.begin_drain(ROOM)).collect();
    briefly();
    let peer = lab.peer(Family::V4)?;
    for (number, draining) in (0_u8..).zip(drains) {
        peer.send(&[number], address)?;
        equal(data(draining)?, vec![vec![number]], "what the next drain brought")?;
    }
    Ok(())
}

fn a_drain_can_be_cancelled(lab: &Lab) -> Outcome {
    let (session, address) = enabled(lab)?;
    let (first, second) = (session.begin_drain(ROOM), session.begin_drain(ROOM));
    briefly();
    first.cancel();
    cancelled(first.into_pending())?;
    briefly();
    holds(!second.is_done(), "the other one waits")?;
    lab.peer(Family::V4)?.send(b"x", address)?;
    equal(data(second)?, vec![b"x".to_vec()], "what it brought")?;
    let everything = [session.begin_drain(ROOM), session.begin_drain(ROOM)];
    session.handle().cancel_all();
    everything.into_iter().try_for_each(|draining| cancelled(draining.into_pending()))
}

fn a_drain_has_a_time_limit(lab: &Lab) -> Outcome {
    let (session, address) = enabled(lab)?;
    let limited = session.within(Duration::from_millis(20));
    refused(limited.drain(ROOM), STATUS_IO_TIMEOUT, "a drain that nothing comes for")?;
    lab.peer(Family::V4)?.send(b"x", address)?;
    equal(session.drain(ROOM)?.datagrams.len(), 1, "datagrams of the next drain")
}

fn closing_the_handle_ends_its_drains(lab: &Lab) -> Outcome {
    let (session, _) = enabled(lab)?;
    let drains: Vec<_> = (0..10).map(|_| session.begin_drain(ROOM).into_pending()).collect();
    session.close();
    drains.into_iter().try_for_each(cancelled)?;
    lab.idle()
}

fn killing_the_process_ends_its_drains(lab: &Lab) -> Outcome {
    kill_with(lab, &[&DRAIN], 2, 5)
}

fn unload_waits_for_a_drain(lab: &Lab) -> Outcome {
    let (session, _) = enabled(lab)?;
    let draining = session.begin_drain(ROOM);
    let closer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(30));
        let waited = holds(!draining.is_done(), "the unload has not ended the drain");
        session.close();
        waited.and_then(|()| cancelled(draining.into_pending()))
    });
    let unloaded = lab.unload();
    closer.join().map_err(|_panic| Failure::new("the thread panicked"))??;
    unloaded
}

fn disabling_ends_the_drains(lab: &Lab) -> Outcome {
    let (session, _) = enabled(lab)?;
    let drains: Vec<_> = (0..3).map(|_| session.begin_drain(ROOM)).collect();
    briefly();
    session.disable_receive()?;
    for draining in drains {
        refused(end(draining)?, STATUS_INVALID_DEVICE_STATE, "a drain that waited")?;
    }
    Ok(())
}

fn a_handle_has_no_more_pending_than_the_limit(lab: &Lab) -> Outcome {
    let (session, _) = enabled(lab)?;
    let (other, _) = lab.bound(Family::V4)?;
    let endless = session.within(None);
    let drains: Vec<_> = (0..PENDING_MAX - 2).map(|_| endless.begin_drain(ROOM)).collect();
    let three = Room { datagrams: 3, payload: 8, control: 0 };
    refused(session.receive_many(three), STATUS_QUOTA_EXCEEDED, "three slots, which take three")?;
    let receives = [endless.begin_receive(8), endless.begin_receive(8)];
    refused(session.local_address(), STATUS_QUOTA_EXCEEDED, "a request beyond the limit")?;
    refused(session.receive(8), STATUS_QUOTA_EXCEEDED, "a receive beyond the limit")?;
    refused(session.drain(ROOM), STATUS_QUOTA_EXCEEDED, "a drain beyond the limit")?;
    other.local_address()?;
    session.disable_receive_soon()?;
    for draining in drains {
        refused(end(draining)?, STATUS_INVALID_DEVICE_STATE, "a drain that waited")?;
    }
    session.local_address()?;
    session.handle().cancel_all();
    receives.into_iter().try_for_each(|receiving| cancelled(receiving.into_pending()))
}

fn cancelled_drains_lose_nothing(lab: &Lab) -> Outcome {
    const ROUNDS: u32 = 60;
    let (session, address) = enabled(lab)?;
    let peer = lab.peer(Family::V4)?;
    let mut brought = 0;
    for round in 0..ROUNDS {
        let draining = session.begin_drain(ROOM);
        peer.send(&round.to_ne_bytes(), address)?;
        thread::sleep(Duration::from_micros(u64::from(round) * 7));
        draining.cancel();
        match end(draining)? {
            Ok(drain) => brought += drain.datagrams.len(),
            cancelled => refused(cancelled, STATUS_CANCELLED, "a drain cancelled at any moment")?,
        }
    }
    // What the drains that succeeded did not bring is still there.
    let mut left = 0;
    while brought + left < ROUNDS as usize {
        left += session.drain(ROOM)?.datagrams.len();
    }
    equal(brought + left, ROUNDS as usize, "the datagrams")
}

fn two_threads_drain_one_queue(lab: &Lab) -> Outcome {
    const COUNT: u32 = 200;
    let (session, address) = enabled(lab)?;
    let peer = lab.peer(Family::V4)?;
    // How many have come to either of them.
    let came = Arc::new(AtomicUsize::new(0));
    let drain = |session: Session| {
        let limited = session.within(Duration::from_millis(300));
        let came = Arc::clone(&came);
        thread::spawn(move || {
            let mut seen = Vec::new();
            // An end that was reached by waiting is told by what is missing.
            let end = Instant::now() + SOON;
            while came.load(Ordering::Relaxed) < COUNT as usize && Instant::now() < end {
                match limited.drain(ROOM) {
                    Ok(drain) => {
                        came.fetch_add(drain.datagrams.len(), Ordering::Relaxed);
                        seen.extend(drain.datagrams.into_iter().map(|message| message.data));
                    }
                    // Nothing within the limit: what is still to come is on its way, or the other thread's.
                    Err(error) if error.status() == Some(STATUS_IO_TIMEOUT) => {}
                    Err(_) => break,
                }
            }
            seen
        })
    };
    let threads = [drain(session.clone()), drain(session.clone())];
    for number in 0..COUNT {
        peer.send(&number.to_be_bytes(), address)?;
        if number % 16 == 0 {
            thread::sleep(Duration::from_micros(200));
        }
    }
    let mut seen = Vec::new();
    for thread in threads {
        seen.extend(thread.join().map_err(|_panic| Failure::new("the thread panicked"))?);
    }
    seen.sort();
    equal(seen, (0..COUNT).map(|number| number.to_be_bytes().to_vec()).collect::<Vec<_>>(), "the datagrams")
}

fn a_dead_socket_ends_its_drains(lab: &Lab) -> Outcome {
    let (session, address) = enabled(lab)?;
    let quiet = lab.bound(Family::V4)?.0;
    let (draining, receiving) = (session.begin_drain(ROOM), quiet.begin_receive(100));
    briefly();
    if !lab.device().kill_sockets() {
        draining.cancel();
        receiving.cancel();
        return Err(Failure::NotApplicable("nothing can make a socket dead here".to_owned()));
    }
    refused(end(draining)?, STATUS_FILE_FORCED_CLOSED, "the drain that waited")?;
    let completed = ended(receiving.into_pending())?;
    status_is(completed.status, STATUS_FILE_FORCED_CLOSED, "the receive that waited")?;
    for dead in [&session, &quiet] {
        refused(dead.local_address(), STATUS_FILE_FORCED_CLOSED, "the address of a dead socket")?;
        refused(dead.send(b"x", Some(address)), STATUS_FILE_FORCED_CLOSED, "a send on a dead socket")?;
        refused(dead.receive(10), STATUS_FILE_FORCED_CLOSED, "a receive on a dead socket")?;
        refused(dead.disable_receive(), STATUS_FILE_FORCED_CLOSED, "disabling on a dead socket")?;
    }
    refused(session.drain(ROOM), STATUS_FILE_FORCED_CLOSED, "a drain on a dead socket")?;
    refused(session.enable_receive(1 << 16), STATUS_FILE_FORCED_CLOSED, "enabling on a dead socket")?;
    // A new handle works while the dead ones are open, and when they are closed.
    let (new, new_address) = lab.bound(Family::V4)?;
    new.send(b"x", Some(new_address))?;
    equal(new.receive(10)?.data, b"x".to_vec(), "what a new handle receives")?;
    session.close();
    quiet.close();
    new.send(b"y", Some(new_address))?;
    equal(new.receive(10)?.data, b"y".to_vec(), "what it receives afterwards")
}
