//! `ZwOpenKey` and the other functions of the registry.
#![expect(unsafe_code, reason = "exports C functions by their names; the structures are the driver's")]

use std::slice;

use wsk_sys::{
    ACCESS_MASK, HANDLE, KEY_VALUE_INFORMATION_CLASS, KeyValueBasicInformation, KeyValueFullInformation,
    KeyValuePartialInformation, NTSTATUS, PASSIVE_LEVEL, POBJECT_ATTRIBUTES, PUNICODE_STRING, PVOID,
    REG_CREATED_NEW_KEY, REG_OPENED_EXISTING_KEY, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER, STATUS_KEY_DELETED,
    STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS, ULONG,
};

use super::attributes;
use super::registry::Value;
use crate::io::unicode;
use crate::ke::irql::at_most;
use crate::machine::Machine;
use crate::machine::bugcheck::complain;
use crate::machine::fault;
use crate::machine::here::Here;
use crate::rule;

/// Enters a system service.
fn enter(what: &str) -> Here {
    let machine = Machine::kernel();
    at_most(PASSIVE_LEVEL, &rule::IRQL_ZW_PASSIVE, what);
    machine
}

/// The key of a handle.
///
/// # Errors
/// `STATUS_INVALID_HANDLE`, on a lenient machine; `STATUS_KEY_DELETED`.
fn key(machine: &Machine, handle: HANDLE, what: &str) -> Result<String, NTSTATUS> {
    let registry = machine.registry();
    let found = registry.state().key_of(handle);
    let Some(key) = found else {
        let detail = format!("{what} with handle {:#x}, which is not open", handle.addr());
        complain(&rule::HANDLE_INVALID, detail);
        return Err(STATUS_INVALID_HANDLE);
    };
    if registry.state().is_there(&key) { Ok(key) } else { Err(STATUS_KEY_DELETED) }
}

/// Opens a key, and makes it if that is asked for; the number says which it was.
///
/// # Safety
/// As of the exported functions.
unsafe fn open(
    what: &'static str,
    handle: *mut HANDLE,
    attributes: POBJECT_ATTRIBUTES,
    create: bool,
) -> Result<ULONG, NTSTATUS> {
    let machine = enter(what);
    let registry = machine.registry();
    // SAFETY: this function's own contract.
    let path = unsafe { attributes::path(&registry, attributes) }?;
    if fault::point(what) {
        return Err(STATUS_INSUFFICIENT_RESOURCES);
    }
    let mut state = registry.state();
    let (key, disposition) = match state.find(&path) {
        Some(key) => (key, REG_OPENED_EXISTING_KEY),
        None if create && state.has_parent(&path) => (state.create(&path), REG_CREATED_NEW_KEY),
        None => return Err(STATUS_OBJECT_NAME_NOT_FOUND),
    };
    let opened = state.open(key, what);
    drop(state);
    // SAFETY: this function's own contract.
    unsafe { handle.write(opened) };
    Ok(disposition)
}

/// Opens a key.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Errors
/// `STATUS_OBJECT_NAME_NOT_FOUND`, `STATUS_OBJECT_NAME_INVALID` for a path outside of the registry, `STATUS_INVALID_PARAMETER`,
/// `STATUS_INVALID_HANDLE`, `STATUS_INSUFFICIENT_RESOURCES`.
///
/// # Safety
/// `KeyHandle` points to memory for a handle; `ObjectAttributes` to the structure, whose name is a counted string.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ZwOpenKey(
    KeyHandle: *mut HANDLE,
    _DesiredAccess: ACCESS_MASK,
    ObjectAttributes: POBJECT_ATTRIBUTES,
) -> NTSTATUS {
    // SAFETY: this function's own contract.
    unsafe { open("ZwOpenKey", KeyHandle, ObjectAttributes, false) }
        .map_or_else(|status| status, |_| STATUS_SUCCESS)
}

/// Opens a key, and makes it if there is none; the key that it is in must be there.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Errors
/// As for [`ZwOpenKey`].
///
/// # Safety
/// As for [`ZwOpenKey`]; `Disposition` is null or points to a variable.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ZwCreateKey(
    KeyHandle: *mut HANDLE,
    _DesiredAccess: ACCESS_MASK,
    ObjectAttributes: POBJECT_ATTRIBUTES,
    _TitleIndex: ULONG,
    _Class: PUNICODE_STRING,
    _CreateOptions: ULONG,
    Disposition: *mut ULONG,
) -> NTSTATUS {
    // SAFETY: this function's own contract.
    match unsafe { open("ZwCreateKey", KeyHandle, ObjectAttributes, true) } {
        Ok(disposition) => {
            if !Disposition.is_null() {
                // SAFETY: not null, so the caller's variable.
                unsafe { Disposition.write(disposition) };
            }
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// A value as a class of information shows it, and how many bytes of it there must be room for at least.
fn information(value: &Value, class: KEY_VALUE_INFORMATION_CLASS) -> Option<(Vec<u8>, usize)> {
    let name: Vec<u8> = value.name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let (numbers, tail) = match class {
        #[expect(non_upper_case_globals, reason = "C's name")]
        KeyValueBasicInformation => (vec![0, value.kind, number(name.len())], name),
        #[expect(non_upper_case_globals, reason = "C's name")]
        KeyValueFullInformation => {
            let length = name.len();
            let mut tail = name;
            // The data begins at a multiple of 8 bytes; 20 are before the name.
            tail.resize((20 + length).next_multiple_of(8) - 20, 0);
            let offset = 20 + tail.len();
            tail.extend_from_slice(&value.data);
            (vec![0, value.kind, number(offset), number(value.data.len()), number(length)], tail)
        }
        #[expect(non_upper_case_globals, reason = "C's name")]
        KeyValuePartialInformation => (vec![0, value.kind, number(value.data.len())], value.data.clone()),
        _ => return None,
    };
    let mut bytes: Vec<u8> = numbers.into_iter().flat_map(u32::to_le_bytes).collect();
    let fixed = bytes.len();
    bytes.extend_from_slice(&tail);
    Some((bytes, fixed))
}

/// Shows a value of a key.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Errors
/// `STATUS_OBJECT_NAME_NOT_FOUND`; `STATUS_BUFFER_TOO_SMALL` if not even the numbers fit, `STATUS_BUFFER_OVERFLOW` if what fits
/// is not all, both with the length that is needed; `STATUS_INVALID_PARAMETER`, `STATUS_INVALID_HANDLE`, `STATUS_KEY_DELETED`.
///
/// # Safety
/// `ValueName` is a counted string; there are `Length` bytes at `KeyValueInformation`, and a variable at `ResultLength`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ZwQueryValueKey(
    KeyHandle: HANDLE,
    ValueName: PUNICODE_STRING,
    KeyValueInformationClass: KEY_VALUE_INFORMATION_CLASS,
    KeyValueInformation: PVOID,
    Length: ULONG,
    ResultLength: *mut ULONG,
) -> NTSTATUS {
    let machine = enter("ZwQueryValueKey");
    let key = match key(&machine, KeyHandle, "ZwQueryValueKey") {
        Ok(key) => key,
        Err(status) => return status,
    };
    // SAFETY: this function's own contract.
    let name = match unsafe { unicode::read(ValueName) } {
        Ok(name) => name,
        Err(status) => return status,
    };
    let value = machine.registry().state().value(&key, &name);
    let Some(value) = value else { return STATUS_OBJECT_NAME_NOT_FOUND };
    let Some((bytes, fixed)) = information(&value, KeyValueInformationClass) else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: this function's own contract.
    unsafe { ResultLength.write(u32::try_from(bytes.len()).unwrap_or(u32::MAX)) };
    let room = Length as usize;
    if room < fixed {
        return STATUS_BUFFER_TOO_SMALL;
    }
    let fits = bytes.len().min(room);
    // SAFETY: this function's own contract: no more than there is room for.
    unsafe { KeyValueInformation.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), fits) };
    if fits < bytes.len() { STATUS_BUFFER_OVERFLOW } else { STATUS_SUCCESS }
}

/// Sets a value of a key.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Errors
/// `STATUS_INSUFFICIENT_RESOURCES`, `STATUS_INVALID_PARAMETER`, `STATUS_INVALID_HANDLE`, `STATUS_KEY_DELETED`.
///
/// # Safety
/// `ValueName` is a counted string; there are `DataSize` bytes at `Data`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ZwSetValueKey(
    KeyHandle: HANDLE,
    ValueName: PUNICODE_STRING,
    _TitleIndex: ULONG,
    Type: ULONG,
    Data: PVOID,
    DataSize: ULONG,
) -> NTSTATUS {
    let machine = enter("ZwSetValueKey");
    let key = match key(&machine, KeyHandle, "ZwSetValueKey") {
        Ok(key) => key,
        Err(status) => return status,
    };
    // SAFETY: this function's own contract.
    let name = match unsafe { unicode::read(ValueName) } {
        Ok(name) => name,
        Err(status) => return status,
    };
    if fault::point("ZwSetValueKey") {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    let data = if DataSize == 0 {
        Vec::new()
    } else {
        // SAFETY: this function's own contract.
        unsafe { slice::from_raw_parts(Data.cast::<u8>(), DataSize as usize) }.to_vec()
    };
    machine.registry().state().set(&key, Value { name, kind: Type, data });
    STATUS_SUCCESS
}

/// Removes a value of a key.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Errors
/// `STATUS_OBJECT_NAME_NOT_FOUND`, `STATUS_INVALID_PARAMETER`, `STATUS_INVALID_HANDLE`, `STATUS_KEY_DELETED`.
///
/// # Safety
/// `ValueName` is a counted string.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ZwDeleteValueKey(KeyHandle: HANDLE, ValueName: PUNICODE_STRING) -> NTSTATUS {
    let machine = enter("ZwDeleteValueKey");
    let key = match key(&machine, KeyHandle, "ZwDeleteValueKey") {
        Ok(key) => key,
        Err(status) => return status,
    };
    // SAFETY: this function's own contract.
    let name = match unsafe { unicode::read(ValueName) } {
        Ok(name) => name,
        Err(status) => return status,
    };
    let removed = machine.registry().state().remove(&key, &name);
    if removed { STATUS_SUCCESS } else { STATUS_OBJECT_NAME_NOT_FOUND }
}
