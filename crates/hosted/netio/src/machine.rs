//! A machine's provider, as a test sees it.

use std::sync::Arc;

use ntos::Machine;
use wsk_sys::WSK_TRANSPORT;

use crate::config::Config;
use crate::platform;
use crate::provider::Provider;
use crate::run::hold::Hold;

/// Gives the machine a WSK provider.
///
/// # Panics
/// If the machine has one: from an earlier call, or because a client was there first and got the default.
#[expect(clippy::must_use_candidate, reason = "a test may do without the handle")]
pub fn install(machine: &Machine, config: Config) -> Netio {
    let (provider, installed) = platform::install(machine, config);
    assert!(
        installed,
        "the machine has a WSK provider already: install it once, before any driver registers"
    );
    Netio(provider)
}

/// A machine's WSK provider, as a test sees it. A clone is the same provider.
#[derive(Clone, Debug)]
pub struct Netio(Arc<Provider>);

impl Netio {
    /// Makes the provider ready, which lets waiting captures succeed, or not ready, which lets later ones fail.
    pub fn set_ready(&self, ready: bool) {
        self.0.set_ready(ready);
    }

    /// Makes every socket dead, as when its transport is unloaded: calls on it return `STATUS_FILE_FORCED_CLOSED`, what
    /// was pending ends with it, and its callback, if it is on, is told.
    pub fn kill_sockets(&self) {
        self.0.kill_sockets();
    }

    /// Takes the provider away: every socket is dead, and none can be made until [`Netio::set_ready`] brings it back.
    pub fn detach(&self) {
        self.0.detach();
    }

    /// The number of sockets that are not yet closed.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.0.lock().sockets.len()
    }

    /// The number of clients that are registered.
    #[must_use]
    pub fn registrations(&self) -> usize {
        self.0.lock().registrations.len()
    }

    /// Ends the requests that wait for a change of the local addresses, as if there had been one.
    pub fn change_addresses(&self) {
        self.0.addresses_changed();
    }

    /// Changes the list of transports, and ends the requests that wait for that. Without a transport for the datagrams of
    /// a family, no socket of it can be made.
    pub fn change_transports(&self, change: impl FnOnce(&mut Vec<WSK_TRANSPORT>)) {
        self.0.change_transports(change);
    }

    /// Keeps requests of one WSK function pending, such as `WskBind`, that come from now on. They can be cancelled, and
    /// run when the hold is dropped.
    pub fn hold(&self, function: &'static str) -> Hold {
        Hold::new(Arc::clone(&self.0), function)
    }

    /// The number of security descriptors that are cached and not released.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        self.0.lock().descriptors.values().map(|cached| cached.references).sum()
    }

    /// The number of requests that wait, for their turn or for something to happen.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.0.lock().requests.len()
    }

    /// The number of datagrams in the receive buffers of all sockets.
    #[must_use]
    pub fn buffered(&self) -> usize {
        let state = self.0.lock();
        let bodies = state.sockets.values().filter_map(|entry| entry.socket.datagram().ok());
        bodies.map(|body| body.inbox.len()).sum()
    }

    /// Waits until the provider's thread has nothing to do: every request that came so far is complete, or waits for
    /// something to happen, and what has arrived was delivered. While a request waits for a change of the host's
    /// addresses, the thread looks at them again and again.
    ///
    /// # Panics
    /// If that takes longer than a callback or completion routine of a client may take.
    pub fn wait_until_idle(&self) {
        let limit = platform::hang_limit();
        assert!(self.0.engine.wait_until_idle(limit), "the provider's thread is still busy after {limit:?}");
    }
}
