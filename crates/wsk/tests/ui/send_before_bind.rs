//! WSK binds nothing by itself: an unbound socket neither sends nor receives.
use wsk::{Buffer, Op, ReceiveFrom, SendTo, Unbound};

fn example(socket: Unbound<'_>, one: Op<Buffer>, other: Op<Buffer>) {
    drop(socket.submit(one, SendTo(None), None));
    drop(socket.submit(other, ReceiveFrom, None));
}

fn main() {}
