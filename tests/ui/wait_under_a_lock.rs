//! A wait under a spin lock: what the lock calls is `Send`, so no proof of `PASSIVE_LEVEL` comes along.
#![allow(dead_code, missing_docs, unsafe_code, reason = "only a part of the module is used")]

#[path = "../../src/lock.rs"]
mod lock;

use lock::SpinLock;
use wsk::{CompletionQueue, Passive};

fn waits(lock: &SpinLock<u32>, queue: &CompletionQueue<'_, ()>, passive: &Passive) {
    lock.with(|_| queue.run_down(passive));
}

fn main() {}
