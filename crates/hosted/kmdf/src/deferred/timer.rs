//! Timers: a callback after a while, at `DISPATCH_LEVEL` or in a system thread.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver, and use a kernel timer")]

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use parking_lot::Mutex;
use wsk_sys::{
    BOOLEAN, DISPATCH_LEVEL, FALSE, KDPC, KTIMER, KeCancelTimer, KeFlushQueuedDpcs, KeInitializeDpc,
    KeInitializeTimerEx, KeSetTimerEx, LONG, LONGLONG, NTSTATUS, NotificationTimer, PASSIVE_LEVEL, PVOID,
    STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED,
};

use crate::deferred::{Surroundings, parent_handle, surroundings};
use crate::object::args::{at_most, read_sized, required, status, store};
use crate::object::attributes::{self, Allowed};
use crate::object::callback;
use crate::object::callback_lock::CallbackLock;
use crate::object::handles::handles;
use crate::object::kind::Kind;
use crate::object::lookup;
use crate::object::worker::Worker;
use crate::object::{self, Body, Family, Kinded, Object};
use crate::platform;
use crate::rules::{self, Broken};
use crate::types::{
    _WDF_EXECUTION_LEVEL as Level, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, PWDF_TIMER_CONFIG, WDFOBJECT,
    WDFTIMER, WDFTIMER__,
};

/// The accepted sizes: those of versions 1.7 and 1.11, and today's.
const SIZES: [usize; 3] = [0x18, 0x20, 0x28];

/// The kernel's timer and the DPC that it queues, at a fixed address.
struct KernelTimer {
    timer: UnsafeCell<MaybeUninit<KTIMER>>,
    dpc: UnsafeCell<MaybeUninit<KDPC>>,
}

impl KernelTimer {
    fn timer(&self) -> *mut KTIMER {
        self.timer.get().cast()
    }

    fn dpc(&self) -> *mut KDPC {
        self.dpc.get().cast()
    }
}

/// The body of a WDFTIMER.
pub(crate) struct Timer {
    function: unsafe extern "C" fn(*mut WDFTIMER__),
    lock: Option<Arc<CallbackLock>>,
    period: LONG,
    kernel: Box<KernelTimer>,
    starts: Mutex<Starts>,
    /// For a callback at `PASSIVE_LEVEL`.
    worker: Option<Worker>,
}

/// What keeps a timer from being started. Under its lock the timer is started, so that none gets past it.
#[derive(Default)]
struct Starts {
    /// Whether the timer is being deleted.
    ended: bool,
    /// How many threads stop the timer, and wait for its callback.
    stopping: usize,
    /// Whether a start was ignored since.
    ignored: bool,
}

// SAFETY: the kernel's timer and DPC are only passed to kernel functions, which synchronise among themselves.
unsafe impl Send for Timer {}
// SAFETY: the kernel's timer and DPC are only passed to kernel functions, which synchronise among themselves.
unsafe impl Sync for Timer {}

impl Timer {
    fn cancel(&self) -> bool {
        // SAFETY: an initialised timer.
        unsafe { KeCancelTimer(self.kernel.timer()) != FALSE }
    }

    /// Waits for a callback that has begun, or is about to.
    ///
    /// # Errors
    /// The violation of a callback that does not return.
    fn flush(&self, object: &Object) -> Result<(), Broken> {
        // SAFETY: waits at passive level; every DPC that was queued has run when it returns.
        unsafe { KeFlushQueuedDpcs() };
        self.worker.as_ref().map_or(Ok(()), |worker| worker.wait(object))
    }
}

impl Body for Timer {
    fn needs_passive(&self) -> bool {
        true
    }

    fn dispose(&self, object: &Arc<Object>) -> Result<(), Broken> {
        self.starts.lock().ended = true;
        self.cancel();
        if platform::in_callback_of(object.handle()) {
            rules::check(&rules::TIMER_WAIT, || {
                format!("{object} was deleted in its own callback, for the end of which its deletion waits")
            })?;
        } else {
            self.flush(object)?;
        }
        self.worker.as_ref().map_or(Ok(()), |worker| worker.retire(object))
    }

    fn worker(&self) -> Option<&Worker> {
        self.worker.as_ref()
    }

    fn work(&self, object: &Arc<Object>) {
        CallbackLock::with(self.lock.as_deref(), || {
            callback::call(object, "EvtTimerFunc", || {
                // SAFETY: the driver's callback; deletion waits for it.
                unsafe { (self.function)(object.as_handle()) };
            });
        });
    }
}

impl Kinded for Timer {
    type Handle = WDFTIMER__;
    const KIND: &'static Kind = &Kind::new("WDFTIMER");
}

/// The timer has expired.
unsafe extern "system" fn expired(_dpc: *mut KDPC, context: PVOID, _argument1: PVOID, _argument2: PVOID) {
    let Some(object) = handles().find(context.addr()) else { return };
    match object.body().worker() {
        Some(worker) => {
            worker.enqueue(&object);
        }
        None => object.work(),
    }
}

/// Makes a timer for a device or something under it.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_INFO_LENGTH_MISMATCH`, `STATUS_INVALID_PARAMETER`, `STATUS_WDF_PARENT_NOT_SPECIFIED`,
/// `STATUS_INVALID_DEVICE_REQUEST` for a parent under no device, `STATUS_NOT_SUPPORTED` for a period at passive level,
/// `STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL` for a callback that cannot be serialised with its parent,
/// `STATUS_INSUFFICIENT_RESOURCES`, and what the attributes are refused with.
pub unsafe extern "C" fn WdfTimerCreate(
    _globals: PWDF_DRIVER_GLOBALS,
    Config: PWDF_TIMER_CONFIG,
    Attributes: PWDF_OBJECT_ATTRIBUTES,
    Timer: *mut WDFTIMER,
) -> NTSTATUS {
    const NAME: &str = "WdfTimerCreate";
    at_most(NAME, DISPATCH_LEVEL);
    required(NAME, "Config", Config);
    required(NAME, "Attributes", Attributes);
    required(NAME, "Timer", Timer);
    status(|| {
        // SAFETY: the driver's configuration; zero bytes are a valid one.
        let config = unsafe { read_sized(Config, &SIZES) }?;
        // SAFETY: the driver passes attributes.
        let attributes = unsafe { attributes::read(Attributes, Allowed::TIMER) }?;
        let function = config.EvtTimerFunc.ok_or(STATUS_INVALID_PARAMETER)?;
        let period = LONG::try_from(config.Period).map_err(|_| STATUS_INVALID_PARAMETER)?;
        if config.UseHighResolutionTimer != 0 && config.TolerableDelay != 0 {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let passive = attributes.level == Level::WdfExecutionLevelPassive;
        if passive && period != 0 {
            return Err(STATUS_NOT_SUPPORTED);
        }
        let Surroundings { parent, device, lock } =
            surroundings(NAME, &attributes, config.AutomaticSerialization, passive)?;
        // SAFETY: the device outlives what is under it.
        let worker = passive.then(|| unsafe { Worker::new(device.device_object()) }).transpose()?;
        let kernel = Box::new(KernelTimer {
            timer: UnsafeCell::new(MaybeUninit::uninit()),
            dpc: UnsafeCell::new(MaybeUninit::uninit()),
        });
        let body = self::Timer { function, lock, period, kernel, starts: Mutex::default(), worker };
        let timer = object::create(NAME, parent.client(), Family::Child(&parent), &attributes, body)?;
        // SAFETY: the box has room for a timer, and stays where it is.
        unsafe { KeInitializeTimerEx(timer.kernel.timer(), NotificationTimer) };
        // SAFETY: the box has room for a DPC; its routine gets the handle, not a pointer.
        unsafe { KeInitializeDpc(timer.kernel.dpc(), expired, timer.as_handle().cast()) };
        // SAFETY: the driver's variable.
        unsafe { store(Timer, timer.as_handle()) };
        Ok(())
    })
}

/// Starts a timer: at a time, or, if `DueTime` is negative, after a while, in units of 100 ns. Whether it was running.
///
/// A timer that is being deleted, or that another thread stops and waits for, is not started.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfTimerStart(
    _globals: PWDF_DRIVER_GLOBALS,
    Timer: WDFTIMER,
    DueTime: LONGLONG,
) -> BOOLEAN {
    const NAME: &str = "WdfTimerStart";
    at_most(NAME, DISPATCH_LEVEL);
    let timer = lookup::typed::<self::Timer>(NAME, Timer);
    let mut starts = timer.starts.lock();
    if starts.ended {
        drop(starts);
        rules::verify(&rules::INVALID_HANDLE, || {
            format!("{NAME} was given {}, which is being deleted: it is not started", timer.object())
        });
        return FALSE;
    }
    if starts.stopping != 0 {
        starts.ignored = true;
        return FALSE;
    }
    // SAFETY: initialised at creation; deletion, which comes after the lock, cancels the timer and waits for the DPC.
    unsafe { KeSetTimerEx(timer.kernel.timer(), DueTime, timer.period, timer.kernel.dpc()) }
}

/// Stops a timer, and if asked waits for a callback that has begun, which cannot start the timer again meanwhile. Whether
/// it was running, or such a callback tried to start it.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`; `PASSIVE_LEVEL` if it waits
pub unsafe extern "C" fn WdfTimerStop(
    _globals: PWDF_DRIVER_GLOBALS,
    Timer: WDFTIMER,
    Wait: BOOLEAN,
) -> BOOLEAN {
    const NAME: &str = "WdfTimerStop";
    let waits = Wait != 0;
    at_most(NAME, if waits { PASSIVE_LEVEL } else { DISPATCH_LEVEL });
    let timer = lookup::typed::<self::Timer>(NAME, Timer);
    if waits && platform::in_callback_of(timer.object().handle()) {
        rules::verify(&rules::TIMER_WAIT, || {
            format!(
                "{NAME} of {} was called with Wait in its own callback: it would wait for itself",
                timer.object()
            )
        });
        return FALSE;
    }
    if !waits {
        return u8::from(timer.cancel());
    }
    {
        let mut starts = timer.starts.lock();
        starts.stopping += 1;
        starts.ignored = false;
    }
    let was_running = timer.cancel();
    rules::require(timer.flush(timer.object()));
    let mut starts = timer.starts.lock();
    starts.stopping -= 1;
    u8::from(was_running || starts.ignored)
}

/// The parent of a timer.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfTimerGetParentObject(
    _globals: PWDF_DRIVER_GLOBALS,
    Timer: WDFTIMER,
) -> WDFOBJECT {
    const NAME: &str = "WdfTimerGetParentObject";
    at_most(NAME, DISPATCH_LEVEL);
    parent_handle(lookup::typed::<self::Timer>(NAME, Timer).object())
}
