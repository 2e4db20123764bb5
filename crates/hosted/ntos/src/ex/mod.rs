//! The executive: pool, work items, run-down protection.

pub mod pool;
pub mod rundown;
pub mod work_item;
