//! The kernel proper: the processor and its levels, dispatcher objects, spin locks, DPCs and timers.

pub(crate) mod dispatcher;
pub mod dpc;
pub mod event;
pub(crate) mod header;
pub mod irql;
pub mod lock_order;
pub mod mutex;
pub(crate) mod processor;
pub mod semaphore;
pub mod spinlock;
pub mod timer;
pub mod wait;
