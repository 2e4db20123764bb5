//! An option's value has one type: `SO_EXCLUSIVEADDRUSE` is a yes or no, whatever its number of bytes.
use wsk::option::socket::ExclusiveAddressUse;
use wsk::{Passive, Result, Unbound};

fn example(socket: Unbound<'_>, passive: &Passive) -> Result {
    socket.set::<ExclusiveAddressUse>(1_u32, passive)
}

fn main() {}
