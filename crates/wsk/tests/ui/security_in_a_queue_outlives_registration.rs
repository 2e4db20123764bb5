//! A request for a security descriptor has the provider captured, in the queue and while it is submitted.
use wsk::{Completion, CompletionQueue, Doorbell, Family, GetSecurity, Op, Passive, Registration, Socket, Version};

fn example(doorbell: Doorbell, passive: &Passive) {
    let registration = Registration::register(Version::V1_0, passive).unwrap();
    let queue = CompletionQueue::<(), Completion<'_>>::new(doorbell, passive).unwrap();
    let socket: Socket<'_> = registration.try_provider().unwrap().datagram(Family::V4, passive).unwrap().into();
    socket.submit_to(&queue, Op::new(()).unwrap(), GetSecurity::new(&socket).unwrap(), None);
    drop(socket);
    drop(registration);
}

fn main() {}
