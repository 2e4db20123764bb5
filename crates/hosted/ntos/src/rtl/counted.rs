//! A driver's counted strings: looked at before they are read or written.
#![expect(unsafe_code, reason = "a counted string is a pointer and two lengths")]

use std::ptr;
use std::slice;

use wsk_sys::{PUNICODE_STRING, STRING, UNICODE_STRING};

use crate::ex::pool;
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, require};
use crate::rule;

/// A counted string of units of one kind.
pub(super) trait Counted: Copy {
    type Unit: Copy + Default;

    /// Length and maximum length in bytes, and the buffer.
    fn parts(self) -> (u16, u16, *mut Self::Unit);

    /// A string with these parts.
    fn with(length: u16, maximum: u16, buffer: *mut Self::Unit) -> Self;
}

impl Counted for UNICODE_STRING {
    type Unit = u16;

    fn parts(self) -> (u16, u16, *mut u16) {
        (self.Length, self.MaximumLength, self.Buffer)
    }

    fn with(length: u16, maximum: u16, buffer: *mut u16) -> UNICODE_STRING {
        UNICODE_STRING { Length: length, MaximumLength: maximum, Buffer: buffer }
    }
}

impl Counted for STRING {
    type Unit = u8;

    fn parts(self) -> (u16, u16, *mut u8) {
        (self.Length, self.MaximumLength, self.Buffer.cast())
    }

    fn with(length: u16, maximum: u16, buffer: *mut u8) -> STRING {
        STRING { Length: length, MaximumLength: maximum, Buffer: buffer.cast() }
    }
}

fn size<S: Counted>() -> usize {
    size_of::<S::Unit>()
}

/// The structure, of lengths that can be.
///
/// # Errors
/// [`rule::STRING_INVALID`], [`rule::PAGED_AT_DISPATCH`].
///
/// # Safety
/// `string` is null or points to a counted string.
unsafe fn check<S: Counted>(string: *const S, what: &str) -> Result<S, Broken> {
    let machine = Machine::kernel();
    let invalid = |why: &str| {
        Err(Broken::new(
            &rule::STRING_INVALID,
            format!("{what} of the string at {:#x}, {why}", string.addr()),
        ))
    };
    if string.is_null() {
        return invalid("which is no address");
    }
    pool::check_resident(&machine, string.addr(), what)?;
    // SAFETY: not null, so the caller's structure.
    let structure = unsafe { string.read() };
    let (length, maximum, buffer) = structure.parts();
    if length > maximum {
        return invalid(&format!("of {length} bytes in a buffer of {maximum}"));
    }
    if usize::from(length) % size::<S>() != 0 {
        return invalid(&format!("of {length} bytes, which is no number of characters"));
    }
    if buffer.is_null() && length != 0 {
        return invalid(&format!("of {length} bytes and without a buffer"));
    }
    if length != 0 {
        pool::check_resident(&machine, buffer.addr(), what)?;
    }
    Ok(structure)
}

/// A copy of what is in a string. It may be in the string that is written next.
///
/// # Safety
/// `string` is null or points to a counted string, whose buffer holds its length.
pub(super) unsafe fn read<S: Counted>(string: *const S, what: &str) -> Vec<S::Unit> {
    // SAFETY: this function's own contract.
    let (length, _, buffer) = require(unsafe { check(string, what) }).parts();
    if length == 0 {
        return Vec::new();
    }
    // SAFETY: this function's own contract.
    unsafe { slice::from_raw_parts(buffer, usize::from(length) / size::<S>()) }.to_vec()
}

/// How many units a string has room for.
///
/// # Safety
/// As for [`read`].
pub(super) unsafe fn room<S: Counted>(string: *const S, what: &str) -> usize {
    // SAFETY: this function's own contract.
    let (_, maximum, buffer) = require(unsafe { check(string, what) }).parts();
    if buffer.is_null() { 0 } else { usize::from(maximum) / size::<S>() }
}

/// Writes units into a string that has room for them, and a zero behind them, if it has room for that.
///
/// # Safety
/// `string` points to a counted string, whose buffer holds its maximum length, which is no less than that of `units`.
pub(super) unsafe fn write<S: Counted>(string: *mut S, units: &[S::Unit]) {
    // SAFETY: this function's own contract.
    let (_, maximum, buffer) = unsafe { string.read() }.parts();
    // SAFETY: this function's own contract.
    unsafe { buffer.copy_from(units.as_ptr(), units.len()) };
    let bytes = units.len() * size::<S>();
    if bytes + size::<S>() <= usize::from(maximum) {
        // SAFETY: there is room for one unit more.
        unsafe { buffer.wrapping_add(units.len()).write(S::Unit::default()) };
    }
    let length = u16::try_from(bytes).unwrap_or(maximum);
    // SAFETY: this function's own contract.
    unsafe { string.write(S::with(length, maximum, buffer)) };
}

/// The units up to a zero, without it; none for null.
///
/// # Safety
/// `text` is null or points to units that end with a zero.
pub(super) unsafe fn terminated<'a, U: Copy + Default + PartialEq>(text: *const U) -> &'a [U] {
    if text.is_null() {
        return &[];
    }
    let mut length = 0;
    // SAFETY: this function's own contract: no zero came before.
    while unsafe { text.wrapping_add(length).read() } != U::default() {
        length += 1;
    }
    // SAFETY: these were read just now.
    unsafe { slice::from_raw_parts(text, length) }
}

/// An empty `UNICODE_STRING`, written to a driver's.
///
/// # Safety
/// `string` points to writable memory for the structure.
pub(super) unsafe fn clear(string: PUNICODE_STRING) {
    // SAFETY: this function's own contract.
    unsafe { string.write(UNICODE_STRING::with(0, 0, ptr::null_mut())) };
}
