//! `UNICODE_STRING`s: reading a driver's, and lending drivers our own.
#![expect(unsafe_code, reason = "a UNICODE_STRING is a pointer and a length")]

use std::slice;

use wsk_sys::{
    NTSTATUS, PCUNICODE_STRING, STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_INVALID, UNICODE_STRING,
};

/// Copies a driver's string.
///
/// # Errors
/// `STATUS_INVALID_PARAMETER` for a null or inconsistent structure, `STATUS_OBJECT_NAME_INVALID` for text that
/// is not UTF-16.
///
/// # Safety
/// `string` is null or points to a `UNICODE_STRING` whose buffer holds `Length` bytes.
pub(crate) unsafe fn read(string: PCUNICODE_STRING) -> Result<String, NTSTATUS> {
    if string.is_null() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: not null, so the caller's structure.
    let string = unsafe { *string };
    if string.Length % 2 != 0 || string.Length > string.MaximumLength {
        return Err(STATUS_INVALID_PARAMETER);
    }
    if string.Length == 0 {
        return Ok(String::new());
    }
    if string.Buffer.is_null() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: the caller's buffer holds `Length` bytes.
    let units = unsafe { slice::from_raw_parts(string.Buffer, usize::from(string.Length / 2)) };
    String::from_utf16(units).map_err(|_| STATUS_OBJECT_NAME_INVALID)
}

/// A string that drivers may look at for as long as this lives.
pub(crate) struct OwnedUnicode {
    /// From `Box::into_raw`; freed with the structure.
    units: *mut [u16],
    bytes: u16,
}

// SAFETY: the text is written once, before anyone else sees it, and owned by this structure alone.
unsafe impl Send for OwnedUnicode {}
// SAFETY: the text is written once, before anyone else sees it, and owned by this structure alone; there is no way to
// write through a shared reference.
unsafe impl Sync for OwnedUnicode {}

impl OwnedUnicode {
    /// # Errors
    /// `STATUS_OBJECT_NAME_INVALID` when the text does not fit: a `UNICODE_STRING` counts its bytes in 16 bits.
    pub(crate) fn new(text: &str) -> Result<OwnedUnicode, NTSTATUS> {
        let mut units: Vec<u16> = text.encode_utf16().collect();
        let bytes = u16::try_from(units.len() * 2).map_err(|_| STATUS_OBJECT_NAME_INVALID)?;
        if bytes > u16::MAX - 2 {
            return Err(STATUS_OBJECT_NAME_INVALID);
        }
        // Not counted in `Length`, but debuggers and careless drivers like to find it.
        units.push(0);
        Ok(OwnedUnicode { units: Box::into_raw(units.into_boxed_slice()), bytes })
    }

    pub(crate) fn as_raw(&self) -> UNICODE_STRING {
        UNICODE_STRING { Length: self.bytes, MaximumLength: self.bytes + 2, Buffer: self.units.cast() }
    }
}

impl Drop for OwnedUnicode {
    fn drop(&mut self) {
        // SAFETY: from `Box::into_raw` in `new`, and dropped once.
        drop(unsafe { Box::from_raw(self.units) });
    }
}
