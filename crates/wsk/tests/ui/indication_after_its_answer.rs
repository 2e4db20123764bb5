//! Datagrams are WSK's again when the handler has answered.

use wsk::event::{Answer, Indication};
use wsk::ReceiveHandler;

struct Late;

wsk::dispatch_drop!(Late {});

impl ReceiveHandler for Late {
    fn receive<'c>(&self, indication: Indication<'c>) -> Answer<'c> {
        let mut datagrams = indication.datagrams();
        let answer = indication.accept();
        let _ = datagrams.next();
        answer
    }
}

fn main() {}
