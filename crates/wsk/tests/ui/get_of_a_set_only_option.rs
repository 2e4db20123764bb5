//! A multicast group can be joined, not got.
use wsk::option::ip::AddMembership;
use wsk::{Datagram, Passive, Result};

fn example(socket: Datagram<'_>, passive: &Passive) -> Result {
    let _: wsk::option::Membership = socket.get::<AddMembership>(passive)?;
    Ok(())
}

fn main() {}
