//! Time as the kernel counts it: units of 100 ns, negative for an interval from now.

use core::time::Duration;

use nt_sys::{LARGE_INTEGER, ULONG};

/// The longest interval, 14,600 years: the kernel adds the time since boot, and the sum must not overflow.
const LONGEST: i64 = i64::MAX / 2;

/// The kernel's form of an interval from now, rounded up; one that is too long is the longest there is.
#[must_use]
pub fn interval(duration: Duration) -> LARGE_INTEGER {
    i64::try_from(units(duration, 10_000_000)).map_or(-LONGEST, |units| -units.min(LONGEST))
}

/// In units of which a second has so many, rounded up; at most what the type holds.
fn units(duration: Duration, second: u32) -> u64 {
    let part = duration.subsec_nanos().div_ceil(1_000_000_000 / second);
    duration.as_secs().saturating_mul(second.into()).saturating_add(part.into())
}

/// An interval in milliseconds, rounded up; one that is too long for the type is the longest there is.
#[must_use]
pub fn milliseconds(duration: Duration) -> ULONG {
    ULONG::try_from(units(duration, 1000)).unwrap_or(ULONG::MAX)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    #[test]
    fn intervals_are_negative_hundreds_of_nanoseconds() {
        assert_eq!(super::interval(Duration::from_millis(5)), -50_000);
        assert_eq!(super::interval(Duration::ZERO), 0);
        assert_eq!(super::interval(Duration::from_nanos(1)), -1);
        assert_eq!(super::interval(Duration::MAX), -super::LONGEST);
        assert_eq!(super::interval(Duration::from_hours(250_000_000)), -super::LONGEST);
    }

    #[test]
    fn milliseconds_are_rounded_up() {
        assert_eq!(super::milliseconds(Duration::ZERO), 0);
        assert_eq!(super::milliseconds(Duration::from_nanos(1)), 1);
        assert_eq!(super::milliseconds(Duration::from_millis(7)), 7);
        assert_eq!(super::milliseconds(Duration::MAX), u32::MAX);
    }
}
