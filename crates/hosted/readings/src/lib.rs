//! What Microsoft's pages leave open, as data.
//!
//! A [`Question`] is something that a client of WSK, of the kernel or of the framework may meet, and that the pages do not
//! say; a reading is one possible answer. [`QUESTIONS`] has all of them, with the evidence for each. A hosted kernel follows
//! one reading of each question, as its [`Readings`] say: the strict ones, those that Windows is known to follow, or a mix
//! by a seed. A driver has to be right under all of them.
//!
//! `docs/fidelity.md` is generated from here, by `cargo xtask fidelity`.
//!
//! ```
//! use readings::{Readings, ReceiveTruncated};
//!
//! let strict = Readings::default();
//! assert_eq!(strict.of::<ReceiveTruncated>(), ReceiveTruncated::Success);
//! let other: Readings = "strict,receive-truncated=overflow".parse()?;
//! assert_eq!(other.of::<ReceiveTruncated>(), ReceiveTruncated::Overflow);
//! # Ok::<(), readings::NoReadings>(())
//! ```

#![no_std]

extern crate alloc;

#[macro_use]
mod question;

mod choice;
mod control;
mod datagrams;
mod dead;
mod events;
mod framework;
mod kernel;
mod options;
mod registration;
mod requests;
mod security;
mod sockets;
mod transports;

pub use choice::{NoReadings, Readings};
pub use control::*;
pub use datagrams::*;
pub use dead::*;
pub use events::*;
pub use framework::*;
pub use kernel::*;
pub use options::*;
pub use question::{About, Evidence, Part, Probe, Question, Reading, Strength};
pub use registration::*;
pub use requests::*;
pub use security::*;
pub use sockets::*;
pub use transports::*;

/// Every question, by the parts of the page and in its order.
pub const QUESTIONS: &[&[&About]] = &[
    requests::ALL,
    registration::ALL,
    sockets::ALL,
    datagrams::ALL,
    control::ALL,
    options::ALL,
    security::ALL,
    transports::ALL,
    events::ALL,
    dead::ALL,
    kernel::ALL,
    framework::ALL,
];

/// Every question, one after another.
pub fn all() -> impl Iterator<Item = &'static About> {
    QUESTIONS.iter().copied().flatten().copied()
}

/// The question of that id.
#[must_use]
pub fn find(id: &str) -> Option<&'static About> {
    all().find(|about| about.id == id)
}

#[cfg(test)]
mod tests;
