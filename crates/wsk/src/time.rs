//! Time limits: of operations, and as WSK and the kernel take them.

use core::time::Duration;

pub(crate) use nt::time::interval;
use wsk_sys::{ULONG, WSK_INFINITE_WAIT};

/// The time limit of an operation that is submitted: a `Duration`, or `None`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the time limit of an operation",
    label = "a `Duration`, or `None`",
    note = "who submits an operation does not wait, so there is no `Passive` in it: `Duration::from_secs(1)` is a limit, `None` is \
            none"
)]
pub trait IntoLimit {
    /// The limit.
    fn into_limit(self) -> Option<Duration>;
}

impl IntoLimit for Duration {
    fn into_limit(self) -> Option<Duration> {
        Some(self)
    }
}

impl IntoLimit for Option<Duration> {
    fn into_limit(self) -> Option<Duration> {
        self
    }
}

/// A time limit of WSK's: in milliseconds, rounded up, and never infinite.
pub(crate) fn milliseconds(duration: Duration) -> ULONG {
    nt::time::milliseconds(duration).min(WSK_INFINITE_WAIT - 1)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    #[test]
    fn milliseconds_are_never_no_wait_nor_infinite_by_rounding() {
        assert_eq!(super::milliseconds(Duration::ZERO), wsk_sys::WSK_NO_WAIT);
        assert_eq!(super::milliseconds(Duration::from_nanos(1)), 1);
        assert_eq!(super::milliseconds(Duration::MAX), wsk_sys::WSK_INFINITE_WAIT - 1);
    }
}
