//! The contexts of framework objects.
#![expect(unsafe_code, reason = "the framework hands out contexts as raw memory")]

use crate::raw::{
    self, WDF_OBJECT_ATTRIBUTES, WDF_OBJECT_CONTEXT_TYPE_INFO, WDFOBJECT, call_unsafe_wdf_function_binding,
};

/// The description of the contexts of a kind of object, in the form that the framework wants.
///
/// It has no type: an object of a driver `D` has the context that this crate gives objects of `D`.
pub(crate) struct ContextType(WDF_OBJECT_CONTEXT_TYPE_INFO);

// SAFETY: the description is constant, and what it points to is static.
unsafe impl Sync for ContextType {}

impl ContextType {
    /// A description that will be the static `this`, whose address is the type's identity.
    pub(crate) const fn new(name: &'static core::ffi::CStr, this: &'static ContextType) -> ContextType {
        ContextType(WDF_OBJECT_CONTEXT_TYPE_INFO {
            Size: raw::size::<WDF_OBJECT_CONTEXT_TYPE_INFO>(),
            ContextName: name.as_ptr(),
            // The attributes have the size.
            ContextSize: 1,
            UniqueType: (&raw const *this).cast(),
            EvtDriverGetUniqueContextType: None,
        })
    }

    /// Attributes for an object whose context is a `T`: memory of zeros at first, at an address that stays.
    pub(crate) fn attributes<T>(&'static self) -> WDF_OBJECT_ATTRIBUTES {
        // The framework aligns contexts to MEMORY_ALLOCATION_ALIGNMENT.
        const { assert!(align_of::<T>() <= 16 && size_of::<T>() > 0) };
        WDF_OBJECT_ATTRIBUTES {
            ContextTypeInfo: &raw const self.0,
            ContextSizeOverride: size_of::<T>(),
            ..raw::attributes()
        }
    }

    /// The context of an object.
    ///
    /// # Safety
    /// `object` is the handle of a framework object that exists, and was made with [`ContextType::attributes::<T>`] of this
    /// description.
    pub(crate) unsafe fn of<T>(&'static self, object: WDFOBJECT) -> *mut T {
        // SAFETY: the handle is the caller's promise, the description a static of the right form.
        let context = unsafe {
            call_unsafe_wdf_function_binding!(WdfObjectGetTypedContextWorker, object, &raw const self.0)
        };
        context.cast()
    }
}
