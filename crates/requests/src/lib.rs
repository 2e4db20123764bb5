//! The control requests of Winsock Kernel (WSK), as data.
//!
//! A request is a socket option, a socket IOCTL or a control code of the client. [`ROWS`] has a [`Row`] for each one
//! that a datagram or basic socket, or the client, can be asked: its numbers, the value and its size, the directions,
//! whether an IRP goes with it, when and up to which IRQL it can be made. [`Request`] has a variant for each, to match on.
//! `About`, with the feature `about`, has what a driver does not need: a summary, where the request is documented, what
//! the hosted provider does with it, and the name of its conformance test. [`EXCLUDED`] lists the requests that do not
//! apply, with the reason.
//!
//! Whoever handles requests reads these rows: the typed requests of the crate `wsk` are made from them at compile time,
//! a driver and a harness look up what they are asked for, the hosted provider follows them, `docs/options.md` is written
//! from them. There is no unsafe code and no call of the kernel here, so a user-mode program can link it.
//!
//! The rows are written once, in macros that hand their tokens to another macro: [`socket_options`] and the others of the
//! same form. A crate that needs an item for each row, such as a type or a test, passes the macro that makes it.
//!
//! ```
//! use wsk_requests::{Row, StateRule, ValueKind};
//!
//! let row = Row::option(0, 4).unwrap();
//! assert_eq!((row.name, row.value, row.state), ("IP_TTL", ValueKind::U32, StateRule::AnyTime));
//! ```
#![no_std]

#[macro_use]
mod table;

#[cfg(feature = "about")]
mod about;
mod excluded;
mod row;
pub mod rows;
pub mod value;

#[cfg(feature = "about")]
pub use about::{About, Hosted, Source};
pub use excluded::{EXCLUDED, Excluded};
pub use row::{Direction, Families, IrpRule, Kind, MaxIrql, Row, Sockets, StateRule, ValueKind};
pub use rows::{ROWS, Request};
pub use value::{Interface, Multicast, PathMtuDiscovery, ProtectionLevel};
