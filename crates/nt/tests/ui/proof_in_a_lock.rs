//! A proof of `PASSIVE_LEVEL` that waits in the lock's own value.
use nt::{Event, Passive, SpinLock};

fn owned(event: &Event<1>, passive: Passive) {
    SpinLock::new(passive).with(|passive| event.wait(&*passive));
}

fn borrowed(event: &Event<1>, passive: &Passive) {
    SpinLock::new(passive).with(|passive| event.wait(*passive));
}

fn main() {}
