//! The locks that keep callbacks apart: automatic serialisation, and `WdfObjectAcquireLock`.
#![expect(unsafe_code, reason = "raises and lowers the IRQL")]

use alloc::format;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use readings::CallbackSpinLock;
use wsk_sys::{DISPATCH_LEVEL, KIRQL, KeLowerIrql, KfRaiseIrql};

use crate::kernel::event::Event;
use crate::object::Object;
use crate::object::args::irql;
use crate::object::handles::name_of;
use crate::object::wait_limit;
use crate::platform;
use crate::rules::{self, Broken};

/// What a report calls such a lock, with the handle of the object whose lock it is.
const KIND: &str = "the callback lock of object";
/// How often to try before looking at the clock.
const SPINS: u32 = 1024;

/// A lock of a device or queue. The thread that holds it may acquire it again, unless the reading of
/// [`CallbackSpinLock`] makes the one at `DISPATCH_LEVEL` a spin lock.
pub(crate) struct CallbackLock {
    form: Form,
    /// The number of the thread that holds it, or 0.
    owner: AtomicU64,
    held: Mutex<Held>,
    /// The handle of the object whose lock it is, or 0.
    of: AtomicUsize,
}

#[derive(Default)]
struct Held {
    depth: usize,
    /// The level to return to, for the dispatch form.
    previous: KIRQL,
}

enum Form {
    /// Callbacks at `PASSIVE_LEVEL`: waits for an event.
    Passive(Event),
    /// Callbacks at `DISPATCH_LEVEL`. No spin lock of the kernel's: a handler may complete its request while it holds
    /// this, as it does on Windows, and the kernel would take that for a mistake of the driver's.
    Dispatch,
}

impl CallbackLock {
    /// A free lock, for callbacks at passive level or at dispatch level.
    pub(crate) fn new(passive: bool) -> CallbackLock {
        let form = if passive { Form::Passive(Event::free_lock()) } else { Form::Dispatch };
        CallbackLock { form, owner: AtomicU64::new(0), held: Mutex::default(), of: AtomicUsize::new(0) }
    }

    /// Says whose lock it is, for a report.
    pub(crate) fn belongs_to(&self, object: &Object) {
        // Relaxed: only for a report.
        self.of.store(object.handle(), Ordering::Relaxed);
    }

    /// The violation of a lock that was not released as long as the framework waits for a driver.
    fn stuck(&self) -> Broken {
        // Relaxed: only for a report.
        let of = name_of(self.of.load(Ordering::Relaxed));
        let seconds = wait_limit::seconds();
        let detail = format!(
            "the lock of {of}, which keeps callbacks apart, was not released for the {seconds} seconds that a thread \
             waits for it"
        );
        Broken::new(&rules::LOCK_STUCK, detail)
    }

    /// Whether it can be waited for only at `PASSIVE_LEVEL`.
    pub(crate) fn is_passive(&self) -> bool {
        matches!(self.form, Form::Passive(_))
    }

    pub(crate) fn is_mine(&self) -> bool {
        // Relaxed: if the number is this thread's, this thread wrote it.
        self.owner.load(Ordering::Relaxed) == platform::thread()
    }

    /// Waits for the lock.
    ///
    /// # Errors
    /// The violation of a driver that does not release it, or has it and may not have it twice.
    pub(crate) fn acquire(&self) -> Result<(), Broken> {
        if self.is_mine() {
            let is_spin_lock = platform::reading::<CallbackSpinLock>() == CallbackSpinLock::KernelSpinLock;
            if is_spin_lock && !self.is_passive() {
                // Relaxed: only for a report.
                let of = name_of(self.of.load(Ordering::Relaxed));
                let detail = format!(
                    "the lock of {of}, which keeps callbacks apart at DISPATCH_LEVEL, acquired by the thread that holds it"
                );
                return Err(Broken::new(&rules::RECURSIVE_LOCK, detail));
            }
            self.held.lock().depth += 1;
            return Ok(());
        }
        // Relaxed: only for a report.
        let of = self.of.load(Ordering::Relaxed);
        platform::acquiring(of, KIND, "");
        let previous = match &self.form {
            Form::Passive(event) => {
                if !wait_limit::wait(event) {
                    return Err(self.stuck());
                }
                irql()
            }
            Form::Dispatch => {
                // SAFETY: `acquire` is called at or below dispatch level.
                unsafe { KfRaiseIrql(DISPATCH_LEVEL) }
            }
        };
        let me = platform::thread();
        let (begun, mut spins) = (platform::now(), 0_u32);
        // Acquire: what the previous owner wrote is seen. The passive form's event has let only this thread in.
        while self.owner.compare_exchange_weak(0, me, Ordering::Acquire, Ordering::Relaxed).is_err() {
            core::hint::spin_loop();
            // Goes no further on a dead machine, whose lock owner never releases.
            // SAFETY: the level stays what it is.
            unsafe { KfRaiseIrql(irql()) };
            spins = spins.wrapping_add(1);
            if spins % SPINS == 0 && begun.elapsed().as_secs() >= wait_limit::seconds() {
                return Err(self.stuck());
            }
        }
        platform::acquired(of, KIND);
        *self.held.lock() = Held { depth: 1, previous };
        Ok(())
    }

    /// Releases the lock once; the thread holds it.
    pub(crate) fn release(&self) {
        let (last, previous) = {
            let mut held = self.held.lock();
            held.depth = held.depth.saturating_sub(1);
            (held.depth == 0, held.previous)
        };
        if !last {
            return;
        }
        // Relaxed: only for a report.
        platform::released(self.of.load(Ordering::Relaxed));
        // Release: the next owner sees what this one wrote.
        self.owner.store(0, Ordering::Release);
        match &self.form {
            Form::Passive(event) => event.set(),
            // SAFETY: this is the level at which the lock was acquired.
            Form::Dispatch => unsafe { KeLowerIrql(previous) },
        }
    }

    /// Calls `f` with the lock held, if there is one.
    pub(crate) fn with<R>(lock: Option<&CallbackLock>, f: impl FnOnce() -> R) -> R {
        if let Some(lock) = lock {
            rules::require(lock.acquire());
        }
        let result = f();
        if let Some(lock) = lock {
            lock.release();
        }
        result
    }
}
