//! A small echo driver, written as a driver for Windows would be, and what the tests need to run it.
//!
//! What the driver does differently from test to test it reads from [`Options`], which the test puts into the machine
//! before it loads the driver; what it saw goes into [`Trace`].
#![allow(dead_code, reason = "each test binary uses a part of this")]
#![allow(non_upper_case_globals, reason = "control codes and context types are named as in C")]

mod rig;
pub(crate) mod wdf;

pub(crate) use rig::*;

use std::time::Duration;

use kmdf::{
    _WDF_DEVICE_IO_TYPE as IoType, _WDF_EXECUTION_LEVEL as Level, _WDF_IO_QUEUE_DISPATCH_TYPE as Type,
    _WDF_SYNCHRONIZATION_SCOPE as Scope, CTL_CODE, DRIVER_OBJECT, METHOD_BUFFERED, METHOD_IN_DIRECT,
    METHOD_NEITHER, METHOD_OUT_DIRECT, NT_SUCCESS, NTSTATUS, PCUNICODE_STRING, PWDFDEVICE_INIT,
    STATUS_BUFFER_TOO_SMALL, STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_SUCCESS, WDF_IO_QUEUE_CONFIG, WDFCONTEXT, WDFDEVICE, WDFDPC, WDFDRIVER, WDFFILEOBJECT, WDFOBJECT,
    WDFQUEUE, WDFREQUEST, WDFSPINLOCK, WDFTIMER, WDFWORKITEM,
};

/// The driver's service name.
pub(crate) const SERVICE: &str = "kmdfecho";
/// The device as user mode names it.
pub(crate) const PATH: &str = r"\\.\KmdfEcho";
/// `GENERIC_READ | GENERIC_WRITE`.
pub(crate) const ACCESS: u32 = 0xC000_0000;

const fn code(function: u32, method: u32) -> u32 {
    CTL_CODE(0x8057, function, method, 0)
}

/// Returns its input.
pub(crate) const ECHO: u32 = code(0x800, METHOD_BUFFERED);
/// Returns its input, reversed, through the MDL.
pub(crate) const REVERSE: u32 = code(0x801, METHOD_OUT_DIRECT);
/// Traces the sum of the bytes of its second buffer, which it reads.
pub(crate) const SUM: u32 = code(0x802, METHOD_IN_DIRECT);
/// Waits in the manual queue until [`RELEASE`].
pub(crate) const PEND: u32 = code(0x803, METHOD_BUFFERED);
/// Completes the request that has waited longest in the manual queue.
pub(crate) const RELEASE: u32 = code(0x804, METHOD_BUFFERED);
/// Stays with the driver, marked cancelable, until [`FINISH`].
pub(crate) const HOLD: u32 = code(0x805, METHOD_BUFFERED);
/// Unmarks and completes the held request.
pub(crate) const FINISH: u32 = code(0x806, METHOD_BUFFERED);
/// Finishes the held request from the timer.
pub(crate) const TIMED: u32 = code(0x807, METHOD_BUFFERED);
/// Finishes the held request from the work item.
pub(crate) const WORK: u32 = code(0x808, METHOD_BUFFERED);
/// Finishes the held request from the DPC.
pub(crate) const DPC: u32 = code(0x809, METHOD_BUFFERED);
/// Has buffers that the driver may not touch.
pub(crate) const NEITHER: u32 = code(0x80A, METHOD_NEITHER);
/// Runs [`Options::special`].
pub(crate) const SPECIAL: u32 = code(0x80B, METHOD_BUFFERED);

/// What the driver does differently.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub(crate) struct Options {
    pub(crate) queue: Type::Type,
    pub(crate) level: Level::Type,
    pub(crate) scope: Scope::Type,
    pub(crate) exclusive: bool,
    /// How reads and writes pass their buffers.
    pub(crate) io: IoType::Type,
    /// Changes the default queue's configuration, which has a handler for device controls only.
    pub(crate) handlers: Option<fn(&mut WDF_IO_QUEUE_CONFIG)>,
    /// Changes the device's description before the device is made.
    pub(crate) init: Option<fn(PWDFDEVICE_INIT)>,
    /// `EvtIoInCallerContext`, if the driver has one.
    pub(crate) in_caller: Option<fn(WDFDEVICE, WDFREQUEST)>,
    /// What the driver completes creates with.
    pub(crate) create: NTSTATUS,
    /// Whether `DriverEntry` finishes the device.
    pub(crate) finish: bool,
    /// Whether the driver completes requests that were cancelled in the manual queue itself.
    pub(crate) canceled_on_queue: bool,
    /// Runs when the device and its queues are made; its failure is `DriverEntry`'s.
    pub(crate) entry: Option<fn(&Made) -> NTSTATUS>,
    /// Runs for [`SPECIAL`], and completes it.
    pub(crate) special: Option<fn(&Made, WDFREQUEST)>,
    /// Runs in `EvtDeviceFileCreate`, before it completes the create.
    pub(crate) creating: Option<fn(WDFREQUEST)>,
    /// Whether `EvtDestroyCallback` of requests is traced.
    pub(crate) destroyed: bool,
    /// Runs in `EvtRequestCancel` of a held request, instead of its completion.
    pub(crate) cancelled: Option<fn(WDFREQUEST)>,
    pub(crate) cleanup: Option<fn(&Made, WDFFILEOBJECT)>,
    pub(crate) timer: Option<fn(&Made, WDFTIMER)>,
    pub(crate) work: Option<fn(&Made, WDFWORKITEM)>,
    pub(crate) unload: Option<fn(WDFDRIVER)>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            queue: Type::WdfIoQueueDispatchParallel,
            level: Level::WdfExecutionLevelInheritFromParent,
            scope: Scope::WdfSynchronizationScopeInheritFromParent,
            exclusive: false,
            io: IoType::WdfDeviceIoBuffered,
            handlers: None,
            init: None,
            in_caller: None,
            create: STATUS_SUCCESS,
            finish: true,
            canceled_on_queue: false,
            entry: None,
            special: None,
            creating: None,
            destroyed: false,
            cancelled: None,
            cleanup: None,
            timer: None,
            work: None,
            unload: None,
        }
    }
}

/// The driver's objects; their handles, in the device's context.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Made {
    pub(crate) driver: WDFDRIVER,
    pub(crate) device: WDFDEVICE,
    pub(crate) queue: WDFQUEUE,
    pub(crate) manual: WDFQUEUE,
    pub(crate) lock: WDFSPINLOCK,
    pub(crate) timer: WDFTIMER,
    pub(crate) work: WDFWORKITEM,
    pub(crate) dpc: WDFDPC,
    /// Guarded by `lock`.
    pub(crate) held: WDFREQUEST,
}

/// `DriverEntry`.
pub(crate) extern "system" fn driver_entry(driver: *mut DRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
    match enter(driver, path) {
        Ok(()) => STATUS_SUCCESS,
        Err(status) => status,
    }
}

fn enter(driver_object: *mut DRIVER_OBJECT, path: PCUNICODE_STRING) -> Result<(), NTSTATUS> {
    let driver = wdf::driver_create(driver_object, path, Some(unload))?;
    let init =
        wdf::init_allocate(driver, "D:P(A;;GA;;;SY)(A;;GA;;;BA)").ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    let result = make(driver, init);
    if result.is_err() && wdf::init_lives(init) {
        wdf::init_free(init);
    }
    result
}

fn make(driver: WDFDRIVER, init: PWDFDEVICE_INIT) -> Result<(), NTSTATUS> {
    let options = options();
    wdf::init_assign_name(init, r"\Device\KmdfEcho")?;
    wdf::init_set_exclusive(init, options.exclusive);
    wdf::init_set_io_type(init, options.io);
    wdf::init_set_files(init, Some(file_create), Some(file_close), Some(file_cleanup), Some(gone));
    wdf::init_set_request_context(init, Some(gone), if options.destroyed { Some(destroyed) } else { None });
    if let Some(change) = options.init {
        change(init);
    }
    if options.in_caller.is_some() {
        wdf::init_set_in_caller_context(init, Some(in_caller_context));
    }
    let device = wdf::device_create(init, options.level, options.scope, Some(gone))?;
    wdf::create_link(device, r"\DosDevices\KmdfEcho")?;
    let mut config = wdf::queue_config(options.queue, true, Some(control));
    if let Some(handlers) = options.handlers {
        handlers(&mut config);
    }
    let queue = wdf::queue_create_with(device, config)?;
    let mut config = wdf::queue_config(Type::WdfIoQueueDispatchManual, false, None);
    if options.canceled_on_queue {
        config.EvtIoCanceledOnQueue = Some(canceled_on_queue);
    }
    let manual = wdf::queue_create_with(device, config)?;
    let passive = options.level == Level::WdfExecutionLevelPassive;
    let made = Made {
        driver,
        device,
        queue,
        manual,
        lock: wdf::spin_lock_create(device.cast())?,
        timer: wdf::timer_create(device.cast(), Some(timer), 0, passive)?,
        work: wdf::work_item_create(device.cast(), Some(work))?,
        dpc: wdf::dpc_create(device.cast(), Some(dpc))?,
        held: std::ptr::null_mut(),
    };
    wdf::set_made(device, made);
    if let Some(entry) = options.entry {
        let status = entry(&made);
        if !NT_SUCCESS(status) {
            return Err(status);
        }
    }
    if options.finish {
        wdf::finish_initializing(device);
    }
    Ok(())
}

extern "C" fn unload(driver: WDFDRIVER) {
    trace("EvtDriverUnload");
    if let Some(unload) = options().unload {
        unload(driver);
    }
}

extern "C" fn gone(object: WDFOBJECT) {
    trace(format!("cleanup {}", wdf::name(object)));
}

extern "C" fn destroyed(object: WDFOBJECT) {
    trace(format!("destroy {}", wdf::name(object)));
}

extern "C" fn in_caller_context(device: WDFDEVICE, request: WDFREQUEST) {
    trace("EvtIoInCallerContext");
    let in_caller = options().in_caller.expect("it was registered because there is one");
    in_caller(device, request);
}

extern "C" fn file_create(_device: WDFDEVICE, request: WDFREQUEST, file: WDFFILEOBJECT) {
    trace("EvtDeviceFileCreate");
    assert!(wdf::file_context_is_zero(file), "a context is zeroed and aligned");
    if let Some(creating) = options().creating {
        creating(request);
    }
    wdf::complete(request, options().create);
}

extern "C" fn file_cleanup(file: WDFFILEOBJECT) {
    trace("EvtFileCleanup");
    if let Some(cleanup) = options().cleanup {
        cleanup(&wdf::made(wdf::file_device(file)), file);
    }
}

extern "C" fn file_close(_file: WDFFILEOBJECT) {
    trace("EvtFileClose");
}

pub(crate) extern "C" fn control(
    queue: WDFQUEUE,
    request: WDFREQUEST,
    output: usize,
    input: usize,
    code: u32,
) {
    let made = wdf::made(wdf::queue_device(queue));
    match code {
        ECHO => match wdf::input(request, 1) {
            Ok(bytes) if bytes.len() <= output => wdf::complete_with(request, STATUS_SUCCESS, bytes.len()),
            Ok(_) => wdf::complete(request, STATUS_BUFFER_TOO_SMALL),
            Err(status) => wdf::complete(request, status),
        },
        REVERSE => {
            let result = wdf::input(request, 1).and_then(|mut bytes| {
                bytes.reverse();
                wdf::write_output(request, &bytes)
            });
            match result {
                Ok(()) => wdf::complete_with(request, STATUS_SUCCESS, input),
                Err(status) => wdf::complete(request, status),
            }
        }
        SUM => {
            let sum =
                wdf::output(request, 1).map(|bytes| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>());
            trace(format!("sum {sum:?}"));
            wdf::complete(request, STATUS_SUCCESS);
        }
        PEND => {
            if let Err(status) = wdf::forward(request, made.manual) {
                wdf::complete(request, status);
            }
        }
        RELEASE => {
            let next = wdf::retrieve_next(made.manual);
            if let Ok(next) = next {
                wdf::complete(next, STATUS_SUCCESS);
            }
            wdf::complete(request, next.err().unwrap_or(STATUS_SUCCESS));
        }
        HOLD => hold(&made, request),
        FINISH => {
            let status = if finish(&made) { STATUS_SUCCESS } else { STATUS_CANCELLED };
            wdf::complete(request, status);
        }
        TIMED => {
            wdf::timer_start(made.timer, Duration::from_millis(5));
            wdf::complete(request, STATUS_SUCCESS);
        }
        WORK => {
            wdf::work_item_enqueue(made.work);
            wdf::complete(request, STATUS_SUCCESS);
        }
        DPC => {
            wdf::dpc_enqueue(made.dpc);
            wdf::complete(request, STATUS_SUCCESS);
        }
        NEITHER if options().special.is_none() => {
            let status = wdf::input(request, 1).err().unwrap_or(STATUS_SUCCESS);
            wdf::complete(request, status);
        }
        SPECIAL | NEITHER => match options().special {
            Some(special) => special(&made, request),
            None => wdf::complete(request, STATUS_INVALID_DEVICE_REQUEST),
        },
        _ => wdf::complete(request, STATUS_INVALID_DEVICE_REQUEST),
    }
}

/// Keeps the request, marked cancelable. A reference keeps the handle usable for [`finish`].
///
/// The lock orders the two: who takes the request out of the context while holding it has it, and the cancel callback
/// does not complete it before.
pub(crate) fn hold(made: &Made, request: WDFREQUEST) {
    let marked = wdf::with_lock(made.lock, || {
        wdf::reference(request.cast());
        let marked = wdf::mark_ex(request, Some(cancelled));
        if marked.is_ok() {
            wdf::set_held(made.device, request);
        }
        marked
    });
    if let Err(status) = marked {
        wdf::complete(request, status);
        wdf::dereference(request.cast());
    }
    trace("held");
}

/// Takes the held request and completes it, unless its cancellation does; whether it did.
pub(crate) fn finish(made: &Made) -> bool {
    let (held, unmarked) = wdf::with_lock(made.lock, || {
        let held = wdf::take_held(made.device);
        (held, if held.is_null() { STATUS_CANCELLED } else { wdf::unmark(held) })
    });
    if held.is_null() {
        return false;
    }
    let mine = unmarked == STATUS_SUCCESS;
    if mine {
        wdf::complete(held, STATUS_SUCCESS);
    }
    wdf::dereference(held.cast());
    mine
}

extern "C" fn cancelled(request: WDFREQUEST) {
    trace("EvtRequestCancel");
    if let Some(cancelled) = options().cancelled {
        cancelled(request);
        return;
    }
    let made = wdf::made(wdf::queue_device(wdf::request_queue(request)));
    let mine = wdf::with_lock(made.lock, || wdf::forget_held(made.device, request));
    wdf::complete(request, STATUS_CANCELLED);
    if mine {
        wdf::dereference(request.cast());
    }
}

extern "C" fn canceled_on_queue(_queue: WDFQUEUE, request: WDFREQUEST) {
    trace("EvtIoCanceledOnQueue");
    wdf::complete(request, STATUS_CANCELLED);
}

extern "C" fn timer(timer: WDFTIMER) {
    trace(format!("EvtTimerFunc at {}", wdf::irql()));
    let made = wdf::made(wdf::timer_parent(timer).cast());
    match options().timer {
        Some(special) => special(&made, timer),
        None => {
            finish(&made);
        }
    }
}

extern "C" fn work(item: WDFWORKITEM) {
    trace(format!("EvtWorkItem at {}", wdf::irql()));
    let made = wdf::made(wdf::work_item_parent(item).cast());
    match options().work {
        Some(special) => special(&made, item),
        None => {
            finish(&made);
        }
    }
}

extern "C" fn dpc(dpc: WDFDPC) {
    trace(format!("EvtDpcFunc at {}", wdf::irql()));
    finish(&wdf::made(wdf::dpc_parent(dpc).cast()));
}

/// A handle that goes to another thread. It is a number; nobody follows it.
#[derive(Clone, Copy)]
pub(crate) struct Handle(usize);

impl Handle {
    pub(crate) fn new(handle: WDFOBJECT) -> Handle {
        Handle(handle.addr())
    }

    pub(crate) fn get(self) -> WDFOBJECT {
        std::ptr::without_provenance_mut(self.0)
    }
}

/// A queue's change of state is done.
pub(crate) extern "C" fn state_changed(_queue: WDFQUEUE, _context: WDFCONTEXT) {
    trace("state changed");
}

/// Completes what is cancelled.
pub(crate) extern "C" fn complete_cancelled(request: WDFREQUEST) {
    trace("called back");
    wdf::complete(request, STATUS_CANCELLED);
}

/// Completes the held request at dispatch level, once the test has released it.
extern "C" fn finish_when_released(timer: WDFTIMER) {
    let finish = || finish(&wdf::made(wdf::timer_parent(timer).cast()));
    if !seen("both are sent") || !finish() {
        wdf::timer_start(timer, Duration::from_millis(5));
    }
}

/// Starts a timer that completes the held request at dispatch level, once the test releases `both are sent`.
pub(crate) fn start_finishing(made: &Made) -> NTSTATUS {
    let timer = wdf::timer_create(made.device.cast(), Some(finish_when_released), 0, false).expect("a timer");
    wdf::timer_start(timer, Duration::from_millis(5));
    STATUS_SUCCESS
}
