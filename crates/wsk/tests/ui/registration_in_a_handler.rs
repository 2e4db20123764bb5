//! A handler may be dropped within the completion of its socket's close, for which a deregistration waits.
use wsk::event::{Answer, Indication, ReceiveHandler};
use wsk::{Registration, dispatch_drop};

struct Handler {
    registration: Registration,
}

dispatch_drop!(Handler { registration });

struct Other {
    _registration: Registration,
}

impl ReceiveHandler for Other {
    fn receive<'c>(&self, indication: Indication<'c>) -> Answer<'c> {
        indication.accept()
    }
}

fn main() {}
