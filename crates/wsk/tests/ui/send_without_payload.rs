//! What is sent lives in the operation: one without a payload has nothing to send, and borrows nothing.
use wsk::{Datagram, Op, SendTo};

fn nothing(socket: Datagram<'_>, op: Op<()>) {
    drop(socket.submit(op, SendTo(None), None));
}

fn borrowed(bytes: &mut [u8]) {
    let _ = Op::new(core::mem::ManuallyDrop::new(bytes));
}

fn main() {}
