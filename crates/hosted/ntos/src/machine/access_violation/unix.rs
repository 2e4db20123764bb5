#![expect(unsafe_code, reason = "handles a signal")]

use std::io::Write as _;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{SIGBUS, SIGSEGV, c_int, c_void, siginfo_t, stack_t};

use crate::machine::Machine;
use crate::machine::access_violation::report::{self, Access, Next};
use crate::machine::bugcheck::BugCheck;
use crate::machine::routine;
use crate::machine::signal::{self, Handler};
use crate::rule;

/// Room for the report to be made in, with the names of functions.
const STACK: usize = 512 << 10;
/// How long the report may take, in seconds, before the process just ends.
const LIMIT: u32 = 10;

static HANDLERS: [Handler; 2] = [Handler::new(SIGSEGV), Handler::new(SIGBUS)];

/// A stack for the handler, in place of the small one that a thread has from the start: a boxed slice, taken apart.
struct Alternate(*mut [u8]);

impl Alternate {
    fn new() -> Alternate {
        // Zeros, which the host does not write: the most of it is never used.
        let memory = Box::into_raw(vec![0_u8; STACK].into_boxed_slice());
        let stack = stack_t { ss_sp: memory.cast(), ss_flags: 0, ss_size: STACK };
        // SAFETY: the memory lives until `drop` takes the stack out of use. On failure the old stack stays.
        unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
        Alternate(memory)
    }
}

impl Drop for Alternate {
    fn drop(&mut self) {
        let stack = stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: STACK };
        // SAFETY: the thread has no alternate stack any more; it is ending.
        unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
        // SAFETY: from `Box::into_raw` in `new`, and no stack any more.
        drop(unsafe { Box::from_raw(self.0) });
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

/// Sets a timer that ends the process: the report takes memory and locks, which the thread may have been about to have.
fn limit(seconds: u32) {
    // SAFETY: nothing is asked of the caller.
    unsafe { libc::alarm(seconds) };
}

extern "C" fn handle(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    static BUSY: AtomicBool = AtomicBool::new(false);
    let Some(machine) = Machine::try_current() else { return give_back(signal) };
    // SAFETY: the system gives the handler of this kind of signal a description.
    let info = unsafe { &*info };
    // SAFETY: the system gives the handler of this kind of signal a description; the field is there for these signals.
    let address = unsafe { info.si_addr() }.addr();
    // SAFETY: the system gives the handler the thread's context.
    let access = unsafe { access(context) };
    limit(LIMIT);
    let next = report::look(&machine, address, access);
    limit(0);
    match next {
        Next::Retry => {}
        Next::Stop => loop {
            signal::pause();
        },
        Next::Unknown => {
            // Relaxed: a flag that publishes nothing. A second thread's fault ends the process as it is.
            if BUSY.swap(true, Ordering::Relaxed) {
                return give_back(signal);
            }
            limit(LIMIT);
            end(&machine, signal, address, info.si_code);
        }
    }
}

/// What the thread did, of which this is the context.
///
/// # Safety
/// `context` is what the system gave to the handler.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
unsafe fn access(context: *mut c_void) -> Access {
    const WRITE: i64 = 2;
    // SAFETY: by this function's contract it is the thread's context.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    let code = context.uc_mcontext.gregs.get(usize::try_from(libc::REG_ERR).unwrap_or(usize::MAX));
    match code {
        Some(code) if code & WRITE != 0 => Access::Write,
        Some(_) => Access::Read,
        None => Access::Unknown,
    }
}

/// # Safety
/// None.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
unsafe fn access(_context: *mut c_void) -> Access {
    Access::Unknown
}

/// Prints what the address is and ends the process.
fn end(machine: &Machine, signal: c_int, address: usize, code: c_int) {
    let detail = report::describe(machine, &describe(address, code));
    let parameters = [rule::ACCESS_VIOLATION.parameter, address, 0, 0];
    let report = BugCheck::new(&rule::ACCESS_VIOLATION, parameters, detail);
    // Nothing is left to do about an error here: the process ends.
    let _ = writeln!(std::io::stderr(), "{report}");
    let top = routine::top_of_stack();
    if address < top && top - address < 64 << 20 {
        // It may be the end of the stack; the host has a word for that.
        return give_back(signal);
    }
    // SAFETY: ends the process; nothing else of it may run.
    unsafe { libc::_exit(101) };
}

fn describe(address: usize, code: c_int) -> String {
    /// `SI_KERNEL`: the processor does not say which address it was.
    const UNKNOWN: c_int = 0x80;
    if code == UNKNOWN {
        "accessed an address that no memory can have: a pointer read from memory that was never written, or is freed?"
            .to_owned()
    } else if address < 0x1_0000 {
        format!("accessed address {address:#x}: a null pointer?")
    } else {
        format!("accessed address {address:#x}, where no memory is")
    }
}
