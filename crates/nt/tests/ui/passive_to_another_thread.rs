//! The proof of `PASSIVE_LEVEL` says something of one thread.
use nt::Passive;

fn in_another_thread<T: Send>(_: T) {}

fn moved(passive: Passive) {
    in_another_thread(passive);
}

fn borrowed(passive: &Passive) {
    in_another_thread(passive);
}

fn main() {}
