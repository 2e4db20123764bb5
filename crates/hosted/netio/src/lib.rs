//! A Winsock Kernel (WSK) provider with the documented rules, for drivers that run in the hosted kernel.
//!
//! It supplies the functions that `netio.sys` exports, [`WskRegister`](wsk_sys::WskRegister) and its kin, and the
//! dispatch tables behind them, for datagram sockets: over UDP sockets of the host, or over a network in memory.
//! A client links this crate (`extern crate netio as _;` is enough) and names the functions as `wsk_sys` declares them.
//!
//! What the documentation forbids is a bug check that names the [rule](rules) and the object. Where the documentation
//! is silent, the source says `n/d` (not documented) and what was chosen; `docs/fidelity.md` lists these choices.
//!
//! A request that came with an IRP is completed exactly once, whatever the function returned; by whom and when is for
//! the test to choose: see [`Completion`].
//!
//! | module | contents |
//! |---|---|
//! | `net` | the networks: the host's, and [`memory`]; addresses, options and groups as they see them. Nothing of it knows of requests: it imports nothing of `run`, `call`, `client`, `socket` or `event` |
//! | `run` | how requests run, wait, end and are cancelled, whichever they are |
//! | `call` | the functions with an IRP, a file for each request |
//! | `client` | the exported functions, and `WSK_PROVIDER_DISPATCH` |
//! | `socket`, `event` | sockets, and the calls of their `WskReceiveFromEvent` |
//! | `provider`, [`rules`] | the state; what every call must obey |
//! | `platform` | what no kernel exports: the only place that knows which kernel this is |
#![allow(
    clippy::missing_safety_doc,
    reason = "Microsoft's page of the same name is the contract of each function that clients call"
)]
#![cfg_attr(
    not(feature = "hosted"),
    allow(dead_code, reason = "what only tests do to a provider, and no client can")
)]
#![allow(clippy::similar_names, reason = "the parameters are those of the C functions, in snake case")]

mod call;
mod client;
mod event;
mod net;
mod platform;
mod provider;
pub mod rules;
mod run;
mod socket;

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
#[cfg(feature = "hosted")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "hosted")]
use wsk_sys::WSK_TRANSPORT;
use wsk_sys::{MAKE_WSK_VERSION, NTSTATUS, STATUS_SUCCESS};

pub use crate::client::{deregister, registration};
pub use crate::net::{Network, memory};
#[cfg(feature = "hosted")]
pub use crate::run::hold::Hold;

#[cfg(feature = "hosted")]
use crate::provider::Provider;

/// How a provider behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the datagrams go.
    pub network: Network,
    /// How requests end.
    pub completion: Completion,
    /// The WSK versions offered, as [`MAKE_WSK_VERSION`] makes them.
    pub versions: RangeInclusive<u16>,
    /// Whether the provider can be captured from the beginning; see [`Netio::set_ready`].
    pub ready: bool,
    /// How long [`WskDeregister`](deregister::WskDeregister) waits on a strict machine for what is on its way, before
    /// it reports that as stuck.
    pub deregister_limit: Duration,
    /// How a receive of a datagram that does not fit ends: with a success, or with the warning
    /// `STATUS_BUFFER_OVERFLOW`, as AFD ends it in user mode. `MSG_TRUNC` is set, and what fits is there, either way.
    pub truncation: NTSTATUS,
}

impl Default for Config {
    /// The host's network, deferred completion, version 1.0, ready, a minute to deregister.
    fn default() -> Config {
        let version = MAKE_WSK_VERSION(1, 0);
        Config {
            network: Network::Host,
            completion: Completion::Deferred,
            versions: version..=version,
            ready: true,
            deregister_limit: Duration::from_mins(1),
            truncation: STATUS_SUCCESS,
        }
    }
}

/// How requests end. All of these happen on Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// A request that need not wait completes inside the call, at the caller's IRQL, and the call returns its status.
    /// One that waits completes as with `Deferred`.
    Inline,
    /// The call returns `STATUS_PENDING`; the request runs and completes on another thread, at `DISPATCH_LEVEL`.
    Deferred,
    /// As `Deferred`, each after a random time below half a millisecond, so that requests overtake each other.
    Delayed {
        /// Of the random numbers.
        seed: u64,
    },
}

/// A text that is none of a [`Completion`]'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoCompletion;

impl fmt::Display for NoCompletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected inline, deferred or delayed:SEED, where SEED is a number")
    }
}

impl std::error::Error for NoCompletion {}

impl FromStr for Completion {
    type Err = NoCompletion;

    fn from_str(text: &str) -> Result<Completion, NoCompletion> {
        match text {
            "inline" => Ok(Completion::Inline),
            "deferred" => Ok(Completion::Deferred),
            _ => {
                let seed = text.strip_prefix("delayed:").and_then(|seed| seed.parse().ok());
                seed.map(|seed| Completion::Delayed { seed }).ok_or(NoCompletion)
            }
        }
    }
}

impl fmt::Display for Completion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Completion::Inline => f.write_str("inline"),
            Completion::Deferred => f.write_str("deferred"),
            Completion::Delayed { seed } => write!(f, "delayed:{seed}"),
        }
    }
}

/// Gives the machine a WSK provider.
///
/// # Panics
/// If the machine has one: from an earlier call, or because a client was there first and got the default.
#[cfg(feature = "hosted")]
#[expect(clippy::must_use_candidate, reason = "a test may do without the handle")]
pub fn install(machine: &ntos::Machine, config: Config) -> Netio {
    let (provider, installed) = platform::install(machine, config);
    assert!(
        installed,
        "the machine has a WSK provider already: install it once, before any driver registers"
    );
    Netio(provider)
}

/// A machine's WSK provider, as a test sees it. A clone is the same provider.
#[cfg(feature = "hosted")]
#[derive(Clone, Debug)]
pub struct Netio(Arc<Provider>);

#[cfg(feature = "hosted")]
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

    /// The number of security descriptors that are cached.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        self.0.lock().descriptors.len()
    }

    /// The number of requests that wait, for their turn or for a datagram.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.0.lock().requests.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_have_a_text() {
        for text in ["inline", "deferred", "delayed:0", "delayed:18446744073709551615"] {
            assert_eq!(text.parse::<Completion>().unwrap().to_string(), text);
        }
        for text in ["", "Inline", "delayed", "delayed:", "delayed:-1", "delayed:18446744073709551616"] {
            assert_eq!(text.parse::<Completion>(), Err(NoCompletion), "{text}");
        }
    }
}
