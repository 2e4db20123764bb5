//! Times by the calendar: `RtlTimeToTimeFields` and back.
#![expect(unsafe_code, reason = "exports C functions by their names; the structures are the driver's")]

use wsk_sys::{BOOLEAN, FALSE, LARGE_INTEGER, TIME_FIELDS, TRUE};

use crate::machine::Machine;

const MILLISECOND: i64 = 10_000;
const DAY: i64 = 24 * 60 * 60 * 1000 * MILLISECOND;
/// Days of 400 years, after which the calendar begins anew.
const DAYS_OF_400_YEARS: i64 = 146_097;

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_year(year: i64) -> i64 {
    365 + i64::from(is_leap(year))
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn narrow(number: i64) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

/// The fields of a time, in units of 100 ns since 1601.
fn fields(time: i64) -> TIME_FIELDS {
    let (days, rest) = (time.div_euclid(DAY), time.rem_euclid(DAY) / MILLISECOND);
    let mut year = 1601 + 400 * days.div_euclid(DAYS_OF_400_YEARS);
    let mut day = days.rem_euclid(DAYS_OF_400_YEARS);
    while day >= days_of_year(year) {
        day -= days_of_year(year);
        year += 1;
    }
    let mut month = 1;
    while day >= days_of_month(year, month) {
        day -= days_of_month(year, month);
        month += 1;
    }
    TIME_FIELDS {
        Year: narrow(year),
        Month: narrow(month),
        Day: narrow(day + 1),
        Hour: narrow(rest / 3_600_000),
        Minute: narrow(rest / 60_000 % 60),
        Second: narrow(rest / 1000 % 60),
        Milliseconds: narrow(rest % 1000),
        // The first day of 1601 was a Monday.
        Weekday: narrow((days + 1).rem_euclid(7)),
    }
}

/// The time of the fields; none, if they are of no day or time of day. The weekday does not count.
fn time(fields: &TIME_FIELDS) -> Option<i64> {
    let (year, month, day) = (i64::from(fields.Year), i64::from(fields.Month), i64::from(fields.Day));
    let in_range = |number: i16, end: i16| (0..end).contains(&number);
    let valid = year >= 1601
        && (1..=12).contains(&month)
        && (1..=days_of_month(year, month)).contains(&day)
        && in_range(fields.Hour, 24)
        && in_range(fields.Minute, 60)
        && in_range(fields.Second, 60)
        && in_range(fields.Milliseconds, 1000);
    if !valid {
        return None;
    }
    let years = year - 1601;
    let days = years * 365 + years / 4 - years / 100
        + years / 400
        + (1..month).map(|month| days_of_month(year, month)).sum::<i64>()
        + day
        - 1;
    let seconds = (i64::from(fields.Hour) * 60 + i64::from(fields.Minute)) * 60 + i64::from(fields.Second);
    // The last year that fits is later than all that a field holds.
    Some(days * DAY + (seconds * 1000 + i64::from(fields.Milliseconds)) * MILLISECOND)
}

/// The day, and the time of the day, of a time in units of 100 ns since 1601.
///
/// # IRQL
/// Any, if the structures are resident.
///
/// # Safety
/// `Time` points to a time, `TimeFields` to writable memory for the structure.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlTimeToTimeFields(Time: *mut LARGE_INTEGER, TimeFields: *mut TIME_FIELDS) {
    Machine::kernel();
    // SAFETY: this function's own contract.
    let time = unsafe { Time.read() };
    // SAFETY: this function's own contract.
    unsafe { TimeFields.write(fields(time)) };
}

/// The time of the fields; `FALSE`, if they are of no day or time of day.
///
/// # IRQL
/// Any, if the structures are resident.
///
/// # Safety
/// `TimeFields` points to the structure, `Time` to a variable.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn RtlTimeFieldsToTime(
    TimeFields: *mut TIME_FIELDS,
    Time: *mut LARGE_INTEGER,
) -> BOOLEAN {
    Machine::kernel();
    // SAFETY: this function's own contract.
    let Some(time) = time(&unsafe { TimeFields.read() }) else { return FALSE };
    // SAFETY: this function's own contract.
    unsafe { Time.write(time) };
    TRUE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(Year: i16, Month: i16, Day: i16) -> TIME_FIELDS {
        TIME_FIELDS { Year, Month, Day, ..TIME_FIELDS::default() }
    }

    #[test]
    fn known_times_have_their_fields() {
        let monday = TIME_FIELDS { Weekday: 1, ..on(1601, 1, 1) };
        assert_eq!(fields(0), monday);
        // The beginning of Unix' time, a Thursday.
        let unix = TIME_FIELDS { Weekday: 4, ..on(1970, 1, 1) };
        assert_eq!(fields(116_444_736_000_000_000), unix);
        let late = TIME_FIELDS { Hour: 23, Minute: 59, Second: 58, Milliseconds: 999, ..unix };
        assert_eq!(fields(116_444_736_000_000_000 + DAY - 10_010_000), late);
        // The leap day of 2000, a Tuesday.
        assert_eq!(fields(time(&on(2000, 2, 29)).unwrap()), TIME_FIELDS { Weekday: 2, ..on(2000, 2, 29) });
    }

    #[test]
    fn there_and_back_is_the_same() {
        for day in (0..1_000_000).step_by(97) {
            let at = day * DAY + 12_345 * MILLISECOND;
            assert_eq!(time(&fields(at)), Some(at));
        }
    }

    #[test]
    fn days_that_are_none_are_refused() {
        for fields in [
            on(1600, 12, 31),
            on(2001, 2, 29),
            on(1900, 2, 29),
            on(2024, 4, 31),
            on(2024, 13, 1),
            on(2024, 0, 1),
            on(2024, 1, 0),
            TIME_FIELDS { Hour: 24, ..on(2024, 1, 1) },
            TIME_FIELDS { Minute: 60, ..on(2024, 1, 1) },
            TIME_FIELDS { Second: -1, ..on(2024, 1, 1) },
            TIME_FIELDS { Milliseconds: 1000, ..on(2024, 1, 1) },
        ] {
            assert_eq!(time(&fields), None, "{fields:?}");
        }
    }
}
