//! `SO_EXCLUSIVEADDRUSE` is set before the bind.
use wsk::option::socket::ExclusiveAddressUse;
use wsk::{Datagram, Passive, Result};

fn example(socket: Datagram<'_>, passive: &Passive) -> Result {
    socket.set::<ExclusiveAddressUse>(true, passive)
}

fn main() {}
