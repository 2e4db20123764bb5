//! Declarations of Winsock Kernel (WSK). No `std`, no WDK.
//!
//! Everything bears its C name, so that Microsoft's pages are its documentation. What WSK's declarations are made of,
//! the kernel's, is re-exported from [`nt_sys`]: a client of WSK needs this crate only. As there, each function is
//! declared once, and whatever the program is linked with supplies it: `netio.sys` in a driver, the `hosted` crates in a
//! test.
//!
//! Sizes and field offsets of every structure are asserted at compile time (`layout.rs`), for 64-bit targets.
//!
//! | module | contents |
//! |---|---|
//! | [`sockaddr`] | socket addresses and control information |
//! | [`wsk`], [`control`] | WSK structures, dispatch tables, callbacks; control codes |
//! | [`netio`] | functions exported by `netio.sys` |
#![no_std]
#![allow(
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    reason = "everything bears its C name"
)]
#![allow(
    clippy::missing_safety_doc,
    clippy::upper_case_acronyms,
    clippy::struct_field_names,
    reason = "Microsoft's page of the same name is the contract"
)]
#![allow(unsafe_code, reason = "this crate is the foreign function interface")]

pub mod control;
pub mod layout;
pub mod netio;
pub mod sockaddr;
pub mod wsk;

pub use nt_sys::*;

pub use control::*;
pub use netio::*;
pub use sockaddr::*;
pub use wsk::*;
