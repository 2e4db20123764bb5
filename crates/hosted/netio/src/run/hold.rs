//! Requests that wait for their turn; those of a function that is held, for as long as a test wants.

#[cfg(feature = "hosted")]
use std::sync::Arc;
use std::time::Duration;

use wsk_sys::NTSTATUS;

use crate::provider::{Provider, State};
use crate::run::request::{Parked, Work};

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

    /// How many requests are held and not cancelled.
    #[must_use]
    pub fn held(&self) -> usize {
        self.provider.lock().held.values().filter(|(function, _)| *function == self.function).count()
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
        let held = state.held.extract_if(.., |_, (function, _)| *function == self.function);
        let held: Vec<_> = held.collect();
        drop(state);
        for (number, (_, work)) in held {
            self.provider.engine.schedule(move |provider| provider.run(number, work));
        }
    }
}

/// A request that waits for its turn.
pub(super) struct Queued {
    pub(super) ends_with_client: bool,
}

impl Parked for Queued {
    fn park(&mut self, _: &Provider, _: &mut State, _: u64) -> Result<(), NTSTATUS> {
        Ok(())
    }

    fn unpark(&mut self, state: &mut State, number: u64) {
        state.held.remove(&number);
    }

    fn ends_with_client(&self) -> bool {
        self.ends_with_client
    }
}

impl Provider {
    /// Has a request run that waits for its turn, now or when its function is held no longer.
    pub(super) fn queue(&self, number: u64, what: &'static str, work: Work, delay: Duration) {
        let mut state = self.lock();
        if state.holds.contains(&what) && state.requests.contains_key(&number) {
            state.held.insert(number, (what, work));
            return;
        }
        drop(state);
        self.engine.schedule_later(delay, move |provider| provider.run(number, work));
    }
}
