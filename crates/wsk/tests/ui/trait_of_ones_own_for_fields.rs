//! A trait of one's own, whatever its methods are called, says nothing of a field.
use wsk::{Registration, dispatch_drop};

trait Says: Sized {
    fn may_be_dropped_at_dispatch(self) {}
    fn has_dispatch_drop(self) {}
}

impl<T> Says for T {}

struct Owner {
    registration: Registration,
}

dispatch_drop!(Owner { registration });

struct Another(Registration);

dispatch_drop!(Another(registration: Copy));

fn main() {}
