//! A cached security descriptor is released before the registration is gone.
use wsk::{Passive, Registration, SecurityDescriptor, Version};

fn example(bytes: &[u8], passive: &Passive) -> wsk::Result<SecurityDescriptor<'static>> {
    let registration = Registration::register(Version::V1_0, passive)?;
    let provider = registration.provider(passive)?;
    provider.cache_security(bytes, passive)
}

fn main() {}
