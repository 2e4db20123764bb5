//! The control device: its queues and files, and its kernel device object.
#![expect(unsafe_code, reason = "owns a kernel device object")]

pub(crate) mod api;
pub(crate) mod caller_context;
pub(crate) mod dispatch;
pub(crate) mod file;
pub(crate) mod init;
pub(crate) mod pnp;
pub(crate) mod queues;
pub(crate) mod shutdown;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use wsk_sys::{
    DEVICE_OBJECT, IoDeleteDevice, IoDeleteSymbolicLink, NTSTATUS, ObfDereferenceObject, ObfReferenceObject,
};

use crate::device::file::File;
use crate::device::shutdown::Shutdown;
use crate::kernel::lock::{Guard, Lock};
use crate::kernel::shared::Shared;
use crate::object::args::counted;
use crate::object::attributes::Attributes;
use crate::object::kind::Kind;
use crate::object::serial::Serial;
use crate::object::worker::Worker;
use crate::object::{self, Body, Kinded, Object, Typed};
use crate::platform::framework;
use crate::queue::Queue;
use crate::request::Request;
use crate::types::{WDF_EXECUTION_LEVEL, WDF_FILEOBJECT_CONFIG, WDF_SYNCHRONIZATION_SCOPE};

/// The body of a WDFDEVICE.
///
/// # Invariants
/// `device_object` is a device object that lives until `finish`: until then it is not deleted, or a reference is held.
pub(crate) struct Device {
    device_object: Shared<*mut DEVICE_OBJECT>,
    pub(crate) name: Option<Vec<u16>>,
    pub(crate) exclusive: bool,
    pub(crate) file: Option<(WDF_FILEOBJECT_CONFIG, Attributes)>,
    request: Attributes,
    pub(crate) in_caller_context: Option<caller_context::Callback>,
    pub(crate) shutdown: Shutdown,
    /// The resolved execution level and synchronisation scope.
    pub(crate) level: WDF_EXECUTION_LEVEL,
    pub(crate) scope: WDF_SYNCHRONIZATION_SCOPE,
    pub(crate) lock: Arc<Serial>,
    /// Disposes, at `PASSIVE_LEVEL`, of objects that were deleted above it.
    worker: Worker,
    disposing: Lock<VecDeque<Arc<Object>>>,
    state: Lock<State>,
}

/// What changes of a device.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) default_queue: Option<Typed<Queue>>,
    /// The queue that owns the create requests while `EvtDeviceFileCreate` has them.
    pub(crate) create_queue: Option<Typed<Queue>>,
    /// The queues of the request types that do not go to the default queue, by major function code.
    pub(crate) routes: BTreeMap<u8, Typed<Queue>>,
    pub(crate) queues: Vec<Weak<Object>>,
    /// The requests that the driver has from its `EvtIoInCallerContext`.
    pub(crate) in_caller_context: Vec<Typed<Request>>,
    pub(crate) link: Option<Vec<u16>>,
    /// Open files, by the address of the kernel's file object.
    pub(crate) files: BTreeMap<usize, Typed<File>>,
    /// What the create requests of files ended with that are open all the same, where there are such.
    refused: BTreeMap<usize, NTSTATUS>,
    /// How many handles are open, or being opened.
    pub(crate) open: usize,
    pub(crate) finished: bool,
    /// Whether the driver deleted the device: nobody opens it any more.
    pub(crate) deleting: bool,
    /// Whether the kernel's device object is deleted, and held by a reference.
    kernel_deleted: bool,
}

/// What a device is made from.
pub(crate) struct Parts {
    pub(crate) device_object: *mut DEVICE_OBJECT,
    pub(crate) name: Option<Vec<u16>>,
    pub(crate) exclusive: bool,
    pub(crate) file: Option<(WDF_FILEOBJECT_CONFIG, Attributes)>,
    pub(crate) request: Attributes,
    pub(crate) in_caller_context: Option<caller_context::Callback>,
    pub(crate) shutdown: Shutdown,
    pub(crate) level: WDF_EXECUTION_LEVEL,
    pub(crate) scope: WDF_SYNCHRONIZATION_SCOPE,
    pub(crate) lock: Arc<Serial>,
    pub(crate) worker: Worker,
}

impl Device {
    /// # Safety
    /// The device object was just created, and nobody else deletes it.
    pub(crate) unsafe fn new(parts: Parts) -> Device {
        Device {
            // INVARIANT: by the caller's word.
            device_object: Shared(parts.device_object),
            name: parts.name,
            exclusive: parts.exclusive,
            file: parts.file,
            request: parts.request,
            in_caller_context: parts.in_caller_context,
            shutdown: parts.shutdown,
            level: parts.level,
            scope: parts.scope,
            lock: parts.lock,
            worker: parts.worker,
            disposing: Lock::default(),
            state: Lock::default(),
        }
    }

    pub(crate) fn device_object(&self) -> *mut DEVICE_OBJECT {
        self.device_object.0
    }

    pub(crate) fn request_attributes(&self) -> Attributes {
        self.request
    }

    pub(crate) fn state(&self) -> Guard<'_, State> {
        self.state.lock()
    }

    /// The queue for requests of this major function code.
    pub(crate) fn queue_for(&self, major: u8) -> Option<Typed<Queue>> {
        let state = self.state.lock();
        state.routes.get(&major).or(state.default_queue.as_ref()).cloned()
    }

    /// Whether a queue is the default queue, or gets the requests of a type: the driver cannot delete such a one.
    pub(crate) fn sends_to(&self, queue: &Typed<Queue>) -> bool {
        let state = self.state.lock();
        let mut used = state.routes.values().chain(state.default_queue.as_ref());
        used.any(|other| Arc::ptr_eq(other.object(), queue.object()))
    }

    /// Whether a queue is the framework's own, for the create requests that `EvtDeviceFileCreate` has.
    pub(crate) fn keeps_creates_in(&self, queue: &Typed<Queue>) -> bool {
        let state = self.state.lock();
        state.create_queue.as_ref().is_some_and(|own| Arc::ptr_eq(own.object(), queue.object()))
    }

    /// The queues that live.
    pub(crate) fn queues(&self) -> Vec<Typed<Queue>> {
        let queues = self.state.lock().queues.clone();
        queues.iter().filter_map(Weak::upgrade).filter_map(Typed::of).collect()
    }

    /// Forgets the queues that are deleted.
    pub(crate) fn forget_queue(&self) {
        let dead = |queue: &Typed<Queue>| queue.object().is_deleting();
        let mut dropped: Vec<Typed<Queue>> = Vec::new();
        let mut state = self.state.lock();
        let majors: Vec<u8> =
            state.routes.iter().filter(|(_, queue)| dead(queue)).map(|(major, _)| *major).collect();
        dropped.extend(majors.iter().filter_map(|major| state.routes.remove(major)));
        if state.default_queue.as_ref().is_some_and(dead) {
            dropped.extend(state.default_queue.take());
        }
        if state.create_queue.as_ref().is_some_and(dead) {
            dropped.extend(state.create_queue.take());
        }
        drop(state);
    }

    /// Undoes a create that fails: no cleanup or close follows it.
    pub(crate) fn create_failed(&self, file_object: usize, status: NTSTATUS) {
        self.refuse(file_object, status);
        let file = {
            let mut state = self.state.lock();
            state.open -= 1;
            state.files.remove(&file_object)
        };
        if let Some(file) = file {
            object::delete(file.object());
        }
    }

    /// Notes that a create was refused, for an I/O manager that opens the file all the same.
    pub(crate) fn refuse(&self, file_object: usize, status: NTSTATUS) {
        if file_object != 0 && framework().refused_creates_open() {
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

    /// Begins a deletion by the driver. The kernel's device object is deleted first, so that nobody opens it any more and
    /// its name is free; whether no handle is open and the rest can follow.
    pub(crate) fn delete_early(&self) -> bool {
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
            // SAFETY: as above; it is deleted once.
            unsafe { IoDeleteDevice(self.device_object.0) };
        }
        first && closed
    }

    /// Counts a handle less; whether it was the last one of a device that the driver deleted.
    pub(crate) fn closed(&self) -> bool {
        let mut state = self.state.lock();
        state.open -= 1;
        state.open == 0 && state.deleting
    }
}

/// Leaves an object that is marked as being deleted to a worker thread.
pub(crate) fn dispose_later(device: &Typed<Device>, object: Arc<Object>) {
    device.disposing.lock().push_back(object);
    device.worker.enqueue(device.object());
}

impl Body for Device {
    fn kind(&self) -> Kind {
        Kind::Device
    }

    fn needs_passive(&self) -> bool {
        true
    }

    fn finish(&self, object: &Arc<Object>) {
        self.worker.wait(object);
        self.worker.retire(object);
        let (link, deleted) = {
            let mut state = self.state.lock();
            (state.link.take(), state.kernel_deleted)
        };
        if let Some(link) = link {
            let link = counted(&link);
            // SAFETY: a counted string over `link`, which outlives the call.
            let _gone_already = unsafe { IoDeleteSymbolicLink(&raw const link) };
        }
        let address = self.device_object.0.addr();
        let removed = framework().with(|tables| tables.devices.remove(&address));
        drop(removed);
        if deleted {
            // SAFETY: the reference that `delete_early` took; nobody uses the device object any more.
            unsafe { ObfDereferenceObject(self.device_object.0.cast()) };
        } else {
            // SAFETY: by the type's invariant the device object lives; it is deleted once.
            unsafe { IoDeleteDevice(self.device_object.0) };
        }
    }

    fn worker(&self) -> Option<&Worker> {
        Some(&self.worker)
    }

    fn work(&self, _object: &Arc<Object>) {
        loop {
            let next = self.disposing.lock().pop_front();
            let Some(next) = next else { return };
            object::finish_delete(&next);
        }
    }

    fn describe(&self) -> String {
        match &self.name {
            Some(name) => String::from_utf16_lossy(name),
            None => format!("unnamed, device object {:#x}", self.device_object.0.addr()),
        }
    }
}

impl Kinded for Device {
    const KIND: Kind = Kind::Device;
}
