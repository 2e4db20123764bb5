//! What requests of the driver cost: beside the system's own calls, in one process and by turns, so that ratios hold on a
//! machine that does other things, too.
//!
//! Ways to do the same are a [`Table`]. Its ways are measured by turns, in rounds of some calls each; a [`Ratio`] is the median
//! over the rounds of the ratio of two ways' median calls, and tells between which ratios eight of ten rounds are. A [`Growth`] is
//! the same for one of something, ten, a hundred and so on.
//!
//! The JSON form is the [`Report`] as `serde` writes it:
//!
//! ```text
//! {
//!   "format": 1,                        raised when a member changes its meaning
//!   "device": "hosted in this program, completion inline",
//!   "system": "linux x86_64, 2 processors",
//!   "optimized": true,                  whether the program was compiled to be fast
//!   "plan": { "groups": ["ioctl", ..], "rounds": 40, "calls": 50, "sockets": 10000, "pending": 10000 },
//!   "tables": [{ "group": "ioctl", "name": "a control request",
//!     "rows": [{ "way": "get SO_BROADCAST", "together": 1, "calls": 2000, "per_second": 150000,
//!       "nanoseconds": { "p50": 6600, "p99": 9100, "p999": 20100, "max": 40000, "distribution": [[1, 6000], ..] },
//!       "ratios": [{ "to": "version", "median": 1.4, "low": 1.3, "high": 1.5 }, ..] }, ..] }, ..],
//!   "growth": [{ "of": "sockets", "steps": [{ "count": 10, "pool_bytes_each": 3000,
//!       "operations": [{ "to": "get SO_BROADCAST", "median": 1.01, "low": 0.9, "high": 1.1 }, ..] }, ..] }, ..],
//!   "unloads": [{ "sockets": 10, "load": 900000, "kill": 400000, "unload": 100000 }, ..],
//!   "notes": [],                        what could not be measured, and why
//!   "interrupted": false
//! }
//! ```
//!
//! | module | contents |
//! |---|---|
//! | `measure` | cases by turns, their times and ratios |
//! | `ioctl`, `datagrams`, `open`, `growth`, `unload` | what is measured |
//! | `system` | the system's own calls |
//! | `report` | what was measured |
//! | [`page`], `chart` | the same as one page of HTML, with its drawings |

mod chart;
mod datagrams;
mod growth;
mod ioctl;
mod measure;
mod open;
pub mod page;
mod report;
mod system;
#[cfg(all(test, feature = "hosted"))]
mod tests;
mod unload;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;
use std::{fmt, io, thread};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub use report::{Growth, Latency, Ratio, Report, Row, Step, Table, Unload, time};

use crate::device::{Device, Hosted, OpenError};
use crate::family::Family;
use crate::interrupt::Interrupt;
use crate::session::Session;

/// How often who watches is told.
const TICK: Duration = Duration::from_millis(200);
/// The time limit of a request.
const LIMIT: Duration = Duration::from_secs(5);
/// How long the driver may take to unload.
const UNLOAD_LIMIT: Duration = Duration::from_mins(1);

/// What belongs together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// One control request, from user mode to its completion
    Ioctl,
    /// Datagrams out and in, one by one and several with a request
    Datagrams,
    /// A socket from open to close; the cancel of a request that waits
    Open,
    /// The same with more and more sockets, and with more and more requests that wait
    Growth,
}

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Which groups.
    pub groups: Vec<Group>,
    /// How many rounds.
    pub rounds: usize,
    /// How many calls of each way in a round.
    pub calls: usize,
    /// To how many sockets they grow.
    pub sockets: usize,
    /// To how many requests that wait.
    pub pending: usize,
}

/// What is measured.
#[derive(Clone, Debug)]
pub enum Subject {
    /// The driver on a hosted kernel, a new one for each group.
    Hosted(Hosted),
    /// A device of this system.
    Loaded(Device),
}

impl Subject {
    fn device(&self) -> Result<Device, OpenError> {
        match self {
            Self::Hosted(config) => Device::hosted(config),
            Self::Loaded(device) => Ok(device.clone()),
        }
    }
}

/// Why something could not be measured.
#[derive(Debug)]
pub enum Error {
    /// The device refused.
    Device(crate::Error),
    /// The system refused.
    System(io::Error),
    /// Not all datagrams came.
    Lost {
        /// How many came.
        came: usize,
        /// How many were sent.
        sent: usize,
    },
    /// The hosted kernel stopped; its report.
    BugCheck(String),
    /// It was interrupted.
    Interrupted,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(error) => error.fmt(f),
            Self::System(error) => write!(f, "the system refused: {error}"),
            Self::Lost { came, sent } => write!(f, "{came} of {sent} datagrams came at once"),
            Self::BugCheck(report) => f.write_str(report),
            Self::Interrupted => f.write_str("it was interrupted"),
        }
    }
}

impl std::error::Error for Error {}

impl From<crate::Error> for Error {
    fn from(error: crate::Error) -> Error {
        Self::Device(error)
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Error {
        Self::Device(error.into())
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Self::System(error)
    }
}

/// How far it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What is being measured.
    pub what: String,
    /// How many rounds are done.
    pub done: usize,
    /// Of how many.
    pub of: usize,
}

/// What a group is measured with, and what it has to tell.
struct Bench {
    subject: Subject,
    device: Device,
    plan: Plan,
    interrupt: Interrupt,
    told: Arc<Mutex<Told>>,
}

/// What was told until now.
#[derive(Default)]
struct Told {
    progress: Progress,
    tables: Vec<Table>,
    growth: Vec<Growth>,
    unloads: Vec<Unload>,
    notes: Vec<String>,
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bench {
    fn told(&self) -> MutexGuard<'_, Told> {
        lock(&self.told)
    }

    /// A round begins.
    fn measuring(&self, what: &str) {
        let progress = &mut self.told().progress;
        what.clone_into(&mut progress.what);
        progress.done += 1;
    }

    fn note(&self, note: String) {
        self.told().notes.push(note);
    }

    fn table(&self, group: &str, table: Table) {
        self.told().tables.push(Table { group: group.to_owned(), ..table });
    }

    /// One of a device that answers everything, for tests of what measures.
    #[cfg(test)]
    fn of_test(rounds: usize, calls: usize) -> Bench {
        let device = crate::device::fake::Fake::default().device();
        Bench {
            subject: Subject::Loaded(device.clone()),
            device,
            plan: Plan { groups: Vec::new(), rounds, calls, sockets: 1, pending: 1 },
            interrupt: Interrupt::new(),
            told: Arc::default(),
        }
    }

    fn unless_interrupted(&self) -> Result<(), Error> {
        if self.interrupt.is_raised() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// A handle with a socket that is bound, and its address.
    fn bound(&self) -> Result<(Session, SocketAddr), Error> {
        let session = Session::new(self.device.open()?).within(LIMIT);
        session.create(Family::V4)?;
        session.bind(Family::V4.loopback())?;
        let address = session.local_address()?;
        Ok((session, address))
    }

    fn measure(&self, group: Group) -> Result<(), Error> {
        match group {
            Group::Ioctl => ioctl::measure(self),
            Group::Datagrams => datagrams::measure(self),
            Group::Open => open::measure(self),
            Group::Growth => growth::measure(self).and_then(|()| unload::measure(self)),
        }
    }
}

/// How many rounds it will be, so far as that is known before.
fn rounds(plan: &Plan) -> usize {
    let tables = |group: &Group| match group {
        Group::Ioctl => ioctl::TABLES,
        Group::Datagrams => datagrams::TABLES,
        Group::Open => open::TABLES,
        Group::Growth => growth::steps(plan.sockets).count() + growth::steps(plan.pending).count(),
    };
    plan.groups.iter().map(tables).sum::<usize>() * plan.rounds
}

/// Measures it all. `watch` is told now and then how far it has come. An interrupt ends it early; the report has what was
/// measured until then.
///
/// # Errors
///
/// The device does not open, or what is measured fails.
pub fn run(
    subject: &Subject,
    plan: &Plan,
    interrupt: &Interrupt,
    watch: &mut dyn FnMut(&Progress),
) -> Result<Report, Error> {
    system::allow_many_sockets();
    let told = Arc::new(Mutex::new(Told {
        progress: Progress { of: rounds(plan), ..Progress::default() },
        ..Told::default()
    }));
    let (sender, ended) = mpsc::channel();
    let all = All {
        subject: subject.clone(),
        plan: plan.clone(),
        interrupt: interrupt.clone(),
        told: Arc::clone(&told),
    };
    thread::Builder::new().name("bench".to_owned()).spawn(move || {
        // Somebody receives.
        let _ = sender.send(all.run());
    })?;
    let (device, interrupted) = loop {
        match ended.recv_timeout(TICK) {
            Ok(Ok(ended)) => break ended,
            Ok(Err(error)) => return Err(error),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let progress = lock(&told).progress.clone();
                watch(&progress);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(Error::BugCheck("a thread has panicked".to_owned()));
            }
        }
    };
    let Told { tables, growth, unloads, notes, .. } = std::mem::take(&mut *lock(&told));
    let processors = thread::available_parallelism().map_or(1, usize::from);
    Ok(Report {
        format: report::FORMAT,
        device,
        system: format!("{} {}, {processors} processors", std::env::consts::OS, std::env::consts::ARCH),
        optimized: !cfg!(debug_assertions),
        plan: plan.clone(),
        tables,
        growth,
        unloads,
        notes,
        interrupted,
    })
}

/// All of it.
struct All {
    subject: Subject,
    plan: Plan,
    interrupt: Interrupt,
    told: Arc<Mutex<Told>>,
}

impl All {
    /// Measures it; gives what the device is, and whether it was interrupted.
    fn run(&self) -> Result<(String, bool), Error> {
        let mut described = String::new();
        for group in self.plan.groups.iter().copied() {
            let device = self.subject.device()?;
            described = device.describe();
            let bench = Bench {
                subject: self.subject.clone(),
                device: device.clone(),
                plan: self.plan.clone(),
                interrupt: self.interrupt.clone(),
                told: Arc::clone(&self.told),
            };
            match device.catch_bug_check(move || bench.measure(group)) {
                Ok(Ok(())) => {}
                Ok(Err(Error::Interrupted)) => return Ok((described, true)),
                Ok(Err(error)) => return Err(error),
                Err(report) => {
                    // Whoever drops what a dead kernel has made enters it, and does not come back.
                    std::mem::forget(device);
                    return Err(Error::BugCheck(report));
                }
            }
        }
        Ok((described, false))
    }
}
