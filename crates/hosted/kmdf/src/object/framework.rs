//! The framework of one machine: its clients, and the table of all handles.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use wsk_sys::DRIVER_OBJECT;

use crate::device::init::DeviceInit;
use crate::kernel::lock::Lock;
use crate::object::Object;
use crate::object::client::Client;
use crate::object::kind::Kind;
use crate::platform;

/// The framework waits this many seconds for a driver, as the verifier's `DbgWaitForSignalTimeoutInSec` does, before it
/// reports what is missing.
const WAIT_LIMIT: u64 = 60;

/// What the framework knows on one machine.
pub(crate) struct Framework {
    serial: AtomicUsize,
    wait_limit: AtomicU64,
    refused_creates_open: AtomicBool,
    tables: Lock<Tables>,
}

/// The tables. Whoever takes something out of them drops it after releasing the lock.
#[derive(Default)]
pub(crate) struct Tables {
    /// Every object that is not destroyed yet, by its handle.
    pub(crate) objects: BTreeMap<usize, Arc<Object>>,
    /// The handle of the object that each context belongs to, by the context's address.
    pub(crate) contexts: BTreeMap<usize, usize>,
    /// The framework device of each device object, by the latter's address.
    pub(crate) devices: BTreeMap<usize, Arc<Object>>,
    /// The device descriptions that were neither freed nor used up, by their handle.
    pub(crate) inits: BTreeMap<usize, Box<DeviceInit>>,
    /// The drivers that are bound.
    pub(crate) clients: Vec<Arc<Client>>,
    /// The entry points of the drivers that are being loaded, by the name of their service.
    #[cfg(feature = "hosted")]
    pub(crate) loading: Vec<(alloc::string::String, wsk_sys::DRIVER_INITIALIZE)>,
}

impl Default for Framework {
    fn default() -> Framework {
        Framework {
            serial: AtomicUsize::new(1),
            wait_limit: AtomicU64::new(WAIT_LIMIT),
            refused_creates_open: AtomicBool::new(platform::REFUSED_CREATES_OPEN),
            tables: Lock::default(),
        }
    }
}

impl Framework {
    /// Calls `f` with the tables locked.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Tables) -> R) -> R {
        let mut tables = self.tables.lock();
        f(&mut tables)
    }

    /// A handle that no object had before.
    pub(crate) fn new_handle(&self, kind: Kind) -> usize {
        // Relaxed: only the number's uniqueness matters.
        kind.handle(self.serial.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether an object of this serial number once existed.
    pub(crate) fn was_handle(&self, serial: usize) -> bool {
        // Relaxed: the number was read from a handle, so the increment happened before.
        serial != 0 && serial < self.serial.load(Ordering::Relaxed)
    }

    /// The living object of this handle.
    pub(crate) fn find(&self, handle: usize) -> Option<Arc<Object>> {
        self.with(|tables| tables.objects.get(&handle).cloned())
    }

    /// The framework device of a device object.
    pub(crate) fn device_of(&self, device: *const wsk_sys::DEVICE_OBJECT) -> Option<Arc<Object>> {
        self.with(|tables| tables.devices.get(&device.addr()).cloned())
    }

    /// The client with these globals; for null, the only one there is.
    pub(crate) fn client(&self, globals: usize) -> Option<Arc<Client>> {
        self.with(|tables| match (globals, tables.clients.as_slice()) {
            (0, [only]) => Some(Arc::clone(only)),
            (0, _) => None,
            (_, clients) => clients.iter().find(|client| client.globals().addr() == globals).cloned(),
        })
    }

    /// The client with this driver object.
    pub(crate) fn client_of(&self, driver: *const DRIVER_OBJECT) -> Option<Arc<Client>> {
        self.with(|tables| {
            tables.clients.iter().find(|client| core::ptr::eq(client.driver_object(), driver)).cloned()
        })
    }

    /// Whether the I/O manager opens a file whose create request was refused.
    pub(crate) fn refused_creates_open(&self) -> bool {
        // Relaxed: a setting, nothing is published by it.
        self.refused_creates_open.load(Ordering::Relaxed)
    }

    /// Says whether the I/O manager opens a file whose create request was refused.
    #[cfg(feature = "hosted")]
    pub(crate) fn set_refused_creates_open(&self, open: bool) {
        // Relaxed: as above.
        self.refused_creates_open.store(open, Ordering::Relaxed);
    }

    /// How many seconds to wait for a driver.
    pub(crate) fn wait_limit(&self) -> u64 {
        // Relaxed: a setting, nothing is published by it.
        self.wait_limit.load(Ordering::Relaxed)
    }

    /// Sets how many seconds to wait for a driver.
    #[cfg(feature = "hosted")]
    pub(crate) fn set_wait_limit(&self, seconds: u64) {
        // Relaxed: as above.
        self.wait_limit.store(seconds, Ordering::Relaxed);
    }
}
