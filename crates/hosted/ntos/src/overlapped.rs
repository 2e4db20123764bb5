//! Requests in progress, as user mode sees them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::process::{self, ProcessBody};
use crate::request::{Completed, Request};

/// A request that was begun: an `OVERLAPPED`, with its buffers. Dropping it lets the request go on, unseen.
#[must_use = "the request's outcome is read from it"]
pub struct Overlapped {
    process: Arc<ProcessBody>,
    request: Arc<Request>,
}

impl Overlapped {
    pub(crate) fn new(process: Arc<ProcessBody>, request: Arc<Request>) -> Overlapped {
        Overlapped { process, request }
    }

    /// `CancelIoEx` with this `OVERLAPPED`: asks the driver to end the request early. It may still succeed.
    pub fn cancel(&self) {
        let _door = process::enter(&self.process);
        self.request.cancel();
    }

    /// Whether the request is complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.request.is_done()
    }

    /// Waits until the request is complete. It is a bug check if that takes longer than
    /// [`Config::request_limit`](crate::Config::request_limit).
    #[must_use]
    pub fn wait(self) -> Completed {
        self.request.wait(self.process.machine().config().request_limit)
    }

    /// Waits until the request is complete, at most for a time.
    ///
    /// # Errors
    /// The request itself, if it is not complete by then.
    pub fn wait_for(self, limit: Duration) -> Result<Completed, Overlapped> {
        if self.request.wait_within(limit) { Ok(self.wait()) } else { Err(self) }
    }
}

impl fmt::Debug for Overlapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlapped")
            .field("request", &self.request.what())
            .field("done", &self.is_done())
            .finish_non_exhaustive()
    }
}
