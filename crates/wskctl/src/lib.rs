//! Drives the `wskdrv` driver: sockets, options, IOCTLs and datagrams from kernel mode.
//!
//! The command `wskctl` is made of this library, and so are tests that want to speak to the driver:
//!
//! | module | contents |
//! |---|---|
//! | [`device`] | a device of the driver, on Windows or hosted in the program; handles; requests as bytes |
//! | [`session`] | the typed layer: one handle, one socket, each request a method |
//! | [`probe`] | which readings of the open questions a kernel follows |
//! | [`rows`] | the typed options and IOCTLs by name, and their values |
//! | [`step`] | one thing to do on a handle |
//! | [`verb`], [`script`] | how steps are written, on the command line and in scripts |
//! | [`service`], [`verifier`] | the driver as a Windows service; Driver Verifier and the framework's verifier for it |
//! | [`trial`] | the list of steps that a test machine goes through, from the certificate to the removed service |
//! | [`demo`] | what the driver can do, shown and checked from outside |
//! | [`interrupt`] | Ctrl-C, on its way to whoever waits |
//! | [`conformance`] | the tests that a loaded driver must pass, wherever it is loaded |
//! | [`stress`] | many requests of all kinds at once, after which nothing may be left |
//! | [`mod@bench`] | what requests cost, beside the system's own calls |
//! | [`info`] | versions, the provider and the driver's counts |
//! | [`evidence`] | all that a report of a run needs, in one document |
#![deny(unsafe_code)]

pub mod bench;
pub mod conformance;
pub mod demo;
pub mod device;
mod error;
pub mod evidence;
mod family;
mod html;
pub mod info;
pub mod interrupt;
pub mod probe;
pub mod rows;
pub mod script;
pub mod service;
pub mod session;
pub mod step;
pub mod stress;
pub mod trial;
pub mod verb;
pub mod verifier;

pub use device::{Device, Handle};
pub use error::Error;
pub use family::Family;
pub use interrupt::Interrupt;
pub use session::Session;
