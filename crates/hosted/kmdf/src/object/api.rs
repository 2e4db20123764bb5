//! What can be done with any object.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver")]

use alloc::format;
use alloc::sync::Arc;
use core::ffi::c_void;

use wsk_sys::{
    DISPATCH_LEVEL, LONG, NTSTATUS, PASSIVE_LEVEL, PVOID, STATUS_DELETE_PENDING,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_OBJECT_NAME_EXISTS, STATUS_OBJECT_NAME_INVALID, STATUS_SUCCESS,
};

use crate::object::args::{at_most, required, status, store};
use crate::object::attributes::{self, Allowed};
use crate::object::callback_lock::CallbackLock;
use crate::object::client;
use crate::object::client::Client;
use crate::object::context::{self, Context};
use crate::object::handles::handles;
use crate::object::kind::Kind;
use crate::object::lookup;
use crate::object::{self, Body, Family, Kinded, Object, Typed};
use crate::platform::{self, Held};
use crate::rules;
use crate::types::{
    PCCH, PCWDF_OBJECT_CONTEXT_TYPE_INFO, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, WDFOBJECT,
};

/// The body of an object of no special type (`WdfObjectCreate`).
struct General;

impl Body for General {}

impl Kinded for General {
    type Handle = c_void;
    const KIND: &'static Kind = &Kind::new("WDFOBJECT");
}

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
    let handle = handles().of_context(address);
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
    rules::require(object::reference(&lookup::object(NAME, Handle)));
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
    rules::require(object::release(&lookup::object(NAME, Handle)));
}

/// Makes an object under the parent that the attributes name, or under the driver, and gives the driver its handle.
///
/// # Errors
/// What the attributes are refused with, `STATUS_INVALID_DEVICE_REQUEST` without a parent before the driver is created,
/// that of `body`, and those of [`object::create`].
///
/// # Safety
/// `attributes` is null or points to attributes; `out` may be written to.
pub(crate) unsafe fn create<T: Kinded>(
    function: &'static str,
    client: &Arc<Client>,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    out: *mut *mut T::Handle,
    body: impl FnOnce() -> Result<T, NTSTATUS>,
) -> Result<Typed<T>, NTSTATUS> {
    // SAFETY: this function's own contract.
    let attributes = unsafe { attributes::read(attributes, Allowed::PLAIN) }?;
    let parent = lookup::parent(function, &attributes).or_else(|| client.driver());
    let parent = parent.ok_or(STATUS_INVALID_DEVICE_REQUEST)?;
    let object = object::create(function, client, Family::Child(&parent), &attributes, body()?)?;
    // SAFETY: this function's own contract.
    unsafe { store(out, object.as_handle()) };
    Ok(object)
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
    // SAFETY: the driver passes null or attributes, and a variable.
    status(|| unsafe { create(NAME, &client, Attributes, Object, || Ok(General)) }.map(drop))
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
    if let Some(why) = object.body().cannot_delete(&object) {
        rules::verify(&rules::CANNOT_DELETE, || format!("{NAME} was given {object}, {why}"));
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
    at_most(NAME, object.kind().delete_level);
    if object.body().begin_delete() {
        rules::require(object::delete(&object));
    }
}

/// The lock of a device or queue.
fn lock_of<'a>(function: &'static str, object: &'a Object) -> &'a Arc<CallbackLock> {
    object.body().lock().unwrap_or_else(|| {
        platform::violation(&rules::NO_LOCK, format!("{function} was given {object}, which has no lock"))
    })
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
    rules::require(lock.acquire());
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
