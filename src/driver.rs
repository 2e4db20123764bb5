//! The driver: `DriverEntry`, its state from there to unload, and what it counts.
#![expect(
    unsafe_code,
    reason = "an entry point, a doorbell, and a state that lives as long as all that refers to it"
)]

use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};

use wdf::raw::{PCUNICODE_STRING, PDRIVER_OBJECT};
use wdf::{ControlDevice, Device, Request, WorkItem};
use wsk::{CompletionHandler, CompletionQueue, Doorbell, Error, Passive, Registration, Result, Version};
use wsk_sys::NTSTATUS;
use wskdrv_abi::Statistics;
use wskdrv_abi::device::{DEVICE_NAME_UTF16, LINK_NAME_UTF16, SDDL_UTF16};

use crate::file::File;
use crate::operation::Cancel;
use crate::request;

/// The driver's state.
///
/// The fields are dropped in this order: handler and queue wait for operations, the registration for sockets.
#[derive(Debug)]
pub(crate) struct Driver {
    /// What operations go to when they complete later: it completes their requests at once.
    pub(crate) handler: request::Handler,
    /// Where those go whose result is to be released by a call of WSK, which is not for a completion routine. What it holds, a
    /// socket that was made, is of the registration beside it, which everybody has for `'static`: see [`Driver::for_handles`].
    pub(crate) queue: request::Queue,
    /// The registration with WSK.
    pub(crate) registration: Registration,
    /// What has been counted.
    pub(crate) counters: Counters,
}

/// The driver's entry point.
///
/// # Safety
/// Called once by the system for each load, at `PASSIVE_LEVEL`, with the arguments of `DRIVER_INITIALIZE`.
// The name is the one that the framework's stub calls; nothing else in the image has it.
#[cfg_attr(feature = "kernel", unsafe(export_name = "DriverEntry"))]
pub unsafe extern "system" fn driver_entry(driver: PDRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry's own contract.
    unsafe { wdf::driver_entry::<Driver>(driver, path) }
}

impl wdf::Driver for Driver {
    const DEVICE: ControlDevice =
        ControlDevice { name: &DEVICE_NAME_UTF16, link: &LINK_NAME_UTF16, sddl: &SDDL_UTF16 };
    type File = File;
    type Cancel = Cancel;

    fn create(device: &Device<'_, Driver>, passive: &Passive) -> Result<Driver> {
        let work_item = WorkItem::new(device, Driver::finish_completed)?;
        // SAFETY: a work item may be enqueued at IRQL <= DISPATCH_LEVEL on any thread, until all of the driver's code has run.
        let doorbell = unsafe { Doorbell::new(wdf::enqueue_raw, work_item.as_raw()) };
        let queue = CompletionQueue::new(doorbell, passive)?;
        let handler = CompletionHandler::new(request::Finish, passive)?;
        let registration = Registration::register(Version::V1_0, passive)?;
        Ok(Driver { handler, queue, registration, counters: Counters::default() })
    }

    fn device_control(&self, request: Request<Driver>) {
        request::serve(self.for_handles(), request);
    }

    fn unload(&self, passive: &Passive) {
        self.handler.run_down(passive);
        self.queue.run_down(passive);
    }
}

impl Driver {
    /// The driver, for what handles and requests have of it: sockets, which borrow the registration.
    pub(crate) fn for_handles(&self) -> &'static Driver {
        // SAFETY: the framework has the driver at an address that stays, until its unload. By then every handle is closed and
        // every request completed, and with them their sockets and operations are gone; the queue, which may hold a socket, is
        // dropped before the registration. What runs in the handler and in the work item is waited for before the driver is dropped.
        unsafe { &*ptr::from_ref(self) }
    }

    /// The work item's routine: takes every operation that was queued, and completes its request.
    fn finish_completed(&self, _: &Passive) {
        self.queue.drain_with(request::finish);
    }
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

    /// An operation has ended: once for each.
    pub(crate) fn completed(&self, error: Option<Error>) {
        self.operations_completed.increment();
        let Some(error) = error else { return };
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
