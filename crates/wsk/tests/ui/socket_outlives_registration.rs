//! A socket taken from a completion belongs to the registration that made it.
use wsk::{Completion, Passive, Socket};

fn example(mut completion: Completion<'_, ()>, _: &Passive) -> Option<Socket<'static>> {
    completion.take_socket()
}

fn main() {}
