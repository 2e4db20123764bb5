//! Which threads a bug check may stop, and the threads that go into the kernel for those that it may not.
//!
//! Nothing may unwind out of a driver, so the thread that breaks a rule is stopped for ever, wherever it is. A test's own
//! thread must not be: its test would never end. So where a process enters the kernel, from a thread that the machine
//! did not make, another thread goes in for it, its companion, as on Windows the thread goes on with another stack. The
//! test's thread waits, and if the machine ends meanwhile it panics with the report: the test fails, and the others of
//! the same program run on.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use parking_lot::{Condvar, Mutex};
use wsk_sys::PASSIVE_LEVEL;

use crate::ke::irql;
use crate::machine::Machine;
use crate::machine::owner::Owner;
use crate::machine::routine;
use crate::process;

type Job = Box<dyn FnOnce() + Send>;

thread_local! {
    /// Whether the thread may be stopped for ever.
    static EXPENDABLE: Cell<bool> = const { Cell::new(false) };
    static COMPANION: RefCell<Option<Sender<Job>>> = const { RefCell::new(None) };
}

/// Says that the calling thread is the machine's, and nobody waits for it but in ways that a bug check ends.
pub(crate) fn make_expendable() {
    EXPENDABLE.set(true);
}

/// Whether the calling thread may be stopped for ever.
pub(crate) fn is_expendable() -> bool {
    EXPENDABLE.get()
}

/// Somebody who waits for his companion, or for the end of the machine.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    over: Mutex<bool>,
    changed: Condvar,
}

impl Waiting {
    /// Ends the wait.
    pub(crate) fn wake(&self) {
        *self.over.lock() = true;
        self.changed.notify_one();
    }

    fn wait(&self) {
        self.changed.wait_while(&mut self.over.lock(), |over| !*over);
    }
}

/// Gives a job to the calling thread's companion.
///
/// # Panics
/// If the operating system has no more threads.
fn give(job: Job) {
    if COMPANION.try_with(|_| ()).is_ok() {
        COMPANION.with_borrow_mut(|companion| give_to(companion, job));
    } else {
        // The thread is ending, and has none any more: this one is for one job.
        give_to(&mut None, job);
    }
}

fn give_to(companion: &mut Option<Sender<Job>>, mut job: Job) {
    if let Some(sender) = companion {
        match sender.send(job) {
            Ok(()) => return,
            // It ended.
            Err(back) => job = back.0,
        }
    }
    let (sender, jobs) = mpsc::channel::<Job>();
    let body = move || {
        make_expendable();
        for job in jobs {
            job();
        }
    };
    // Reports name the thread that it goes in for.
    let name = thread::current().name().unwrap_or("unnamed").to_owned();
    let started = thread::Builder::new().name(name).spawn(body);
    drop(started.expect("the system has threads left"));
    // The receiver is in the thread, which waits for it.
    let _ = sender.send(job);
    *companion = Some(sender);
}

impl Machine {
    /// Calls `f`, which enters the kernel: in the calling thread if that may be stopped for ever, else in its companion.
    ///
    /// # Panics
    /// If `f` panics; with the report, if a bug check ends the machine before `f` returns.
    pub(crate) fn go_in<R: Send + 'static>(&self, f: impl FnOnce() -> R + Send + 'static) -> R {
        // In a driver's routine, or at its level, the caller plays the driver: it must stay where it is.
        let plays =
            routine::is_running() || irql::current() != PASSIVE_LEVEL || Owner::current() != Owner::SYSTEM;
        // A thread that is ending has no machine and no process any more; what it has kept to the end is closed for it.
        let ending = Machine::is_gone() || process::is_gone();
        if (is_expendable() || plays || cfg!(miri)) && !ending {
            let _entered = self.enter();
            return f();
        }
        let result = Arc::new(Mutex::new(None));
        let waiting = Arc::new(Waiting::default());
        if self.parts.crash.add_waiting(&waiting) {
            let (machine, result, waiter) = (self.clone(), Arc::clone(&result), Arc::clone(&waiting));
            give(Box::new(move || {
                let returned = {
                    let _entered = machine.enter();
                    panic::catch_unwind(AssertUnwindSafe(f))
                };
                drop(machine);
                *result.lock() = Some(returned);
                waiter.wake();
            }));
            waiting.wait();
        }
        self.parts.crash.remove_waiting(&waiting);
        let returned = result.lock().take();
        match returned {
            Some(Ok(result)) => result,
            Some(Err(panic)) => panic::resume_unwind(panic),
            None => {
                // It may be stopped for ever.
                let _ = COMPANION.try_with(RefCell::take);
                self.panic_with_report()
            }
        }
    }
}
