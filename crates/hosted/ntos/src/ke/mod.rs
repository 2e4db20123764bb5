//! The kernel proper: the processor and its levels, dispatcher objects, spin locks, DPCs and timers.

pub(crate) mod dispatcher;
pub mod dpc;
pub mod event;
pub mod irql;
pub mod lock_order;
pub(crate) mod processor;
pub mod spinlock;
pub mod timer;
pub mod wait;
