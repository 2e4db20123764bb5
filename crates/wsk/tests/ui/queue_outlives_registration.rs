//! A queue holds the sockets that were made until it is drained, whatever it makes of them.
use wsk::{Completion, CompletionQueue, Create, Doorbell, Family, FromCompletion, Op, Passive, Registration, Socket, Version};

fn example(doorbell: Doorbell, passive: &Passive) {
    let queue = CompletionQueue::<(), Completion<'_>>::new(doorbell, passive).unwrap();
    let registration = Registration::register(Version::V1_0, passive).unwrap();
    let provider = registration.try_provider().unwrap();
    provider.socket(Family::V4).create().unwrap().submit_to(&queue, Op::new(()).unwrap(), None);
}

/// What says nothing of the socket, and so has no lifetime.
struct Made(bool);

impl<'r> FromCompletion<Create<'r>> for Made {
    fn from_completion(result: wsk::Result<Socket<'r>>) -> Made {
        Made(result.is_ok())
    }
}

fn without_a_lifetime(doorbell: Doorbell, passive: &Passive) {
    let queue = CompletionQueue::<(), Made>::new(doorbell, passive).unwrap();
    let registration = Registration::register(Version::V1_0, passive).unwrap();
    let provider = registration.try_provider().unwrap();
    provider.socket(Family::V4).create().unwrap().submit_to(&queue, Op::new(()).unwrap(), None);
    let _ = queue.drain().any(|(Made(made), _)| made);
}

fn main() {}
