//! What the driver counts.

use std::time::Duration;

use wsk_sys::STATUS_IO_TIMEOUT;
use wskdrv_abi::Statistics;

use super::lab::Lab;
use super::outcome::{Outcome, equal, eventually, refused};
use super::test::tests;
use crate::family::Family;

tests! { counters:
    "Each operation, datagram and IRP of one handle is counted once, and what was allocated is freed."
        what_the_driver_counts_adds_up;
}

fn what_the_driver_counts_adds_up(lab: &Lab) -> Outcome {
    let watcher = lab.watcher()?;
    let before = watcher.statistics()?;
    if lab.is_fresh() {
        equal(
            before,
            Statistics { handles_open: 1, ..Statistics::default() },
            "the counts at the beginning",
        )?;
    }
    let (session, address) = lab.bound(Family::V4)?;
    let peer = lab.peer(Family::V4)?;
    session.send(b"four", Some(peer.address()))?;
    peer.send(b"sixsix", address)?;
    session.receive(10)?;
    refused(session.within(Duration::ZERO).receive(10), STATUS_IO_TIMEOUT, "a receive without time")?;
    let now = watcher.statistics()?;
    equal(now.handles_open - before.handles_open, 1, "handles opened")?;
    equal(now.sockets_open - before.sockets_open, 1, "sockets opened")?;
    equal(now.datagrams_sent - before.datagrams_sent, 1, "datagrams sent")?;
    equal(now.bytes_sent - before.bytes_sent, 4, "bytes sent")?;
    equal(now.datagrams_received - before.datagrams_received, 1, "datagrams received")?;
    equal(now.bytes_received - before.bytes_received, 6, "bytes received")?;
    // create, bind, local address, send, receive, receive
    equal(now.operations_submitted - before.operations_submitted, 6, "operations submitted")?;
    equal(now.operations_completed - before.operations_completed, 6, "operations completed")?;
    equal(now.operations_failed - before.operations_failed, 1, "operations failed")?;
    equal(now.operations_timed_out - before.operations_timed_out, 1, "operations timed out")?;
    equal(now.operations_cancelled - before.operations_cancelled, 0, "operations cancelled")?;
    let irps = |counts: &Statistics| counts.irps_allocated + counts.irps_reused;
    equal(irps(&now) - irps(&before), 6, "IRPs, new or reused, one for each operation")?;
    session.close();
    eventually(|| {
        let now = watcher.statistics()?;
        equal(now.handles_open, before.handles_open, "handles open")?;
        equal(now.sockets_open, before.sockets_open, "sockets open")?;
        equal(now.irps_freed - before.irps_freed, now.irps_allocated - before.irps_allocated, "IRPs freed")
    })
}
