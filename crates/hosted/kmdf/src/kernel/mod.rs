//! What the framework uses of the kernel: IRPs, events, and a spin lock around a value.

pub(crate) mod event;
pub(crate) mod irp;
pub(crate) mod lock;
pub(crate) mod shared;
