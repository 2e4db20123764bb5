//! A submitted operation is nobody's: neither its buffers nor the operation itself can be used.
use wsk::{Buffer, Datagram, Op, ReceiveFrom};

fn example(socket: Datagram<'_>, op: Op<Buffer>) {
    let first = socket.submit(op, ReceiveFrom, None);
    let bytes = op.buffers().len();
    let second = socket.submit(op, ReceiveFrom, None);
    drop((first, second, bytes));
}

fn main() {}
