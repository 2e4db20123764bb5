//! A completion holds the socket that was made until it is taken out.
use wsk::{Completion, CompletionQueue, Doorbell, Family, Op, Passive, Registration, Version};

fn example(doorbell: Doorbell, passive: &Passive) {
    let registration = Registration::register(Version::V1_0, passive).unwrap();
    let queue = CompletionQueue::<(), Completion<'_>>::new(doorbell, passive).unwrap();
    let provider = registration.try_provider().unwrap();
    provider.socket(Family::V4).create().unwrap().submit_to(&queue, Op::new(()).unwrap(), None);
    let _completion = queue.drain().next();
    drop(queue);
    drop(registration);
}

fn main() {}
