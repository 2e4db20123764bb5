//! A driver that uses an address at which there is nothing: a bug check that names the routine.
//!
//! On Unix the fault is a signal. Its handler prints the report and ends the process, as a bug check does that nobody
//! catches: the thread may hold any lock of the host, so no test can go on. On other systems, and for a fault of a thread
//! that is in no machine, the process ends as it would without this.
#![cfg_attr(all(unix, not(miri)), expect(unsafe_code, reason = "handles a signal"))]

#[cfg(not(all(unix, not(miri))))]
mod handler {
    pub(super) fn install() {}

    pub(super) fn prepare_thread() {}
}

#[cfg(all(unix, not(miri)))]
mod handler {
    use std::cell::UnsafeCell;
    use std::fmt::Write as _;
    use std::io::Write as _;
    use std::ptr;
    use std::sync::Once;
    use std::sync::atomic::{AtomicBool, Ordering};

    use libc::{SIGBUS, SIGSEGV, c_int, c_void, siginfo_t, stack_t};

    use crate::machine::Machine;
    use crate::machine::bugcheck::BugCheck;
    use crate::machine::routine;
    use crate::machine::signal::Handler;
    use crate::rule;

    /// Room for the report to be made in.
    const STACK: usize = 64 << 10;
    /// How many of the last events of IRPs a report has.
    const EVENTS: usize = 8;
    /// How long the report may take, in seconds, before the process just ends.
    const LIMIT: u32 = 10;

    static HANDLERS: [Handler; 2] = [Handler::new(SIGSEGV), Handler::new(SIGBUS)];

    /// A stack for the handler, in place of the small one that a thread has from the start.
    struct Alternate(Box<[UnsafeCell<u8>]>);

    impl Alternate {
        fn new() -> Alternate {
            let alternate = Alternate((0..STACK).map(|_| UnsafeCell::new(0)).collect());
            let stack =
                stack_t { ss_sp: alternate.0.as_ptr().cast_mut().cast(), ss_flags: 0, ss_size: STACK };
            // SAFETY: the memory lives until `drop` takes the stack out of use. On failure the old stack stays.
            unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
            alternate
        }
    }

    impl Drop for Alternate {
        fn drop(&mut self) {
            let stack = stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: STACK };
            // SAFETY: the thread has no alternate stack any more; it is ending.
            unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
        }
    }

    thread_local! {
        static ALTERNATE: Alternate = Alternate::new();
    }

    pub(super) fn install() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            for handler in &HANDLERS {
                handler.install(handle);
            }
        });
    }

    pub(super) fn prepare_thread() {
        // A thread that is ending needs none any more.
        let _ = ALTERNATE.try_with(|_| ());
    }

    /// Gives the fault back: it happens again at once, and then means what it meant before.
    fn give_back(signal: c_int) {
        if let Some(handler) = HANDLERS.iter().find(|handler| handler.signal() == signal) {
            handler.give_back();
        }
    }

    extern "C" fn handle(signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
        static BUSY: AtomicBool = AtomicBool::new(false);
        let Some(machine) = Machine::try_current() else { return give_back(signal) };
        // Relaxed: a flag that publishes nothing. A fault in the report itself ends the process.
        if BUSY.swap(true, Ordering::Relaxed) {
            return give_back(signal);
        }
        // The report takes memory and locks, which the thread may have been about to have: then the alarm ends the
        // process.
        // SAFETY: sets a timer of the process, which is about to end.
        unsafe { libc::alarm(LIMIT) };
        // SAFETY: the system gives the handler of this kind of signal a description.
        let info = unsafe { &*info };
        // SAFETY: the system gives the handler of this kind of signal a description; the field is there for these
        // signals.
        let address = unsafe { info.si_addr() }.addr();
        let code = info.si_code;
        let report = BugCheck {
            rule: rule::ACCESS_VIOLATION,
            parameters: [rule::ACCESS_VIOLATION.parameter, address, 0, 0],
            detail: describe(&machine, address, code),
        };
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        // Nothing is left to do about an error here: the process ends.
        let _ = writeln!(std::io::stderr(), "{report}\n    thread: {name}");
        let top = routine::top_of_stack();
        if address < top && top - address < 64 << 20 {
            // It may be the end of the stack; the host has a word for that.
            return give_back(signal);
        }
        // SAFETY: ends the process; nothing else of it may run.
        unsafe { libc::_exit(101) };
    }

    fn describe(machine: &Machine, address: usize, code: c_int) -> String {
        /// `SI_KERNEL`: the processor does not say which address it was.
        const UNKNOWN: c_int = 0x80;
        let who = routine::running()
            .unwrap_or_else(|| "a thread of the test's, in no driver's routine,".to_owned());
        let level = crate::ke::irql::level_name(crate::ke::irql::current());
        let what = if code == UNKNOWN {
            "an address that no memory can have: a pointer read from memory that is freed (0xDD) or was never written \
             (0xCD)?"
                .to_owned()
        } else if address < 0x1_0000 {
            format!("address {address:#x}: a null pointer?")
        } else {
            format!("address {address:#x}, where no memory is")
        };
        let mut text = format!("{who} accessed {what} At {level}.");
        let events = machine.irp_log();
        for event in events.iter().skip(events.len().saturating_sub(EVENTS)) {
            let _ = write!(text, "\n            IRP #{} {:?}", event.irp, event.kind);
        }
        text
    }
}

/// Looks from now on whether it is a driver that uses such an address.
pub(crate) fn install() {
    handler::install();
}

/// Makes sure that the calling thread can report what it does.
pub(crate) fn prepare_thread() {
    handler::prepare_thread();
}
