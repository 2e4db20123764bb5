//! Who submits does not wait, so a limit is a time and no permission.
use core::time::Duration;

use wsk::{Buffer, Datagram, Op, Passive, ReceiveFrom};

fn example(socket: &Datagram<'_>, op: Op<Buffer>, passive: &Passive) {
    drop(socket.submit(op, ReceiveFrom, passive.within(Duration::from_secs(1))));
}

fn main() {}
