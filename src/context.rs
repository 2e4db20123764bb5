//! Typed contexts of framework objects.
#![expect(unsafe_code, reason = "the framework hands out contexts as raw memory")]

use crate::wdf::{self, PCWDF_OBJECT_CONTEXT_TYPE_INFO, WDF_OBJECT_CONTEXT_TYPE_INFO};

/// The description of a context type, in the form that the framework wants.
pub(crate) struct ContextType(WDF_OBJECT_CONTEXT_TYPE_INFO);

// SAFETY: the description is constant, and what it points to is static.
unsafe impl Sync for ContextType {}

impl ContextType {
    /// A description that will be the static `this`, whose address is the type's identity.
    pub(crate) const fn new<T>(name: &'static core::ffi::CStr, this: &'static ContextType) -> ContextType {
        // The framework aligns contexts to MEMORY_ALLOCATION_ALIGNMENT.
        const { assert!(align_of::<T>() <= 16) };
        ContextType(WDF_OBJECT_CONTEXT_TYPE_INFO {
            Size: wdf::size::<WDF_OBJECT_CONTEXT_TYPE_INFO>(),
            ContextName: name.as_ptr(),
            ContextSize: size_of::<T>(),
            UniqueType: (&raw const *this).cast(),
            EvtDriverGetUniqueContextType: None,
        })
    }

    /// The description as the framework takes it.
    pub(crate) const fn info(&'static self) -> PCWDF_OBJECT_CONTEXT_TYPE_INFO {
        &raw const self.0
    }
}

/// A type that is the context of a kind of framework object.
pub(crate) trait Context: Sized + 'static {
    /// Its description.
    const TYPE: &'static ContextType;
}

/// The context of a framework object; null if it has none of this type.
///
/// # Safety
/// `handle` is the handle of a framework object that exists.
pub(crate) unsafe fn context<T: Context>(handle: wdf::WDFOBJECT) -> *mut T {
    // SAFETY: the handle is the caller's promise, the description a static of the right form.
    let context = unsafe {
        wdf::call_unsafe_wdf_function_binding!(WdfObjectGetTypedContextWorker, handle, T::TYPE.info())
    };
    context.cast()
}
