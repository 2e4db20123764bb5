//! How requests run, wait, end and are cancelled, whichever they are.

pub(crate) mod cancel;
pub(crate) mod completion;
pub(crate) mod engine;
pub(crate) mod hold;
pub(crate) mod irp;
pub(crate) mod request;
