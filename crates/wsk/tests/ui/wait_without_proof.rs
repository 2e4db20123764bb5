//! Whoever waits proves that it may.
use wsk::{Buffer, Datagram, Pending, ReceiveFrom};

fn operation(pending: Pending<Buffer, ReceiveFrom>) {
    let _ = pending.wait();
}

fn close(socket: Datagram<'_>) {
    let _ = socket.close();
}

fn main() {}
