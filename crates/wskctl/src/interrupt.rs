//! The wish to end early: Ctrl-C, on its way to whoever waits.
//!
//! Whoever is told of it (`wskctl` by a signal, or by the console on Windows) [raises](Interrupt::raise) it; a
//! [`Session`](crate::Session) then cancels its requests, a [`Runner`](crate::conformance::Runner) leaves its test, and
//! both give back what they have until then.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

type Watcher = Arc<dyn Fn() + Send + Sync>;

/// The wish to end early. Clones are the same one.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<State>);

#[derive(Default)]
struct State {
    raised: Mutex<bool>,
    changed: Condvar,
    watchers: Mutex<Vec<(u64, Watcher)>>,
    next: AtomicU64,
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Interrupt").field(&self.is_raised()).finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Interrupt {
    /// An interrupt that nobody has raised.
    #[must_use]
    pub fn new() -> Interrupt {
        Self::default()
    }

    /// Tells everybody who watches, and whoever will.
    pub fn raise(&self) {
        *lock(&self.0.raised) = true;
        self.0.changed.notify_all();
        // Whoever is told may watch, or end watching: the lock is not held.
        let watchers: Vec<Watcher> =
            lock(&self.0.watchers).iter().map(|(_, watcher)| Arc::clone(watcher)).collect();
        for watcher in watchers {
            watcher();
        }
    }

    /// Whether it has been raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        *lock(&self.0.raised)
    }

    /// Calls `watcher`, on any thread, when it is raised: at once if it has been, and perhaps once more. It must return
    /// soon.
    #[must_use = "it is watched until this is dropped"]
    pub fn watch(&self, watcher: impl Fn() + Send + Sync + 'static) -> Watching {
        // Ordering: numbers need only differ.
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let watcher: Watcher = Arc::new(watcher);
        lock(&self.0.watchers).push((number, Arc::clone(&watcher)));
        // Looked at after the watcher is in the list: whoever raises it from here on finds it there.
        if self.is_raised() {
            watcher();
        }
        Watching { interrupt: self.clone(), number }
    }

    /// Waits for so long; false if it was raised before that.
    #[must_use]
    pub fn sleep(&self, time: Duration) -> bool {
        let raised = lock(&self.0.raised);
        let (raised, _) = self
            .0
            .changed
            .wait_timeout_while(raised, time, |raised| !*raised)
            .unwrap_or_else(PoisonError::into_inner);
        !*raised
    }
}

/// That an [`Interrupt`] is watched, until this is dropped.
pub struct Watching {
    interrupt: Interrupt,
    number: u64,
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching").finish_non_exhaustive()
    }
}

impl Watching {
    /// What is watched.
    #[must_use]
    pub const fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut watchers = lock(&self.interrupt.0.watchers);
        let gone = watchers.extract_if(.., |(number, _)| *number == self.number).next();
        drop(watchers);
        // What the watcher holds is dropped without the lock.
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn whoever_watches_is_told_early_late_and_no_longer() {
        let interrupt = Interrupt::new();
        let (sender, told) = mpsc::channel();
        let tell = |name: &'static str| {
            let sender = sender.clone();
            move || sender.send(name).unwrap()
        };
        let early = interrupt.watch(tell("early"));
        drop(interrupt.watch(tell("gone")));
        interrupt.raise();
        assert!(interrupt.is_raised());
        let late = interrupt.watch(tell("late"));
        assert_eq!(told.try_iter().collect::<Vec<_>>(), ["early", "late"]);
        drop((early, late));
        interrupt.raise();
        assert_eq!(told.try_iter().count(), 0);
    }

    #[test]
    fn a_sleep_ends_when_it_is_raised() {
        let interrupt = Interrupt::new();
        assert!(interrupt.sleep(Duration::from_millis(1)));
        let sleeper = thread::spawn({
            let interrupt = interrupt.clone();
            move || interrupt.sleep(Duration::MAX)
        });
        interrupt.raise();
        assert!(!sleeper.join().unwrap(), "it was cut short");
    }
}
