//! What can be done with any object.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver")]

use alloc::format;
use alloc::sync::Arc;

use wsk_sys::{
    DISPATCH_LEVEL, LONG, NTSTATUS, PASSIVE_LEVEL, PVOID, STATUS_DELETE_PENDING, STATUS_OBJECT_NAME_EXISTS,
    STATUS_OBJECT_NAME_INVALID, STATUS_SUCCESS,
};

use crate::device::Device;
use crate::memory::parent_or_driver;
use crate::object::args::{at_most, required, store};
use crate::object::attributes::{self, Allowed};
use crate::object::client;
use crate::object::context::{self, Context};
use crate::object::lookup;
use crate::object::serial::Serial;
use crate::object::{self, Family, General, Object, Typed};
use crate::platform::{self, Held, framework};
use crate::queue::Queue;
use crate::rules;
use crate::types::{
    PCCH, PCWDF_OBJECT_CONTEXT_TYPE_INFO, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, WDFOBJECT,
};

/// The context of a type, or null if the object has none of it.
///
/// # IRQL
/// <= `DISPATCH_LEVEL` + 1
pub unsafe extern "C" fn WdfObjectGetTypedContextWorker(
    _globals: PWDF_DRIVER_GLOBALS,
    Handle: WDFOBJECT,
    TypeInfo: PCWDF_OBJECT_CONTEXT_TYPE_INFO,
) -> PVOID {
    const NAME: &str = "WdfObjectGetTypedContextWorker";
    at_most(NAME, DISPATCH_LEVEL + 1);
    required(NAME, "TypeInfo", TypeInfo);
    let object = lookup::object(NAME, Handle);
    find(&object, TypeInfo)
}

fn find(object: &Object, info: PCWDF_OBJECT_CONTEXT_TYPE_INFO) -> PVOID {
    let found = object
        .with_contexts(|contexts| contexts.iter().find(|context| context.is(info)).map(Context::address));
    found.unwrap_or(core::ptr::null_mut())
}

/// Gives an object one more context.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_DELETE_PENDING`, `STATUS_OBJECT_NAME_INVALID` without a type, `STATUS_INSUFFICIENT_RESOURCES`, and what the
/// attributes are refused with. `STATUS_OBJECT_NAME_EXISTS`, a success, comes with the context that exists.
pub unsafe extern "C" fn WdfObjectAllocateContext(
    _globals: PWDF_DRIVER_GLOBALS,
    Handle: WDFOBJECT,
    ContextAttributes: PWDF_OBJECT_ATTRIBUTES,
    Context: *mut PVOID,
) -> NTSTATUS {
    const NAME: &str = "WdfObjectAllocateContext";
    at_most(NAME, DISPATCH_LEVEL);
    let object = lookup::object(NAME, Handle);
    required(NAME, "ContextAttributes", ContextAttributes);
    // SAFETY: the driver passes attributes.
    let attributes = match unsafe { attributes::read(ContextAttributes, Allowed::REQUEST) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    let Some(kind) = attributes.context else { return STATUS_OBJECT_NAME_INVALID };
    if object.is_deleting() {
        return STATUS_DELETE_PENDING;
    }
    let existing = find(&object, kind.info.0);
    let (address, status) = if existing.is_null() {
        let new = match self::Context::new(object.client(), &attributes) {
            Ok(new) => new,
            Err(status) => return status,
        };
        let address = new.address();
        object.with_contexts(|contexts| contexts.push(new));
        context::register(&object);
        (address, STATUS_SUCCESS)
    } else {
        (existing, STATUS_OBJECT_NAME_EXISTS)
    };
    // SAFETY: null, or the driver's variable.
    unsafe { store(Context, address) };
    status
}

/// The object that a context belongs to.
///
/// # IRQL
/// <= `DISPATCH_LEVEL` + 1
pub unsafe extern "C" fn WdfObjectContextGetObject(
    _globals: PWDF_DRIVER_GLOBALS,
    ContextPointer: PVOID,
) -> WDFOBJECT {
    const NAME: &str = "WdfObjectContextGetObject";
    at_most(NAME, DISPATCH_LEVEL + 1);
    let address = ContextPointer.addr();
    let handle = framework().with(|tables| tables.contexts.get(&address).copied());
    let Some(handle) = handle else {
        platform::violation(
            &rules::INVALID_HANDLE,
            format!("{NAME} was given {address:#x}, which is no context"),
        )
    };
    core::ptr::without_provenance_mut(handle)
}

/// Keeps an object from being destroyed.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfObjectReferenceActual(
    _globals: PWDF_DRIVER_GLOBALS,
    Handle: WDFOBJECT,
    _Tag: PVOID,
    _Line: LONG,
    _File: PCCH,
) {
    const NAME: &str = "WdfObjectReferenceActual";
    at_most(NAME, DISPATCH_LEVEL);
    object::reference(&lookup::object(NAME, Handle));
}

/// Gives a reference back. The last one of a deleted object destroys it.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfObjectDereferenceActual(
    _globals: PWDF_DRIVER_GLOBALS,
    Handle: WDFOBJECT,
    _Tag: PVOID,
    _Line: LONG,
    _File: PCCH,
) {
    const NAME: &str = "WdfObjectDereferenceActual";
    at_most(NAME, DISPATCH_LEVEL);
    object::release(&lookup::object(NAME, Handle));
}

/// Makes an object of no special type, to carry contexts or children.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_INSUFFICIENT_RESOURCES`, and what the attributes are refused with.
pub unsafe extern "C" fn WdfObjectCreate(
    globals: PWDF_DRIVER_GLOBALS,
    Attributes: PWDF_OBJECT_ATTRIBUTES,
    Object: *mut WDFOBJECT,
) -> NTSTATUS {
    const NAME: &str = "WdfObjectCreate";
    let client = client::calling(NAME, globals);
    at_most(NAME, DISPATCH_LEVEL);
    required(NAME, "Object", Object);
    // SAFETY: the driver passes null or attributes.
    let attributes = match unsafe { attributes::read(Attributes, Allowed::PLAIN) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    let created = parent_or_driver(NAME, &client, &attributes)
        .and_then(|parent| object::create(NAME, &client, Family::Child(&parent), &attributes, General));
    match created {
        Ok(object) => {
            // SAFETY: the driver's variable.
            unsafe { store(Object, object.as_handle()) };
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// Deletes an object with its children. One that is being deleted with its parent may be deleted, too. A control device with open handles can be opened no more, and goes with
/// the last of them.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`; `PASSIVE_LEVEL` for a device
pub unsafe extern "C" fn WdfObjectDelete(_globals: PWDF_DRIVER_GLOBALS, Object: WDFOBJECT) {
    const NAME: &str = "WdfObjectDelete";
    at_most(NAME, DISPATCH_LEVEL);
    let object = lookup::object(NAME, Object);
    let used = Typed::<Queue>::of(Arc::clone(&object)).is_some_and(|queue| queue.device.sends_to(&queue));
    if used || !object.may_delete() {
        rules::verify(&rules::CANNOT_DELETE, || {
            let why = if used { "which requests are sent to" } else { "which the framework deletes" };
            format!("{NAME} was given {object}, {why}")
        });
        return;
    }
    if !object.call_delete() {
        rules::verify(&rules::INVALID_HANDLE, || {
            format!("{NAME} was given {object}, which was deleted before")
        });
        return;
    }
    if object.is_deleting() {
        // With its parent, which ends it.
        return;
    }
    if let Some(device) = Typed::<Device>::of(Arc::clone(&object)) {
        at_most(NAME, PASSIVE_LEVEL);
        if !device.delete_early() {
            return;
        }
    }
    object::delete(&object);
}

/// The lock of a device or queue.
fn lock_of(function: &'static str, object: &Arc<Object>) -> Arc<Serial> {
    if let Some(queue) = Typed::<Queue>::of(Arc::clone(object)) {
        return Arc::clone(&queue.lock);
    }
    if let Some(device) = Typed::<Device>::of(Arc::clone(object)) {
        return Arc::clone(&device.lock);
    }
    platform::violation(&rules::NO_LOCK, format!("{function} was given {object}, which has no lock"))
}

/// Acquires the lock that serialises the callbacks of a device or queue.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`; `PASSIVE_LEVEL` for an object of that execution level
pub unsafe extern "C" fn WdfObjectAcquireLock(_globals: PWDF_DRIVER_GLOBALS, Object: WDFOBJECT) {
    const NAME: &str = "WdfObjectAcquireLock";
    at_most(NAME, DISPATCH_LEVEL);
    let object = lookup::object(NAME, Object);
    let lock = lock_of(NAME, &object);
    if lock.is_passive() {
        at_most(NAME, PASSIVE_LEVEL);
    }
    lock.acquire();
    platform::hold(Held { handle: object.handle(), waits: lock.is_passive() });
}

/// Releases the lock of a device or queue.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfObjectReleaseLock(_globals: PWDF_DRIVER_GLOBALS, Object: WDFOBJECT) {
    const NAME: &str = "WdfObjectReleaseLock";
    at_most(NAME, DISPATCH_LEVEL);
    let object = lookup::object(NAME, Object);
    let lock = lock_of(NAME, &object);
    if !lock.is_mine() || !platform::unhold(object.handle()) {
        platform::violation(
            &rules::LOCK_NOT_HELD,
            format!("{NAME} was given {object}, whose lock this thread did not acquire"),
        );
    }
    lock.release();
}
