//! What the framework uses of the kernel: IRPs and events.

pub(crate) mod event;
pub(crate) mod irp;
pub(crate) mod shared;
