//! A request for a security descriptor has the provider captured, in the queue and in flight.
use wsk::{CompletionQueue, Doorbell, Family, Op, Passive, Registration, Socket, Version};

fn example(doorbell: Doorbell, passive: &Passive) {
    let registration = Registration::register(Version::V1_0, passive).unwrap();
    let queue = CompletionQueue::new(doorbell, passive).unwrap();
    let socket: Socket<'_> = registration.try_provider().unwrap().datagram(Family::V4, passive).unwrap().into();
    socket.submit_get_security(&queue, Op::new(()).unwrap(), None).map_err(drop).unwrap();
    drop(socket);
    drop(registration);
}

fn main() {}
