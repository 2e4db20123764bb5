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
    PFN_WDF_DRIVER_UNLOAD, PFN_WDF_FILE_CLEANUP, PFN_WDF_FILE_CLOSE, PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL,
    PFN_WDF_IO_QUEUE_STATE, PFN_WDF_OBJECT_CONTEXT_CLEANUP, PFN_WDF_REQUEST_CANCEL, PFN_WDF_TIMER,
    PFN_WDF_WORKITEM, PVOID, PWDFDEVICE_INIT, UNICODE_STRING, WDF_DPC_CONFIG, WDF_DRIVER_CONFIG,
    WDF_FILEOBJECT_CONFIG, WDF_IO_QUEUE_CONFIG, WDF_NO_OBJECT_ATTRIBUTES, WDF_OBJECT_ATTRIBUTES,
    WDF_OBJECT_CONTEXT_TYPE_INFO, WDF_TIMER_CONFIG, WDF_WORKITEM_CONFIG, WDFDEVICE, WDFDPC, WDFDRIVER,
    WDFFILEOBJECT, WDFOBJECT, WDFQUEUE, WDFREQUEST, WDFSPINLOCK, WDFTIMER, WDFWORKITEM,
};

use super::Made;

mod objects;
mod requests;
mod users;

pub(crate) use objects::*;
pub(crate) use requests::*;
pub(crate) use users::*;

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
            Size: 0x28,
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

pub(crate) fn check(status: NTSTATUS) -> Result<(), NTSTATUS> {
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

/// Sets the file callbacks to none, with a value for `AutoForwardCleanupClose`.
pub(crate) fn init_set_auto_forward(init: PWDFDEVICE_INIT, value: TriState::Type) {
    let mut config = WDF_FILEOBJECT_CONFIG {
        Size: size::<WDF_FILEOBJECT_CONFIG>(),
        AutoForwardCleanupClose: value,
        FileObjectClass: Class::WdfFileObjectWdfCannotUseFsContexts,
        ..WDF_FILEOBJECT_CONFIG::default()
    };
    wdf!(WdfDeviceInitSetFileObjectConfig, init, &raw mut config, WDF_NO_OBJECT_ATTRIBUTES);
}

pub(crate) fn init_set_request_context(
    init: PWDFDEVICE_INIT,
    gone: PFN_WDF_OBJECT_CONTEXT_CLEANUP,
    destroyed: kmdf::PFN_WDF_OBJECT_CONTEXT_DESTROY,
) {
    let mut attributes = WDF_OBJECT_ATTRIBUTES {
        EvtCleanupCallback: gone,
        EvtDestroyCallback: destroyed,
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

pub(crate) fn queue_create_with(
    device: WDFDEVICE,
    mut config: WDF_IO_QUEUE_CONFIG,
) -> Result<WDFQUEUE, NTSTATUS> {
    let mut queue = ptr::null_mut();
    check(wdf!(WdfIoQueueCreate, device, &raw mut config, WDF_NO_OBJECT_ATTRIBUTES, &raw mut queue))?;
    Ok(queue)
}

/// Another queue of the device, which hands requests out as they come.
pub(crate) fn other_queue(made: &Made, control: PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL) -> WDFQUEUE {
    queue_create(made.device, Type::WdfIoQueueDispatchParallel, false, control).expect("a queue")
}

pub(crate) fn queue_of_type(
    device: WDFDEVICE,
    queue: WDFQUEUE,
    request_type: kmdf::WDF_REQUEST_TYPE,
) -> Result<(), NTSTATUS> {
    check(wdf!(WdfDeviceConfigureRequestDispatching, device, queue, request_type))
}

pub(crate) fn device_object(device: WDFDEVICE) -> *mut kmdf::DEVICE_OBJECT {
    wdf!(WdfDeviceWdmGetDeviceObject, device)
}

pub(crate) fn device_driver(device: WDFDEVICE) -> WDFDRIVER {
    wdf!(WdfDeviceGetDriver, device)
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

pub(crate) fn context(object: WDFOBJECT, info: &TypeInfo) -> PVOID {
    wdf!(WdfObjectGetTypedContextWorker, object, info.0.UniqueType)
}

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

pub(crate) fn made(device: WDFDEVICE) -> Made {
    let context = made_context(device);
    let mut made = std::mem::MaybeUninit::<Made>::zeroed();
    let length = std::mem::offset_of!(Made, held);
    // SAFETY: the device's context; this part of it does not change any more.
    unsafe { ptr::copy_nonoverlapping(context.cast::<u8>(), made.as_mut_ptr().cast::<u8>(), length) };
    // SAFETY: handles, all of which were copied or are null.
    unsafe { made.assume_init() }
}

pub(crate) fn set_held(device: WDFDEVICE, request: WDFREQUEST) {
    let context = made_context(device);
    // SAFETY: the device's context; the caller holds the lock.
    unsafe { (*context).held = request };
}

pub(crate) fn take_held(device: WDFDEVICE) -> WDFREQUEST {
    let context = made_context(device);
    // SAFETY: the device's context; only the field's address is taken.
    let held = unsafe { &raw mut (*context).held };
    // SAFETY: the caller holds the lock.
    unsafe { ptr::replace(held, ptr::null_mut()) }
}

/// Whether this request was held; then it is no more. To be called with the driver's lock held.
pub(crate) fn forget_held(device: WDFDEVICE, request: WDFREQUEST) -> bool {
    let held = take_held(device);
    if held != request {
        set_held(device, held);
    }
    held == request
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

pub(crate) fn queue_stop_and_purge(queue: WDFQUEUE, done: PFN_WDF_IO_QUEUE_STATE) {
    wdf!(WdfIoQueueStopAndPurge, queue, done, ptr::null_mut());
}

pub(crate) fn queue_drain(queue: WDFQUEUE, done: PFN_WDF_IO_QUEUE_STATE) {
    wdf!(WdfIoQueueDrain, queue, done, ptr::null_mut());
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

pub(crate) fn queue_stop_and_purge_and_wait(queue: WDFQUEUE) {
    wdf!(WdfIoQueueStopAndPurgeSynchronously, queue);
}

pub(crate) fn queue_drain_and_wait(queue: WDFQUEUE) {
    wdf!(WdfIoQueueDrainSynchronously, queue);
}

pub(crate) fn file_name(file: WDFFILEOBJECT) -> String {
    let name = wdf!(WdfFileObjectGetFileName, file);
    // SAFETY: the framework's string, which lives as long as the file.
    let name = unsafe { name.read() };
    if name.Buffer.is_null() {
        return String::new();
    }
    // SAFETY: the string has that many characters.
    let name = unsafe { std::slice::from_raw_parts(name.Buffer, usize::from(name.Length / 2)) };
    String::from_utf16_lossy(name)
}

pub(crate) fn file_object(file: WDFFILEOBJECT) -> *mut kmdf::FILE_OBJECT {
    wdf!(WdfFileObjectWdmGetFileObject, file)
}

/// The flags of a file, by the framework and of the kernel's object.
pub(crate) fn file_flags(file: WDFFILEOBJECT) -> (u32, u32) {
    let object = file_object(file);
    // SAFETY: the file is open.
    (wdf!(WdfFileObjectGetFlags, file), unsafe { (*object).Flags })
}

pub(crate) fn call_missing() {
    let function = kmdf::FUNCTIONS[0].expect("every entry is filled in");
    // SAFETY: the stand-in of a missing function, which takes nothing.
    unsafe { function() };
}

pub(crate) fn driver_object(driver: WDFDRIVER) -> *mut DRIVER_OBJECT {
    wdf!(WdfDriverWdmGetDriverObject, driver)
}

pub(crate) fn retrieve_into_null(queue: WDFQUEUE) -> NTSTATUS {
    wdf!(WdfIoQueueRetrieveNextRequest, queue, ptr::null_mut())
}

pub(crate) fn init_set_io_type(init: PWDFDEVICE_INIT, io_type: i32) {
    wdf!(WdfDeviceInitSetIoType, init, io_type);
}
