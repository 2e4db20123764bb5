//! `WSK_EVENT_DISABLE`: requests that turn the callback of a socket off, and wait until no call of it is left.

use std::sync::Arc;

use readings::EnabledTwice;
use wsk_sys::{NTSTATUS, STATUS_INVALID_DEVICE_STATE, STATUS_SUCCESS};

use crate::call::event_callback::static_switched;
use crate::event::Mode;
use crate::provider::{Provider, State};
use crate::run::request::{Outcome, Parked};

/// A request that waits for the calls of a socket's callback to return.
struct DisableReceive {
    socket: u64,
}

/// Starts a request.
pub(super) fn start(socket: u64) -> Outcome {
    Outcome::waits(DisableReceive { socket })
}

impl Parked for DisableReceive {
    /// Cancelled, the callback is off all the same. n/d
    fn park(&mut self, provider: &Provider, state: &mut State, number: u64) -> Result<(), NTSTATUS> {
        if disable(provider, state, self.socket)? == 0 {
            return Err(STATUS_SUCCESS);
        }
        if let Some(traffic) = state.traffic(self.socket) {
            traffic.events.disables.insert(number);
        }
        Ok(())
    }

    fn unpark(&mut self, state: &mut State, number: u64) {
        if let Some(traffic) = state.traffic(self.socket) {
            traffic.events.disables.remove(&number);
        }
    }
}

/// Turns the callback off, and returns how many calls of it have not returned.
pub(super) fn disable(provider: &Provider, state: &mut State, socket: u64) -> Result<usize, NTSTATUS> {
    let Some(traffic) = state.traffic(socket) else { return Ok(0) };
    match traffic.events.mode {
        Mode::Static => return Err(static_switched(provider)),
        Mode::Off if provider.reading::<EnabledTwice>() == EnabledTwice::InvalidState => {
            return Err(STATUS_INVALID_DEVICE_STATE);
        }
        Mode::On | Mode::Off => traffic.events.mode = Mode::Off,
    }
    Ok(traffic.events.running)
}

impl Provider {
    /// Completes the requests that wait for the calls of a socket's callback: none is left.
    pub(crate) fn complete_disables(self: &Arc<Self>, socket: u64) {
        let mut state = self.lock();
        let traffic = state.traffic(socket).filter(|traffic| traffic.events.running == 0);
        let waiting = traffic.map(|traffic| traffic.events.disables.clone()).unwrap_or_default();
        let waiting: Vec<_> = waiting.into_iter().filter_map(|number| state.claim(number)).collect();
        drop(state);
        for request in waiting {
            self.complete_at_dispatch(request, STATUS_SUCCESS, 0);
        }
    }
}
