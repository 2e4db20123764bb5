//! A device for tests of what is above it: it remembers each request and answers from a list.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::{Completed, Device, File, Kind, OpenError, Request};

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) code: u32,
    pub(crate) input: Vec<u8>,
    pub(crate) output: Vec<u8>,
}

/// What the device answers: a status, and what it writes to the output buffer.
pub(crate) type Answer = (i32, Vec<u8>);

/// The device, its handles, and what went through them.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<Talk>>);

#[derive(Default)]
struct Talk {
    asked: Vec<Asked>,
    answers: VecDeque<Answer>,
}

impl Fake {
    pub(crate) fn answering(answers: impl IntoIterator<Item = Answer>) -> Fake {
        let talk = Talk { asked: Vec::new(), answers: answers.into_iter().collect() };
        Fake(Arc::new(Mutex::new(talk)))
    }

    pub(crate) fn device(&self) -> Device {
        Device(Arc::new(self.clone()))
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.0.lock().unwrap().asked.clone()
    }
}

impl Kind for Fake {
    fn describe(&self) -> String {
        "a fake".to_owned()
    }

    fn open(&self) -> Result<Arc<dyn File>, OpenError> {
        Ok(Arc::new(self.clone()))
    }
}

impl File for Fake {
    fn begin(&self, code: u32, input: Vec<u8>, mut output: Vec<u8>) -> Box<dyn Request> {
        let mut talk = self.0.lock().unwrap();
        talk.asked.push(Asked { code, input, output: output.clone() });
        let (status, bytes) = talk.answers.pop_front().unwrap_or((0, Vec::new()));
        let information = if output.is_empty() { 0 } else { bytes.len() };
        output[..information].copy_from_slice(&bytes[..information]);
        Box::new(Completed { status, information, output })
    }

    fn cancel_all(&self) {}

    fn close(&self) {}
}
