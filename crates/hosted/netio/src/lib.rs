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
//! | [`registration`], [`deregister`], `client` | the exported functions; what concerns a client as a whole |
//! | `socket`, `bind`, `send`, `receive`, `datagram`, `close` | the life of a socket, and its functions |
//! | `control`, `option` | `WskControlSocket`, and the table of options |
//! | `check`, [`rules`] | what every call must obey |
//! | `provider`, `engine`, `completion`, `cancel`, `irp`, `buffer` | the state; how requests run, end, are cancelled |
//! | `bind_table` | who may share an address with whom |
//! | `transport`, `host`, `poll`, [`memory`], `inbox` | the networks |
//! | `platform` | what no kernel exports: the only file that knows which kernel this is |
#![allow(
    clippy::missing_safety_doc,
    reason = "Microsoft's page of the same name is the contract of each function that clients call"
)]
#![allow(clippy::similar_names, reason = "the parameters are those of the C functions, in snake case")]

mod address;
mod bind;
mod bind_table;
mod buffer;
mod cancel;
mod check;
mod client;
mod close;
mod completion;
mod control;
mod datagram;
pub mod deregister;
mod engine;
mod host;
mod inbox;
mod irp;
pub mod memory;
mod option;
mod platform;
mod poll;
mod provider;
mod receive;
pub mod registration;
pub mod rules;
mod send;
mod socket;
mod transport;

use std::ops::RangeInclusive;
use std::sync::Arc;

use wsk_sys::MAKE_WSK_VERSION;

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
}

impl Default for Config {
    /// The host's network, deferred completion, version 1.0, ready.
    fn default() -> Config {
        let version = MAKE_WSK_VERSION(1, 0);
        Config {
            network: Network::Host,
            completion: Completion::Deferred,
            versions: version..=version,
            ready: true,
        }
    }
}

/// Where the datagrams go.
#[derive(Clone, Debug)]
pub enum Network {
    /// UDP sockets of the host.
    Host,
    /// A network in memory, which several machines may share.
    Memory(memory::Net),
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

/// Gives the machine a WSK provider.
///
/// # Panics
/// If the machine has one: from an earlier call, or because a client was there first and got the default.
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
#[derive(Clone, Debug)]
pub struct Netio(Arc<Provider>);

impl Netio {
    /// Makes the provider ready, which lets waiting captures succeed, or not ready, which lets later ones fail.
    pub fn set_ready(&self, ready: bool) {
        self.0.set_ready(ready);
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

    /// The number of requests that wait, for their turn or for a datagram.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.0.lock().requests.len()
    }
}
