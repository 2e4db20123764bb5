//! The same with a provider that is still captured.
use wsk::{Passive, Registration, Version};

fn example(passive: &Passive) {
    let registration = Registration::register(Version::V1_0, passive).unwrap();
    let _provider = registration.try_provider().unwrap();
    drop(registration);
}

fn main() {}
