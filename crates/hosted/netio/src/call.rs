//! The functions that clients call with an IRP, a file for each request.

pub(crate) mod address_change;
pub(crate) mod bind;
pub(crate) mod buffer;
pub(crate) mod check;
pub(crate) mod close;
pub(crate) mod control;
pub(crate) mod receive;
pub(crate) mod release;
pub(crate) mod security;
pub(crate) mod send;
pub(crate) mod unsupported;
