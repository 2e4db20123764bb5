//! A socket taken from a completion belongs to the registration that made it.
use wsk::{Completion, Passive, Socket};

fn example(completion: Completion<'_>, _: &Passive) -> Option<Socket<'static>> {
    match completion {
        Completion::Create(socket) => socket.ok(),
        _ => None,
    }
}

fn main() {}
