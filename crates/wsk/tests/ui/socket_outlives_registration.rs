//! A socket that is taken from a queue belongs to its registration, too.
use wsk::{Completion, Passive, Registration, Socket, Version};

fn example(mut completion: Completion<()>, passive: &Passive) -> Option<Socket<'static>> {
    let registration = Registration::register(Version::V1_0, passive).unwrap();
    completion.take_socket(&registration)
}

fn main() {}
