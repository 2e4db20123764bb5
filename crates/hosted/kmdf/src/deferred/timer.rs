//! Timers: a callback after a while, at `DISPATCH_LEVEL` or in a system thread.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver, and use a kernel timer")]

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use wsk_sys::{
    BOOLEAN, DISPATCH_LEVEL, FALSE, KDPC, KTIMER, KeCancelTimer, KeFlushQueuedDpcs, KeInitializeDpc,
    KeInitializeTimerEx, KeSetTimerEx, LONG, LONGLONG, NTSTATUS, NotificationTimer, PASSIVE_LEVEL, PVOID,
    STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS,
};

use crate::deferred::work_item::{parent_handle, surroundings};
use crate::kernel::lock::Lock;
use crate::object::args::{at_most, read_sized, required, store};
use crate::object::attributes::{self, Allowed};
use crate::object::callback;
use crate::object::kind::Kind;
use crate::object::lookup;
use crate::object::serial::Serial;
use crate::object::worker::Worker;
use crate::object::{self, Body, Family, Kinded, Object};
use crate::platform::{self, framework};
use crate::rules;
use crate::status::STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL;
use crate::types::{
    _WDF_EXECUTION_LEVEL as Level, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, PWDF_TIMER_CONFIG, WDFOBJECT,
    WDFTIMER, WDFTIMER__,
};

/// The accepted sizes: those of versions 1.7 and 1.11, and today's.
const SIZES: [usize; 3] = [0x18, 0x20, 0x28];

/// The kernel's timer and the DPC that it queues, at a fixed address.
struct Clock {
    timer: UnsafeCell<MaybeUninit<KTIMER>>,
    dpc: UnsafeCell<MaybeUninit<KDPC>>,
}

impl Clock {
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
    serial: Option<Arc<Serial>>,
    period: LONG,
    clock: Box<Clock>,
    starts: Lock<Starts>,
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
// SAFETY: as above.
unsafe impl Sync for Timer {}

impl Timer {
    fn cancel(&self) -> bool {
        // SAFETY: an initialised timer.
        unsafe { KeCancelTimer(self.clock.timer()) != FALSE }
    }

    /// Waits for a callback that has begun, or is about to.
    fn flush(&self, object: &Object) {
        // SAFETY: waits at passive level; every DPC that was queued has run when it returns.
        unsafe { KeFlushQueuedDpcs() };
        if let Some(worker) = &self.worker {
            worker.wait(object);
        }
    }
}

impl Body for Timer {
    fn kind(&self) -> Kind {
        Kind::Timer
    }

    fn needs_passive(&self) -> bool {
        true
    }

    fn dispose(&self, object: &Arc<Object>) {
        self.starts.lock().ended = true;
        self.cancel();
        if platform::in_callback_of(object.handle()) {
            rules::verify(&rules::TIMER_WAIT, || {
                format!("{object} was deleted in its own callback, for the end of which its deletion waits")
            });
        } else {
            self.flush(object);
        }
        if let Some(worker) = &self.worker {
            worker.retire(object);
        }
    }

    fn worker(&self) -> Option<&Worker> {
        self.worker.as_ref()
    }

    fn work(&self, object: &Arc<Object>) {
        Serial::with(self.serial.as_deref(), || {
            callback::call(object.client(), "EvtTimerFunc", object.handle(), || {
                // SAFETY: the driver's callback; deletion waits for it.
                unsafe { (self.function)(object.as_handle()) };
            });
        });
    }
}

impl Kinded for Timer {
    const KIND: Kind = Kind::Timer;
}

/// The timer has expired.
unsafe extern "system" fn expired(_dpc: *mut KDPC, context: PVOID, _argument1: PVOID, _argument2: PVOID) {
    let Some(object) = framework().find(context.addr()) else { return };
    match object.worker() {
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
    // SAFETY: the driver's configuration; zero bytes are a valid one.
    let config = match unsafe { read_sized(Config, &SIZES) } {
        Ok(config) => config,
        Err(status) => return status,
    };
    // SAFETY: the driver passes attributes.
    let attributes = match unsafe { attributes::read(Attributes, Allowed::TIMER) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    let (Some(function), Ok(period)) = (config.EvtTimerFunc, LONG::try_from(config.Period)) else {
        return STATUS_INVALID_PARAMETER;
    };
    if config.UseHighResolutionTimer != 0 && config.TolerableDelay != 0 {
        return STATUS_INVALID_PARAMETER;
    }
    let passive = attributes.level == Level::WdfExecutionLevelPassive;
    if passive && period != 0 {
        return STATUS_NOT_SUPPORTED;
    }
    let parent =
        lookup::object::<core::ffi::c_void>(NAME, core::ptr::without_provenance_mut(attributes.parent));
    let created = surroundings(&parent, config.AutomaticSerialization != 0).and_then(|(device, serial)| {
        if serial.as_ref().is_some_and(|serial| serial.is_passive() != passive) {
            return Err(STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL);
        }
        let worker = if passive {
            // SAFETY: the device outlives what is under it.
            Some(unsafe { Worker::new(device.device_object()) }?)
        } else {
            None
        };
        let clock = Box::new(Clock {
            timer: UnsafeCell::new(MaybeUninit::uninit()),
            dpc: UnsafeCell::new(MaybeUninit::uninit()),
        });
        let body = self::Timer { function, serial, period, clock, starts: Lock::default(), worker };
        object::create(NAME, parent.client(), Family::Child(&parent), &attributes, body)
    });
    let timer = match created {
        Ok(timer) => timer,
        Err(status) => return status,
    };
    // SAFETY: the box has room for a timer, and stays where it is.
    unsafe { KeInitializeTimerEx(timer.clock.timer(), NotificationTimer) };
    // SAFETY: the box has room for a DPC; its routine gets the handle, not a pointer.
    unsafe { KeInitializeDpc(timer.clock.dpc(), expired, timer.as_handle()) };
    // SAFETY: the driver's variable.
    unsafe { store(Timer, timer.as_handle()) };
    STATUS_SUCCESS
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
    let timer = lookup::typed::<self::Timer, _>(NAME, Timer);
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
    unsafe { KeSetTimerEx(timer.clock.timer(), DueTime, timer.period, timer.clock.dpc()) }
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
    let timer = lookup::typed::<self::Timer, _>(NAME, Timer);
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
    timer.flush(timer.object());
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
    parent_handle(lookup::typed::<self::Timer, _>(NAME, Timer).object())
}
