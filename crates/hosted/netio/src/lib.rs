//! A Winsock Kernel (WSK) provider with the documented rules, for drivers that run in the hosted kernel.
//!
//! It supplies the functions that `netio.sys` exports, [`WskRegister`](wsk_sys::WskRegister) and the others, and the
//! dispatch tables behind them, for datagram sockets: over UDP sockets of the host, or over a network in memory.
//! A client links this crate (`extern crate netio as _;` is enough) and names the functions as `wsk_sys` declares them.
//!
//! What the documentation forbids is a bug check that names the [rule](rules) and the object. What it leaves open is a
//! question with several readings, of which a provider follows one: [`Config::readings`] says which, `docs/fidelity.md` lists
//! them.
//!
//! A request that came with an IRP is completed exactly once, whatever the function returned; by whom and when is for
//! the test to choose: see [`Completion`].
//!
//! # A test under many readings
//!
//! A driver has to be right whatever Windows does where its pages are silent. So its test is a loop over seeds: each chooses a
//! reading of every question of WSK, the kernel and the framework, and how and when requests complete.
//!
//! ```
//! use netio::memory::Net;
//! use netio::{Completion, Config, Network, Readings};
//! use ntos::Machine;
//!
//! /// Loads the driver, and does with it what has to work.
//! fn driver_works(machine: &Machine) {
//! #   let _entered = machine.enter();
//!     // kmdf::load(machine, "driver", driver_entry), or machine.load_driver; then machine.process, create_file, ...
//! }
//!
//! for seed in 0..20 {
//!     let readings = Readings::seed(seed);
//!     let machine = Machine::boot(ntos::Config { readings: readings.clone(), ..ntos::Config::default() });
//!     let (network, completion) = (Network::Memory(Net::new()), Completion::Mixed { seed });
//!     netio::install(&machine, Config { network, completion, readings, ..Config::default() });
//!     driver_works(&machine);
//!     machine.shutdown();
//! }
//! ```
//!
//! The report of a bug check says under which of these it came, in the words of such a test; `wskctl readings seed:7` lists what
//! a seed has chosen. The chosen reading of a question does not depend on which others there are.
//!
//! # The parts
//!
//! | module | contents |
//! |---|---|
//! | `net` | the networks: the host's, and [`memory`]; addresses, options and groups as they see them. Nothing of it knows of requests: it imports nothing of `run`, `call`, `client`, `socket` or `event` |
//! | `run` | how requests run, wait, end and are cancelled, whichever they are |
//! | `call` | the functions with an IRP, a file for each request |
//! | `client` | the exported functions, and `WSK_PROVIDER_DISPATCH` |
//! | `socket`, `event` | sockets, and the calls of their `WskReceiveFromEvent` |
//! | `config`, `machine` | what a test chooses, sees and does |
//! | `provider`, [`functions`], [`rules`] | the state; what every call must obey |
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
pub mod functions;
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
#[cfg(not(feature = "hosted"))]
pub use crate::platform::clients_gone;
#[cfg(feature = "hosted")]
pub use crate::run::hold::Hold;
pub use readings::{self, Readings};
