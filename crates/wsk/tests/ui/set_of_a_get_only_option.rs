//! The MTU of a path can be got, not set.
use wsk::option::ip::Mtu;
use wsk::{Datagram, Passive, Result};

fn example(socket: Datagram<'_>, passive: &Passive) -> Result {
    socket.set::<Mtu>(1400, passive)
}

fn main() {}
