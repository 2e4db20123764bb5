//! Threads of the system.

pub mod thread;
