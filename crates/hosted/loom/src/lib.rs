//! The kernel, WSK and KMDF for loom: every interleaving of a driver's threads, on the driver's own code.
//!
//! A test that is built with `--cfg loom` is linked with this crate instead of the hosted kernel. Each function that the
//! driver's layers call is here, with locks and memory that loom watches; what the system would do by itself, such as to
//! complete a request, is a function that a thread of the test calls.
//!
//! | module | what it is |
//! |---|---|
//! | `kernel` | pool, IRPs, events, timers, spin locks, MDLs |
//! | `provider` | WSK: requests complete at once, or wait until they are delivered or cancelled |
//! | `framework` | KMDF: loading a driver, handles, requests, the work item |
#![cfg(loom)]
#![allow(unsafe_code, reason = "defines the kernel's functions")]
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "for tests only, which a fault stops"
)]

/// What `kmdf` has for a driver, with the functions of this crate.
pub mod wdf {
    pub use kmdf::*;

    pub use crate::call_unsafe_wdf_function_binding;
}

/// Calls a framework function by its name.
#[macro_export]
macro_rules! call_unsafe_wdf_function_binding {
    ($function:ident $(, $argument:expr)* $(,)?) => {
        $crate::framework::functions::$function($($argument),*)
    };
}

pub mod framework;
pub mod kernel;
mod mdl;
pub mod provider;
