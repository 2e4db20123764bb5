//! A captured provider is released before the registration ends: `WskDeregister` would wait for it for ever.
use wsk::{Passive, Provider, Registration, Version};

fn example(passive: &Passive) -> Provider<'static> {
    let registration = Registration::register(Version::V1_0, passive).unwrap();
    registration.try_provider().unwrap()
}

fn main() {}
