//! The queues of a device: creating them, and which gets the requests of which type.
#![expect(unsafe_code, reason = "gets raw pointers from the driver")]

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use wsk_sys::{
    DISPATCH_LEVEL, IRP_MJ_CREATE, NTSTATUS, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER_4, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};

use crate::device::Device;
use crate::object::args::{at_most, read_sized, required, status, store};
use crate::object::attributes::{self, Allowed, Attributes};
use crate::object::callback_lock::CallbackLock;
use crate::object::kernel_dpc::KernelDpc;
use crate::object::lookup;
use crate::object::worker::Worker;
use crate::object::{self, Family, Object, Typed};
use crate::queue::{Deferral, Dispatch, Owner, Queue};
use crate::status::{STATUS_WDF_BUSY, STATUS_WDF_NO_CALLBACK};
use crate::types::{
    _WDF_EXECUTION_LEVEL as Level, _WDF_IO_QUEUE_DISPATCH_TYPE as Type, _WDF_REQUEST_TYPE as RequestType,
    _WDF_SYNCHRONIZATION_SCOPE as Scope, PWDF_DRIVER_GLOBALS, PWDF_IO_QUEUE_CONFIG, PWDF_OBJECT_ATTRIBUTES,
    WDF_IO_QUEUE_CONFIG, WDF_REQUEST_TYPE, WDFDEVICE, WDFQUEUE,
};

/// The accepted sizes: those of versions 1.7 and 1.9, and today's.
const SIZES: [usize; 3] = [0x50, 0x58, 0x60];
/// The size before `Settings` was added.
const WITHOUT_SETTINGS: u32 = 0x50;

/// Creates a queue, which accepts and hands out requests at once.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_INFO_LENGTH_MISMATCH`, `STATUS_INVALID_PARAMETER` for a configuration that contradicts itself,
/// `STATUS_INVALID_PARAMETER_4` for a queue that nobody could use, `STATUS_WDF_NO_CALLBACK`,
/// `STATUS_UNSUCCESSFUL` for a second default queue, `STATUS_INVALID_DEVICE_STATE` for a default queue of a finished
/// device, `STATUS_INSUFFICIENT_RESOURCES`, and what the attributes are refused with.
pub unsafe extern "C" fn WdfIoQueueCreate(
    _globals: PWDF_DRIVER_GLOBALS,
    Device: WDFDEVICE,
    Config: PWDF_IO_QUEUE_CONFIG,
    QueueAttributes: PWDF_OBJECT_ATTRIBUTES,
    Queue: *mut WDFQUEUE,
) -> NTSTATUS {
    const NAME: &str = "WdfIoQueueCreate";
    at_most(NAME, DISPATCH_LEVEL);
    let device = lookup::typed::<self::Device>(NAME, Device);
    required(NAME, "Config", Config);
    status(|| {
        // SAFETY: the driver's configuration; zero bytes are a valid one.
        let config = unsafe { read_sized(Config, &SIZES) }?;
        if config.DefaultQueue == 0 && Queue.is_null() {
            return Err(STATUS_INVALID_PARAMETER_4);
        }
        // SAFETY: the driver passes null or attributes.
        let attributes = unsafe { attributes::read(QueueAttributes, Allowed::QUEUE) }?;
        let parent = lookup::parent(NAME, &attributes);
        let parent = parent.as_ref().unwrap_or(device.object());
        let kind = kind_of(&config)?;
        if config.DefaultQueue != 0 && device.state().finished {
            return Err(STATUS_INVALID_DEVICE_STATE);
        }
        if config.DefaultQueue != 0 && device.state().default_queue.is_some() {
            return Err(STATUS_UNSUCCESSFUL);
        }
        let body = body(&device, kind, config, &attributes)?;
        let queue = create(NAME, &device, parent, &attributes, body)?;
        if config.DefaultQueue != 0 {
            device.state().default_queue = Some(queue.clone());
        }
        // SAFETY: null, or the driver's variable.
        unsafe { store(Queue, queue.as_handle()) };
        Ok(())
    })
}

/// Makes a queue, and lets the device find it.
fn create(
    function: &'static str,
    device: &Typed<Device>,
    parent: &Arc<Object>,
    attributes: &Attributes,
    body: Queue,
) -> Result<Typed<Queue>, NTSTATUS> {
    let queue = object::create(function, device.object().client(), Family::Child(parent), attributes, body)?;
    if let Deferral::AtDispatch(dpc) = &queue.deferral {
        dpc.initialize(queue.object());
    }
    let mut state = device.state();
    state.queues.retain(|queue| queue.strong_count() != 0);
    state.queues.push(Arc::downgrade(queue.object()));
    if !Arc::ptr_eq(&queue.lock, &device.lock) {
        queue.lock.belongs_to(queue.object());
    }
    drop(state);
    Ok(queue)
}

/// Makes the manual queue that create requests belong to while `EvtDeviceFileCreate` has them.
///
/// # Errors
/// `STATUS_INSUFFICIENT_RESOURCES`.
pub(super) fn create_internal(device: &Typed<Device>) -> Result<(), NTSTATUS> {
    let config = WDF_IO_QUEUE_CONFIG::default();
    let (lock, dpc) = (Arc::clone(&device.lock), KernelDpc::new());
    let owner = Box::new(device.clone());
    let mut body = Queue::new(owner, Dispatch::Manual, config, lock, Deferral::AtDispatch(dpc));
    body.internal = true;
    let queue = create("WdfDeviceCreate", device, device.object(), &Attributes::NONE, body)?;
    device.state().create_queue = Some(queue);
    Ok(())
}

/// Checks the configuration for itself.
fn kind_of(config: &WDF_IO_QUEUE_CONFIG) -> Result<Dispatch, NTSTATUS> {
    let settings = (&raw const config.Settings).cast::<u32>();
    // SAFETY: the union's one variant is a number.
    let presented = unsafe { settings.read() };
    let handlers = [
        config.EvtIoDefault.is_some(),
        config.EvtIoRead.is_some(),
        config.EvtIoWrite.is_some(),
        config.EvtIoDeviceControl.is_some(),
        config.EvtIoInternalDeviceControl.is_some(),
    ];
    let handled = handlers.contains(&true);
    let kind = match config.DispatchType {
        Type::WdfIoQueueDispatchSequential => Dispatch::Sequential,
        Type::WdfIoQueueDispatchParallel if config.Size == WITHOUT_SETTINGS => Dispatch::Parallel(u32::MAX),
        Type::WdfIoQueueDispatchParallel => Dispatch::Parallel(presented),
        Type::WdfIoQueueDispatchManual => Dispatch::Manual,
        _ => return Err(STATUS_INVALID_PARAMETER),
    };
    match kind {
        Dispatch::Manual if handled => Err(STATUS_INVALID_PARAMETER),
        Dispatch::Sequential | Dispatch::Manual if presented != 0 => Err(STATUS_INVALID_PARAMETER),
        Dispatch::Sequential | Dispatch::Parallel(_) if !handled => Err(STATUS_WDF_NO_CALLBACK),
        kind => Ok(kind),
    }
}

/// Resolves level and scope, and makes the body.
fn body(
    device: &Typed<Device>,
    kind: Dispatch,
    config: WDF_IO_QUEUE_CONFIG,
    attributes: &Attributes,
) -> Result<Queue, NTSTATUS> {
    let (level, scope) = attributes.resolve((device.level, device.scope));
    if scope == Scope::WdfSynchronizationScopeDevice && level != device.level {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let passive = level == Level::WdfExecutionLevelPassive;
    let lock = match scope {
        Scope::WdfSynchronizationScopeDevice => Arc::clone(&device.lock),
        _ => Arc::new(CallbackLock::new(passive)),
    };
    let deferral = if passive {
        // SAFETY: the device outlives its queues.
        Deferral::AtPassive(unsafe { Worker::new(device.device_object()) }?)
    } else {
        Deferral::AtDispatch(KernelDpc::new())
    };
    let mut queue = Queue::new(Box::new(device.clone()), kind, config, lock, deferral);
    queue.serialised = scope != Scope::WdfSynchronizationScopeNone;
    Ok(queue)
}

impl Owner for Typed<Device> {
    fn object(&self) -> &Arc<Object> {
        Typed::object(self)
    }

    fn sends_to(&self, queue: &Object) -> bool {
        let state = self.state();
        let mut used = state.routes.values().chain(state.default_queue.as_ref());
        used.any(|other| other.object().handle() == queue.handle())
    }

    fn forget_queues(&self) {
        let deleted = |queue: &mut Typed<Queue>| queue.object().is_deleting();
        let mut state = self.state();
        let routes: Vec<_> = state.routes.extract_if(.., |_, queue| deleted(queue)).collect();
        let forgotten = (routes, state.default_queue.take_if(deleted), state.create_queue.take_if(deleted));
        drop(state);
        drop(forgotten);
    }
}

/// The device's default queue, or null.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfDeviceGetDefaultQueue(
    _globals: PWDF_DRIVER_GLOBALS,
    Device: WDFDEVICE,
) -> WDFQUEUE {
    const NAME: &str = "WdfDeviceGetDefaultQueue";
    at_most(NAME, DISPATCH_LEVEL);
    let device = lookup::typed::<self::Device>(NAME, Device);
    let queue = device.state().default_queue.clone();
    queue.map_or(core::ptr::null_mut(), |queue| queue.as_handle())
}

/// Sends requests of one type to a queue of their own.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_INVALID_DEVICE_REQUEST` for the default queue, one without a handler for the type, or a type that cannot
/// be sent elsewhere; `STATUS_WDF_BUSY` if the type has a queue.
pub unsafe extern "C" fn WdfDeviceConfigureRequestDispatching(
    _globals: PWDF_DRIVER_GLOBALS,
    Device: WDFDEVICE,
    Queue: WDFQUEUE,
    RequestType: WDF_REQUEST_TYPE,
) -> NTSTATUS {
    const NAME: &str = "WdfDeviceConfigureRequestDispatching";
    at_most(NAME, DISPATCH_LEVEL);
    let device = lookup::typed::<self::Device>(NAME, Device);
    let queue = lookup::typed::<self::Queue>(NAME, Queue);
    let config = queue.config();
    let handles = match RequestType {
        RequestType::WdfRequestTypeCreate => true,
        RequestType::WdfRequestTypeRead => config.EvtIoRead.is_some(),
        RequestType::WdfRequestTypeWrite => config.EvtIoWrite.is_some(),
        RequestType::WdfRequestTypeDeviceControl => config.EvtIoDeviceControl.is_some(),
        RequestType::WdfRequestTypeDeviceControlInternal => config.EvtIoInternalDeviceControl.is_some(),
        _ => return STATUS_INVALID_DEVICE_REQUEST,
    };
    let manual = queue.kind == Dispatch::Manual;
    let Ok(major) = u8::try_from(RequestType) else { return STATUS_INVALID_DEVICE_REQUEST };
    let mut state = device.state();
    let is_default =
        state.default_queue.as_ref().is_some_and(|default| Arc::ptr_eq(default.object(), queue.object()));
    let other_device = !Arc::ptr_eq(queue.device(), device.object());
    if is_default || other_device || !(handles || manual || config.EvtIoDefault.is_some()) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    // A create needs `EvtIoDefault`, as no other handler takes one.
    if major == IRP_MJ_CREATE && !manual && config.EvtIoDefault.is_none() {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if state.routes.contains_key(&major) {
        return STATUS_WDF_BUSY;
    }
    state.routes.insert(major, queue.clone());
    STATUS_SUCCESS
}
