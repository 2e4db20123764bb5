//! Time as the kernel counts it: units of 100 ns, negative for an interval from now.

use core::time::Duration;

use wsk_sys::{ULONG, WSK_INFINITE_WAIT};

/// The longest interval, 14,600 years: the kernel adds the time since boot, and the sum must not overflow.
const LONGEST: i64 = i64::MAX / 2;

/// The kernel's form of an interval from now, rounded up; one that is too long is the longest there is.
pub(crate) fn interval(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos().div_ceil(100)).map_or(-LONGEST, |units| -units.min(LONGEST))
}

/// The same in milliseconds, rounded up; one that is too long for the type is the longest that is not infinite.
pub(crate) fn milliseconds(duration: Duration) -> ULONG {
    let rounded = duration.as_nanos().div_ceil(1_000_000);
    ULONG::try_from(rounded).unwrap_or(ULONG::MAX).min(WSK_INFINITE_WAIT - 1)
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
    fn milliseconds_are_never_no_wait_nor_infinite_by_rounding() {
        assert_eq!(super::milliseconds(Duration::ZERO), wsk_sys::WSK_NO_WAIT);
        assert_eq!(super::milliseconds(Duration::from_nanos(1)), 1);
        assert_eq!(super::milliseconds(Duration::from_millis(7)), 7);
        assert_eq!(super::milliseconds(Duration::MAX), wsk_sys::WSK_INFINITE_WAIT - 1);
    }
}
