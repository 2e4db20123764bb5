//! Bytes of the driver's allocator are no memory that WSK takes: it wants an MDL.
use wsk::{Datagram, Op, Passive, SendTo};

fn waits(socket: &Datagram<'_>, bytes: Vec<u8>, passive: &Passive) {
    let _ = socket.send_to(&bytes, "127.0.0.1:7".parse().unwrap(), passive);
}

fn submits(socket: &Datagram<'_>, op: Op<Vec<u8>>) {
    drop(socket.submit(op, SendTo(None), None));
}

fn main() {}
