//! Sweeps: a scenario is run again and again, and each time something goes wrong at the next opportunity.
//!
//! A scenario is any test of the suite, on a hosted kernel. Whatever it says itself when it is disturbed, afterwards
//!
//! - each request has ended, and nothing of them is left: no handle, socket or IRP, and as many operations have completed as
//!   were submitted;
//! - each request has ended as it may undisturbed, or with a status of the driver's contract that goes with what happened;
//! - the same scenario passes, on the same kernel and with the same driver;
//! - the driver unloads, and the kernel finds nothing that nobody freed.
//!
//! What breaks a rule of the kernel is a bug check, and a finding like the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wsk_sys::{
    NT_SUCCESS, NTSTATUS, NamedStatus, STATUS_CANCELLED, STATUS_DEVICE_NOT_READY, STATUS_FILE_CLOSED,
    STATUS_FILE_FORCED_CLOSED, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_HANDLE, STATUS_IO_TIMEOUT,
};

use super::lab::Lab;
use super::outcome::{Failure, Outcome, equal};
use super::patience;
use super::test::Test;
use crate::device::{Device, Disturbance, Disturber, Ended, Hosted};

/// How long a run of a scenario may take, with what is looked for afterwards.
const LIMIT: Duration = Duration::from_mins(2);

/// Which opportunities are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Each of the first so many, and of those that follow about as many again, ever further apart; until the scenario
    /// passes untouched.
    Whole(u64),
    /// So many, spread over all that an undisturbed run has.
    Some(u64),
}

/// How a disturbed run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The scenario passes all the same: the driver has made it good, or it does not show.
    Passed,
    /// A request ended with a status that goes with what happened.
    Told,
    /// What the scenario waited for did not come, or came otherwise, and every request ended as ever.
    Otherwise,
}

/// What came of a sweep, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Scenarios that were swept.
    pub scenarios: u64,
    /// Opportunities that there were when nothing happened.
    pub opportunities: u64,
    /// Disturbed runs, by their end.
    pub ends: BTreeMap<End, u64>,
    /// Requests that ended otherwise than undisturbed, by status.
    pub statuses: BTreeMap<NTSTATUS, u64>,
    /// What was struck: calls, or requests.
    pub struck: BTreeSet<&'static str>,
}

impl Numbers {
    /// Adds those of another sweep.
    pub fn add(&mut self, other: &Numbers) {
        self.scenarios += other.scenarios;
        self.opportunities += other.opportunities;
        for (end, count) in &other.ends {
            *self.ends.entry(*end).or_default() += count;
        }
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.struck.extend(&other.struck);
    }

    /// Takes in how the requests of a disturbed run have ended. Gives whether one of them tells what happened.
    ///
    /// # Errors
    ///
    /// One ended with a status that does not go with it.
    fn count(&mut self, disturbance: Disturbance, run: &Run, usual: &Run) -> Result<bool, String> {
        let mut told = false;
        for (ended, count) in &run.ended {
            let Ended { code, status } = *ended;
            if NT_SUCCESS(status) || usual.ended.contains_key(ended) {
                continue;
            }
            let tells = told_by(disturbance).contains(&status);
            if !tells && !FOLLOWING.contains(&status) {
                let name = |code| wskdrv_abi::code::name(code).unwrap_or("an unknown code");
                let what = code.map_or("the opening of a handle", name);
                return Err(format!("{what} ended with {:?}", NamedStatus(status)));
            }
            told |= tells;
            *self.statuses.entry(status).or_default() += count;
        }
        Ok(told)
    }

    /// Disturbed runs in all.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.ends.values().sum()
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |end| self.ends.get(&end).copied().unwrap_or_default();
        write!(
            f,
            "{} scenarios, {} opportunities, {} tried: {} passed all the same, {} were told by a status, {} otherwise",
            self.scenarios,
            self.opportunities,
            self.points(),
            of(End::Passed),
            of(End::Told),
            of(End::Otherwise),
        )?;
        let statuses =
            self.statuses.iter().map(|(status, count)| format!("{count} {}", NamedStatus(*status)));
        write!(f, "\n    statuses: {}", statuses.collect::<Vec<_>>().join(", "))?;
        let struck: Vec<&str> = self.struck.iter().copied().collect();
        write!(f, "\n    struck: {}", struck.join(" "))
    }
}

/// What came of the sweeps of one scenario, if nothing is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swept {
    /// It was swept, with these disturbances.
    Numbers(BTreeMap<Disturbance, Numbers>),
    /// It cannot be run here, for this reason.
    NotApplicable(String),
}

/// The status that tells what happened.
const fn told_by(disturbance: Disturbance) -> &'static [NTSTATUS] {
    match disturbance {
        Disturbance::Fault => &[STATUS_INSUFFICIENT_RESOURCES],
        Disturbance::Cancel => &[STATUS_CANCELLED],
        // The last is the I/O manager's, for a handle that is no more.
        Disturbance::Close | Disturbance::Kill => {
            &[STATUS_CANCELLED, STATUS_FILE_CLOSED, STATUS_INVALID_HANDLE]
        }
        Disturbance::ForcedClose => &[STATUS_FILE_FORCED_CLOSED],
        Disturbance::ProviderLoss => &[STATUS_FILE_FORCED_CLOSED, STATUS_DEVICE_NOT_READY],
    }
}

/// Those of the requests that follow: they lack what has failed, nobody waits for them any longer, or the scenario ends and
/// closes its handles under them.
const FOLLOWING: &[NTSTATUS] = &[
    STATUS_INVALID_DEVICE_STATE,
    STATUS_IO_TIMEOUT,
    STATUS_CANCELLED,
    STATUS_FILE_CLOSED,
    STATUS_INVALID_HANDLE,
];

/// Sweeps over scenarios.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// The kernel that each run has for itself.
    pub hosted: Hosted,
    /// What happens, one after the other.
    pub disturbances: &'static [Disturbance],
    /// When.
    pub reach: Reach,
}

/// One run: how it ended, what was struck, how the requests ended.
struct Run {
    outcome: Outcome,
    struck: Option<&'static str>,
    ended: BTreeMap<Ended, u64>,
    disturber: Disturber,
}

impl Sweep {
    /// Sweeps one scenario.
    ///
    /// # Errors
    ///
    /// What was found, and at which opportunity.
    pub fn scenario(&self, test: &'static Test) -> Result<Swept, String> {
        let undisturbed = self.point(test, None)?;
        match &undisturbed.outcome {
            Ok(()) => {}
            Err(Failure::NotApplicable(reason)) => return Ok(Swept::NotApplicable(reason.clone())),
            Err(failure) => return Err(format!("undisturbed: {failure:?}")),
        }
        let mut all = BTreeMap::new();
        for disturbance in self.disturbances {
            let numbers = self
                .with(test, *disturbance, &undisturbed)
                .map_err(|found| format!("{}: {found}", disturbance.name()))?;
            all.insert(*disturbance, numbers);
        }
        Ok(Swept::Numbers(all))
    }

    fn with(&self, test: &'static Test, disturbance: Disturbance, usual: &Run) -> Result<Numbers, String> {
        let opportunities = usual.disturber.opportunities(disturbance);
        let mut numbers = Numbers { scenarios: 1, opportunities, ..Numbers::default() };
        for at in self.reach.points(opportunities) {
            let run = self.point(test, Some((disturbance, at)))?;
            let Some(struck) = run.struck else {
                match run.outcome {
                    Ok(()) if matches!(self.reach, Reach::Whole(_)) => break,
                    // Threads are not as fast in each run.
                    Ok(()) => continue,
                    Err(failure) => {
                        return Err(format!("opportunity {at} did not come, and it fails: {failure:?}"));
                    }
                }
            };
            let told = numbers.count(disturbance, &run, usual).map_err(|found| {
                format!("opportunity {at}, {struck}: {found}; the scenario ended with {:?}", run.outcome)
            })?;
            let end = match &run.outcome {
                Ok(()) => End::Passed,
                Err(_) if told => End::Told,
                Err(_) => End::Otherwise,
            };
            *numbers.ends.entry(end).or_default() += 1;
            numbers.struck.insert(struck);
        }
        Ok(numbers)
    }

    /// Runs a scenario with something happening at one opportunity, and sees that all is as it must be afterwards.
    fn point(&self, test: &'static Test, at: Option<(Disturbance, u64)>) -> Result<Run, String> {
        let (sender, receiver) = mpsc::channel();
        let sweep = self.clone();
        let thread = thread::Builder::new().name(test.name.to_owned()).spawn(move || {
            // Nobody receives what comes too late.
            let _ = sender.send(sweep.run(test, at));
        });
        thread.map_err(|error| format!("no thread for the scenario: {error}"))?;
        let ended = receiver.recv_timeout(LIMIT).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => {
                format!("it has not ended after {LIMIT:?}, and was left behind")
            }
            mpsc::RecvTimeoutError::Disconnected => "it panicked".to_owned(),
        });
        let when = at.map_or_else(|| "undisturbed".to_owned(), |(_, at)| format!("opportunity {at}"));
        ended.flatten().map_err(|found| format!("{when}: {found}"))
    }

    fn run(&self, test: &'static Test, at: Option<(Disturbance, u64)>) -> Result<Run, String> {
        let (device, disturber) = Device::disturbed(&self.hosted).map_err(|error| error.to_string())?;
        let (inside, inner) = (device.clone(), disturber.clone());
        match device.catch_bug_check(move || here(test, &inside, inner, at)) {
            Ok(run) => run.map_err(|failure| format!("{failure:?}")),
            Err(report) => {
                // Whoever drops what a dead kernel has made enters it, and does not come back.
                std::mem::forget((device, disturber));
                Err(report)
            }
        }
    }
}

impl Reach {
    /// The opportunities that are tried.
    fn points(self, opportunities: u64) -> Box<dyn Iterator<Item = u64>> {
        match self {
            Self::Whole(dense) => {
                let dense = dense.max(1);
                let further = move |point: &u64| Some(point + 1 + point.saturating_sub(dense) / dense);
                Box::new(std::iter::successors(Some(0), further))
            }
            Self::Some(wanted) => {
                let points = (1..=wanted).map(move |part| part * opportunities / (wanted + 1));
                let mut points: Vec<u64> = points.filter(|point| *point < opportunities).collect();
                points.dedup();
                Box::new(points.into_iter())
            }
        }
    }
}

/// The run itself, on a thread that a bug check may take.
fn here(
    test: &'static Test,
    device: &Device,
    disturber: Disturber,
    at: Option<(Disturbance, u64)>,
) -> Outcome<Run> {
    let lab = Lab::new(device.clone(), None)?;
    if let Some(reason) = test.needs.iter().find_map(|need| lab.lacks(*need)) {
        let outcome = Err(Failure::NotApplicable(reason));
        return Ok(Run { outcome, struck: None, ended: BTreeMap::new(), disturber });
    }
    disturber.arm(at);
    let over = disturber.clone();
    let mut outcome = patience::until(move || over.gives_up(), || (test.run)(&lab));
    let struck = disturber.disarm();
    disturber.load()?;
    // Some scenarios wait for a moment and not for what must come: a slow machine has a second try.
    let again = || (test.run)(&Lab::again(device.clone())?);
    if struck.is_none() {
        outcome = outcome.or_else(|failure| match failure {
            Failure::Unmet { .. } => again(),
            failure @ Failure::NotApplicable(_) => Err(failure),
        });
    }
    let after = |failure: Failure| failure.while_doing(format_args!("after {struck:?} and {outcome:?}"));
    let counts = lab.watcher().and_then(|watcher| Ok(watcher.statistics()?)).map_err(after)?;
    equal(counts.operations_completed, counts.operations_submitted, "operations completed").map_err(after)?;
    let ended = disturber.ended();
    if struck.is_some() {
        // From here on requests may take their time again.
        disturber.arm(None);
        let passed = again().or_else(|_| again());
        passed.map_err(|failure| after(failure.while_doing("once more, undisturbed")))?;
    }
    lab.finish()?;
    Ok(Run { outcome, struck, ended, disturber })
}
