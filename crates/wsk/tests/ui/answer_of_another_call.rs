//! An answer belongs to the call whose indication it was made of.

use std::sync::Mutex;

use wsk::event::{Answer, Indication};
use wsk::ReceiveHandler;

struct Keeps(Mutex<Option<Answer<'static>>>);

unsafe impl wsk::DispatchDrop for Keeps {}

impl ReceiveHandler for Keeps {
    fn receive<'c>(&self, indication: Indication<'c>) -> Answer<'c> {
        let kept = self.0.lock().unwrap().replace(indication.accept());
        kept.unwrap()
    }
}

fn main() {}
