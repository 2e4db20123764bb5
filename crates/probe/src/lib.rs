//! Asks the kernel that it runs in what Microsoft's pages leave open.
//!
//! A probe is a function for each question of [`readings`]: it makes its own sockets, on the loopback address, does what the
//! question is about by calls of WSK, without a layer that would refuse it first, and names the reading by what it saw. It
//! gives back all that it took. [`ask`] finds the probe of a question.
//!
//! A question whose probe could stop the machine has none.
//!
//! | module | what it has |
//! |---|---|
//! | `client` | a registration with WSK, its sockets, requests with and without an IRP |
//! | `answer` | what a probe has seen, and the reading that it names |
//! | the others | the probes of a part of `docs/fidelity.md` |
#![no_std]

mod answer;
mod client;
mod control;
mod datagrams;
mod events;
mod options;
mod received;
mod requests;
mod security;
mod sockets;
mod transports;

use nt::Passive;

pub use answer::{Answer, SEEN};
use client::Client;

/// A probe: does what its question is about, and says which reading it has seen.
type Probe = fn(&Client<'_>) -> nt::Result<Answer>;

/// The probes, by the id of their question.
const PROBES: &[&[(&str, Probe)]] = &[
    requests::PROBES,
    sockets::PROBES,
    datagrams::PROBES,
    events::PROBES,
    received::PROBES,
    control::PROBES,
    options::PROBES,
    security::PROBES,
    transports::PROBES,
];

/// The ids of the questions that can be asked.
pub fn ids() -> impl Iterator<Item = &'static str> {
    PROBES.iter().copied().flatten().map(|probe| probe.0)
}

/// Asks a question.
///
/// # IRQL
/// `PASSIVE_LEVEL`
///
/// # Errors
/// What the probe needs could not be made; it says nothing of the question. [`NOT_SUPPORTED`](nt::Error::NOT_SUPPORTED), too, if
/// no probe asks it.
pub fn ask(id: &str, passive: &Passive) -> nt::Result<Answer> {
    let probe =
        PROBES.iter().copied().flatten().find(|probe| probe.0 == id).ok_or(nt::Error::NOT_SUPPORTED)?;
    probe.1(&Client::register(passive)?)
}
