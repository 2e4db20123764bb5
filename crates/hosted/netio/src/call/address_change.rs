//! `SIO_ADDRESS_LIST_CHANGE`: requests that wait for a change of the local addresses.
//!
//! The network in memory tells of changes. The host is asked, as long as a request waits: no portable function tells.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use wsk_sys::{NTSTATUS, STATUS_CANCELLED, STATUS_SUCCESS};

use crate::Network;
use crate::net::memory::{Net, Watcher};
use crate::net::{self, Place};
use crate::provider::Provider;
use crate::run::completion::{Stage, Target};
use crate::run::engine::Job;
use crate::run::irp::Irp;
use crate::socket::Socket;
use crate::socket::dead::DEAD;

/// How long the host's addresses are not looked at again.
const PAUSE: Duration = Duration::from_millis(500);

impl Provider {
    /// Lets a request wait for a change of the local addresses. Returns how it ended, if it did.
    pub(crate) fn await_change(
        self: &Arc<Self>,
        irp: Irp,
        target: Target,
        socket: &Socket,
        mark: bool,
    ) -> Option<NTSTATUS> {
        let before = match &self.config.network {
            Network::Memory(net) => {
                self.watch(net);
                None
            }
            Network::Host => self.addresses(),
        };
        self.enter_waiting(irp, target, Stage::AddressChange, mark, |state, request| {
            let entry = state.sockets.get(&socket.number).filter(|entry| !entry.closing);
            if entry.is_none() {
                return Some(STATUS_CANCELLED);
            }
            if socket.is_dead() {
                return Some(DEAD);
            }
            if let Some(before) = before {
                self.engine.schedule_in(PAUSE, Job::CompareAddresses(request, before));
            }
            None
        })
    }

    fn watch(self: &Arc<Self>, net: &Net) {
        self.watcher.get_or_init(|| {
            let provider = Arc::downgrade(self);
            let watcher = Arc::new(Watcher(Box::new(move || {
                if let Some(provider) = provider.upgrade() {
                    provider.addresses_changed();
                }
            })));
            net.watch(&watcher);
            watcher
        });
    }

    /// This machine's addresses, if the host tells them.
    fn addresses(&self) -> Option<BTreeSet<Place>> {
        net::places(self).ok().map(|places| places.into_iter().collect())
    }

    /// Ends a request if the addresses are not those that they were when it began; otherwise they are looked at again
    /// in a while.
    pub(crate) fn compare_addresses(&self, request: u64, before: BTreeSet<Place>) {
        if !self.lock().requests.contains_key(&request) {
            return;
        }
        if self.addresses().is_some_and(|now| now != before) {
            self.end_all(self.lock(), [request], STATUS_SUCCESS);
        } else {
            self.engine.schedule_in(PAUSE, Job::CompareAddresses(request, before));
        }
    }

    /// Ends the requests that wait for a change of the local addresses.
    pub(crate) fn addresses_changed(&self) {
        let state = self.lock();
        let waiting = state.numbers(|request| matches!(request.stage, Stage::AddressChange));
        self.end_all(state, waiting, STATUS_SUCCESS);
    }
}
