//! Reading datagrams maps their memory, which one thread at a time may do.

use wsk::event::Retained;

fn share<T: Sync>(_: &T) {}

fn both(retained: &Retained) {
    share(retained);
}

fn main() {}
