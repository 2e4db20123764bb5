//! `WdfIoQueueCreate`.
#![expect(unsafe_code, reason = "gets raw pointers from the driver")]

use alloc::sync::Arc;

use wsk_sys::{
    DISPATCH_LEVEL, NTSTATUS, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER,
    STATUS_INVALID_PARAMETER_4, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};

use crate::device::Device;
use crate::object::args::{at_most, read_sized, required, store};
use crate::object::attributes::{self, Allowed, Attributes};
use crate::object::kernel_dpc::KernelDpc;
use crate::object::lookup;
use crate::object::serial::Serial;
use crate::object::worker::Worker;
use crate::object::{self, Family, Typed};
use crate::queue::{Dispatch, Later, Queue};
use crate::status::STATUS_WDF_NO_CALLBACK;
use crate::types::{
    _WDF_EXECUTION_LEVEL as Level, _WDF_IO_QUEUE_DISPATCH_TYPE as Type, _WDF_SYNCHRONIZATION_SCOPE as Scope,
    PWDF_DRIVER_GLOBALS, PWDF_IO_QUEUE_CONFIG, PWDF_OBJECT_ATTRIBUTES, WDF_IO_QUEUE_CONFIG, WDFDEVICE,
    WDFQUEUE,
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
    let device = lookup::typed::<self::Device, _>(NAME, Device);
    required(NAME, "Config", Config);
    // SAFETY: the driver's configuration; zero bytes are a valid one.
    let config = match unsafe { read_sized(Config, &SIZES) } {
        Ok(config) => config,
        Err(status) => return status,
    };
    if config.DefaultQueue == 0 && Queue.is_null() {
        return STATUS_INVALID_PARAMETER_4;
    }
    // SAFETY: the driver passes null or attributes.
    let attributes = match unsafe { attributes::read(QueueAttributes, Allowed::QUEUE) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    let parent = lookup::parent(NAME, attributes.parent);
    let parent = parent.as_ref().unwrap_or(device.object());
    let queue = kind_of(&config).and_then(|kind| {
        if config.DefaultQueue != 0 && device.state().finished {
            return Err(STATUS_INVALID_DEVICE_STATE);
        }
        if config.DefaultQueue != 0 && device.state().default_queue.is_some() {
            return Err(STATUS_UNSUCCESSFUL);
        }
        let queue = body(&device, kind, config, &attributes)?;
        object::create(NAME, device.object().client(), Family::Child(parent), &attributes, queue)
    });
    let queue = match queue {
        Ok(queue) => queue,
        Err(status) => return status,
    };
    enlist(&device, &queue);
    if config.DefaultQueue != 0 {
        device.state().default_queue = Some(queue.clone());
    }
    // SAFETY: null, or the driver's variable.
    unsafe { store(Queue, queue.as_handle()) };
    STATUS_SUCCESS
}

/// Makes a new queue ready, and lets the device find it.
pub(crate) fn enlist(device: &Typed<Device>, queue: &Typed<Queue>) {
    if let Later::AtDispatch(dpc) = &queue.later {
        dpc.initialize(queue.object());
    }
    let mut state = device.state();
    state.queues.retain(|queue| queue.strong_count() != 0);
    state.queues.push(Arc::downgrade(queue.object()));
    if !Arc::ptr_eq(&queue.lock, &device.lock) {
        queue.lock.belongs_to(queue.object());
    }
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
    let inherited = attributes.level == Level::WdfExecutionLevelInheritFromParent;
    let level = if inherited { device.level } else { attributes.level };
    let inherited = attributes.scope == Scope::WdfSynchronizationScopeInheritFromParent;
    let scope = if inherited { device.scope } else { attributes.scope };
    if scope == Scope::WdfSynchronizationScopeDevice && level != device.level {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let passive = level == Level::WdfExecutionLevelPassive;
    let lock = match scope {
        Scope::WdfSynchronizationScopeDevice => Arc::clone(&device.lock),
        _ => Arc::new(Serial::new(passive)),
    };
    let serial = (scope != Scope::WdfSynchronizationScopeNone).then(|| Arc::clone(&lock));
    let later = if passive {
        // SAFETY: the device outlives its queues.
        Later::AtPassive(unsafe { Worker::new(device.device_object()) }?)
    } else {
        Later::AtDispatch(KernelDpc::new())
    };
    Ok(Queue::new(device, kind, config, serial, lock, later))
}
