//! `UNICODE_STRING`s: made, copied, appended, compared.
#![expect(unsafe_code, reason = "exports C functions by their names; the strings are the driver's")]

use wsk_sys::{
    BOOLEAN, LONG, NTSTATUS, PCUNICODE_STRING, PUNICODE_STRING, STATUS_BUFFER_TOO_SMALL, STATUS_SUCCESS,
    UNICODE_STRING, WCHAR,
};

use super::counted::{self, Counted};
use super::enter_passive;
use crate::machine::Machine;

/// The most bytes that a counted string has, with the zero behind them: what does not fit into 16 bits is left out.
const MOST: usize = 0xFFFC;

/// Makes a string of text that ends with a zero, where the text is.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`, if the text is resident.
///
/// # Safety
/// `DestinationString` points to writable memory for the structure; `SourceString` is null, or ends with a zero and stays as
/// long as the string is used.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlInitUnicodeString(
    DestinationString: PUNICODE_STRING,
    SourceString: *const WCHAR,
) {
    Machine::kernel();
    if SourceString.is_null() {
        // SAFETY: this function's own contract.
        unsafe { counted::clear(DestinationString) };
        return;
    }
    // SAFETY: this function's own contract.
    let text = unsafe { counted::terminated(SourceString) };
    let bytes = size_of_val(text).min(MOST);
    let length = u16::try_from(bytes).unwrap_or(u16::MAX);
    let string = UNICODE_STRING::with(length, length + 2, SourceString.cast_mut());
    // SAFETY: this function's own contract.
    unsafe { DestinationString.write(string) };
}

/// Copies as much of a string as the other has room for. Of null, nothing.
///
/// # IRQL
/// Any, if the strings are resident.
///
/// # Safety
/// Both are counted strings, whose buffers hold their lengths; the source may be null.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlCopyUnicodeString(
    DestinationString: PUNICODE_STRING,
    SourceString: PCUNICODE_STRING,
) {
    let what = "RtlCopyUnicodeString";
    // SAFETY: this function's own contract.
    let room = unsafe { counted::room(DestinationString, what) };
    let units = if SourceString.is_null() {
        Vec::new()
    } else {
        // SAFETY: this function's own contract.
        unsafe { counted::read(SourceString, what) }
    };
    if room == 0 {
        return;
    }
    // SAFETY: this function's own contract; no more than there is room for.
    unsafe { counted::write(DestinationString, &units[..units.len().min(room)]) };
}

/// Appends units to a string.
///
/// # Safety
/// `destination` is a counted string, whose buffer holds its maximum length.
unsafe fn append(destination: PUNICODE_STRING, units: &[WCHAR], what: &str) -> NTSTATUS {
    // SAFETY: this function's own contract.
    let mut all = unsafe { counted::read(destination, what) };
    all.extend_from_slice(units);
    // SAFETY: this function's own contract.
    if all.len() > unsafe { counted::room(destination, what) } {
        return STATUS_BUFFER_TOO_SMALL;
    }
    if !units.is_empty() {
        // SAFETY: this function's own contract; there is room for all.
        unsafe { counted::write(destination, &all) };
    }
    STATUS_SUCCESS
}

/// Appends a string.
///
/// # IRQL
/// Any, if the strings are resident.
///
/// # Errors
/// `STATUS_BUFFER_TOO_SMALL`, and nothing is appended.
///
/// # Safety
/// As for [`RtlCopyUnicodeString`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlAppendUnicodeStringToString(
    Destination: PUNICODE_STRING,
    Source: PCUNICODE_STRING,
) -> NTSTATUS {
    let what = "RtlAppendUnicodeStringToString";
    // SAFETY: this function's own contract.
    let units = unsafe { counted::read(Source, what) };
    // SAFETY: this function's own contract.
    unsafe { append(Destination, &units, what) }
}

/// Appends text that ends with a zero. Of null, nothing.
///
/// # IRQL
/// Any, if string and text are resident.
///
/// # Errors
/// As for [`RtlAppendUnicodeStringToString`].
///
/// # Safety
/// `Destination` is a counted string, whose buffer holds its maximum length; the text ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlAppendUnicodeToString(
    Destination: PUNICODE_STRING,
    Source: *const WCHAR,
) -> NTSTATUS {
    // SAFETY: this function's own contract.
    let units = unsafe { counted::terminated(Source) }.to_vec();
    // SAFETY: this function's own contract.
    unsafe { append(Destination, &units, "RtlAppendUnicodeToString") }
}

/// The upper-case form of a character, where it has one of 16 bits.
///
/// n/d: Windows has a table of its own; this is Unicode's.
fn upcase(unit: WCHAR) -> WCHAR {
    let Some(character) = char::from_u32(unit.into()) else { return unit };
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) => u16::try_from(u32::from(upper)).unwrap_or(unit),
        _ => unit,
    }
}

/// The units of both strings, without the differences of case if they do not count.
///
/// # Safety
/// Both are counted strings, whose buffers hold their lengths.
unsafe fn both(
    first: PCUNICODE_STRING,
    second: PCUNICODE_STRING,
    insensitive: BOOLEAN,
    what: &str,
) -> (Vec<WCHAR>, Vec<WCHAR>) {
    let fold = |units: Vec<WCHAR>| {
        if insensitive == 0 { units } else { units.into_iter().map(upcase).collect() }
    };
    // SAFETY: this function's own contract.
    let first = fold(unsafe { counted::read(first, what) });
    // SAFETY: this function's own contract.
    let second = fold(unsafe { counted::read(second, what) });
    (first, second)
}

/// Less than zero if the first string comes first, zero if they are equal, more than zero if it comes last.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Safety
/// Both are counted strings, whose buffers hold their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlCompareUnicodeString(
    String1: PCUNICODE_STRING,
    String2: PCUNICODE_STRING,
    CaseInSensitive: BOOLEAN,
) -> LONG {
    let what = "RtlCompareUnicodeString";
    enter_passive(what);
    // SAFETY: this function's own contract.
    let (first, second) = unsafe { both(String1, String2, CaseInSensitive, what) };
    let differ = first.iter().zip(&second).find(|(first, second)| first != second);
    differ.map_or_else(
        || LONG::try_from(first.len()).unwrap_or(0) - LONG::try_from(second.len()).unwrap_or(0),
        |(first, second)| LONG::from(*first) - LONG::from(*second),
    )
}

/// Whether two strings are equal.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Safety
/// As for [`RtlCompareUnicodeString`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlEqualUnicodeString(
    String1: PCUNICODE_STRING,
    String2: PCUNICODE_STRING,
    CaseInSensitive: BOOLEAN,
) -> BOOLEAN {
    let what = "RtlEqualUnicodeString";
    enter_passive(what);
    // SAFETY: this function's own contract.
    let (first, second) = unsafe { both(String1, String2, CaseInSensitive, what) };
    BOOLEAN::from(first == second)
}

/// Whether the second string begins with the first.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Safety
/// As for [`RtlCompareUnicodeString`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlPrefixUnicodeString(
    String1: PCUNICODE_STRING,
    String2: PCUNICODE_STRING,
    CaseInSensitive: BOOLEAN,
) -> BOOLEAN {
    let what = "RtlPrefixUnicodeString";
    enter_passive(what);
    // SAFETY: this function's own contract.
    let (first, second) = unsafe { both(String1, String2, CaseInSensitive, what) };
    BOOLEAN::from(second.starts_with(&first))
}

/// The upper-case form of a character.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
#[unsafe(no_mangle)]
pub extern "system" fn RtlUpcaseUnicodeChar(SourceCharacter: WCHAR) -> WCHAR {
    enter_passive("RtlUpcaseUnicodeChar");
    upcase(SourceCharacter)
}
