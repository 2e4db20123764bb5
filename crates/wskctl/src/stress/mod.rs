//! Many requests of all kinds at once, for some time: on many handles, from many threads, with cancels, closes and processes that
//! are killed. None may be cancelled that was not asked to end, and at the end nothing of it may be left.
//!
//! What each thread does follows from the seed; how the threads meet does not.
//!
//! The JSON form is the [`Report`] as `serde` writes it:
//!
//! ```text
//! {
//!   "format": 1,                        raised when a member changes its meaning
//!   "device": "hosted in this program, completion deferred",
//!   "plan": { "handles": 32, "threads": 4, "cancels": 15, "closes": 5, "kill_every_ms": 250, "milliseconds": 10000, "seed": 7 },
//!   "done": { "requests": 81234, "opened": 934, "cancels": 14011, "closes": 931, "killed": 38 },
//!   "requests": { "IOCTL_WSKDRV_SEND": 20111, ... },
//!   "statuses": { "STATUS_SUCCESS": 70121, "STATUS_CANCELLED": 9011, ... },
//!   "left": { "handles open": 0, "sockets open": 0, ... },   each must be zero
//!   "faults": [],                       what else went wrong, a sentence each
//!   "milliseconds": 10213
//! }
//! ```

mod killer;
mod left;
#[cfg(all(test, feature = "hosted"))]
mod tests;
mod worker;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wsk_sys::NTSTATUS;

use crate::conformance::{Lab, Outcome, SOON};
use crate::device::{Device, Refused};
use crate::error::Error;
use crate::interrupt::Interrupt;

/// The number of the JSON format.
const FORMAT: u32 = 1;
/// How often who watches is told.
const TICK: Duration = Duration::from_millis(200);
/// More faults than these are counted only.
const FAULTS: usize = 20;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// How many handles the threads have among them.
    pub handles: usize,
    /// How many threads there are.
    pub threads: usize,
    /// Of a hundred things that a thread does, so many are cancels.
    pub cancels: u32,
    /// And so many closes of a handle, with what is pending on it.
    pub closes: u32,
    /// Beside them another process begins requests and is killed, so often; zero for never.
    pub kill_every_ms: u64,
    /// For how long.
    pub milliseconds: u64,
    /// What each thread does follows from it.
    pub seed: u64,
}

/// How much was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Requests that have ended.
    pub requests: u64,
    /// Handles that were opened.
    pub opened: u64,
    /// Cancels, of one request or of all of a handle.
    pub cancels: u64,
    /// Handles that were closed.
    pub closes: u64,
    /// Processes that were killed.
    pub killed: u64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The number of this format.
    pub format: u32,
    /// Which device.
    pub device: String,
    /// What was to be done.
    pub plan: Plan,
    /// How much was.
    pub done: Done,
    /// The requests that have ended, by control code.
    pub requests: BTreeMap<String, u64>,
    /// How they have ended.
    pub statuses: BTreeMap<String, u64>,
    /// What is left, and must be zero.
    pub left: BTreeMap<String, u64>,
    /// What else went wrong.
    pub faults: Vec<String>,
    /// How long it took.
    pub milliseconds: u64,
}

impl Report {
    /// Whether something was done, nothing went wrong and nothing is left.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.done.requests != 0 && self.faults.is_empty() && self.left.values().all(|left| *left == 0)
    }
}

/// What the threads have in common.
struct Shared {
    lab: Lab,
    plan: Plan,
    interrupt: Interrupt,
    end: Instant,
    /// How long it may take until what was cancelled has ended, and what was closed is gone.
    patience: Duration,
    counts: Arc<Counts>,
}

impl Shared {
    fn is_over(&self) -> bool {
        self.interrupt.is_raised() || Instant::now() >= self.end
    }
}

/// Relaxed throughout: numbers to be looked at.
#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    opened: AtomicU64,
    cancels: AtomicU64,
    closes: AtomicU64,
    killed: AtomicU64,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    requests: BTreeMap<&'static str, u64>,
    statuses: BTreeMap<NTSTATUS, u64>,
    faults: Vec<String>,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counts {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has ended.
    fn ended(&self, code: u32, status: NTSTATUS) {
        count(&self.requests);
        let mut told = self.told();
        *told.requests.entry(wskdrv_abi::code::name(code).unwrap_or("an unknown code")).or_default() += 1;
        *told.statuses.entry(status).or_default() += 1;
    }

    /// A request of a session has ended.
    fn result<T>(&self, code: u32, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => {
                self.ended(code, 0);
                Some(value)
            }
            Err(error) => {
                match error.status() {
                    Some(status) => self.ended(code, status),
                    None => self.fault(error.to_string()),
                }
                None
            }
        }
    }

    fn fault(&self, what: String) {
        let faults = &mut self.told().faults;
        if faults.len() < FAULTS {
            faults.push(what);
        }
    }

    fn done(&self) -> Done {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Done {
            requests: of(&self.requests),
            opened: of(&self.opened),
            cancels: of(&self.cancels),
            closes: of(&self.closes),
            killed: of(&self.killed),
        }
    }
}

/// Does it all, and looks at what is left. `program` is `wskctl` itself, to be started as the process that is killed, where the
/// device has no other way to one. `watch` is told now and then how much was done. An interrupt ends it early; it is looked for
/// what is left all the same.
///
/// # Errors
///
/// The device does not open, or does not say what it has counted.
pub fn run(
    device: &Device,
    program: Option<PathBuf>,
    plan: &Plan,
    interrupt: &Interrupt,
    watch: &mut dyn FnMut(Done),
) -> Outcome<Report> {
    run_with(SOON, device, program, plan, interrupt, watch)
}

fn run_with(
    patience: Duration,
    device: &Device,
    program: Option<PathBuf>,
    plan: &Plan,
    interrupt: &Interrupt,
    watch: &mut dyn FnMut(Done),
) -> Outcome<Report> {
    let began = Instant::now();
    let counts = Arc::<Counts>::default();
    let shared = Arc::new(Shared {
        lab: Lab::new(device.clone(), program)?,
        plan: plan.clone(),
        interrupt: interrupt.clone(),
        end: began + Duration::from_millis(plan.milliseconds),
        patience,
        counts: Arc::clone(&counts),
    });
    let (sender, ended) = mpsc::channel();
    let catcher = device.clone();
    thread::Builder::new().name("stress".to_owned()).spawn(move || {
        let inside = catcher.clone();
        // Somebody receives, unless he has panicked.
        let _ = sender.send(catcher.catch_bug_check(move || all(&inside, &shared)));
    })?;
    let left = loop {
        match ended.recv_timeout(TICK) {
            Ok(Ok(left)) => break left,
            Ok(Err(report)) => {
                counts.fault(report);
                // Whoever drops what a dead kernel has made enters it, and does not come back.
                std::mem::forget(device.clone());
                break BTreeMap::new();
            }
            Err(mpsc::RecvTimeoutError::Timeout) => watch(counts.done()),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                counts.fault("a thread has panicked".to_owned());
                break BTreeMap::new();
            }
        }
    };
    let done = counts.done();
    let told = std::mem::take(&mut *counts.told());
    let name = |(status, count)| (Refused::new(status, 0).name(), count);
    Ok(Report {
        format: FORMAT,
        device: device.describe(),
        plan: plan.clone(),
        done,
        requests: told.requests.into_iter().map(|(code, count)| (code.to_owned(), count)).collect(),
        statuses: told.statuses.into_iter().map(name).collect(),
        left,
        faults: told.faults,
        milliseconds: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

/// All of it; gives what is left.
fn all(device: &Device, shared: &Arc<Shared>) -> BTreeMap<String, u64> {
    thread::scope(|scope| {
        for number in 0..shared.plan.threads {
            let shared = Arc::clone(shared);
            // In a thread that a bug check may stop: for any other, a thread of the kernel would go in for each request. Of a bug
            // check all are told, and one tells it.
            scope.spawn(move || device.catch_bug_check(move || worker::run(&shared, number)));
        }
        if shared.plan.kill_every_ms != 0 {
            scope.spawn(|| killer::run(shared));
        }
    });
    left::look(shared)
}
