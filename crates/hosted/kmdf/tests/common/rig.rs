//! The machine with the driver, and what the driver saw there.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kmdf::{STATUS_SUCCESS, WDFREQUEST};
use ntos::{BugCheck, Completed, Config, Driver, File, Machine, Overlapped, Process, Token};
use wsk_sys::NamedStatus;

use super::{ACCESS, Made, Options, PATH, SERVICE, driver_entry};

/// How long a test waits for what must happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// What the driver saw, in order.
#[derive(Default)]
pub(crate) struct Trace(Mutex<Vec<String>>);

impl Trace {
    pub(crate) fn seen(&self) -> Vec<String> {
        lock(&self.0).clone()
    }
}

#[derive(Default)]
struct Chosen(Mutex<Options>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The options of the calling thread's machine.
pub(crate) fn options() -> Options {
    *lock(&Machine::current().extension(Chosen::default).0)
}

/// Notes what the driver saw.
pub(crate) fn trace(what: impl Into<String>) {
    lock(&Machine::current().extension(Trace::default).0).push(what.into());
}

/// Waits, in the driver, until the test or another callback traces `what`.
pub(crate) fn wait_for(what: &str) {
    until(|| seen(what), what);
}

/// Whether the driver has seen `what`.
pub(crate) fn seen(what: &str) -> bool {
    let trace = Machine::current().extension(Trace::default);
    lock(&trace.0).iter().any(|seen| seen == what)
}

/// The indices of two things among what was seen.
#[track_caller]
pub(crate) fn indices(seen: &[String], first: &str, second: &str) -> (usize, usize) {
    let index = |what: &str| seen.iter().position(|seen| seen == what);
    match (index(first), index(second)) {
        (Some(first), Some(second)) => (first, second),
        _ => panic!("{first:?} and {second:?} are to be seen in {seen:?}"),
    }
}

/// A machine with the driver loaded, and a process.
pub(crate) struct Rig {
    pub(crate) machine: Machine,
    pub(crate) driver: Driver,
    pub(crate) process: Process,
}

/// A strict machine in which a hang is reported.
pub(crate) fn boot() -> Machine {
    let config = Config { wait_limit: Some(LIMIT), ..Config::default() };
    let machine = Machine::boot(config);
    kmdf::set_wait_limit(&machine, 20);
    machine
}

/// A machine that lets pass what only the verifier checks.
pub(crate) fn boot_lenient() -> Machine {
    let config = Config { strict: false, wait_limit: Some(LIMIT), ..Config::default() };
    Machine::boot(config)
}

/// Sets the options and loads the driver.
pub(crate) fn load(machine: &Machine, options: Options) -> Result<Driver, NamedStatus> {
    *lock(&machine.extension(Chosen::default).0) = options;
    kmdf::load(machine, SERVICE, driver_entry)
}

impl Rig {
    pub(crate) fn new(options: Options) -> Rig {
        Rig::on(boot(), options)
    }

    pub(crate) fn on(machine: Machine, options: Options) -> Rig {
        let driver = load(&machine, options).expect("the driver loads");
        let process = machine.process(Token::Administrator);
        Rig { machine, driver, process }
    }

    pub(crate) fn open(&self) -> File {
        self.process.create_file(PATH, ACCESS).expect("the device opens")
    }

    /// What the driver saw since the last call.
    pub(crate) fn taken(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.machine.extension(Trace::default).0))
    }

    /// What the driver saw so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.machine.extension(Trace::default).seen()
    }

    /// Releases what waits in the driver for `what`.
    pub(crate) fn release(&self, what: &str) {
        let _entered = self.machine.enter();
        trace(what);
    }

    /// Waits until the driver has seen `what`.
    pub(crate) fn wait_for(&self, what: &str) {
        let trace = self.machine.extension(Trace::default);
        until(|| lock(&trace.0).iter().any(|seen| seen == what), what);
    }

    /// Whether the driver has seen `what`.
    pub(crate) fn has_seen(&self, what: &str) -> bool {
        self.seen().iter().any(|seen| seen == what)
    }

    /// Sends [`SPECIAL`](super::SPECIAL) from another thread, and waits until its handler traces `inside`.
    pub(crate) fn send_special(&self, file: &File, inside: &str) -> JoinHandle<Completed> {
        let file = file.clone();
        let sender = self.machine.spawn("sender", move || ended(file.begin(super::SPECIAL, vec![], vec![])));
        self.wait_for(inside);
        sender
    }

    /// Unloads the driver and ends the machine, both of which look for leaks.
    pub(crate) fn end(self) {
        self.driver.unload().expect("the driver unloads");
        self.machine.shutdown();
    }
}

/// What a request ends with, which it does in time.
#[track_caller]
pub(crate) fn ended(request: Overlapped) -> Completed {
    request.wait_for(LIMIT).expect("the request ends in time")
}

/// What a request ends with that another thread sends.
#[track_caller]
pub(crate) fn joined(sender: JoinHandle<Completed>) -> NamedStatus {
    sender.join().expect("the sender returns").status
}

/// A machine with the driver loaded, and its device open.
pub(crate) struct Opened {
    rig: Rig,
    pub(crate) file: File,
}

impl Deref for Opened {
    type Target = Rig;

    fn deref(&self) -> &Rig {
        &self.rig
    }
}

impl Opened {
    pub(crate) fn new(options: Options) -> Opened {
        Opened::on(boot(), options)
    }

    pub(crate) fn on(machine: Machine, options: Options) -> Opened {
        let rig = Rig::on(machine, options);
        let file = rig.open();
        Opened { rig, file }
    }

    /// Sends a control without buffers; its status.
    pub(crate) fn send(&self, code: u32) -> NamedStatus {
        self.file.device_io_control(code, b"", &mut []).status
    }

    /// Sends a control without buffers, which need not end at once.
    pub(crate) fn begin(&self, code: u32) -> Overlapped {
        self.file.begin(code, vec![], vec![])
    }

    /// Sends [`SPECIAL`](super::SPECIAL) from another thread, and waits until its handler traces `inside`.
    pub(crate) fn send_special(&self, inside: &str) -> JoinHandle<Completed> {
        self.rig.send_special(&self.file, inside)
    }

    /// Closes the device, unloads the driver and ends the machine.
    pub(crate) fn end(self) {
        self.file.close();
        self.rig.end();
    }
}

/// Loads a driver that does `special` for [`SPECIAL`](super::SPECIAL), and sends that; it is to succeed.
#[track_caller]
pub(crate) fn succeeds(special: fn(&Made, WDFREQUEST)) {
    succeeds_on(boot(), special);
}

/// The same, on a given machine.
#[track_caller]
pub(crate) fn succeeds_on(machine: Machine, special: fn(&Made, WDFREQUEST)) {
    let test = Opened::on(machine, Options { special: Some(special), ..Options::default() });
    assert_eq!(test.send(super::SPECIAL), STATUS_SUCCESS);
    test.end();
}

/// Waits, within the limit, until something is so.
pub(crate) fn until(so: impl Fn() -> bool, what: &str) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs `f` on a machine with the driver loaded, and returns the bug check that it leads to.
pub(crate) fn bug_check(options: Options, f: impl FnOnce(&Rig) + Send + 'static) -> BugCheck {
    bug_check_on(&boot(), options, f)
}

/// As [`bug_check`], on a given machine.
pub(crate) fn bug_check_on(
    machine: &Machine,
    options: Options,
    f: impl FnOnce(&Rig) + Send + 'static,
) -> BugCheck {
    let inside = machine.clone();
    let result = machine.catch_bug_check(move || {
        let rig = Rig::on(inside, options);
        f(&rig);
        rig.end();
    });
    result.expect_err("the rule is enforced")
}

/// The code that a closed machine leaves: asserts rule and object.
#[track_caller]
pub(crate) fn assert_rule(report: &BugCheck, rule: &'static ntos::Rule, object: &str) {
    assert_eq!(report.rule, *rule, "{report}");
    assert!(report.detail.contains(object), "the report names {object}: {report}");
}
