//! A Windows kernel in user mode, for the tests of drivers: everything that a driver imports, in one dependency.
//!
//! A driver's functions of the kernel, the framework and Winsock Kernel are symbols that the linker looks for. This crate
//! brings the three that define them: [`ntos`], [`kmdf`] and [`netio`]. It has to be named once in the code, or the linker
//! does not see it:
//!
//! ```
//! use hosted as _; // without this line: undefined symbol: KeWaitForSingleObject
//! ```
//!
//! In a driver that stands in its `lib.rs`, under the feature by which it is built for tests; then its unit tests, its
//! integration tests and its documentation's examples have it. `examples/` of the repository has such drivers to copy, and
//! `docs/hosted.md` the way from nothing to a test.
//!
//! # A test
//!
//! A [`Setup`] boots a [`Machine`]; [`kmdf::load`] loads a driver of the framework's into it, and [`Machine::load_driver`]
//! any other. A [`Process`] opens its device. What the driver does wrong is a bug check, which fails the test with a report.
//!
//! ```
//! use hosted::{Machine, Setup};
//! use wsk_sys::{DRIVER_OBJECT, NTSTATUS, STATUS_SUCCESS, UNICODE_STRING};
//!
//! unsafe extern "system" fn driver_entry(driver: *mut DRIVER_OBJECT, _: *const UNICODE_STRING) -> NTSTATUS {
//!     unsafe extern "system" fn unload(_: *mut DRIVER_OBJECT) {}
//!     // The system's own object, which no one else uses during this call.
//!     unsafe { (*driver).DriverUnload = Some(unload) };
//!     STATUS_SUCCESS
//! }
//!
//! fn it_loads_and_unloads(machine: &Machine) {
//!     let driver = machine.load_driver("mine", driver_entry).expect("it loads");
//!     driver.unload().expect("it unloads"); // looks for what the driver has left
//! }
//!
//! // As strict as the documentation; then under twenty mixes of what it leaves open.
//! for setup in std::iter::once(Setup::strict()).chain((0..20).map(Setup::seed)) {
//!     setup.run(it_loads_and_unloads);
//! }
//! ```
//!
//! # What goes wrong
//!
//! [`each_failure`] runs a test again and again, and lets each call that can fail do so once.
//!
//! # Features
//!
//! `kmdf` and `netio`, both on: without one, the crate of this name is not there, and its functions are not.

#[cfg(feature = "kmdf")]
pub use kmdf;
#[cfg(feature = "netio")]
pub use netio;
pub use ntos;
#[doc(no_inline)]
pub use ntos::{
    BugCheck, Completed, Config, Driver, File, Machine, NamedStatus, Overlapped, Process, Readings, Token,
};

mod setup;
mod sweep;

pub use setup::Setup;
pub use sweep::{Failure, each_failure};
