//! A basic socket takes control requests only.
use wsk::{Basic, Buffer, Op, SendTo};

fn example(socket: Basic<'_>, op: Op<Buffer>) {
    drop(socket.submit(op, SendTo(None), None));
}

fn main() {}
