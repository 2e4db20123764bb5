//! The driver's state, from `DriverEntry` to unload.

use core::sync::atomic::{AtomicU64, Ordering};

use wsk::{CompletionQueue, Error, Registration, Result};
use wskdrv_abi::Statistics;

use crate::operation::Buffers;

/// The driver's state: the context of the framework's driver object.
///
/// The fields are dropped in this order: the queue waits for operations, the registration for sockets.
#[derive(Debug)]
pub(crate) struct Driver {
    /// Where operations go when they have finished. What it holds, a socket that was made, is of the registration beside it,
    /// which everybody but `evt_unload` has for `'static`: see [`driver_of`](crate::device::driver_of).
    pub(crate) queue: CompletionQueue<'static, Buffers>,
    /// The registration with WSK.
    pub(crate) registration: Registration,
    /// What has been counted.
    pub(crate) counters: Counters,
}

macro_rules! counters {
    ($($name:ident),* $(,)?) => {
        /// The counters behind [`Statistics`].
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            /// The counters at this moment; each is right, all together are no snapshot.
            pub(crate) fn read(&self) -> Statistics {
                Statistics { $($name: self.$name.0.load(Ordering::Relaxed)),* }
            }
        }
    };
}

counters! {
    handles_open, sockets_open, operations_allocated, operations_submitted, operations_completed, operations_failed,
    operations_cancelled, operations_timed_out, irps_allocated, irps_reused, irps_freed, datagrams_sent, bytes_sent,
    datagrams_received, bytes_received, datagrams_dropped,
}

impl Counters {
    /// An operation is submitted: [`Counters::completed`] follows.
    pub(crate) fn submitted(&self) {
        self.operations_submitted.increment();
    }

    /// An operation has ended, or could not be submitted after all: once for each.
    pub(crate) fn completed(&self, result: Result<usize>) {
        self.operations_completed.increment();
        let Err(error) = result else { return };
        self.operations_failed.increment();
        if error == Error::CANCELLED {
            self.operations_cancelled.increment();
        }
        if error == Error::IO_TIMEOUT {
            self.operations_timed_out.increment();
        }
    }
}

/// A number that several threads count. It orders nothing, so every access is relaxed.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub(crate) fn increment(&self) {
        self.add(1);
    }

    /// One less.
    pub(crate) fn decrement(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// So many more.
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }
}
