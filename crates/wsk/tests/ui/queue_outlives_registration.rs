//! A queue holds the sockets that were made until it is drained.
use wsk::{CompletionQueue, Doorbell, Family, Op, Passive, Registration, Version};

fn example(doorbell: Doorbell, passive: &Passive) {
    let queue = CompletionQueue::new(doorbell, passive).unwrap();
    let registration = Registration::register(Version::V1_0, passive).unwrap();
    let provider = registration.try_provider().unwrap();
    provider.submit_datagram(&queue, Op::new(()).unwrap(), Family::V4, None).unwrap();
}

fn main() {}
