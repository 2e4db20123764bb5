//! Requests in progress, as user mode sees them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::process::request::{Completed, Request};
use crate::process::{self, ProcessBody};

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
        let (process, request) = (Arc::clone(&self.process), Arc::clone(&self.request));
        self.process.machine().go_in(move || {
            let _inside = process::enter(&process);
            request.cancel();
        });
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
        let machine = self.process.machine();
        let limit = machine.config().request_limit;
        if self.request.is_done() {
            return self.request.wait(limit);
        }
        let request = Arc::clone(&self.request);
        machine.go_in(move || request.wait(limit))
    }

    /// Waits until the request is complete, at most for a time.
    ///
    /// # Errors
    /// The request itself, if it is not complete by then.
    pub fn wait_for(self, limit: Duration) -> Result<Completed, Overlapped> {
        let request = Arc::clone(&self.request);
        let done = self.is_done() || self.process.machine().go_in(move || request.wait_within(limit));
        if done { Ok(self.wait()) } else { Err(self) }
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
