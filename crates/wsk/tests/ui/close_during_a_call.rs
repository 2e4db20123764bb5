//! A socket that is in use cannot be closed: each call borrows it.
use wsk::{Datagram, Passive};

fn example(socket: Datagram<'_>, passive: &Passive) {
    let call_of_another_thread = || socket.local_address(passive);
    let _ = socket.close(passive);
    let _ = call_of_another_thread();
}

fn main() {}
