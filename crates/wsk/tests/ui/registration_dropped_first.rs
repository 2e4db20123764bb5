//! Sockets are closed before the registration ends: `WskDeregister` would wait for them for ever.
use wsk::{Family, Passive, Registration, Version};

fn example(passive: &Passive) {
    let registration = Registration::register(Version::V1_0, passive).unwrap();
    let socket = registration.try_provider().unwrap().datagram(Family::V4, passive).unwrap();
    drop(registration);
    let _ = socket.close(passive);
}

fn main() {}
