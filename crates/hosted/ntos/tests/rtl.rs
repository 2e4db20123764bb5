//! The run-time library.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;

use crate::common::{assert_names, bug_check, machine, tag};
use ntos::{Machine, rule};
use wsk_sys::{
    ANSI_STRING, APC_LEVEL, DISPATCH_LEVEL, ExAllocatePool2, FALSE, KeLowerIrql, KfRaiseIrql,
    POOL_FLAG_PAGED, RtlAnsiStringToUnicodeString, RtlAppendUnicodeStringToString, RtlAppendUnicodeToString,
    RtlCompareMemory, RtlCompareUnicodeString, RtlCopyUnicodeString, RtlEqualUnicodeString,
    RtlFreeAnsiString, RtlFreeUnicodeString, RtlInitAnsiString, RtlInitUnicodeString,
    RtlIntegerToUnicodeString, RtlPrefixUnicodeString, RtlTimeFieldsToTime, RtlTimeToTimeFields,
    RtlUnicodeStringToAnsiString, RtlUnicodeStringToInteger, RtlUpcaseUnicodeChar, STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_NO_MEMORY, STATUS_SUCCESS, STRING, TIME_FIELDS,
    TRUE, UNICODE_STRING,
};

fn units(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

fn ignore<T>(_: T) {}

/// A string over these units, all of which count.
fn string(units: &mut [u16]) -> UNICODE_STRING {
    let bytes = u16::try_from(size_of_val(units)).unwrap();
    UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: units.as_mut_ptr() }
}

/// An empty string with room for as many.
fn empty(units: &mut [u16]) -> UNICODE_STRING {
    UNICODE_STRING { Length: 0, ..string(units) }
}

fn text(string: &UNICODE_STRING) -> String {
    // SAFETY: the strings here are made over buffers of at least their length.
    let units = unsafe { std::slice::from_raw_parts(string.Buffer, usize::from(string.Length / 2)) };
    String::from_utf16(units).unwrap()
}

#[test]
fn a_string_is_made_of_text_that_ends_with_a_zero() {
    let machine = machine();
    let _entered = machine.enter();
    let source = units("Mine\0");
    let mut made = empty(&mut []);
    kernel!(RtlInitUnicodeString(&raw mut made, source.as_ptr()));
    assert_eq!((made.Length, made.MaximumLength, text(&made).as_str()), (8, 10, "Mine"));
    kernel!(RtlInitUnicodeString(&raw mut made, ptr::null()));
    assert_eq!((made.Length, made.MaximumLength, made.Buffer.is_null()), (0, 0, true));
    let mut bytes = STRING::ZERO;
    kernel!(RtlInitAnsiString(&raw mut bytes, c"Mine".as_ptr()));
    assert_eq!((bytes.Length, bytes.MaximumLength), (4, 5));
    // More than 16 bits can say.
    let mut long = vec![u16::from(b'a'); 40_000];
    long.push(0);
    kernel!(RtlInitUnicodeString(&raw mut made, long.as_ptr()));
    assert_eq!((made.Length, made.MaximumLength), (0xFFFC, 0xFFFE));
    machine.shutdown();
}

#[test]
fn strings_are_copied_and_appended() {
    let machine = machine();
    let _entered = machine.enter();
    let (mut room, mut source) = ([0; 6], units("abc"));
    let (mut to, from) = (empty(&mut room), string(&mut source));
    kernel!(RtlCopyUnicodeString(&raw mut to, &raw const from));
    assert_eq!(text(&to), "abc");
    let more = units("d\0");
    assert_eq!(kernel!(RtlAppendUnicodeToString(&raw mut to, more.as_ptr())), STATUS_SUCCESS);
    assert_eq!(kernel!(RtlAppendUnicodeToString(&raw mut to, ptr::null())), STATUS_SUCCESS);
    assert_eq!(
        kernel!(RtlAppendUnicodeStringToString(&raw mut to, &raw const from)),
        STATUS_BUFFER_TOO_SMALL
    );
    assert_eq!(text(&to), "abcd");
    // To itself, and at a level where only resident strings may be used.
    let itself = UNICODE_STRING { Length: 4, ..to };
    let old = kernel!(KfRaiseIrql(DISPATCH_LEVEL));
    assert_eq!(kernel!(RtlAppendUnicodeStringToString(&raw mut to, &raw const itself)), STATUS_SUCCESS);
    kernel!(KeLowerIrql(old));
    assert_eq!(text(&to), "abcdab");
    // What does not fit is left out.
    let mut long = units("12345678");
    let long = string(&mut long);
    kernel!(RtlCopyUnicodeString(&raw mut to, &raw const long));
    assert_eq!(text(&to), "123456");
    kernel!(RtlCopyUnicodeString(&raw mut to, ptr::null()));
    assert_eq!(to.Length, 0);
    machine.shutdown();
}

#[test]
fn strings_are_compared() {
    let machine = machine();
    let _entered = machine.enter();
    let (mut one, mut other, mut longer) = (units("Äb"), units("äB"), units("äBc"));
    let (one, other, longer) = (&string(&mut one), &string(&mut other), &string(&mut longer));
    assert!(kernel!(RtlCompareUnicodeString(one, other, FALSE)) < 0);
    assert_eq!(kernel!(RtlCompareUnicodeString(one, other, TRUE)), 0);
    assert!(kernel!(RtlCompareUnicodeString(longer, other, TRUE)) > 0);
    assert_eq!(kernel!(RtlEqualUnicodeString(one, other, FALSE)), FALSE);
    assert_eq!(kernel!(RtlEqualUnicodeString(one, other, TRUE)), TRUE);
    assert_eq!(kernel!(RtlPrefixUnicodeString(one, longer, TRUE)), TRUE);
    assert_eq!(kernel!(RtlPrefixUnicodeString(one, longer, FALSE)), FALSE);
    assert_eq!(kernel!(RtlPrefixUnicodeString(longer, one, TRUE)), FALSE);
    assert_eq!(kernel!(RtlUpcaseUnicodeChar(u16::from(b'q'))), u16::from(b'Q'));
    // One that becomes two letters stays.
    assert_eq!(kernel!(RtlUpcaseUnicodeChar(0xDF)), 0xDF);
    let (first, second) = (*b"abcd", *b"abxd");
    let same = |length| kernel!(RtlCompareMemory(first.as_ptr().cast(), second.as_ptr().cast(), length));
    assert_eq!((same(4), same(2), same(0)), (2, 2, 0));
    machine.shutdown();
}

#[test]
fn strings_change_between_characters_and_bytes() {
    let machine = machine();
    let _entered = machine.enter();
    let mut source = units("a€ſ");
    let source = string(&mut source);
    let mut bytes = STRING::ZERO;
    assert_eq!(
        kernel!(RtlUnicodeStringToAnsiString(&raw mut bytes, &raw const source, TRUE)),
        STATUS_SUCCESS
    );
    assert_eq!((bytes.Length, bytes.MaximumLength), (3, 4));
    // SAFETY: allocated with a zero behind it.
    assert_eq!(unsafe { std::slice::from_raw_parts(bytes.Buffer.cast::<u8>(), 4) }, b"a\x80?\0");
    let mut back = empty(&mut []);
    assert_eq!(kernel!(RtlAnsiStringToUnicodeString(&raw mut back, &raw const bytes, TRUE)), STATUS_SUCCESS);
    assert_eq!(text(&back), "a€?");
    kernel!(RtlFreeUnicodeString(&raw mut back));
    assert!(back.Buffer.is_null());
    kernel!(RtlFreeUnicodeString(&raw mut back));
    // Into a buffer of the caller's, with room for a zero, or not.
    let mut room = [0; 3];
    let mut small = empty(&mut room);
    let convert =
        |to: &mut UNICODE_STRING| kernel!(RtlAnsiStringToUnicodeString(to, &raw const bytes, FALSE));
    assert_eq!(convert(&mut small), STATUS_BUFFER_OVERFLOW);
    let mut room = [0; 4];
    let mut enough = empty(&mut room);
    assert_eq!(convert(&mut enough), STATUS_SUCCESS);
    assert_eq!(text(&enough), "a€?");
    kernel!(RtlFreeAnsiString(&raw mut bytes));
    machine.faults().fail_nth(0);
    assert_eq!(
        kernel!(RtlUnicodeStringToAnsiString(&raw mut bytes, &raw const source, TRUE)),
        STATUS_NO_MEMORY
    );
    machine.shutdown();
}

#[test]
fn numbers_are_read_and_written() {
    let machine = machine();
    let _entered = machine.enter();
    let (mut source, mut value) = (units("0x2a"), 0);
    let source = string(&mut source);
    assert_eq!(kernel!(RtlUnicodeStringToInteger(&raw const source, 0, &raw mut value)), STATUS_SUCCESS);
    assert_eq!(value, 42);
    assert_eq!(
        kernel!(RtlUnicodeStringToInteger(&raw const source, 7, &raw mut value)),
        STATUS_INVALID_PARAMETER
    );
    let mut room = [0; 2];
    let mut to = empty(&mut room);
    assert_eq!(kernel!(RtlIntegerToUnicodeString(42, 0, &raw mut to)), STATUS_SUCCESS);
    assert_eq!(text(&to), "42");
    assert_eq!(kernel!(RtlIntegerToUnicodeString(142, 10, &raw mut to)), STATUS_BUFFER_OVERFLOW);
    assert_eq!(kernel!(RtlIntegerToUnicodeString(1, 3, &raw mut to)), STATUS_INVALID_PARAMETER);
    machine.shutdown();
}

#[test]
fn times_are_days_of_the_calendar() {
    let machine = machine();
    let _entered = machine.enter();
    let mut fields = TIME_FIELDS { Year: 2024, Month: 2, Day: 29, Hour: 1, ..TIME_FIELDS::default() };
    let mut time = 0;
    assert_eq!(kernel!(RtlTimeFieldsToTime(&raw mut fields, &raw mut time)), TRUE);
    let mut back = TIME_FIELDS::default();
    kernel!(RtlTimeToTimeFields(&raw mut time, &raw mut back));
    assert_eq!(back, TIME_FIELDS { Weekday: 4, ..fields });
    fields.Day = 30;
    assert_eq!(kernel!(RtlTimeFieldsToTime(&raw mut fields, &raw mut time)), FALSE);
    machine.shutdown();
}

#[test]
fn a_function_of_pageable_code_is_called_above_passive_level() {
    let calls: [(fn(), &str); 9] = [
        (|| ignore(kernel!(RtlCompareUnicodeString(ptr::null(), ptr::null(), 0))), "RtlCompareUnicodeString"),
        (|| ignore(kernel!(RtlEqualUnicodeString(ptr::null(), ptr::null(), 0))), "RtlEqualUnicodeString"),
        (|| ignore(kernel!(RtlPrefixUnicodeString(ptr::null(), ptr::null(), 0))), "RtlPrefixUnicodeString"),
        (|| ignore(kernel!(RtlUpcaseUnicodeChar(65))), "RtlUpcaseUnicodeChar"),
        (
            || ignore(kernel!(RtlUnicodeStringToAnsiString(ptr::null_mut(), ptr::null(), 0))),
            "RtlUnicodeStringToAnsiString",
        ),
        (
            || ignore(kernel!(RtlAnsiStringToUnicodeString(ptr::null_mut(), ptr::null(), 0))),
            "RtlAnsiStringToUnicodeString",
        ),
        (|| kernel!(RtlFreeUnicodeString(ptr::null_mut())), "RtlFreeUnicodeString"),
        (
            || ignore(kernel!(RtlUnicodeStringToInteger(ptr::null(), 0, ptr::null_mut()))),
            "RtlUnicodeStringToInteger",
        ),
        (|| ignore(kernel!(RtlIntegerToUnicodeString(1, 0, ptr::null_mut()))), "RtlIntegerToUnicodeString"),
    ];
    for (call, name) in calls {
        let report = bug_check(move || {
            kernel!(KfRaiseIrql(APC_LEVEL));
            call();
        });
        assert_names(&report, &rule::IRQL_RTL_PASSIVE, name);
    }
}

#[test]
fn a_string_has_lengths_that_cannot_be() {
    fn check(length: u16, maximum: u16, with_buffer: bool, why: &str) {
        let report = bug_check(move || {
            let mut room = [0_u16; 8];
            let buffer = if with_buffer { room.as_mut_ptr() } else { ptr::null_mut() };
            let string = UNICODE_STRING { Length: length, MaximumLength: maximum, Buffer: buffer };
            kernel!(RtlEqualUnicodeString(&raw const string, &raw const string, FALSE));
        });
        assert_names(&report, &rule::STRING_INVALID, why);
    }
    check(10, 8, true, "10 bytes in a buffer of 8");
    check(3, 8, true, "no number of characters");
    check(4, 4, false, "without a buffer");
    let report = bug_check(|| ignore(kernel!(RtlAppendUnicodeStringToString(ptr::null_mut(), ptr::null()))));
    assert_names(&report, &rule::STRING_INVALID, "no address");
}

#[test]
fn a_string_is_in_paged_pool() {
    let report = bug_check(|| {
        let block = kernel!(ExAllocatePool2(POOL_FLAG_PAGED, 16, tag(*b"Strn")));
        let mut string = UNICODE_STRING { Length: 4, MaximumLength: 16, Buffer: block.cast() };
        kernel!(KfRaiseIrql(DISPATCH_LEVEL));
        let source = string;
        kernel!(RtlCopyUnicodeString(&raw mut string, &raw const source));
    });
    assert_names(&report, &rule::PAGED_AT_DISPATCH, "'Strn'");
}

#[test]
fn a_string_is_not_freed() {
    let machine = machine();
    let report = machine.catch_bug_check(|| {
        let mut source = units("a");
        let source = string(&mut source);
        let mut bytes = ANSI_STRING { ..STRING::ZERO };
        kernel!(RtlUnicodeStringToAnsiString(&raw mut bytes, &raw const source, TRUE));
        Machine::current().check_leaks(ntos::LeakScope::Shutdown);
    });
    assert_names(&report.expect_err("a bug check"), &rule::POOL_LEAK, "'Strg'");
}
