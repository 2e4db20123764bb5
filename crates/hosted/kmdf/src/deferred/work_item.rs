//! Work items: a callback in a system thread at `PASSIVE_LEVEL`.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver, and call it back")]

use alloc::format;
use alloc::sync::Arc;

use wsk_sys::{
    DISPATCH_LEVEL, NTSTATUS, PASSIVE_LEVEL, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
};

use crate::device::Device;
use crate::object::args::{at_most, read_sized, required, store};
use crate::object::attributes::{self, Allowed};
use crate::object::callback;
use crate::object::kind::Kind;
use crate::object::lookup;
use crate::object::serial::Serial;
use crate::object::worker::Worker;
use crate::object::{self, Body, Family, Kinded, Object, Typed};
use crate::queue::Queue;
use crate::rules;
use crate::status::STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL;
use crate::types::{
    _WDF_SYNCHRONIZATION_SCOPE as Scope, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, PWDF_WORKITEM_CONFIG,
    WDFOBJECT, WDFWORKITEM, WDFWORKITEM__,
};

/// The body of a WDFWORKITEM.
pub(crate) struct WorkItem {
    function: unsafe extern "C" fn(*mut WDFWORKITEM__),
    serial: Option<Arc<Serial>>,
    worker: Worker,
}

impl Body for WorkItem {
    fn kind(&self) -> Kind {
        Kind::WorkItem
    }

    fn needs_passive(&self) -> bool {
        true
    }

    fn dispose(&self, object: &Arc<Object>) {
        self.worker.retire(object);
    }

    fn worker(&self) -> Option<&Worker> {
        Some(&self.worker)
    }

    fn work(&self, object: &Arc<Object>) {
        Serial::with(self.serial.as_deref(), || {
            callback::call(object.client(), "EvtWorkItem", object.handle(), || {
                // SAFETY: the driver's callback; deletion waits for this run.
                unsafe { (self.function)(object.as_handle()) };
            });
        });
    }
}

impl Kinded for WorkItem {
    const KIND: Kind = Kind::WorkItem;
}

/// The device that an object is to work for, and the lock that its callback is serialised with, if it is.
///
/// # Errors
/// `STATUS_INVALID_DEVICE_REQUEST` for a parent that is under no device.
pub(crate) fn surroundings(
    parent: &Arc<Object>,
    serialised: bool,
) -> Result<(Typed<Device>, Option<Arc<Serial>>), NTSTATUS> {
    let device = object::device_of(parent).ok_or(STATUS_INVALID_DEVICE_REQUEST)?;
    if !serialised {
        return Ok((device, None));
    }
    let mut next = Some(Arc::clone(parent));
    while let Some(object) = next {
        if let Some(queue) = Typed::<Queue>::of(Arc::clone(&object)) {
            let serial = queue.serial.clone();
            return Ok((device, serial));
        }
        next = object.parent();
    }
    let serial = (device.scope == Scope::WdfSynchronizationScopeDevice).then(|| Arc::clone(&device.lock));
    Ok((device, serial))
}

/// Makes a work item for a device or something under it.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_INFO_LENGTH_MISMATCH`, `STATUS_INVALID_PARAMETER` without a function, `STATUS_WDF_PARENT_NOT_SPECIFIED`,
/// `STATUS_INVALID_DEVICE_REQUEST` for a parent under no device, `STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL` for one
/// serialised at `DISPATCH_LEVEL`, `STATUS_INSUFFICIENT_RESOURCES`, and what the attributes are refused with.
pub unsafe extern "C" fn WdfWorkItemCreate(
    _globals: PWDF_DRIVER_GLOBALS,
    Config: PWDF_WORKITEM_CONFIG,
    Attributes: PWDF_OBJECT_ATTRIBUTES,
    WorkItem: *mut WDFWORKITEM,
) -> NTSTATUS {
    const NAME: &str = "WdfWorkItemCreate";
    at_most(NAME, DISPATCH_LEVEL);
    required(NAME, "Config", Config);
    required(NAME, "Attributes", Attributes);
    required(NAME, "WorkItem", WorkItem);
    // SAFETY: the driver's configuration; zero bytes are a valid one.
    let config = match unsafe { read_sized(Config, &[0x18]) } {
        Ok(config) => config,
        Err(status) => return status,
    };
    let Some(function) = config.EvtWorkItemFunc else { return STATUS_INVALID_PARAMETER };
    // SAFETY: the driver passes attributes.
    let attributes = match unsafe { attributes::read(Attributes, Allowed::CHILD) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    let parent =
        lookup::object::<core::ffi::c_void>(NAME, core::ptr::without_provenance_mut(attributes.parent));
    let created = surroundings(&parent, config.AutomaticSerialization != 0).and_then(|(device, serial)| {
        if serial.as_ref().is_some_and(|serial| !serial.is_passive()) {
            return Err(STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL);
        }
        // SAFETY: the device outlives what is under it.
        let worker = unsafe { Worker::new(device.device_object()) }?;
        let body = self::WorkItem { function, serial, worker };
        object::create(NAME, parent.client(), Family::Child(&parent), &attributes, body)
    });
    match created {
        Ok(item) => {
            // SAFETY: the driver's variable.
            unsafe { store(WorkItem, item.as_handle()) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// Queues a work item, unless it is queued or being deleted. It may run again while it runs.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfWorkItemEnqueue(_globals: PWDF_DRIVER_GLOBALS, WorkItem: WDFWORKITEM) {
    const NAME: &str = "WdfWorkItemEnqueue";
    at_most(NAME, DISPATCH_LEVEL);
    let item = lookup::typed::<self::WorkItem, _>(NAME, WorkItem);
    if !item.worker.enqueue(item.object()) && item.worker.is_retired() {
        rules::verify(&rules::INVALID_HANDLE, || {
            format!("{NAME} was given {}, which is being deleted: it is not queued", item.object())
        });
    }
}

/// Waits until the work item neither waits nor runs.
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub unsafe extern "C" fn WdfWorkItemFlush(_globals: PWDF_DRIVER_GLOBALS, WorkItem: WDFWORKITEM) {
    const NAME: &str = "WdfWorkItemFlush";
    at_most(NAME, PASSIVE_LEVEL);
    let item = lookup::typed::<self::WorkItem, _>(NAME, WorkItem);
    if item.worker.is_mine() {
        rules::verify(&rules::WORK_ITEM_FLUSH, || {
            format!("{NAME} of {} was called in its own callback: it would wait for itself", item.object())
        });
        return;
    }
    item.worker.wait(item.object());
}

/// The parent of an object, as drivers see it.
pub(crate) fn parent_handle(object: &Arc<Object>) -> WDFOBJECT {
    object.parent().map_or(core::ptr::null_mut(), |parent| parent.as_handle())
}

/// The parent of a work item.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfWorkItemGetParentObject(
    _globals: PWDF_DRIVER_GLOBALS,
    WorkItem: WDFWORKITEM,
) -> WDFOBJECT {
    const NAME: &str = "WdfWorkItemGetParentObject";
    at_most(NAME, DISPATCH_LEVEL);
    parent_handle(lookup::typed::<self::WorkItem, _>(NAME, WorkItem).object())
}
