//! What a machine waits for, in words: for the report of a wait that does not end.
//!
//! Every wait of the kernel has a limit ([`Config::hang_limit`](crate::Config::hang_limit)); what is reported when it is
//! over names the object that was waited for, and everything that is in flight.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::machine::Machine;
use crate::machine::bugcheck::Broken;
use crate::process;
use crate::rule::Rule;

/// Names what a module has in flight, each in a few words.
pub type InFlight = fn(&Machine) -> Vec<String>;

/// What the modules of a machine have told to ask.
#[derive(Default)]
struct Askers(Mutex<Vec<InFlight>>);

impl Machine {
    /// Adds a function that names what a module has in flight, for the report of a wait that does not end.
    ///
    /// It is called by the thread that waited, at its IRQL, with no lock of the kernel held.
    pub fn on_stuck(&self, in_flight: InFlight) {
        self.extension(Askers::default).0.lock().push(in_flight);
    }
}

/// What is in flight on the machine, as the end of a report's sentence.
pub(crate) fn in_flight(machine: &Machine) -> String {
    let askers = machine.extension(Askers::default).0.lock().clone();
    let mut all = process::in_flight(machine);
    all.extend(askers.into_iter().flat_map(|ask| ask(machine)));
    all.extend(machine.parts.dispatcher.in_flight());
    all.extend(machine.parts.workers.in_flight());
    if all.is_empty() { "nothing is in flight".to_owned() } else { format!("in flight: {}", all.join("; ")) }
}

/// What is said of a wait that was not over within `limit`.
pub(crate) fn broken(machine: &Machine, rule: &'static Rule, what: &str, limit: Duration) -> Broken {
    Broken::new(rule, format!("{what} within {limit:?}; {}", in_flight(machine)))
}

/// A deadline that is `limit` away; none if that is beyond the host's clock.
pub(crate) fn deadline(limit: Duration) -> Option<Instant> {
    Instant::now().checked_add(limit)
}

/// Waits for `thread`, which sends on `done` as the last thing that it does, at most for `limit`. None if it went on
/// longer; the thread is then left to itself.
///
/// # Panics
/// If the thread panicked.
pub(crate) fn join<R>(thread: JoinHandle<()>, done: &mpsc::Receiver<R>, limit: Duration) -> Option<R> {
    match done.recv_timeout(limit) {
        Ok(result) => {
            // It has nothing left to do.
            let _ = thread.join();
            Some(result)
        }
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Ok(()) => None,
            Err(panic) => std::panic::resume_unwind(panic),
        },
    }
}
