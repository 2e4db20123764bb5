//! Bug checks: the end of a machine, with a report that names the rule and the object.
//!
//! `KeBugCheckEx` does not return, and nothing may unwind out of an `extern "system"` function. So the thread that
//! broke the rule stops for ever, and with it every other thread of its machine that enters the kernel. A test
//! learns of it by [`Machine::catch_bug_check`]. Where nobody catches, whoever is in the kernel for a process, or enters
//! it next, panics with the report: the test fails, and the others of its program run on. If nobody comes for
//! [`UNHEARD_LIMIT`], or it was a thread that nobody can replace (one that calls a kernel function by itself, outside of
//! the machine's threads), the report goes to standard error and the process exits with code 101, as after a panic.
//!
//! A driver's routine that panics is a bug check like any other. One that uses an address where nothing is ends the process.
//!
//! ```
//! use ntos::{Config, Machine};
//! use wsk_sys::{FALSE, IoAllocateIrp, IoFreeIrp};
//!
//! let bug_check = Machine::boot(Config::default()).catch_bug_check(|| {
//!     let irp = unsafe { IoAllocateIrp(1, FALSE) };
//!     unsafe { IoFreeIrp(irp) };
//!     unsafe { IoFreeIrp(irp) };
//! });
//! let bug_check = bug_check.expect_err("freed twice");
//! println!("{bug_check}"); // the rule, Microsoft's page, the object
//! assert_eq!(bug_check.rule, ntos::io_rules::NOT_AN_IRP);
//! ```
#![expect(unsafe_code, reason = "exports a C function by its name")]

use std::fmt;
use std::io::Write;
use std::panic;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

pub use hosted_rule::Broken;
use wsk_sys::{ULONG, ULONG_PTR};

use crate::machine::Machine;
use crate::machine::at_exit;
use crate::machine::companion::{self, Waiting};
use crate::rule::Rule;

/// The exit code of a process in which a bug check was not caught.
const EXIT_CODE: i32 = 101;

/// Why a bug check in a thread of the test's own ends the process.
const NOT_REPLACEABLE: &str = "the thread is the test's own, and cannot be stopped; with `Machine::catch_bug_check`, \
                               only the test would fail";

/// How long a bug check of which nobody has heard waits for somebody, before it ends the process.
pub const UNHEARD_LIMIT: Duration = Duration::from_secs(5);

/// The report of a bug check.
#[derive(Clone, Debug)]
pub struct BugCheck {
    /// The rule that was broken.
    pub rule: Rule,
    /// The four parameters, as Windows shows them.
    pub parameters: [usize; 4],
    /// What was done to which object.
    pub detail: String,
    /// The settings of the machine that are not the default ones, as a test writes them.
    pub settings: Box<str>,
}

impl BugCheck {
    pub(crate) fn new(rule: &Rule, parameters: [usize; 4], detail: String) -> BugCheck {
        BugCheck { rule: *rule, parameters, detail, settings: Box::default() }
    }
}

impl fmt::Display for BugCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.rule.code;
        let parameters = self.parameters.map(|parameter| format!("{parameter:#X}")).join(", ");
        write!(f, "*** STOP: {code:#010X} ({parameters})")?;
        if let Some(name) = code_name(code) {
            write!(f, " {name}")?;
        }
        write!(f, "\n    rule:   {}\n    detail: {}", self.rule, self.detail)?;
        if !self.settings.is_empty() {
            write!(f, "\n    under:  {}", self.settings)?;
        }
        Ok(())
    }
}

impl std::error::Error for BugCheck {}

/// The name of a bug check code, of those that this project uses.
fn code_name(code: u32) -> Option<&'static str> {
    Some(match code {
        0x0A => "IRQL_NOT_LESS_OR_EQUAL",
        0x0C => "MAXIMUM_WAIT_OBJECTS_EXCEEDED",
        0x0F => "SPIN_LOCK_ALREADY_OWNED",
        0x10 => "SPIN_LOCK_NOT_OWNED",
        0x18 => "REFERENCE_BY_POINTER",
        0x1E => "KMODE_EXCEPTION_NOT_HANDLED",
        0x35 => "NO_MORE_IRP_STACK_LOCATIONS",
        0x44 => "MULTIPLE_IRP_COMPLETE_REQUESTS",
        0x48 => "CANCEL_STATE_IN_COMPLETED_IRP",
        0x93 => "INVALID_KERNEL_HANDLE",
        0xB8 => "ATTEMPTED_SWITCH_FROM_DPC",
        0xC1 => "SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION",
        0xC2 => "BAD_POOL_CALLER",
        0xC4 => "DRIVER_VERIFIER_DETECTED_VIOLATION",
        0xC6 => "DRIVER_CAUGHT_MODIFYING_FREED_POOL",
        0xC7 => "TIMER_OR_DPC_INVALID",
        0xC9 => "DRIVER_VERIFIER_IOMANAGER_VIOLATION",
        0xCB => "DRIVER_LEFT_LOCKED_PAGES_IN_PROCESS",
        0xCC => "PAGE_FAULT_IN_FREED_SPECIAL_POOL",
        0xD1 => "DRIVER_IRQL_NOT_LESS_OR_EQUAL",
        0xD5 => "DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL",
        0xD6 => "DRIVER_PAGE_FAULT_BEYOND_END_OF_ALLOCATION",
        0xCE => "DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS",
        0xE4 => "WORKER_INVALID",
        0x101 => "CLOCK_WATCHDOG_TIMEOUT",
        0x10D => "WDF_VIOLATION",
        0x133 => "DPC_WATCHDOG_VIOLATION",
        0x139 => "KERNEL_SECURITY_CHECK_FAILURE",
        0x4000_008A => "THREAD_TERMINATE_HELD_MUTEX",
        _ => return None,
    })
}

/// Whether a machine is dead, and why.
#[derive(Debug, Default)]
pub(crate) struct Crash {
    dead: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    report: Option<BugCheck>,
    catching: usize,
    /// The threads whose companions are in the kernel.
    waiting: Vec<Arc<Waiting>>,
    /// Somebody has been given the report.
    heard: bool,
    /// What reports say of the machine.
    settings: Vec<String>,
}

impl Crash {
    /// Whether a bug check was raised.
    pub(crate) fn is_dead(&self) -> bool {
        // Relaxed: a thread that misses it now stops at its next entry into the kernel.
        self.dead.load(Ordering::Relaxed)
    }

    /// The first report, for somebody who makes it known.
    pub(crate) fn hear(&self) -> Option<BugCheck> {
        let mut state = self.state.lock();
        let report = state.report.clone()?;
        state.heard = true;
        self.changed.notify_all();
        Some(report)
    }

    /// Has reports name a setting.
    pub(crate) fn add_setting(&self, setting: String) {
        self.state.lock().settings.push(setting);
    }

    /// Whether there is a report that nobody has heard.
    pub(crate) fn is_unheard(&self) -> bool {
        self.is_dead() && !self.state.lock().heard
    }

    /// Adds somebody to be woken by a bug check; not after one.
    pub(crate) fn add_waiting(&self, waiting: &Arc<Waiting>) -> bool {
        let mut state = self.state.lock();
        if state.report.is_none() {
            state.waiting.push(Arc::clone(waiting));
        }
        state.report.is_none()
    }

    /// Ends what `add_waiting` began.
    pub(crate) fn remove_waiting(&self, waiting: &Arc<Waiting>) {
        self.state.lock().waiting.retain(|other| !Arc::ptr_eq(other, waiting));
    }

    /// Waits for somebody to hear of the report, in a thread of its own; then ends the process.
    fn wait_for_hearer(machine: Machine) {
        let body = move || {
            let crash = &machine.parts.crash;
            let mut state = crash.state.lock();
            let waited = crash.changed.wait_while_for(&mut state, |state| !state.heard, UNHEARD_LIMIT);
            let report = state.report.clone().filter(|_| waited.timed_out());
            drop(state);
            if let Some(report) = report {
                die(&report, "nobody has asked the machine for it");
            }
        };
        // Without a thread for it, the report stays for whoever enters the kernel next.
        drop(thread::Builder::new().name("bug check".to_owned()).spawn(body));
    }
}

/// Stops a thread that enters the kernel of a dead machine. One that nobody can replace ends the process; if it
/// does so while it unwinds, as a test that fails by the bug check, it goes on, to leave what it has.
pub(crate) fn stop_on_dead_machine(machine: &Machine) {
    if companion::is_expendable() {
        park_for_ever();
    }
    if let Some(report) = machine.parts.crash.hear().filter(|_| !thread::panicking()) {
        die(&report, NOT_REPLACEABLE);
    }
}

/// Stops the calling thread for ever.
pub(crate) fn park_for_ever() -> ! {
    loop {
        thread::park();
    }
}

/// Ends the calling thread's machine, because `rule` was broken; `detail` says what was done to which object.
///
/// This is what `KeBugCheckEx` does, with the name of the rule. It must be called with no lock of the kernel held.
pub fn violation(rule: &'static Rule, detail: impl Into<String>) -> ! {
    raise(BugCheck::new(rule, [rule.parameter, 0, 0, 0], detail.into()))
}

/// Raises a rule that was found broken, see [`violation`]: for the function that a driver has called.
pub(crate) fn require<T>(result: Result<T, Broken>) -> T {
    result.unwrap_or_else(|Broken { rule, detail }| violation(rule, detail))
}

/// Reports a broken rule that only Driver Verifier enforces: like [`violation`] on a strict machine; a line in the
/// debugger's log on a lenient one.
pub fn complain(rule: &'static Rule, detail: impl Into<String>) {
    match Machine::try_current() {
        Some(machine) if !machine.config().strict => {
            machine.parts.debug.print(&format!("{rule}: {}", detail.into()));
        }
        _ => violation(rule, detail),
    }
}

fn raise(report: BugCheck) -> ! {
    match Machine::try_current() {
        Some(machine) => end(&machine, report),
        None => die(&report, "the thread is in no machine"),
    }
    park_for_ever();
}

/// Ends the machine, with a report if it is the first. The calling thread must stop then. If nobody can replace it, and
/// nobody catches, the process ends.
pub(crate) fn end(machine: &Machine, mut report: BugCheck) {
    let crash = &machine.parts.crash;
    let mut state = crash.state.lock();
    crash.dead.store(true, Ordering::Relaxed);
    report.settings = state.settings.join("; ").into();
    if state.catching == 0 && !companion::is_expendable() {
        let first = state.report.clone().unwrap_or(report);
        drop(state);
        die(&first, NOT_REPLACEABLE);
    }
    let is_first = state.report.is_none();
    state.report.get_or_insert(report);
    state.waiting.drain(..).for_each(|waiting| waiting.wake());
    crash.changed.notify_all();
    if is_first && state.catching == 0 {
        at_exit::watch(machine);
        Crash::wait_for_hearer(machine.clone());
    }
}

/// Ends the process, and says why; past the test harness' capture, which would be lost with the process.
pub(crate) fn die(report: &BugCheck, why: &str) -> ! {
    let thread = thread::current();
    let name = thread.name().unwrap_or("unnamed");
    // Nothing is left to do about an error here: the process ends.
    let _ = writeln!(std::io::stderr(), "{report}\n    thread: {name}\n    the process ends: {why}");
    process::exit(EXIT_CODE);
}

impl Machine {
    /// Calls `f` in a new thread of this machine, and returns its result, or the bug check that ended the machine
    /// meanwhile, in whatever thread.
    ///
    /// After a bug check the machine is dead: its threads stay stopped, and [`Machine::shutdown`] does nothing.
    ///
    /// # Errors
    /// The report of the bug check.
    ///
    /// # Panics
    /// If `f` panics.
    pub fn catch_bug_check<R: Send + 'static>(
        &self,
        f: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, BugCheck> {
        /// Tells the waiting thread that `f` has returned or panicked.
        struct Done(Machine, Arc<AtomicBool>);
        impl Drop for Done {
            fn drop(&mut self) {
                let crash = &self.0.parts.crash;
                let _state = crash.state.lock();
                self.1.store(true, Ordering::Relaxed);
                crash.changed.notify_all();
            }
        }

        let crash = &self.parts.crash;
        crash.state.lock().catching += 1;
        let done = Arc::new(AtomicBool::new(false));
        let signal = Done(self.clone(), Arc::clone(&done));
        let thread = self.spawn("catch", move || {
            let _signal = signal;
            f()
        });
        let mut state = crash.state.lock();
        // Relaxed: written and read under the lock.
        while state.report.is_none() && !done.load(Ordering::Relaxed) {
            crash.changed.wait(&mut state);
        }
        state.catching -= 1;
        if let Some(report) = state.report.clone() {
            state.heard = true;
            return Err(report);
        }
        drop(state);
        thread.join().map_err(|panic| panic::resume_unwind(panic))
    }

    /// Has the report of a bug check say of this machine, how it was set up, so that it can be set up so again.
    pub fn add_setting(&self, setting: impl Into<String>) {
        self.parts.crash.add_setting(setting.into());
    }

    /// The bug check that ended this machine, if one did.
    #[must_use]
    pub fn bug_check(&self) -> Option<BugCheck> {
        self.parts.crash.hear()
    }

    /// Whether a bug check has ended this machine. Unlike [`Machine::bug_check`], asking does not count as having heard of
    /// it.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.parts.crash.is_dead()
    }

    /// Fails the calling thread's test.
    ///
    /// # Panics
    /// Always: a bug check has ended this machine.
    pub(crate) fn panic_with_report(&self) -> ! {
        match self.parts.crash.hear() {
            Some(report) => panic!("{report}"),
            None => panic!("the kernel was left without a result"),
        }
    }
}

/// The report of a bug check that a driver raised by itself.
static RAISED_BY_DRIVER: Rule = Rule::new(0, 0, "KeBugCheckEx", "KeBugCheckEx");

/// Ends the machine.
///
/// # IRQL
/// Any.
#[unsafe(no_mangle)]
pub extern "system" fn KeBugCheckEx(
    BugCheckCode: ULONG,
    BugCheckParameter1: ULONG_PTR,
    BugCheckParameter2: ULONG_PTR,
    BugCheckParameter3: ULONG_PTR,
    BugCheckParameter4: ULONG_PTR,
) -> ! {
    let parameters = [BugCheckParameter1, BugCheckParameter2, BugCheckParameter3, BugCheckParameter4];
    let rule = Rule { code: BugCheckCode, parameter: BugCheckParameter1, ..RAISED_BY_DRIVER };
    raise(BugCheck::new(&rule, parameters, "raised by a driver".to_owned()))
}
