//! The control device: its queues and files, and its kernel device object.
#![expect(unsafe_code, reason = "owns a kernel device object")]

pub(crate) mod api;
pub(crate) mod caller_context;
pub(crate) mod dispatch;
pub(crate) mod init;
pub(crate) mod pnp;
pub(crate) mod queues;
pub(crate) mod shutdown;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};
use wsk_sys::{
    DEVICE_OBJECT, IoDeleteDevice, IoDeleteSymbolicLink, NTSTATUS, ObfDereferenceObject, ObfReferenceObject,
    PASSIVE_LEVEL,
};

use crate::device::shutdown::Shutdown;
use crate::file::File;
use crate::kernel::shared::Shared;
use crate::object::args::counted;
use crate::object::attributes::Attributes;
use crate::object::callback_lock::CallbackLock;
use crate::object::disposer::Disposer;
use crate::object::kind::Kind;
use crate::object::worker::Worker;
use crate::object::{self, Body, Kinded, Object, Typed};
use crate::platform;
use crate::queue::{self, Queue};
use crate::request::Recipient;
use crate::rules::Broken;
use crate::types::{WDF_EXECUTION_LEVEL, WDF_FILEOBJECT_CONFIG, WDF_SYNCHRONIZATION_SCOPE, WDFDEVICE__};

/// The body of a WDFDEVICE.
///
/// # Invariants
/// `device_object` is a device object that lives until `finish`: until then it is not deleted, or a reference is held.
pub(crate) struct Device {
    device_object: Shared<*mut DEVICE_OBJECT>,
    name: Option<Vec<u16>>,
    exclusive: bool,
    file: Option<(WDF_FILEOBJECT_CONFIG, Attributes)>,
    request: Attributes,
    in_caller_context: Option<caller_context::Callback>,
    shutdown: Shutdown,
    /// The resolved execution level and synchronisation scope.
    pub(crate) level: WDF_EXECUTION_LEVEL,
    pub(crate) scope: WDF_SYNCHRONIZATION_SCOPE,
    pub(crate) lock: Arc<CallbackLock>,
    disposer: Disposer,
    state: Mutex<State>,
}

/// What changes of a device.
#[derive(Default)]
pub(crate) struct State {
    default_queue: Option<Typed<Queue>>,
    /// The queue that owns the create requests while `EvtDeviceFileCreate` has them.
    create_queue: Option<Typed<Queue>>,
    /// The queues of the request types that do not go to the default queue, by major function code.
    routes: BTreeMap<u8, Typed<Queue>>,
    queues: Vec<Weak<Object>>,
    link: Option<Vec<u16>>,
    /// Open files, by the address of the kernel's file object.
    files: BTreeMap<usize, Typed<File>>,
    /// What the create requests of files ended with that are open all the same, where there are such.
    refused: BTreeMap<usize, NTSTATUS>,
    /// How many handles are open, or being opened.
    open: usize,
    pub(crate) finished: bool,
    /// Whether the driver deleted the device: nobody opens it any more.
    deleting: bool,
    /// Whether the kernel's device object is deleted, and held by a reference.
    kernel_deleted: bool,
}

/// The devices of a machine.
struct Devices {
    /// By the address of the kernel's device object.
    all: Mutex<BTreeMap<usize, Typed<Device>>>,
    /// Whether the I/O manager opens a file whose create request was refused.
    refused_creates_open: AtomicBool,
}

impl Default for Devices {
    fn default() -> Devices {
        let refused_creates_open = AtomicBool::new(platform::REFUSED_CREATES_OPEN);
        Devices { all: Mutex::default(), refused_creates_open }
    }
}

fn devices() -> Arc<Devices> {
    platform::state()
}

/// All devices.
#[cfg(feature = "hosted")]
pub(crate) fn all() -> Vec<Typed<Device>> {
    devices().all.lock().values().cloned().collect()
}

/// The framework device of a device object.
fn of(device_object: *const DEVICE_OBJECT) -> Option<Typed<Device>> {
    devices().all.lock().get(&device_object.addr()).cloned()
}

/// Says whether the I/O manager opens a file whose create request was refused.
#[cfg(feature = "hosted")]
pub(crate) fn set_refused_creates_open(open: bool) {
    // Relaxed: a setting, nothing is published by it.
    devices().refused_creates_open.store(open, Ordering::Relaxed);
}

impl Device {
    pub(crate) fn device_object(&self) -> *mut DEVICE_OBJECT {
        self.device_object.0
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The queue for requests of this major function code.
    pub(crate) fn queue_for(&self, major: u8) -> Option<Typed<Queue>> {
        let state = self.state.lock();
        state.routes.get(&major).or(state.default_queue.as_ref()).cloned()
    }

    /// The queues that live.
    pub(crate) fn queues(&self) -> Vec<Typed<Queue>> {
        let queues = self.state.lock().queues.clone();
        queues.iter().filter_map(Weak::upgrade).filter_map(Typed::of).collect()
    }

    /// Undoes a create that fails: no cleanup or close follows it.
    ///
    /// # Errors
    /// The violation of a driver that does not let the file object end.
    fn create_failed(&self, file_object: usize, status: NTSTATUS) -> Result<(), Broken> {
        self.refuse(file_object, status);
        let file = {
            let mut state = self.state.lock();
            state.open -= 1;
            state.files.remove(&file_object)
        };
        file.map_or(Ok(()), |file| object::delete(file.object()))
    }

    /// Notes that a create was refused, for an I/O manager that opens the file all the same.
    pub(crate) fn refuse(&self, file_object: usize, status: NTSTATUS) {
        // Relaxed: a setting, nothing is published by it.
        if file_object != 0 && devices().refused_creates_open.load(Ordering::Relaxed) {
            self.state.lock().refused.insert(file_object, status);
        }
    }

    /// What the file's create was refused with.
    pub(crate) fn refused(&self, file_object: usize) -> Option<NTSTATUS> {
        self.state.lock().refused.get(&file_object).copied()
    }

    /// Forgets that the file's create was refused.
    pub(crate) fn forget_refused(&self, file_object: usize) {
        self.state.lock().refused.remove(&file_object);
    }

    /// Counts a handle less; whether it was the last one of a device that the driver deleted.
    pub(crate) fn closed(&self) -> bool {
        let mut state = self.state.lock();
        state.open -= 1;
        state.open == 0 && state.deleting
    }
}

impl Body for Device {
    fn needs_passive(&self) -> bool {
        true
    }

    /// The kernel's device object is deleted first, so that nobody opens it any more and its name is free. The rest follows
    /// with the last handle.
    fn begin_delete(&self) -> bool {
        let (first, closed) = {
            let mut state = self.state.lock();
            let first = !core::mem::replace(&mut state.deleting, true);
            let closed = state.open == 0;
            state.kernel_deleted |= first;
            (first, closed)
        };
        if first {
            // SAFETY: by the type's invariant the device object lives; the reference is dropped by `finish`.
            unsafe { ObfReferenceObject(self.device_object.0.cast()) };
            // SAFETY: by the type's invariant the device object lives; it is deleted once.
            unsafe { IoDeleteDevice(self.device_object.0) };
        }
        first && closed
    }

    fn finish(&self, object: &Arc<Object>) -> Result<(), Broken> {
        self.disposer.retire(object)?;
        let (link, deleted) = {
            let mut state = self.state.lock();
            (state.link.take(), state.kernel_deleted)
        };
        if let Some(link) = link {
            let link = counted(&link);
            // SAFETY: a counted string over `link`, which outlives the call.
            let _gone_already = unsafe { IoDeleteSymbolicLink(&raw const link) };
        }
        let removed = devices().all.lock().remove(&self.device_object.0.addr());
        drop(removed);
        if deleted {
            // SAFETY: the reference that `begin_delete` took; nobody uses the device object any more.
            unsafe { ObfDereferenceObject(self.device_object.0.cast()) };
        } else {
            // SAFETY: by the type's invariant the device object lives; it is deleted once.
            unsafe { IoDeleteDevice(self.device_object.0) };
        }
        Ok(())
    }

    fn lock(&self) -> Option<&Arc<CallbackLock>> {
        Some(&self.lock)
    }

    fn disposer(&self) -> Option<&Disposer> {
        Some(&self.disposer)
    }

    fn worker(&self) -> Option<&Worker> {
        Some(self.disposer.worker())
    }

    fn work(&self, _object: &Arc<Object>) {
        self.disposer.run();
    }

    fn describe(&self) -> String {
        match &self.name {
            Some(name) => String::from_utf16_lossy(name),
            None => format!("unnamed, device object {:#x}", self.device_object.0.addr()),
        }
    }
}

impl Kinded for Device {
    type Handle = WDFDEVICE__;
    const KIND: &'static Kind = &Kind { delete_level: PASSIVE_LEVEL, ..Kind::new("WDFDEVICE") };
}

impl Recipient for Typed<Device> {
    fn create_failed(&self, file_object: usize, status: NTSTATUS) -> Result<(), Broken> {
        Device::create_failed(self, file_object, status)
    }

    fn completed(&self, queue: Arc<Object>, request: &Object) {
        if let Some(queue) = Typed::of(queue) {
            queue::completed(&queue, request);
        }
    }
}
