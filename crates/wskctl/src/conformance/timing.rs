//! Time limits of requests.

use std::time::Duration;

use wsk_sys::STATUS_IO_TIMEOUT;

use super::lab::Lab;
use super::outcome::{Outcome, equal, refused};
use super::test::tests;
use crate::family::Family;

tests! { timing:
    "A receive ends with STATUS_IO_TIMEOUT when its time has passed, and swallows no datagram afterwards."
        a_receive_ends_when_its_time_has_passed;
}

fn a_receive_ends_when_its_time_has_passed(lab: &Lab) -> Outcome {
    let (session, address) = lab.bound(Family::V4)?;
    for limit in [Duration::ZERO, Duration::from_millis(20)] {
        let receive = session.within(limit).receive(10);
        refused(receive, STATUS_IO_TIMEOUT, format_args!("a receive of at most {limit:?}"))?;
    }
    // Nothing of the receives that have timed out is left to swallow a datagram.
    lab.peer(Family::V4)?.send(b"later", address)?;
    equal(&session.receive(10)?.data[..], b"later", "the datagram that came later")
}
