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
mod fast_mutex;
mod io_csq;
mod io_devices;
mod io_irp;
mod io_read_write;
mod io_requests;
mod irql;
mod lists;
mod lock_order;
mod lookaside;
mod machine;
mod mdl;
mod mutex;
mod paged_pool;
mod pool;
mod registry;
mod rtl;
mod rundown;
mod semaphore;
mod shutdown;
mod special_pool;
mod spinlock;
mod stuck;
mod thread;
mod timer;
mod wait_multiple;
mod work_item;
