//! Each field is looked at, and a drop of the type's own is nobody's to look through.
use wsk::{Buffer, Registration, dispatch_drop};

struct Forgets {
    buffer: Buffer,
    _registration: Registration,
}

dispatch_drop!(Forgets { buffer });

struct Drops {
    number: u32,
}

impl Drop for Drops {
    fn drop(&mut self) {}
}

dispatch_drop!(Drops { number });

fn main() {}
