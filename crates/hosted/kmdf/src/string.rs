//! String objects.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver")]

use alloc::string::String;
use alloc::vec::Vec;

use parking_lot::Mutex;
use wsk_sys::{
    NTSTATUS, PASSIVE_LEVEL, PCUNICODE_STRING, PUNICODE_STRING, STATUS_INVALID_PARAMETER, UNICODE_STRING,
};

use crate::object::api::create;
use crate::object::args::{at_most, characters, is_valid, required, status, store};
use crate::object::client;
use crate::object::kind::Kind;
use crate::object::lookup;
use crate::object::{Body, Kinded};
use crate::types::{PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, WDFSTRING, WDFSTRING__};

/// The body of a WDFSTRING: its characters, and a zero. In a lock because the driver gets a pointer that it may write
/// through.
pub(crate) struct Characters(Mutex<Vec<u16>>);

impl Characters {
    fn new(mut characters: Vec<u16>) -> Characters {
        characters.push(0);
        Characters(Mutex::new(characters))
    }

    /// Exchanges the characters.
    pub(crate) fn assign(&self, text: &str) {
        let characters: Vec<u16> = text.encode_utf16().chain([0]).collect();
        let old = core::mem::replace(&mut *self.0.lock(), characters);
        drop(old);
    }
}

impl Body for Characters {
    fn describe(&self) -> String {
        let characters = self.0.lock().clone();
        let text = characters.split_last().map_or(&[][..], |(_, text)| text);
        alloc::format!("{:?}", String::from_utf16_lossy(text))
    }
}

impl Kinded for Characters {
    type Handle = WDFSTRING__;
    const KIND: &'static Kind = &Kind::new("WDFSTRING");
}

/// Makes a string object, empty or a copy of a counted string.
///
/// # IRQL
/// `PASSIVE_LEVEL`
///
/// # Errors
/// `STATUS_INVALID_PARAMETER` for a counted string that contradicts itself, `STATUS_INSUFFICIENT_RESOURCES`, and what the
/// attributes are refused with.
pub unsafe extern "C" fn WdfStringCreate(
    globals: PWDF_DRIVER_GLOBALS,
    UnicodeString: PCUNICODE_STRING,
    StringAttributes: PWDF_OBJECT_ATTRIBUTES,
    String: *mut WDFSTRING,
) -> NTSTATUS {
    const NAME: &str = "WdfStringCreate";
    let client = client::calling(NAME, globals);
    at_most(NAME, PASSIVE_LEVEL);
    required(NAME, "String", String);
    // SAFETY: the driver's variable.
    unsafe { store(String, core::ptr::null_mut()) };
    let body = || {
        // SAFETY: not null, so the driver's counted string.
        if !UnicodeString.is_null() && !unsafe { is_valid(UnicodeString) } {
            return Err(STATUS_INVALID_PARAMETER);
        }
        // SAFETY: null, or the driver's counted string.
        Ok(Characters::new(unsafe { characters(UnicodeString) }.unwrap_or_default()))
    };
    // SAFETY: the driver passes null or attributes, and a variable.
    status(|| unsafe { create(NAME, &client, StringAttributes, String, body) }.map(drop))
}

/// The counted string of a string object, which stays as long as the object, and as what is assigned to it.
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub unsafe extern "C" fn WdfStringGetUnicodeString(
    _globals: PWDF_DRIVER_GLOBALS,
    String: WDFSTRING,
    UnicodeString: PUNICODE_STRING,
) {
    const NAME: &str = "WdfStringGetUnicodeString";
    at_most(NAME, PASSIVE_LEVEL);
    let string = lookup::typed::<Characters>(NAME, String);
    required(NAME, "UnicodeString", UnicodeString);
    let (buffer, size) = {
        let mut characters = string.0.lock();
        (characters.as_mut_ptr(), characters.len() * 2)
    };
    let size = u16::try_from(size).unwrap_or(u16::MAX - 1);
    let counted = UNICODE_STRING { Length: size.saturating_sub(2), MaximumLength: size, Buffer: buffer };
    // SAFETY: the driver's variable.
    unsafe { store(UnicodeString, counted) };
}
