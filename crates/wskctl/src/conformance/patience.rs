//! How long a test waits for what may not come: [`SOON`](super::SOON), unless the place knows that it does not come any more.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// How often the place is asked.
const LOOK: Duration = Duration::from_millis(20);

thread_local! {
    /// Says whether nobody should wait any longer.
    static OVER: RefCell<Option<Box<dyn Fn() -> bool>>> = const { RefCell::new(None) };
}

/// Runs `f`, on this thread, with a patience that ends when `over` says so.
#[cfg(feature = "hosted")]
pub(super) fn until<R>(over: impl Fn() -> bool + 'static, f: impl FnOnce() -> R) -> R {
    OVER.set(Some(Box::new(over)));
    let result = f();
    OVER.set(None);
    result
}

/// Whether nobody should wait any longer.
pub(super) fn is_over() -> bool {
    OVER.with_borrow(|over| over.as_ref().is_some_and(|over| over()))
}

/// Waits with `wait`, which takes a time limit, for at most `limit`, and no longer than anybody should.
///
/// # Errors
///
/// `TimedOut`, and what `wait` says.
pub(super) fn wait<T>(limit: Duration, mut wait: impl FnMut(Duration) -> io::Result<T>) -> io::Result<T> {
    if OVER.with_borrow(Option::is_none) {
        return wait(limit);
    }
    let end = Instant::now() + limit;
    loop {
        match wait(LOOK) {
            Err(error) if error.kind() == ErrorKind::TimedOut && !is_over() && Instant::now() < end => {}
            ended => return ended,
        }
    }
}
