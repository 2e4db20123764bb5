//! A socket is bound once, by whichever call.
use std::net::SocketAddr;
use wsk::{Bind, Datagram, Op, Unbound};

fn by_waiting(socket: Datagram<'_>, address: SocketAddr, passive: &wsk::Passive) {
    let _ = socket.bind(address, passive);
}

fn by_submitting(socket: Datagram<'_>, op: Op<()>, address: SocketAddr) {
    drop(socket.submit(op, Bind(address), None));
}

fn with_the_old_handle(socket: Unbound<'_>, address: SocketAddr, passive: &wsk::Passive) {
    let bound = socket.bind(address, passive);
    let _ = socket.bind(address, passive);
    drop(bound);
}

fn main() {}
