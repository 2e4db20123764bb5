//! The buffers of an operation may be dropped within a completion routine, where nothing may wait.
use wsk::{Op, Registration};

fn example(registration: Registration) {
    let _ = Op::new(Some(registration));
}

fn main() {}
