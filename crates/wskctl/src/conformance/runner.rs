//! Runs tests: each in a place of its own, on a thread of its own, within a time limit.
//!
//! A test that does not end in time has failed, and the run goes on: its thread is left behind, and ends with the
//! program. The same holds for a test in which the hosted kernel stops with a bug check.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::lab::Lab;
use super::outcome::{Failure, Outcome};
use super::report::{Report, TestResult};
use super::test::Test;
use crate::device::{Device, IrpEvent, OpenError};
use crate::interrupt::Interrupt;

/// How long a test may take, if nothing else is said.
const LIMIT: Duration = Duration::from_mins(2);

type Devices = Arc<dyn Fn() -> Result<Device, OpenError> + Send + Sync>;

/// Runs tests, each on a device that it is given anew.
#[derive(Clone)]
pub struct Runner {
    devices: Devices,
    program: Option<PathBuf>,
    limit: Duration,
    interrupt: Interrupt,
    jobs: usize,
    irps: bool,
}

/// What ends a test.
enum End {
    /// It came to its end, or the hosted kernel stopped with a bug check.
    Itself(Result<Ended, String>),
    /// The run is interrupted.
    Interrupted,
}

/// A test that came to its end.
struct Ended {
    outcome: Outcome,
    /// What happened to its kernel's IRPs.
    irps: Vec<IrpEvent>,
}

/// Who watches a run as it goes.
pub trait Watch {
    /// A test begins.
    fn begins(&mut self, _test: &Test) {}
    /// A test has ended.
    fn ended(&mut self, _verdict: &TestResult) {}
}

/// Nobody watches.
impl Watch for () {}

impl Runner {
    /// A runner on the devices that `devices` gives: for each test a kernel of its own, or always the same device.
    #[must_use]
    pub fn new(devices: impl Fn() -> Result<Device, OpenError> + Send + Sync + 'static) -> Runner {
        let (devices, interrupt) = (Arc::new(devices), Interrupt::new());
        Runner { devices, program: None, limit: LIMIT, interrupt, jobs: 1, irps: false }
    }

    /// With `wskctl` as a program that tests can start: see [`super::pend`].
    #[must_use]
    pub fn with_program(self, program: PathBuf) -> Runner {
        Runner { program: Some(program), ..self }
    }

    /// With a time limit for each test.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Runner {
        Runner { limit, ..self }
    }

    /// With so many tests at a time. Their devices have nothing to do with each other: that is each test's own kernel.
    #[must_use]
    pub fn with_jobs(self, jobs: usize) -> Runner {
        Runner { jobs, ..self }
    }

    /// With what happened to the IRPs of each test, where its kernel has a log of that.
    #[must_use]
    pub fn with_irps(self) -> Runner {
        Runner { irps: true, ..self }
    }

    /// With an interrupt that ends the run.
    #[must_use]
    pub fn with_interrupt(self, interrupt: Interrupt) -> Runner {
        Runner { interrupt, ..self }
    }

    /// Runs one test.
    #[must_use]
    pub fn run_one(&self, test: &'static Test) -> TestResult {
        self.attempt(test)
            .unwrap_or_else(|| TestResult::cut_short(test, "it was interrupted".to_owned(), Duration::ZERO))
    }

    /// Runs one test; `None` if it was interrupted, and left behind.
    fn attempt(&self, test: &'static Test) -> Option<TestResult> {
        let began = Instant::now();
        let (sender, receiver) = mpsc::channel();
        // The thread alone keeps it alive: if that panics, nobody can send any more.
        let sender = Arc::new(sender);
        let interrupted = Arc::downgrade(&sender);
        let _watching = self.interrupt.watch(move || {
            if let Some(sender) = interrupted.upgrade() {
                // Nobody receives when the test has ended.
                let _ = sender.send(End::Interrupted);
            }
        });
        let (devices, program, irps) = (Arc::clone(&self.devices), self.program.clone(), self.irps);
        let thread = thread::Builder::new().name(test.name.to_owned()).spawn(move || {
            // Nobody receives what comes too late.
            let _ = sender.send(End::Itself(carry_out(test, &devices, program, irps)));
        });
        let cut_short = |detail| Some(TestResult::cut_short(test, detail, began.elapsed()));
        if let Err(error) = thread {
            return cut_short(format!("no thread for the test: {error}"));
        }
        match receiver.recv_timeout(self.limit) {
            Ok(End::Interrupted) => None,
            Ok(End::Itself(Ok(Ended { outcome, irps }))) => {
                Some(TestResult { irps, ..TestResult::new(test, outcome, began.elapsed()) })
            }
            Ok(End::Itself(Err(report))) => cut_short(report),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                cut_short(format!("it has not ended after {:?}, and was left behind", self.limit))
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => cut_short("the test panicked".to_owned()),
        }
    }

    /// Runs tests, as many at a time as there are jobs, until the interrupt is raised; whoever watches is told of them in their
    /// order. `device` is what the report says of the device.
    pub fn run(
        &self,
        device: &str,
        tests: impl IntoIterator<Item = &'static Test>,
        watch: &mut dyn Watch,
    ) -> Report {
        let began = Instant::now();
        let tests: Vec<_> = tests.into_iter().collect();
        let (mut results, mut not_run) = (Vec::new(), Vec::new());
        let next = AtomicUsize::new(0);
        let (ended, endings) = mpsc::channel();
        thread::scope(|scope| {
            let (tests, next) = (&tests, &next);
            for _ in 0..self.jobs.clamp(1, tests.len().max(1)) {
                let ended = ended.clone();
                scope.spawn(move || {
                    // Relaxed: a number for each, and nothing else.
                    let place = || next.fetch_add(1, Ordering::Relaxed);
                    while let Some((place, test)) = Some(place()).and_then(|at| Some((at, tests.get(at)?))) {
                        let result = if self.interrupt.is_raised() { None } else { self.attempt(test) };
                        // The other end is there until all have ended.
                        let _ = ended.send((place, result));
                    }
                });
            }
            drop(ended);
            // What has ended before its turn.
            let mut early = HashMap::new();
            for (place, test) in tests.iter().enumerate() {
                if !self.interrupt.is_raised() {
                    watch.begins(test);
                }
                while !early.contains_key(&place) {
                    let Ok((other, result)) = endings.recv() else { break };
                    early.insert(other, result);
                }
                match early.remove(&place).flatten() {
                    Some(result) => {
                        watch.ended(&result);
                        results.push(result);
                    }
                    None => not_run.push(test.name.to_owned()),
                }
            }
        });
        Report::new(device.to_owned(), results, not_run, began.elapsed())
    }
}

/// The outcome of a test, or the report of the bug check that ended it.
fn carry_out(
    test: &'static Test,
    devices: &Devices,
    program: Option<PathBuf>,
    irps: bool,
) -> Result<Ended, String> {
    let device = match devices() {
        Ok(device) => device,
        Err(error) => return Ok(Ended { outcome: Err(error.into()), irps: Vec::new() }),
    };
    let in_the_lab = device.clone();
    let ended = device.catch_bug_check(move || {
        let lab = match Lab::new(in_the_lab, program) {
            Ok(lab) => lab,
            Err(failure) => return Ended { outcome: Err(failure), irps: Vec::new() },
        };
        let outcome = carry_out_in(&lab, test);
        let log = if irps { lab.device().irp_log() } else { None };
        if outcome.is_ok() {
            lab.shut_down();
        }
        Ended { outcome, irps: log.unwrap_or_default() }
    });
    if ended.is_err() {
        // Whoever drops what a dead kernel has made enters it, and does not come back.
        std::mem::forget(device);
    }
    ended
}

fn carry_out_in(lab: &Lab, test: &Test) -> Outcome {
    if let Some(reason) = test.needs.iter().find_map(|need| lab.lacks(*need)) {
        return Err(Failure::NotApplicable(reason));
    }
    (test.run)(lab)?;
    lab.check_left()
}
