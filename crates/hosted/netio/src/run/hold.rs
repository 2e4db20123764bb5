//! Requests that are held: what would end at once stays pending, for as long as a test wants.

#[cfg(feature = "hosted")]
use std::sync::Arc;

use wsk_sys::{NTSTATUS, STATUS_CANCELLED, STATUS_PENDING};

use crate::provider::Provider;
use crate::run::completion::{Request, Stage, Target, Work};
use crate::run::engine::Job;
use crate::run::irp::Irp;

/// Keeps the requests of one WSK function from running; see [`Netio::hold`](crate::Netio::hold).
#[cfg(feature = "hosted")]
#[derive(Debug)]
#[must_use = "the requests run when the hold is dropped"]
pub struct Hold {
    provider: Arc<Provider>,
    function: &'static str,
}

#[cfg(feature = "hosted")]
impl Hold {
    pub(crate) fn new(provider: Arc<Provider>, function: &'static str) -> Hold {
        provider.lock().holds.push(function);
        Hold { provider, function }
    }

    /// How many requests are held that nobody has cancelled.
    #[must_use]
    pub fn held(&self) -> usize {
        let state = self.provider.lock();
        let still = |(function, request): &&(&str, u64)| {
            *function == self.function && state.requests.contains_key(request)
        };
        state.held.iter().filter(still).count()
    }
}

#[cfg(feature = "hosted")]
impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.provider.lock();
        let hold = state.holds.iter().position(|function| *function == self.function);
        if let Some(hold) = hold {
            state.holds.swap_remove(hold);
        }
        if state.holds.contains(&self.function) {
            return;
        }
        let held = state.held.extract_if(.., |(function, _)| *function == self.function);
        let held: Vec<_> = held.map(|(_, request)| request).collect();
        drop(state);
        for request in held {
            self.provider.engine.schedule(Job::Run(request));
        }
    }
}

impl Provider {
    /// Lets a request wait for its turn until nobody holds its function.
    pub(crate) fn keep(&self, irp: Irp, target: Target, what: &'static str, work: Work) -> NTSTATUS {
        let request = Request { irp, target, stage: Stage::Queued(work) };
        match self.enter_queued(request) {
            Some(request) => self.lock().held.push((what, request)),
            None => self.engine.schedule(Job::Complete(irp, target, STATUS_CANCELLED)),
        }
        STATUS_PENDING
    }
}
