//! What is left when all threads have ended.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use wskdrv_abi::Statistics;

use super::Shared;
use crate::conformance::Outcome;

/// Looks for what is left, and waits some time for it to go: on Windows a handle is closed a little after the end of its process.
/// Where the kernel is this program's, the driver is unloaded, and the kernel looks, too.
pub(super) fn look(shared: &Shared) -> BTreeMap<String, u64> {
    match counted(shared) {
        Ok(mut left) => {
            if shared.lab.device().is_ours() {
                // With a handle open it would not unload; what the kernel has then tells where to look.
                let is_clean = left.values().all(|left| *left == 0);
                left.extend(if is_clean { unloaded(shared) } else { alive(shared) });
            }
            left
        }
        Err(failure) => {
            shared.counts.fault(format!("the driver does not say what it has counted: {failure:?}"));
            BTreeMap::new()
        }
    }
}

/// What the driver's counts say.
fn counted(shared: &Shared) -> Outcome<BTreeMap<String, u64>> {
    let (lab, end) = (&shared.lab, Instant::now() + shared.patience);
    let watcher = lab.open()?;
    loop {
        let (now, before) = (watcher.statistics()?, lab.before());
        let irps = |counts: &Statistics| counts.irps_allocated.wrapping_sub(counts.irps_freed);
        let pending =
            |counts: &Statistics| counts.operations_submitted.wrapping_sub(counts.operations_completed);
        let left = [
            // One is the watcher's.
            ("handles open", now.handles_open, before.handles_open + 1),
            ("sockets open", now.sockets_open, before.sockets_open),
            ("operations pending", pending(&now), pending(before)),
            ("IRPs not freed", irps(&now), irps(before)),
        ];
        let left: BTreeMap<_, _> = left
            .into_iter()
            .map(|(what, now, before)| (what.to_owned(), now.saturating_sub(before)))
            .collect();
        if left.values().all(|left| *left == 0) || Instant::now() >= end {
            watcher.close();
            return Ok(left);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// What is left in the kernel when the driver is gone.
fn unloaded(shared: &Shared) -> BTreeMap<String, u64> {
    let device = shared.lab.device();
    if let Err(failure) = shared.lab.unload() {
        shared.counts.fault(format!("the driver does not unload: {failure:?}"));
        return BTreeMap::new();
    }
    let left = alive(shared);
    device.shut_down();
    left
}

fn alive(shared: &Shared) -> BTreeMap<String, u64> {
    shared.lab.device().alive().into_iter().map(|(what, count)| (what.to_owned(), count)).collect()
}
