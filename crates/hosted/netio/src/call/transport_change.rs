//! `WSK_TRANSPORT_LIST_CHANGE`: requests that wait for a change of the transports.

use wsk_sys::{NTSTATUS, STATUS_CANCELLED};
#[cfg(feature = "hosted")]
use wsk_sys::{STATUS_SUCCESS, WSK_TRANSPORT};

use crate::provider::{Provider, State};
use crate::run::request::{Outcome, Parked, Work};

/// A request that waits for a change of the transports.
struct TransportChange {
    client: u64,
}

/// What the request of a client does: it ends with the next change, or when the client deregisters.
pub(crate) fn work(client: u64) -> Work {
    Work::ending_with_client(move |_| Outcome::waits(TransportChange { client }))
}

impl Parked for TransportChange {
    fn park(&mut self, _: &Provider, state: &mut State, number: u64) -> Result<(), NTSTATUS> {
        if state.registrations.get(&self.client).is_none_or(|client| client.deregistering) {
            return Err(STATUS_CANCELLED);
        }
        state.transport_changes.insert(number);
        Ok(())
    }

    fn unpark(&mut self, state: &mut State, number: u64) {
        state.transport_changes.remove(&number);
    }

    fn ends_with_client(&self) -> bool {
        true
    }
}

impl Provider {
    /// Changes the transports, and ends the requests that wait for that.
    #[cfg(feature = "hosted")]
    pub(crate) fn change_transports(&self, change: impl FnOnce(&mut Vec<WSK_TRANSPORT>)) {
        let mut state = self.lock();
        change(&mut state.transports);
        let waiting = state.transport_changes.clone();
        self.end_all(state, waiting, STATUS_SUCCESS);
    }
}
