//! `SIO_ADDRESS_LIST_CHANGE` is for `PASSIVE_LEVEL`: it takes the proof, which stays on its thread.
use wsk::{AddressListChange, Datagram, Op};

fn no_proof(socket: Datagram<'_>, op: Op<()>) {
    drop(socket.submit(op, AddressListChange::new(), None));
}

fn elsewhere(change: AddressListChange<'static>) {
    std::thread::spawn(move || drop(change));
}

fn main() {}
