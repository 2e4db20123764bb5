//! A security descriptor is set before the bind.
use wsk::{Datagram, Passive, SecurityDescriptor};

fn example<'r>(socket: &Datagram<'r>, security: &SecurityDescriptor<'r>, passive: &Passive) -> wsk::Result {
    socket.set_security(security, passive)
}

fn main() {}
