//! Numbers as text.
#![expect(unsafe_code, reason = "exports C functions by their names; the strings are the driver's")]

use wsk_sys::{
    NTSTATUS, PCUNICODE_STRING, PUNICODE_STRING, STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS, ULONG,
};

use super::counted;
use super::enter_passive;

/// A base that is known.
fn known(base: ULONG) -> Option<ULONG> {
    matches!(base, 2 | 8 | 10 | 16).then_some(base)
}

/// The number at the start of a text, as far as it goes; none of an unknown base.
fn parse(text: &[u16], base: ULONG) -> Option<ULONG> {
    let mut characters =
        text.iter().map(|unit| char::from_u32((*unit).into()).unwrap_or('\u{FFFD}')).peekable();
    while characters.next_if(|character| *character <= ' ').is_some() {}
    let negative = characters.next_if(|character| matches!(character, '+' | '-')) == Some('-');
    let base = if base == 0 {
        let mut ahead = characters.clone();
        let prefix = (ahead.next(), ahead.next());
        let (base, skipped) = match prefix {
            (Some('0'), Some('x')) => (16, 2),
            (Some('0'), Some('o')) => (8, 2),
            (Some('0'), Some('b')) => (2, 2),
            _ => (10, 0),
        };
        for _ in 0..skipped {
            characters.next();
        }
        base
    } else {
        known(base)?
    };
    let digits = characters.map_while(|character| character.to_digit(base));
    let number = digits.fold(0, |number: ULONG, digit| number.wrapping_mul(base).wrapping_add(digit));
    Some(if negative { number.wrapping_neg() } else { number })
}

/// The digits of a number.
fn digits(mut value: ULONG, base: ULONG) -> Vec<u16> {
    let mut digits = Vec::new();
    loop {
        let digit = char::from_digit(value % base, base).unwrap_or('0').to_ascii_uppercase();
        digits.push(u16::try_from(u32::from(digit)).unwrap_or_default());
        value /= base;
        if value == 0 {
            break;
        }
    }
    digits.reverse();
    digits
}

/// The number that a string begins with, zero if it begins with none. With base zero, `0x`, `0o` and `0b` before the digits say
/// the base.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Errors
/// `STATUS_INVALID_PARAMETER` for another base.
///
/// # Safety
/// `String` is a counted string, whose buffer holds its length; `Value` points to a variable.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlUnicodeStringToInteger(
    String: PCUNICODE_STRING,
    Base: ULONG,
    Value: *mut ULONG,
) -> NTSTATUS {
    let what = "RtlUnicodeStringToInteger";
    enter_passive(what);
    // SAFETY: this function's own contract.
    let text = unsafe { counted::read(String, what) };
    let Some(number) = parse(&text, Base) else { return STATUS_INVALID_PARAMETER };
    // SAFETY: this function's own contract.
    unsafe { Value.write(number) };
    STATUS_SUCCESS
}

/// Writes a number as text.
///
/// # IRQL
/// `PASSIVE_LEVEL`.
///
/// # Errors
/// `STATUS_INVALID_PARAMETER` for another base than 0, 2, 8, 10 and 16, `STATUS_BUFFER_OVERFLOW` if the buffer is too small.
///
/// # Safety
/// `String` is a counted string, whose buffer holds its maximum length.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlIntegerToUnicodeString(
    Value: ULONG,
    Base: ULONG,
    String: PUNICODE_STRING,
) -> NTSTATUS {
    let what = "RtlIntegerToUnicodeString";
    enter_passive(what);
    let Some(base) = known(if Base == 0 { 10 } else { Base }) else { return STATUS_INVALID_PARAMETER };
    let digits = digits(Value, base);
    // SAFETY: this function's own contract.
    if unsafe { counted::room(String, what) } < digits.len() {
        return STATUS_BUFFER_OVERFLOW;
    }
    // SAFETY: this function's own contract; there is room for all.
    unsafe { counted::write(String, &digits) };
    STATUS_SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u16> {
        text.encode_utf16().collect()
    }

    #[test]
    fn numbers_are_read_as_far_as_they_go() {
        for (source, base, number) in [
            ("12", 0, 12),
            ("  +12z", 10, 12),
            ("-1", 0, u32::MAX),
            ("0x1F", 0, 31),
            ("0o17", 0, 15),
            ("0b101", 0, 5),
            ("1f", 16, 31),
            ("19", 8, 1),
            ("", 0, 0),
            ("x", 10, 0),
            ("4294967296", 0, 0),
        ] {
            assert_eq!(parse(&text(source), base), Some(number), "{source}");
        }
        assert_eq!(parse(&text("1"), 3), None);
    }

    #[test]
    fn digits_are_those_of_the_base() {
        for (value, base, expected) in
            [(0, 10, "0"), (4_294_967_295, 10, "4294967295"), (255, 16, "FF"), (5, 2, "101"), (8, 8, "10")]
        {
            assert_eq!(digits(value, base), text(expected));
        }
    }
}
