//! Callbacks that run later: work items, timers and DPCs.

pub(crate) mod dpc;
pub(crate) mod timer;
pub(crate) mod work_item;
