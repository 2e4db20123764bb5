//! The memory manager: memory descriptor lists, the memory of processes, and memory that may not be freed yet.

pub mod in_flight;
pub mod mdl;
pub mod user_memory;
