//! `Copy` is that of `core`, whatever else is called so.
extern crate self as core;

use wsk::{Registration, dispatch_drop};

pub mod marker {
    pub trait Copy {}

    impl<T> Copy for T {}
}

struct Owner {
    registration: Registration,
}

dispatch_drop!(Owner: Copy);

fn main() {
    let _ = |owner: &Owner| owner.registration.has_static_events();
}
