//! The executive: pool, lists, work items, run-down protection.

pub mod fast_mutex;
pub mod interlocked;
pub mod lookaside;
pub mod pool;
pub mod rundown;
pub mod slist;
pub mod work_item;
