//! Reading what a driver passes by pointer, and writing what it gets back.
#![expect(unsafe_code, reason = "arguments come as raw pointers")]

use alloc::format;
use core::mem;
use core::ptr;

use wsk_sys::{
    KIRQL, KeGetCurrentIrql, NTSTATUS, PCUNICODE_STRING, STATUS_INFO_LENGTH_MISMATCH, STATUS_SUCCESS,
    UNICODE_STRING,
};

use crate::platform;
use crate::rules;

/// The calling thread's IRQL.
pub(crate) fn irql() -> KIRQL {
    // SAFETY: reads a value of the calling thread.
    unsafe { KeGetCurrentIrql() }
}

/// Checks that `function` is called at or below `highest`.
pub(crate) fn at_most(function: &'static str, highest: KIRQL) {
    let irql = irql();
    if irql > highest {
        rules::verify(&rules::IRQL, || {
            format!("{function} was called at IRQL {irql}; its highest is {highest}")
        });
    }
}

/// Checks that a required pointer is not null.
pub(crate) fn required<T>(function: &'static str, argument: &'static str, pointer: *const T) {
    if pointer.is_null() {
        platform::violation(&rules::NULL_POINTER, format!("{argument} of {function} is null"));
    }
}

/// Reads a structure that begins with its size, an `ULONG`, which must be one of `sizes`. What lies beyond an
/// older, shorter form is zero.
///
/// # Errors
/// `STATUS_INFO_LENGTH_MISMATCH` for any other size.
///
/// # Safety
/// `pointer` points to a structure as large as its first field says, if that is one of `sizes`; a `T` of zero
/// bytes is valid, and none of `sizes` is larger than a `T`.
pub(crate) unsafe fn read_sized<T: Default>(pointer: *const T, sizes: &[usize]) -> Result<T, NTSTATUS> {
    // SAFETY: the structure begins with its size, says the caller.
    let size = unsafe { pointer.cast::<u32>().read() } as usize;
    if !sizes.contains(&size) {
        return Err(STATUS_INFO_LENGTH_MISMATCH);
    }
    let mut value = T::default();
    let length = size.min(mem::size_of::<T>());
    // SAFETY: the caller's structure has `size` bytes, and the copy has room for them.
    unsafe { ptr::copy_nonoverlapping(pointer.cast::<u8>(), (&raw mut value).cast::<u8>(), length) };
    Ok(value)
}

/// Writes a result, if the caller wants it.
///
/// # Safety
/// `pointer` is null or may be written to.
pub(crate) unsafe fn store<T>(pointer: *mut T, value: T) {
    if !pointer.is_null() {
        // SAFETY: not null, so it may be written to, says the caller.
        unsafe { pointer.write(value) };
    }
}

/// Gives the driver a pointer or handle, or null if there is none, and the status that goes with it.
///
/// # Safety
/// `out` is null or may be written to.
pub(crate) unsafe fn give<T>(out: *mut *mut T, result: Result<*mut T, NTSTATUS>) -> NTSTATUS {
    // SAFETY: this function's own contract.
    unsafe { store(out, result.unwrap_or(ptr::null_mut())) };
    result.err().unwrap_or(STATUS_SUCCESS)
}

/// The status of what `f` does, for a function in which `?` cannot be used.
pub(crate) fn status(f: impl FnOnce() -> Result<(), NTSTATUS>) -> NTSTATUS {
    f().err().unwrap_or(STATUS_SUCCESS)
}

/// A copy of the characters of a counted string; `None` for a null pointer.
///
/// # Safety
/// `string` is null or points to a counted string whose buffer has the length it says.
pub(crate) unsafe fn characters(string: PCUNICODE_STRING) -> Option<alloc::vec::Vec<u16>> {
    if string.is_null() {
        return None;
    }
    // SAFETY: not null, so a counted string, says the caller.
    let string = unsafe { string.read() };
    let length = usize::from(string.Length / 2);
    if string.Buffer.is_null() || length == 0 {
        return Some(alloc::vec::Vec::new());
    }
    // SAFETY: the buffer has that many characters, says the caller.
    Some(unsafe { core::slice::from_raw_parts(string.Buffer, length) }.to_vec())
}

/// A counted string over characters that the caller keeps.
pub(crate) fn counted(characters: &[u16]) -> UNICODE_STRING {
    let length = u16::try_from(characters.len() * 2).unwrap_or(u16::MAX - 1);
    UNICODE_STRING { Length: length, MaximumLength: length, Buffer: characters.as_ptr().cast_mut() }
}

/// Whether a counted string does not contradict itself.
///
/// # Safety
/// `string` points to a counted string.
pub(crate) unsafe fn is_valid(string: PCUNICODE_STRING) -> bool {
    // SAFETY: this function's own contract.
    let UNICODE_STRING { Length, MaximumLength, Buffer } = unsafe { string.read() };
    let even = Length % 2 == 0 && MaximumLength % 2 == 0;
    even && Length <= MaximumLength && (Length == 0 || !Buffer.is_null())
}
