//! A Winsock Kernel (WSK) provider with the documented rules, for drivers that run in the hosted kernel.
//!
//! It supplies the functions that `netio.sys` exports, [`WskRegister`](wsk_sys::WskRegister) and the others, and the
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
//! | `config`, `machine` | what a test chooses, sees and does |
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
mod config;
mod event;
#[cfg(feature = "hosted")]
mod machine;
mod net;
mod platform;
mod provider;
pub mod rules;
mod run;
mod socket;

pub use crate::client::{deregister, registration};
pub use crate::config::{Completion, Config, NoCompletion};
#[cfg(feature = "hosted")]
pub use crate::machine::{Netio, install};
pub use crate::net::{Network, memory};
#[cfg(feature = "hosted")]
pub use crate::run::hold::Hold;
