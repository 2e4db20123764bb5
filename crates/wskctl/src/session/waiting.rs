//! A request under way, and what its answer will be.

use std::time::Duration;

use super::Session;
use crate::device::{Completed, Pending};
use crate::error::Error;

/// A request under way, which brings a `T`. Dropped, it is cancelled.
#[derive(Debug)]
#[must_use = "a request that is dropped is cancelled"]
pub struct Waiting<T = ()> {
    pending: Pending,
    code: u32,
    /// Reads the output; the code is for its errors.
    read: Read<T>,
}

type Read<T> = fn(u32, &[u8]) -> Result<T, Error>;

impl<T> Waiting<T> {
    /// Asks for the request to be cancelled; it may succeed all the same.
    pub fn cancel(&self) {
        self.pending.cancel();
    }

    /// Whether [`Waiting::wait`] would return at once.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.pending.is_done()
    }

    /// Waits for the answer.
    ///
    /// # Errors
    ///
    /// The status with which the request ended.
    pub fn wait(self) -> Result<T, Error> {
        answer(self.code, self.read, self.pending.wait())
    }

    /// Waits for the answer for some time.
    ///
    /// # Errors
    ///
    /// The request itself, still under way.
    pub fn wait_for(self, limit: Duration) -> Result<Result<T, Error>, Self> {
        let Self { pending, code, read } = self;
        pending.wait_for(limit).map(|completed| answer(code, read, completed)).map_err(|pending| Self {
            pending,
            code,
            read,
        })
    }

    /// The request below.
    pub fn into_pending(self) -> Pending {
        self.pending
    }
}

impl Session {
    /// Begins a request, whose output `read` will read.
    pub(super) fn begin<T>(
        &self,
        code: u32,
        input: Vec<u8>,
        output_length: usize,
        read: Read<T>,
    ) -> Waiting<T> {
        Waiting { pending: self.handle.begin(code, input, vec![0; output_length]), code, read }
    }

    /// Waits for a request's answer as long as the driver may take, and a while longer.
    pub(super) fn wait<T>(&self, waiting: Waiting<T>) -> Result<T, Error> {
        let Waiting { pending, code, read } = waiting;
        answer(code, read, self.finish(code, pending)?)
    }
}

fn answer<T>(code: u32, read: Read<T>, completed: Completed) -> Result<T, Error> {
    read(code, &completed.into_output(code)?)
}

/// For [`Session::begin`]: the request has no output.
#[expect(clippy::unnecessary_wraps, reason = "others fail")]
pub(super) fn nothing(_: u32, _: &[u8]) -> Result<(), Error> {
    Ok(())
}
