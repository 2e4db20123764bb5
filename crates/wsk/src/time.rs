//! Time limits as WSK and the kernel take them.

use core::time::Duration;

pub(crate) use nt::time::interval;
use wsk_sys::{ULONG, WSK_INFINITE_WAIT};

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
