//! Strings of bytes: `ANSI_STRING`, in the code page 1252.
#![expect(unsafe_code, reason = "exports C functions by their names; the strings are the driver's")]

use std::ffi::c_char;
use std::ptr;

use wsk_sys::{
    ANSI_STRING, BOOLEAN, NTSTATUS, PCUNICODE_STRING, PUNICODE_STRING, PVOID, PagedPool,
    STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER_2, STATUS_NO_MEMORY, STATUS_SUCCESS, STRING,
};

use super::counted::{self, Counted};
use super::enter_passive;
use crate::ex::pool;
use crate::machine::Machine;

/// The tag of strings that are allocated.
const TAG: u32 = u32::from_le_bytes(*b"Strg");

/// What the bytes from 0x80 to 0x9F are in the code page 1252. Those that are nothing stay as they are.
const FROM_80: [u16; 32] = [
    0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152,
    0x8D, 0x017D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161,
    0x203A, 0x0153, 0x9D, 0x017E, 0x0178,
];

fn to_unicode(byte: u8) -> u16 {
    match byte {
        0x80..=0x9F => FROM_80[usize::from(byte - 0x80)],
        _ => byte.into(),
    }
}

/// The byte of a character; a question mark for one that the code page has not.
fn to_ansi(unit: u16) -> u8 {
    (0..=u8::MAX).find(|byte| to_unicode(*byte) == unit).unwrap_or(b'?')
}

/// Makes a string of text that ends with a zero, where the text is.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`, if the text is resident.
///
/// # Safety
/// As for [`RtlInitUnicodeString`](super::string::RtlInitUnicodeString).
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlInitAnsiString(
    DestinationString: *mut ANSI_STRING,
    SourceString: *const c_char,
) {
    Machine::kernel();
    let source = SourceString.cast::<u8>();
    // SAFETY: this function's own contract.
    let length = unsafe { counted::terminated(source) }.len().min(0xFFFE);
    let length = u16::try_from(length).unwrap_or(0);
    let string =
        if source.is_null() { STRING::ZERO } else { STRING::with(length, length + 1, source.cast_mut()) };
    // SAFETY: this function's own contract.
    unsafe { DestinationString.write(string) };
}

/// Writes units and a zero into a string, in a new buffer if that is asked for.
///
/// # Safety
/// `destination` points to a counted string, whose buffer holds its maximum length; to anything, if one is allocated.
unsafe fn put<S: Counted>(destination: *mut S, units: &[S::Unit], allocate: BOOLEAN, what: &str) -> NTSTATUS {
    let bytes = (units.len() + 1) * size_of::<S::Unit>();
    let Ok(maximum) = u16::try_from(bytes) else { return STATUS_INVALID_PARAMETER_2 };
    if allocate != 0 {
        let buffer = pool::ExAllocatePoolWithTag(PagedPool, bytes, TAG);
        if buffer.is_null() {
            return STATUS_NO_MEMORY;
        }
        // SAFETY: this function's own contract.
        unsafe { destination.write(S::with(0, maximum, buffer.cast())) };
    // SAFETY: this function's own contract.
    } else if unsafe { counted::room(destination, what) } <= units.len() {
        return STATUS_BUFFER_OVERFLOW;
    }
    // SAFETY: this function's own contract; there is room for all, and a zero.
    unsafe { counted::write(destination, units) };
    STATUS_SUCCESS
}

/// Converts a string, into a new buffer if that is asked for.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Errors
/// `STATUS_BUFFER_OVERFLOW` if the buffer is too small, `STATUS_NO_MEMORY` if there is none.
///
/// # Safety
/// Both are counted strings, whose buffers hold their lengths; the destination need not be one if it is allocated.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlUnicodeStringToAnsiString(
    DestinationString: *mut ANSI_STRING,
    SourceString: PCUNICODE_STRING,
    AllocateDestinationString: BOOLEAN,
) -> NTSTATUS {
    let what = "RtlUnicodeStringToAnsiString";
    enter_passive(what);
    // SAFETY: this function's own contract.
    let units = unsafe { counted::read(SourceString, what) };
    let bytes: Vec<u8> = units.into_iter().map(to_ansi).collect();
    // SAFETY: this function's own contract.
    unsafe { put(DestinationString, &bytes, AllocateDestinationString, what) }
}

/// Converts a string, into a new buffer if that is asked for.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Errors
/// As for [`RtlUnicodeStringToAnsiString`]; `STATUS_INVALID_PARAMETER_2` if the string is longer than a `UNICODE_STRING` can be.
///
/// # Safety
/// As for [`RtlUnicodeStringToAnsiString`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlAnsiStringToUnicodeString(
    DestinationString: PUNICODE_STRING,
    SourceString: *const ANSI_STRING,
    AllocateDestinationString: BOOLEAN,
) -> NTSTATUS {
    let what = "RtlAnsiStringToUnicodeString";
    enter_passive(what);
    // SAFETY: this function's own contract.
    let bytes = unsafe { counted::read(SourceString, what) };
    let units: Vec<u16> = bytes.into_iter().map(to_unicode).collect();
    // SAFETY: this function's own contract.
    unsafe { put(DestinationString, &units, AllocateDestinationString, what) }
}

/// Frees the buffer of a string, if it has one; the string is empty then.
///
/// # Safety
/// `string` points to a counted string.
unsafe fn free<S: Counted>(string: *mut S) {
    // SAFETY: this function's own contract.
    let (_, _, buffer) = unsafe { string.read() }.parts();
    if !buffer.is_null() {
        pool::ExFreePool(buffer.cast::<()>() as PVOID);
        // SAFETY: this function's own contract.
        unsafe { string.write(S::with(0, 0, ptr::null_mut())) };
    }
}

/// Frees the buffer of a string that [`RtlAnsiStringToUnicodeString`] has allocated.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Safety
/// `UnicodeString` points to a counted string.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlFreeUnicodeString(UnicodeString: PUNICODE_STRING) {
    enter_passive("RtlFreeUnicodeString");
    // SAFETY: this function's own contract.
    unsafe { free(UnicodeString) };
}

/// Frees the buffer of a string that [`RtlUnicodeStringToAnsiString`] has allocated.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Safety
/// `AnsiString` points to a counted string.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlFreeAnsiString(AnsiString: *mut ANSI_STRING) {
    enter_passive("RtlFreeAnsiString");
    // SAFETY: this function's own contract.
    unsafe { free(AnsiString) };
}
