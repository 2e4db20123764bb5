//! A socket that is still open when the registration ends, closed by nothing but the end of its scope: `WskDeregister`
//! would wait for it for ever.
use wsk::{Family, Passive, Registration, Version};

fn example(passive: &Passive) {
    let registration = Registration::register(Version::V1_0, passive).unwrap();
    let _socket = registration.try_provider().unwrap().datagram(Family::V4, passive).unwrap();
    drop(registration);
}

fn main() {}
