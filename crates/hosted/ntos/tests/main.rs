//! The tests of `ntos`, in one program: one link instead of one for each file.
#![allow(missing_docs, reason = "a test")]

#[macro_use]
mod common;
mod io;

mod close_thread;
mod dpc;
mod ending_process;
mod ending_thread;
mod event;
mod exports;
mod failing;
mod io_devices;
mod io_irp;
mod io_requests;
mod irql;
mod lock_order;
mod machine;
mod mdl;
mod paged_pool;
mod pool;
mod rundown;
mod shutdown;
mod special_pool;
mod spinlock;
mod stuck;
mod thread;
mod timer;
mod work_item;
