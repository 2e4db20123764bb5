//! Sockets that are no longer functional, and a provider that is gone: what makes `STATUS_FILE_FORCED_CLOSED`.
//!
//! On Windows this happens when a transport or WSK itself is unloaded; here a test does it.

use std::sync::Arc;

use readings::DeadAddress;
use wsk_sys::{NTSTATUS, STATUS_FILE_FORCED_CLOSED};

use crate::event::Mode;
use crate::provider::Provider;

/// What every call on a dead socket returns, but the close and the release of indications.
pub(crate) const DEAD: NTSTATUS = STATUS_FILE_FORCED_CLOSED;

impl Provider {
    /// Makes every socket dead: what waits ends with [`DEAD`], the callbacks that are on are told.
    pub(crate) fn kill_sockets(self: &Arc<Self>) {
        let mut numbers: Vec<u64> = self.lock().sockets.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            self.kill(number);
        }
    }

    /// Makes a socket dead.
    fn kill(self: &Arc<Self>, number: u64) {
        let mut state = self.lock();
        let Some(entry) = state.sockets.get_mut(&number).filter(|entry| !entry.closing) else { return };
        let socket = Arc::clone(&entry.socket);
        if !socket.mark_dead() {
            return;
        }
        let tell = entry.traffic.as_ref().is_some_and(|traffic| traffic.events.mode != Mode::Off);
        let numbers = entry.requests.clone();
        // n/d: the status of the requests that were pending.
        self.end_all(state, numbers, DEAD);
        if tell {
            self.engine.schedule(move |provider| provider.tell_dead(number));
        }
        match self.reading() {
            // The transport is gone, and the address with it.
            DeadAddress::Free => socket.unbind(),
            DeadAddress::Kept => {}
        }
    }

    /// Takes the provider away: its sockets are dead, and there are no new ones until it is ready again.
    pub(crate) fn detach(self: &Arc<Self>) {
        self.set_ready(false);
        self.lock().detached = true;
        self.kill_sockets();
    }
}
