//! A wait under a spin lock: what the lock calls is `Send`, so no proof of `PASSIVE_LEVEL` comes along.
use core::time::Duration;

use nt::{Event, Passive, SpinLock};

fn with_a_reference(lock: &SpinLock<u32>, event: &Event<1>, passive: &Passive) {
    lock.with(|_| event.wait(passive));
}

fn with_a_limit(lock: &SpinLock<u32>, event: &Event<1>, passive: &Passive) {
    let soon = passive.within(Duration::ZERO);
    lock.with(|_| event.wait(soon));
}

fn with_the_proof(lock: &SpinLock<u32>, event: &Event<1>, passive: Passive) {
    lock.with(move |_| event.wait(&passive));
}

fn through_a_function(lock: &SpinLock<u32>, wait: &dyn Fn()) {
    lock.with(|_| wait());
}

fn main() {}
