//! How long the framework waits for a driver, before it reports what is missing.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::kernel::event::{Event, MILLISECOND};
use crate::platform;

/// A number of seconds.
struct WaitLimit(AtomicU64);

impl Default for WaitLimit {
    /// That of the verifier's `DbgWaitForSignalTimeoutInSec`.
    fn default() -> WaitLimit {
        WaitLimit(AtomicU64::new(60))
    }
}

/// How many seconds to wait for a driver.
pub(crate) fn seconds() -> u64 {
    // Relaxed: a setting, nothing is published by it.
    platform::state::<WaitLimit>().0.load(Ordering::Relaxed)
}

/// Sets how many seconds to wait for a driver.
#[cfg(feature = "hosted")]
pub(crate) fn set_seconds(seconds: u64) {
    // Relaxed: a setting, nothing is published by it.
    platform::state::<WaitLimit>().0.store(seconds, Ordering::Relaxed);
}

/// Waits for an event, as long as the framework waits for a driver; whether it was signalled.
pub(crate) fn wait(event: &Event) -> bool {
    let seconds = i64::try_from(seconds()).unwrap_or(i64::MAX);
    event.wait(Some(seconds.saturating_mul(-1000 * MILLISECOND)))
}
