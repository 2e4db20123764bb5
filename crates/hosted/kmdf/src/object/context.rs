//! Contexts: the driver's own zeroed blocks on an object, from the pool.
#![expect(unsafe_code, reason = "contexts are pool blocks that the driver uses by address")]

use alloc::sync::Arc;
use alloc::vec::Vec;

use wsk_sys::{
    ExAllocatePool2, ExFreePoolWithTag, NTSTATUS, POOL_FLAG_NON_PAGED, PVOID, STATUS_INSUFFICIENT_RESOURCES,
    ULONG,
};

use crate::kernel::shared::Shared;
use crate::object::Object;
use crate::object::attributes::{Attributes, ContextType};
use crate::object::callback;
use crate::object::client::Client;
use crate::object::handles::handles;
use crate::types::{PCWDF_OBJECT_CONTEXT_TYPE_INFO, WDFOBJECT};

/// A cleanup or destroy callback, the two having one type.
pub(crate) type ObjectCallback = unsafe extern "C" fn(WDFOBJECT);

/// One set of attributes that an object was given: a context, or callbacks only.
///
/// # Invariants
/// `block` is null, or a pool block of this tag that nobody else frees.
pub(crate) struct Context {
    kind: Option<ContextType>,
    block: Shared<PVOID>,
    tag: ULONG,
    cleanup: Option<ObjectCallback>,
    destroy: Option<ObjectCallback>,
}

impl Context {
    /// Allocates the context that the attributes ask for, if any.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    pub(crate) fn new(client: &Client, attributes: &Attributes) -> Result<Context, NTSTATUS> {
        let tag = client.tag();
        let mut context = Context {
            kind: attributes.context,
            block: Shared(core::ptr::null_mut()),
            tag,
            cleanup: attributes.cleanup,
            destroy: attributes.destroy,
        };
        if let Some(kind) = attributes.context {
            // A block of no bytes is not allocated by Windows either: the smallest context is one byte.
            let size = kind.size.max(1);
            // SAFETY: allocates non-paged pool, zeroed and aligned to 16 bytes; the IRQL was checked on entry.
            let block = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, size, tag) };
            if block.is_null() {
                return Err(STATUS_INSUFFICIENT_RESOURCES);
            }
            // INVARIANT: allocated with the tag that `new` stored.
            context.block = Shared(block);
        }
        Ok(context)
    }

    /// Whether this is the context of that type. Types are told apart by address, never by name.
    pub(crate) fn is(&self, info: PCWDF_OBJECT_CONTEXT_TYPE_INFO) -> bool {
        self.kind.is_some_and(|kind| core::ptr::eq(kind.info.0, info))
    }

    /// The block's address.
    pub(crate) fn address(&self) -> PVOID {
        self.block.0
    }

    /// The cleanup callback, if there is one.
    pub(crate) fn cleanup_call(&self) -> Option<ObjectCallback> {
        self.cleanup
    }

    /// The destroy callback, if there is one.
    pub(crate) fn destroy_call(&self) -> Option<ObjectCallback> {
        self.destroy
    }

    /// Gives the block back.
    pub(crate) fn free(self) {
        if !self.block.0.is_null() {
            // SAFETY: by the type's invariant; the object is destroyed, so the driver may not use it any more.
            unsafe { ExFreePoolWithTag(self.block.0, self.tag) };
        }
    }
}

/// Calls the cleanup or destroy callbacks of an object.
pub(super) fn call_back(
    object: &Arc<Object>,
    name: &'static str,
    which: fn(&Context) -> Option<ObjectCallback>,
) {
    let calls: Vec<_> = object.with_contexts(|contexts| contexts.iter().filter_map(which).collect());
    for function in calls {
        callback::call(object, name, || {
            // SAFETY: the driver's callback, called with the living object it was given for.
            unsafe { function(object.as_handle()) }
        });
    }
}

/// Makes the object findable by its contexts' addresses.
pub(super) fn register(object: &Arc<Object>) {
    for address in object.with_contexts(|contexts| addresses(contexts)) {
        handles().insert_context(address, object.handle());
    }
}

/// Undoes [`register`].
pub(super) fn unregister(contexts: &[Context]) {
    for address in addresses(contexts) {
        handles().remove_context(address);
    }
}

fn addresses(contexts: &[Context]) -> Vec<usize> {
    contexts.iter().map(|context| context.address().addr()).filter(|address| *address != 0).collect()
}
