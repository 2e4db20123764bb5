//! Time as the kernel counts it: units of 100 ns, negative for an interval from now.

use core::time::Duration;

/// The kernel's form of an interval from now; one that is too long is the longest there is.
pub(crate) fn interval(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos() / 100).map_or(i64::MIN, |units| -units)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    #[test]
    fn intervals_are_negative_hundreds_of_nanoseconds() {
        assert_eq!(super::interval(Duration::from_millis(5)), -50_000);
        assert_eq!(super::interval(Duration::ZERO), 0);
        assert_eq!(super::interval(Duration::MAX), i64::MIN);
    }
}
