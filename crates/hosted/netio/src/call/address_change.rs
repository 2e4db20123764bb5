//! `SIO_ADDRESS_LIST_CHANGE`: requests that wait for a change of the local addresses.
//!
//! The network in memory tells of changes. The host is asked, as long as a request waits: no portable function tells.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use wsk_sys::{NTSTATUS, STATUS_SUCCESS};

use crate::Network;
use crate::net::LocalAddress;
use crate::net::memory::{Net, Watcher};
use crate::provider::{Provider, State};
use crate::run::request::{Outcome, Parked};
use crate::socket::Socket;

/// How long the host's addresses are not looked at again.
const PAUSE: Duration = Duration::from_millis(500);

/// A request that waits for a change of the local addresses.
struct AddressChange {
    socket: Arc<Socket>,
    /// The addresses when it began, if nobody tells of a change.
    before: Option<BTreeSet<LocalAddress>>,
}

/// Starts a request that ends with the next change.
pub(super) fn start(provider: &Arc<Provider>, socket: Arc<Socket>) -> Outcome {
    let before = match &provider.config.network {
        Network::Memory(net) => {
            provider.watch(net);
            None
        }
        Network::Host => provider.addresses(),
    };
    Outcome::waits(AddressChange { socket, before })
}

impl Parked for AddressChange {
    fn park(&mut self, provider: &Provider, state: &mut State, number: u64) -> Result<(), NTSTATUS> {
        state.functional(&self.socket)?;
        state.address_changes.insert(number);
        if let Some(before) = self.before.take() {
            provider.compare_later(number, before);
        }
        Ok(())
    }

    fn unpark(&mut self, state: &mut State, number: u64) {
        state.address_changes.remove(&number);
    }
}

impl Provider {
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
    fn addresses(&self) -> Option<BTreeSet<LocalAddress>> {
        self.config.network.local_addresses().ok().map(|places| places.into_iter().collect())
    }

    fn compare_later(&self, number: u64, before: BTreeSet<LocalAddress>) {
        self.engine.schedule_in(PAUSE, move |provider| provider.compare_addresses(number, before));
    }

    /// Ends a request if the addresses are not those that they were when it began; otherwise they are looked at again
    /// in a while.
    fn compare_addresses(&self, number: u64, before: BTreeSet<LocalAddress>) {
        if !self.lock().address_changes.contains(&number) {
            return;
        }
        if self.addresses().is_some_and(|now| now != before) {
            self.end_all(self.lock(), [number], STATUS_SUCCESS);
        } else {
            self.compare_later(number, before);
        }
    }

    /// Ends the requests that wait for a change of the local addresses.
    pub(crate) fn addresses_changed(&self) {
        let state = self.lock();
        let waiting = state.address_changes.clone();
        self.end_all(state, waiting, STATUS_SUCCESS);
    }
}
