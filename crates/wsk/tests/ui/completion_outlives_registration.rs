//! A completion holds the socket that was made until it is taken out.
use wsk::{CompletionQueue, Doorbell, Family, Op, Passive, Registration, Version};

fn example(doorbell: Doorbell, passive: &Passive) {
    let registration = Registration::register(Version::V1_0, passive).unwrap();
    let queue = CompletionQueue::new(doorbell, passive).unwrap();
    let provider = registration.try_provider().unwrap();
    provider.submit_datagram(&queue, Op::new(()).unwrap(), Family::V4, None).unwrap();
    let _completion = queue.drain().next();
    drop(queue);
    drop(registration);
}

fn main() {}
