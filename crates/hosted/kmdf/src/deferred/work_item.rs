//! Work items: a callback in a system thread at `PASSIVE_LEVEL`.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver, and call it back")]

use alloc::format;
use alloc::sync::Arc;

use wsk_sys::{DISPATCH_LEVEL, NTSTATUS, PASSIVE_LEVEL, STATUS_INVALID_PARAMETER};

use crate::deferred::{Surroundings, parent_handle, surroundings};
use crate::object::args::{at_most, read_sized, required, status, store};
use crate::object::attributes::{self, Allowed};
use crate::object::callback;
use crate::object::callback_lock::CallbackLock;
use crate::object::kind::Kind;
use crate::object::lookup;
use crate::object::worker::Worker;
use crate::object::{self, Body, Family, Kinded, Object};
use crate::rules::{self, Broken};
use crate::types::{
    PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, PWDF_WORKITEM_CONFIG, WDFOBJECT, WDFWORKITEM, WDFWORKITEM__,
};

/// The body of a WDFWORKITEM.
pub(crate) struct WorkItem {
    function: unsafe extern "C" fn(*mut WDFWORKITEM__),
    lock: Option<Arc<CallbackLock>>,
    worker: Worker,
}

impl Body for WorkItem {
    fn needs_passive(&self) -> bool {
        true
    }

    fn dispose(&self, object: &Arc<Object>) -> Result<(), Broken> {
        self.worker.retire(object)
    }

    fn worker(&self) -> Option<&Worker> {
        Some(&self.worker)
    }

    fn work(&self, object: &Arc<Object>) {
        CallbackLock::with(self.lock.as_deref(), || {
            callback::call(object, "EvtWorkItem", || {
                // SAFETY: the driver's callback; deletion waits for this run.
                unsafe { (self.function)(object.as_handle()) };
            });
        });
    }
}

impl Kinded for WorkItem {
    type Handle = WDFWORKITEM__;
    const KIND: &'static Kind = &Kind::new("WDFWORKITEM");
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
    status(|| {
        // SAFETY: the driver's configuration; zero bytes are a valid one.
        let config = unsafe { read_sized(Config, &[0x18]) }?;
        let function = config.EvtWorkItemFunc.ok_or(STATUS_INVALID_PARAMETER)?;
        // SAFETY: the driver passes attributes.
        let attributes = unsafe { attributes::read(Attributes, Allowed::CHILD) }?;
        let Surroundings { parent, device, lock } =
            surroundings(NAME, &attributes, config.AutomaticSerialization, true)?;
        // SAFETY: the device outlives what is under it.
        let worker = unsafe { Worker::new(device.device_object()) }?;
        let body = self::WorkItem { function, lock, worker };
        let item = object::create(NAME, parent.client(), Family::Child(&parent), &attributes, body)?;
        // SAFETY: the driver's variable.
        unsafe { store(WorkItem, item.as_handle()) };
        Ok(())
    })
}

/// Queues a work item, unless it is queued or being deleted. It may run again while it runs.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfWorkItemEnqueue(_globals: PWDF_DRIVER_GLOBALS, WorkItem: WDFWORKITEM) {
    const NAME: &str = "WdfWorkItemEnqueue";
    at_most(NAME, DISPATCH_LEVEL);
    let item = lookup::typed::<self::WorkItem>(NAME, WorkItem);
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
    let item = lookup::typed::<self::WorkItem>(NAME, WorkItem);
    if item.worker.is_mine() {
        rules::verify(&rules::WORK_ITEM_FLUSH, || {
            format!("{NAME} of {} was called in its own callback: it would wait for itself", item.object())
        });
        return;
    }
    rules::require(item.worker.wait(item.object()));
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
    parent_handle(lookup::typed::<self::WorkItem>(NAME, WorkItem).object())
}
