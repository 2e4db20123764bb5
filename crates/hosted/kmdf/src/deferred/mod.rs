//! Callbacks that run later: work items, timers and DPCs.

pub(crate) mod dpc;
pub(crate) mod timer;
pub(crate) mod work_item;

use alloc::sync::Arc;

use wsk_sys::{BOOLEAN, NTSTATUS, STATUS_INVALID_DEVICE_REQUEST};

use crate::device::Device;
use crate::object::attributes::Attributes;
use crate::object::callback_lock::CallbackLock;
use crate::object::{Object, Typed, lookup};
use crate::queue::Queue;
use crate::status::STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL;
use crate::types::{_WDF_SYNCHRONIZATION_SCOPE as Scope, WDFOBJECT};

/// Where a callback that runs later belongs.
struct Surroundings {
    parent: Arc<Object>,
    device: Typed<Device>,
    /// The lock that it is serialised with, if it is.
    lock: Option<Arc<CallbackLock>>,
}

/// Finds where a callback belongs that is to run at `PASSIVE_LEVEL` or above it: to the parent that the attributes name.
///
/// # Errors
/// `STATUS_INVALID_DEVICE_REQUEST` for a parent that is under no device, `STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL` for
/// one with whose callbacks this cannot be serialised.
fn surroundings(
    function: &'static str,
    attributes: &Attributes,
    serialised: BOOLEAN,
    passive: bool,
) -> Result<Surroundings, NTSTATUS> {
    let parent = lookup::object(function, core::ptr::without_provenance_mut(attributes.parent));
    let device = parent.nearest::<Device>().ok_or(STATUS_INVALID_DEVICE_REQUEST)?;
    let lock = if serialised == 0 {
        None
    } else if let Some(queue) = parent.nearest::<Queue>() {
        queue.serialised.then(|| Arc::clone(&queue.lock))
    } else {
        (device.scope == Scope::WdfSynchronizationScopeDevice).then(|| Arc::clone(&device.lock))
    };
    if lock.as_ref().is_some_and(|lock| lock.is_passive() != passive) {
        return Err(STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL);
    }
    Ok(Surroundings { parent, device, lock })
}

/// The parent of an object, as drivers see it.
fn parent_handle(object: &Object) -> WDFOBJECT {
    object.parent().map_or(core::ptr::null_mut(), |parent| parent.as_handle())
}
