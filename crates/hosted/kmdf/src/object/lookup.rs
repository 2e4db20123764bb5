//! From a handle to its object: every handle is looked up in the table, and none is ever followed as a pointer.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use crate::object::attributes::Attributes;
use crate::object::handles::handles;
use crate::object::{Kinded, Object, Typed};
use crate::platform;
use crate::rules;
use crate::types::WDFOBJECT;

/// The living object of a handle; anything else is a bug check.
pub(crate) fn object(function: &'static str, handle: WDFOBJECT) -> Arc<Object> {
    living(function, handle.addr(), "WDFOBJECT")
}

fn living(function: &'static str, handle: usize, expected: &'static str) -> Arc<Object> {
    if let Some(object) = handles().find(handle) {
        return object;
    }
    let (rule, what) = match handles().kind_of(handle) {
        Some(kind) => {
            ((kind.gone)(function), format!("{} {handle:#x}, which was {} before", kind.name, kind.end))
        }
        None if handle == 0 => (&rules::INVALID_HANDLE, String::from("a null handle")),
        None => (&rules::INVALID_HANDLE, format!("{handle:#x}, which is no handle")),
    };
    platform::violation(rule, format!("{function} was given {what}; it takes a {expected}"))
}

/// The living object of a handle, with its body.
pub(crate) fn typed<T: Kinded>(function: &'static str, handle: *mut T::Handle) -> Typed<T> {
    let object = living(function, handle.addr(), T::KIND.name);
    Typed::of(Arc::clone(&object)).unwrap_or_else(|| {
        platform::violation(
            &rules::WRONG_TYPE,
            format!("{function} was given {object}; it takes a {}", T::KIND.name),
        )
    })
}

/// The parent that attributes name, or none.
pub(crate) fn parent(function: &'static str, attributes: &Attributes) -> Option<Arc<Object>> {
    let handle = attributes.parent;
    (handle != 0).then(|| object(function, core::ptr::without_provenance_mut(handle)))
}
