//! What a driver says of the key that it wants.
#![expect(unsafe_code, reason = "reads the driver's structures")]

use wsk_sys::{
    NTSTATUS, POBJECT_ATTRIBUTES, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_INVALID,
};

use super::registry::Registry;
use crate::io::unicode;

/// The whole path of a key: the name, in the key of the handle if there is one.
///
/// # Errors
/// `STATUS_INVALID_PARAMETER`, `STATUS_INVALID_HANDLE`, `STATUS_OBJECT_NAME_INVALID` for a path that is not in the registry.
///
/// # Safety
/// `attributes` is null or points to the structure, whose name is null or a counted string.
pub(super) unsafe fn path(registry: &Registry, attributes: POBJECT_ATTRIBUTES) -> Result<String, NTSTATUS> {
    if attributes.is_null() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: not null, so the caller's structure.
    let attributes = unsafe { attributes.read() };
    if attributes.Length as usize != size_of_val(&attributes) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: this function's own contract.
    let name = unsafe { unicode::read(attributes.ObjectName) }?;
    if !attributes.RootDirectory.is_null() {
        let root = registry.state().key_of(attributes.RootDirectory).ok_or(STATUS_INVALID_HANDLE)?;
        return Ok(if name.is_empty() { root } else { format!(r"{root}\{name}") });
    }
    let in_registry = name.to_uppercase().starts_with(r"\REGISTRY\");
    if in_registry { Ok(name) } else { Err(STATUS_OBJECT_NAME_INVALID) }
}
