//! The same of datagrams that were kept, whose drop calls WSK.
use wsk::Op;
use wsk::event::Retained;

fn example(retained: Retained) {
    let _ = Op::new((1, retained));
}

fn main() {}
