//! The rows themselves, one line each, in macros that hand them to another macro.
//!
//! The macro that is passed gets, for a table of options, `[table Table module LEVEL Families "prefix"]` and then rows:
//!
//! ```text
//! /// What more there is to say.
//! #[doc(alias = "C_NAME")]
//! Type = C_NAME Kind [directions] State default Hosted Source, "What it does.";
//! ```
//!
//! The rows are constants of `rows::table`, its requests the variants of `rows::table::Request` and, as `Request::Table`,
//! of [`Request`](crate::Request); the typed requests are in `option::module` of the crate `wsk`.
//! `Type` is the name of the typed request, `Kind` a variant of [`ValueKind`](crate::ValueKind), `default` a number or
//! `_`, the rest are variants of the enumerations of the same name. The name of the row is the prefix and `C_NAME`.

#[macro_use]
mod client;
#[macro_use]
mod ioctl;
#[macro_use]
mod ip;
#[macro_use]
mod ipv6;
#[macro_use]
mod socket;
#[macro_use]
mod udp;
