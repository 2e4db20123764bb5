//! Processes that begin requests and are killed, one after the other.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Shared, count};
use crate::conformance::{Failure, KINDS, Plan};

pub(super) fn run(shared: &Shared) {
    let mut random = fastrand::Rng::with_seed(shared.plan.seed);
    let pause = Duration::from_millis(shared.plan.kill_every_ms);
    while !shared.is_over() {
        let (handles, requests) = (random.usize(1..=3), random.usize(1..=3));
        let amount = random.usize(1..=KINDS.len());
        let kinds = random.choose_multiple(KINDS.iter().copied(), amount);
        let killed = shared
            .lab
            .child_process(&Plan { handles, requests, kinds })
            .and_then(crate::conformance::ChildProcess::kill);
        match killed {
            Ok(()) => count(&shared.counts.killed),
            // Once is enough to say so.
            Err(Failure::NotApplicable(reason)) => {
                return shared.counts.fault(format!("no process is killed: {reason}"));
            }
            Err(failure) => shared
                .counts
                .fault(format!("process {}: {failure:?}", shared.counts.killed.load(Ordering::Relaxed))),
        }
        // An interrupt shows in the loop's condition.
        let _ = shared.interrupt.sleep(pause);
    }
}
