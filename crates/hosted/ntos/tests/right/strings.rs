//! Counted strings.

use std::ptr;

use ntos::rule;
use wsk_sys::{
    DISPATCH_LEVEL, RtlAppendUnicodeStringToString, RtlCopyUnicodeString, RtlEqualUnicodeString,
    RtlUpcaseUnicodeChar, STATUS_SUCCESS, TRUE, UNICODE_STRING,
};

use crate::levels::at;
use crate::{Right, kernel};

/// A string that fills its buffer, and an empty one without any.
fn fills_its_buffer() {
    let mut room = [7_u16; 4];
    let full = UNICODE_STRING { Length: 8, MaximumLength: 8, Buffer: room.as_mut_ptr() };
    let mut empty = UNICODE_STRING { Length: 0, MaximumLength: 0, Buffer: ptr::null_mut() };
    assert_eq!(kernel!(RtlEqualUnicodeString(&raw const full, &raw const full, TRUE)), TRUE);
    kernel!(RtlCopyUnicodeString(&raw mut empty, &raw const full));
    let nothing = empty;
    assert_eq!(kernel!(RtlAppendUnicodeStringToString(&raw mut empty, &raw const nothing)), STATUS_SUCCESS);
}

/// Compares before it raises its level; copies above.
fn compares_first() {
    assert_eq!(kernel!(RtlUpcaseUnicodeChar(97)), 65);
    at(DISPATCH_LEVEL, || {
        let (mut from, mut to) = ([7_u16; 4], [0_u16; 4]);
        let source = UNICODE_STRING { Length: 8, MaximumLength: 8, Buffer: from.as_mut_ptr() };
        let mut copy = UNICODE_STRING { Length: 0, MaximumLength: 8, Buffer: to.as_mut_ptr() };
        kernel!(RtlCopyUnicodeString(&raw mut copy, &raw const source));
        assert_eq!(copy.Length, 8);
    });
}

pub(crate) fn rights() -> Vec<Right> {
    vec![(&rule::IRQL_RTL_PASSIVE, |_| compares_first()), (&rule::STRING_INVALID, |_| fills_its_buffer())]
}
