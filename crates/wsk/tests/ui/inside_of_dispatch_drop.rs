//! No rule of the macro gives the trait without a look at the fields.
use wsk::{Registration, dispatch_drop};

struct Owner {
    registration: Registration,
}

dispatch_drop!(@each Owner, { let _ = value; }, );

fn main() {}
