//! Threads that use the same handle.

use std::sync::Barrier;
use std::thread;

use wsk_sys::{SO_BROADCAST, SOL_SOCKET};

use super::lab::Lab;
use super::outcome::{Failure, Outcome, equal};
use super::test::tests;
use crate::family::Family;

tests! { threads:
    "Two threads send and set options on one handle at once, and neither disturbs the other."
        two_threads_can_use_one_handle;
}

const ROUNDS: u32 = 100;

fn two_threads_can_use_one_handle(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    let (peer, start) = (lab.peer(Family::V4)?, Barrier::new(3));
    let sends = || -> Outcome {
        start.wait();
        for round in 0..ROUNDS {
            session.send(&round.to_ne_bytes(), Some(peer.address()))?;
            equal(session.local_address()?, address, "the address")?;
        }
        Ok(())
    };
    let sets = || -> Outcome {
        start.wait();
        for round in 0..ROUNDS {
            let value = (round % 2).to_ne_bytes();
            session.set_option(SOL_SOCKET, SO_BROADCAST, &value)?;
            equal(
                &session.get_option(SOL_SOCKET, SO_BROADCAST, 4)?[..],
                &value[..],
                "the value that was set",
            )?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let (sends, sets) = (scope.spawn(sends), scope.spawn(sets));
        start.wait();
        let received = (0..ROUNDS).try_for_each(|_| equal(peer.receive()?.0.len(), 4, "bytes received"));
        let joined = |thread: thread::ScopedJoinHandle<'_, Outcome>| {
            thread.join().unwrap_or_else(|_panic| Err(Failure::new("the thread panicked")))
        };
        // What a thread found says more than that its datagrams are missing.
        joined(sends)?;
        joined(sets)?;
        received
    })
}
