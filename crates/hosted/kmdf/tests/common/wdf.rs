//! The framework's functions as the test driver calls them: through the macro, with the structures filled in as the
//! C initialisers do.
#![allow(unsafe_code, reason = "a driver calls the framework's C functions")]

use std::mem::size_of;
use std::ptr;
use std::time::Duration;

use kmdf::{
    _WDF_DRIVER_INIT_FLAGS as Flags, _WDF_EXECUTION_LEVEL as Level, _WDF_FILEOBJECT_CLASS as Class,
    _WDF_IO_QUEUE_DISPATCH_TYPE as Type, _WDF_SYNCHRONIZATION_SCOPE as Scope, _WDF_TRI_STATE as TriState,
    DRIVER_OBJECT, NT_SUCCESS, NTSTATUS, PCUNICODE_STRING, PFN_WDF_DEVICE_FILE_CREATE, PFN_WDF_DPC,
    PFN_WDF_DRIVER_UNLOAD, PFN_WDF_FILE_CLEANUP, PFN_WDF_FILE_CLOSE, PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL, PFN_WDF_IO_QUEUE_STATE,
    PFN_WDF_OBJECT_CONTEXT_CLEANUP, PFN_WDF_REQUEST_CANCEL, PFN_WDF_TIMER, PFN_WDF_WORKITEM, PVOID,
    PWDFDEVICE_INIT, UNICODE_STRING, WDF_DPC_CONFIG, WDF_DRIVER_CONFIG, WDF_FILEOBJECT_CONFIG,
    WDF_IO_QUEUE_CONFIG, WDF_NO_OBJECT_ATTRIBUTES, WDF_OBJECT_ATTRIBUTES, WDF_OBJECT_CONTEXT_TYPE_INFO,
    WDF_TIMER_CONFIG, WDF_WORKITEM_CONFIG, WDFDEVICE, WDFDPC, WDFDRIVER, WDFFILEOBJECT, WDFOBJECT, WDFQUEUE,
    WDFREQUEST, WDFSPINLOCK, WDFTIMER, WDFWORKITEM,
};

use super::Made;

/// Calls a framework function.
macro_rules! wdf {
    ($($call:tt)*) => {
        // SAFETY: pointers are to the calling frame's variables. A handle that is none is for the framework to find.
        unsafe { kmdf::call_unsafe_wdf_function_binding!($($call)*) }
    };
}
#[allow(unused_imports, reason = "not every test binary calls functions that have no wrapper")]
pub(crate) use wdf;

/// A context type's description, which a static may hold.
pub(crate) struct TypeInfo(pub(crate) WDF_OBJECT_CONTEXT_TYPE_INFO);

// SAFETY: never written to.
unsafe impl Sync for TypeInfo {}

macro_rules! context_type {
    ($name:ident, $type:ty, $text:literal) => {
        pub(crate) static $name: TypeInfo = TypeInfo(WDF_OBJECT_CONTEXT_TYPE_INFO {
            Size: size_of::<WDF_OBJECT_CONTEXT_TYPE_INFO>() as u32,
            ContextName: $text.as_ptr(),
            ContextSize: size_of::<$type>(),
            UniqueType: &raw const $name.0,
            EvtDriverGetUniqueContextType: None,
        });
    };
}

context_type!(DEVICE, Made, c"Made");
context_type!(FILE, [u8; 100], c"FileContext");
context_type!(REQUEST, [u8; 24], c"RequestContext");

/// The size that a structure says of itself.
pub(crate) fn size<T>() -> u32 {
    u32::try_from(size_of::<T>()).expect("structures are small")
}

/// `WDF_OBJECT_ATTRIBUTES_INIT`.
pub(crate) fn attributes() -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        Size: size::<WDF_OBJECT_ATTRIBUTES>(),
        ExecutionLevel: Level::WdfExecutionLevelInheritFromParent,
        SynchronizationScope: Scope::WdfSynchronizationScopeInheritFromParent,
        ..WDF_OBJECT_ATTRIBUTES::default()
    }
}

/// `WDF_OBJECT_ATTRIBUTES_INIT` with a parent.
pub(crate) fn child_of(parent: WDFOBJECT) -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES { ParentObject: parent, ..attributes() }
}

fn check(status: NTSTATUS) -> Result<(), NTSTATUS> {
    if NT_SUCCESS(status) { Ok(()) } else { Err(status) }
}

/// A counted string for the length of a call.
pub(crate) fn with_string<R>(text: &str, f: impl FnOnce(PCUNICODE_STRING) -> R) -> R {
    let mut text: Vec<u16> = text.encode_utf16().collect();
    let length = u16::try_from(text.len() * 2).expect("names are short");
    let string = UNICODE_STRING { Length: length, MaximumLength: length, Buffer: text.as_mut_ptr() };
    f(&raw const string)
}

pub(crate) fn driver_config(unload: PFN_WDF_DRIVER_UNLOAD) -> WDF_DRIVER_CONFIG {
    WDF_DRIVER_CONFIG {
        Size: size::<WDF_DRIVER_CONFIG>(),
        EvtDriverUnload: unload,
        DriverInitFlags: Flags::WdfDriverInitNonPnpDriver.cast_unsigned(),
        ..WDF_DRIVER_CONFIG::default()
    }
}

pub(crate) fn driver_create(
    object: *mut DRIVER_OBJECT,
    path: PCUNICODE_STRING,
    unload: PFN_WDF_DRIVER_UNLOAD,
) -> Result<WDFDRIVER, NTSTATUS> {
    let mut driver = ptr::null_mut();
    let mut config = driver_config(unload);
    check(wdf!(WdfDriverCreate, object, path, WDF_NO_OBJECT_ATTRIBUTES, &raw mut config, &raw mut driver))?;
    Ok(driver)
}

pub(crate) fn init_allocate(driver: WDFDRIVER, sddl: &str) -> Option<PWDFDEVICE_INIT> {
    let init = with_string(sddl, |sddl| wdf!(WdfControlDeviceInitAllocate, driver, sddl));
    (!init.is_null()).then_some(init)
}

pub(crate) fn init_free(init: PWDFDEVICE_INIT) {
    wdf!(WdfDeviceInitFree, init);
}

thread_local! {
    /// Whether this thread's `WdfDeviceCreate` has used up its description.
    static USED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether the driver still has to free the description.
pub(crate) fn init_lives(_init: PWDFDEVICE_INIT) -> bool {
    !USED.replace(false)
}

pub(crate) fn init_assign_name(init: PWDFDEVICE_INIT, name: &str) -> Result<(), NTSTATUS> {
    USED.set(false);
    check(with_string(name, |name| wdf!(WdfDeviceInitAssignName, init, name)))
}

pub(crate) fn init_set_exclusive(init: PWDFDEVICE_INIT, exclusive: bool) {
    wdf!(WdfDeviceInitSetExclusive, init, u8::from(exclusive));
}

pub(crate) fn init_set_files(
    init: PWDFDEVICE_INIT,
    create: PFN_WDF_DEVICE_FILE_CREATE,
    close: PFN_WDF_FILE_CLOSE,
    cleanup: PFN_WDF_FILE_CLEANUP,
    gone: PFN_WDF_OBJECT_CONTEXT_CLEANUP,
) {
    let mut config = WDF_FILEOBJECT_CONFIG {
        Size: size::<WDF_FILEOBJECT_CONFIG>(),
        EvtDeviceFileCreate: create,
        EvtFileClose: close,
        EvtFileCleanup: cleanup,
        AutoForwardCleanupClose: TriState::WdfUseDefault,
        FileObjectClass: Class::WdfFileObjectWdfCannotUseFsContexts,
    };
    let mut attributes = WDF_OBJECT_ATTRIBUTES {
        EvtCleanupCallback: gone,
        ContextTypeInfo: FILE.0.UniqueType,
        ..attributes()
    };
    wdf!(WdfDeviceInitSetFileObjectConfig, init, &raw mut config, &raw mut attributes);
}

pub(crate) fn init_set_request_context(init: PWDFDEVICE_INIT, gone: PFN_WDF_OBJECT_CONTEXT_CLEANUP) {
    let mut attributes = WDF_OBJECT_ATTRIBUTES {
        EvtCleanupCallback: gone,
        ContextTypeInfo: REQUEST.0.UniqueType,
        ..attributes()
    };
    wdf!(WdfDeviceInitSetRequestAttributes, init, &raw mut attributes);
}

pub(crate) fn device_create(
    mut init: PWDFDEVICE_INIT,
    level: Level::Type,
    scope: Scope::Type,
    gone: PFN_WDF_OBJECT_CONTEXT_CLEANUP,
) -> Result<WDFDEVICE, NTSTATUS> {
    let mut attributes = WDF_OBJECT_ATTRIBUTES {
        EvtCleanupCallback: gone,
        ExecutionLevel: level,
        SynchronizationScope: scope,
        ContextTypeInfo: DEVICE.0.UniqueType,
        ..attributes()
    };
    let mut device = ptr::null_mut();
    let status = wdf!(WdfDeviceCreate, &raw mut init, &raw mut attributes, &raw mut device);
    USED.set(init.is_null());
    check(status)?;
    Ok(device)
}

pub(crate) fn create_link(device: WDFDEVICE, link: &str) -> Result<(), NTSTATUS> {
    check(with_string(link, |link| wdf!(WdfDeviceCreateSymbolicLink, device, link)))
}

pub(crate) fn finish_initializing(device: WDFDEVICE) {
    wdf!(WdfControlFinishInitializing, device);
}

/// `WDF_IO_QUEUE_CONFIG_INIT`, with a handler for device controls.
pub(crate) fn queue_config(
    kind: Type::Type,
    default: bool,
    control: PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL,
) -> WDF_IO_QUEUE_CONFIG {
    let mut config = WDF_IO_QUEUE_CONFIG {
        Size: size::<WDF_IO_QUEUE_CONFIG>(),
        DispatchType: kind,
        PowerManaged: TriState::WdfUseDefault,
        DefaultQueue: u8::from(default),
        EvtIoDeviceControl: control,
        ..WDF_IO_QUEUE_CONFIG::default()
    };
    if kind == Type::WdfIoQueueDispatchParallel {
        config.Settings.Parallel.NumberOfPresentedRequests = u32::MAX;
    }
    config
}

pub(crate) fn queue_create(
    device: WDFDEVICE,
    kind: Type::Type,
    default: bool,
    control: PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL,
) -> Result<WDFQUEUE, NTSTATUS> {
    queue_create_with(device, queue_config(kind, default, control))
}

pub(crate) fn queue_create_with(device: WDFDEVICE, mut config: WDF_IO_QUEUE_CONFIG) -> Result<WDFQUEUE, NTSTATUS> {
    let mut queue = ptr::null_mut();
    check(wdf!(WdfIoQueueCreate, device, &raw mut config, WDF_NO_OBJECT_ATTRIBUTES, &raw mut queue))?;
    Ok(queue)
}

pub(crate) fn queue_device(queue: WDFQUEUE) -> WDFDEVICE {
    wdf!(WdfIoQueueGetDevice, queue)
}

/// The state bits, and the counts of waiting and of owned requests.
pub(crate) fn queue_state(queue: WDFQUEUE) -> (i32, u32, u32) {
    let (mut waiting, mut owned) = (0, 0);
    let bits = wdf!(WdfIoQueueGetState, queue, &raw mut waiting, &raw mut owned);
    (bits, waiting, owned)
}

pub(crate) fn retrieve_next(queue: WDFQUEUE) -> Result<WDFREQUEST, NTSTATUS> {
    let mut request = ptr::null_mut();
    check(wdf!(WdfIoQueueRetrieveNextRequest, queue, &raw mut request))?;
    Ok(request)
}

pub(crate) fn retrieve_of(queue: WDFQUEUE, file: WDFFILEOBJECT) -> Result<WDFREQUEST, NTSTATUS> {
    let mut request = ptr::null_mut();
    check(wdf!(WdfIoQueueRetrieveRequestByFileObject, queue, file, &raw mut request))?;
    Ok(request)
}

pub(crate) fn forward(request: WDFREQUEST, queue: WDFQUEUE) -> Result<(), NTSTATUS> {
    check(wdf!(WdfRequestForwardToIoQueue, request, queue))
}

pub(crate) fn complete(request: WDFREQUEST, status: NTSTATUS) {
    wdf!(WdfRequestComplete, request, status);
}

pub(crate) fn complete_with(request: WDFREQUEST, status: NTSTATUS, information: usize) {
    wdf!(WdfRequestCompleteWithInformation, request, status, information as kmdf::ULONG_PTR);
}

pub(crate) fn mark_ex(request: WDFREQUEST, cancel: PFN_WDF_REQUEST_CANCEL) -> Result<(), NTSTATUS> {
    check(wdf!(WdfRequestMarkCancelableEx, request, cancel))
}

pub(crate) fn mark(request: WDFREQUEST, cancel: PFN_WDF_REQUEST_CANCEL) {
    wdf!(WdfRequestMarkCancelable, request, cancel);
}

pub(crate) fn unmark(request: WDFREQUEST) -> NTSTATUS {
    wdf!(WdfRequestUnmarkCancelable, request)
}

/// A copy of the input.
pub(crate) fn input(request: WDFREQUEST, minimum: usize) -> Result<Vec<u8>, NTSTATUS> {
    let (mut buffer, mut length) = (ptr::null_mut(), 0);
    check(wdf!(WdfRequestRetrieveInputBuffer, request, minimum, &raw mut buffer, &raw mut length))?;
    // SAFETY: the framework says that the buffer has that many bytes, and no one writes to it during the copy.
    Ok(unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), length) }.to_vec())
}

/// A copy of what is in the output buffer.
pub(crate) fn output(request: WDFREQUEST, minimum: usize) -> Result<Vec<u8>, NTSTATUS> {
    let (mut buffer, mut length) = (ptr::null_mut(), 0);
    check(wdf!(WdfRequestRetrieveOutputBuffer, request, minimum, &raw mut buffer, &raw mut length))?;
    // SAFETY: the framework says that the buffer has that many bytes, and no one writes to it during the copy.
    Ok(unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), length) }.to_vec())
}

pub(crate) fn write_output(request: WDFREQUEST, bytes: &[u8]) -> Result<(), NTSTATUS> {
    let mut buffer = ptr::null_mut();
    check(wdf!(WdfRequestRetrieveOutputBuffer, request, bytes.len(), &raw mut buffer, ptr::null_mut()))?;
    // SAFETY: the framework says that the buffer has at least that many bytes.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.cast::<u8>(), bytes.len()) };
    Ok(())
}

pub(crate) fn context(object: WDFOBJECT, info: &TypeInfo) -> PVOID {
    wdf!(WdfObjectGetTypedContextWorker, object, info.0.UniqueType)
}

/// The handle's type and number, as a report has them.
pub(crate) fn name(object: WDFOBJECT) -> &'static str {
    if !context(object, &DEVICE).is_null() {
        "WDFDEVICE"
    } else if !context(object, &FILE).is_null() {
        "WDFFILEOBJECT"
    } else if !context(object, &REQUEST).is_null() {
        "WDFREQUEST"
    } else {
        "WDFOBJECT"
    }
}

pub(crate) fn file_context_is_zero(file: WDFFILEOBJECT) -> bool {
    let context = context(file.cast(), &FILE);
    // SAFETY: the file's context, which has this type.
    let bytes = unsafe { context.cast::<[u8; 100]>().read() };
    bytes == [0; 100] && context.addr().is_multiple_of(16)
}

pub(crate) fn file_device(file: WDFFILEOBJECT) -> WDFDEVICE {
    wdf!(WdfFileObjectGetDevice, file)
}

fn made_context(device: WDFDEVICE) -> *mut Made {
    context(device.cast(), &DEVICE).cast()
}

pub(crate) fn set_made(device: WDFDEVICE, made: Made) {
    let context = made_context(device);
    // SAFETY: the device's context, which has this type; the device cannot be opened yet.
    unsafe { context.write(made) };
}

/// The driver's objects. The held request is not read, as it changes.
pub(crate) fn made(device: WDFDEVICE) -> Made {
    let context = made_context(device);
    let mut made = std::mem::MaybeUninit::<Made>::zeroed();
    let length = std::mem::offset_of!(Made, held);
    // SAFETY: the device's context; this part of it does not change any more.
    unsafe { ptr::copy_nonoverlapping(context.cast::<u8>(), made.as_mut_ptr().cast::<u8>(), length) };
    // SAFETY: handles, all of which were copied or are null.
    unsafe { made.assume_init() }
}

/// To be called with the driver's lock held.
pub(crate) fn set_held(device: WDFDEVICE, request: WDFREQUEST) {
    let context = made_context(device);
    // SAFETY: the device's context; the caller holds the lock.
    unsafe { (*context).held = request };
}

/// To be called with the driver's lock held.
pub(crate) fn take_held(device: WDFDEVICE) -> WDFREQUEST {
    let context = made_context(device);
    // SAFETY: the device's context; only the field's address is taken.
    let held = unsafe { &raw mut (*context).held };
    // SAFETY: the caller holds the lock.
    unsafe { ptr::replace(held, ptr::null_mut()) }
}

pub(crate) fn reference(object: WDFOBJECT) {
    wdf!(WdfObjectReferenceActual, object, ptr::null_mut(), 0, ptr::null());
}

pub(crate) fn dereference(object: WDFOBJECT) {
    wdf!(WdfObjectDereferenceActual, object, ptr::null_mut(), 0, ptr::null());
}

pub(crate) fn delete(object: WDFOBJECT) {
    wdf!(WdfObjectDelete, object);
}

pub(crate) fn spin_lock_create(parent: WDFOBJECT) -> Result<WDFSPINLOCK, NTSTATUS> {
    let mut attributes = child_of(parent);
    let mut lock = ptr::null_mut();
    check(wdf!(WdfSpinLockCreate, &raw mut attributes, &raw mut lock))?;
    Ok(lock)
}

pub(crate) fn with_lock<R>(lock: WDFSPINLOCK, f: impl FnOnce() -> R) -> R {
    wdf!(WdfSpinLockAcquire, lock);
    let result = f();
    wdf!(WdfSpinLockRelease, lock);
    result
}

pub(crate) fn timer_create(
    parent: WDFOBJECT,
    function: PFN_WDF_TIMER,
    period: u32,
    passive: bool,
) -> Result<WDFTIMER, NTSTATUS> {
    let mut config = WDF_TIMER_CONFIG {
        Size: size::<WDF_TIMER_CONFIG>(),
        EvtTimerFunc: function,
        Period: period,
        AutomaticSerialization: 1,
        ..WDF_TIMER_CONFIG::default()
    };
    let mut attributes = child_of(parent);
    if passive {
        attributes.ExecutionLevel = Level::WdfExecutionLevelPassive;
    }
    let mut timer = ptr::null_mut();
    check(wdf!(WdfTimerCreate, &raw mut config, &raw mut attributes, &raw mut timer))?;
    Ok(timer)
}

/// Starts a timer for so long from now.
pub(crate) fn timer_start(timer: WDFTIMER, after: Duration) -> bool {
    let after = i64::try_from(after.as_nanos() / 100).expect("tests are short");
    wdf!(WdfTimerStart, timer, -after) != 0
}

pub(crate) fn timer_stop(timer: WDFTIMER, wait: bool) -> bool {
    wdf!(WdfTimerStop, timer, u8::from(wait)) != 0
}

pub(crate) fn timer_parent(timer: WDFTIMER) -> WDFOBJECT {
    wdf!(WdfTimerGetParentObject, timer)
}

pub(crate) fn work_item_create(parent: WDFOBJECT, function: PFN_WDF_WORKITEM) -> Result<WDFWORKITEM, NTSTATUS> {
    let mut config = WDF_WORKITEM_CONFIG {
        Size: size::<WDF_WORKITEM_CONFIG>(),
        EvtWorkItemFunc: function,
        AutomaticSerialization: 0,
    };
    let mut attributes = child_of(parent);
    let mut item = ptr::null_mut();
    check(wdf!(WdfWorkItemCreate, &raw mut config, &raw mut attributes, &raw mut item))?;
    Ok(item)
}

pub(crate) fn work_item_enqueue(item: WDFWORKITEM) {
    wdf!(WdfWorkItemEnqueue, item);
}

pub(crate) fn work_item_parent(item: WDFWORKITEM) -> WDFOBJECT {
    wdf!(WdfWorkItemGetParentObject, item)
}

pub(crate) fn dpc_create(parent: WDFOBJECT, function: PFN_WDF_DPC) -> Result<WDFDPC, NTSTATUS> {
    let mut config =
        WDF_DPC_CONFIG { Size: size::<WDF_DPC_CONFIG>(), EvtDpcFunc: function, AutomaticSerialization: 0 };
    let mut attributes = child_of(parent);
    let mut dpc = ptr::null_mut();
    check(wdf!(WdfDpcCreate, &raw mut config, &raw mut attributes, &raw mut dpc))?;
    Ok(dpc)
}

pub(crate) fn dpc_enqueue(dpc: WDFDPC) -> bool {
    wdf!(WdfDpcEnqueue, dpc) != 0
}

pub(crate) fn dpc_parent(dpc: WDFDPC) -> WDFOBJECT {
    wdf!(WdfDpcGetParentObject, dpc)
}

/// The calling thread's IRQL.
pub(crate) fn irql() -> u8 {
    // SAFETY: reads a value of the calling thread.
    unsafe { kmdf::ntddk::KeGetCurrentIrql() }
}

pub(crate) fn is_canceled(request: WDFREQUEST) -> bool {
    wdf!(WdfRequestIsCanceled, request) != 0
}

pub(crate) fn requeue(request: WDFREQUEST) -> Result<(), NTSTATUS> {
    check(wdf!(WdfRequestRequeue, request))
}

pub(crate) fn request_file(request: WDFREQUEST) -> WDFFILEOBJECT {
    wdf!(WdfRequestGetFileObject, request)
}

pub(crate) fn request_process(request: WDFREQUEST) -> u32 {
    wdf!(WdfRequestGetRequestorProcessId, request)
}

pub(crate) fn file_process(file: WDFFILEOBJECT) -> u32 {
    wdf!(WdfFileObjectGetInitiatorProcessId, file)
}

pub(crate) fn queue_start(queue: WDFQUEUE) {
    wdf!(WdfIoQueueStart, queue);
}

pub(crate) fn queue_stop(queue: WDFQUEUE, done: PFN_WDF_IO_QUEUE_STATE) {
    wdf!(WdfIoQueueStop, queue, done, ptr::null_mut());
}

pub(crate) fn queue_stop_and_wait(queue: WDFQUEUE) {
    wdf!(WdfIoQueueStopSynchronously, queue);
}

pub(crate) fn queue_purge(queue: WDFQUEUE, done: PFN_WDF_IO_QUEUE_STATE) {
    wdf!(WdfIoQueuePurge, queue, done, ptr::null_mut());
}

pub(crate) fn queue_purge_and_wait(queue: WDFQUEUE) {
    wdf!(WdfIoQueuePurgeSynchronously, queue);
}

pub(crate) fn work_item_flush(item: WDFWORKITEM) {
    wdf!(WdfWorkItemFlush, item);
}

pub(crate) fn object_create(attributes: &mut WDF_OBJECT_ATTRIBUTES) -> Result<WDFOBJECT, NTSTATUS> {
    let mut object = ptr::null_mut();
    check(wdf!(WdfObjectCreate, &raw mut *attributes, &raw mut object))?;
    Ok(object)
}

/// Calls `f` at `DISPATCH_LEVEL`.
pub(crate) fn at_dispatch<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: raises the calling thread's level.
    let before = unsafe { kmdf::ntddk::KfRaiseIrql(kmdf::DISPATCH_LEVEL) };
    let result = f();
    // SAFETY: the level from before.
    unsafe { kmdf::ntddk::KeLowerIrql(before) };
    result
}
