//! The same with a security descriptor, which has the provider captured.
use wsk::{Passive, Registration, Version};

fn example(bytes: &[u8], passive: &Passive) {
    let registration = Registration::register(Version::V1_0, passive).unwrap();
    let _descriptor = registration.try_provider().unwrap().cache_security(bytes, passive).unwrap();
    drop(registration);
}

fn main() {}
