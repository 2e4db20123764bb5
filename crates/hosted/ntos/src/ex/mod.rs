//! The executive: pool, work items, run-down protection.

pub mod fast_mutex;
pub mod pool;
pub mod rundown;
pub mod work_item;
