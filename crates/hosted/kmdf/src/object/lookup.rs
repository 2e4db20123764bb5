//! From a handle to its object: every handle is looked up in the table, and none is ever followed as a pointer.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use crate::object::kind::{Kind, Tag};
use crate::object::{Kinded, Object, Typed};
use crate::platform::{self, framework};
use crate::rules;

/// The living object of a handle; anything else is a bug check.
pub(crate) fn object<H: Tag>(function: &'static str, handle: *mut H) -> Arc<Object> {
    let address = handle.addr();
    if let Some(object) = framework().find(address) {
        return object;
    }
    let (rule, what) = match Kind::of_handle(address) {
        _ if handle.is_null() => (&rules::INVALID_HANDLE, String::from("a null handle")),
        Some((kind, serial)) if framework().was_handle(serial) => {
            let rule = match (kind, function) {
                (Kind::Request, "WdfRequestComplete" | "WdfRequestCompleteWithInformation") => {
                    &rules::DOUBLE_COMPLETION
                }
                (Kind::Request, _) => &rules::COMPLETED_ACCESS,
                _ => &rules::INVALID_HANDLE,
            };
            let end = if kind == Kind::Request { "completed" } else { "deleted" };
            (rule, format!("{} {address:#x}, which was {end} before", kind.name()))
        }
        _ => (&rules::INVALID_HANDLE, format!("{address:#x}, which is no handle")),
    };
    platform::violation(rule, format!("{function} was given {what}; it takes a {}", expected::<H>()))
}

/// The living object of a handle, with its body.
pub(crate) fn typed<T: Kinded, H: Tag>(function: &'static str, handle: *mut H) -> Typed<T> {
    let object = object(function, handle);
    Typed::of(Arc::clone(&object)).unwrap_or_else(|| {
        platform::violation(
            &rules::WRONG_TYPE,
            format!("{function} was given {object}; it takes a {}", T::KIND.name()),
        )
    })
}

/// The parent that attributes name, or none.
pub(crate) fn parent(function: &'static str, handle: usize) -> Option<Arc<Object>> {
    (handle != 0).then(|| object(function, core::ptr::without_provenance_mut::<core::ffi::c_void>(handle)))
}

fn expected<H: Tag>() -> &'static str {
    H::KIND.map_or("WDFOBJECT", Kind::name)
}
