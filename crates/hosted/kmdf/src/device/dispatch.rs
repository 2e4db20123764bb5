//! The driver's dispatch routine: from an IRP to a request in a queue, or to the file callbacks.
#![expect(unsafe_code, reason = "the dispatch routine gets raw pointers, and calls the driver")]

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;

use wsk_sys::{
    DEVICE_OBJECT, IRP, IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL,
    IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_SHUTDOWN, IRP_MJ_WRITE, NTSTATUS,
    STATUS_ACCESS_DENIED, STATUS_DELETE_PENDING, STATUS_INVALID_DEVICE_REQUEST, STATUS_PENDING,
    STATUS_SUCCESS,
};

use crate::device::Device;
use crate::device::caller_context;
use crate::device::shutdown;
use crate::file::File;
use crate::kernel::irp::Irp;
use crate::object::callback;
use crate::object::callback_lock::CallbackLock;
use crate::object::wait_limit;
use crate::object::{self, Family, Object, Typed};
use crate::platform;
use crate::queue::cancel;
use crate::queue::{self, Queue};
use crate::request::{self, Request};
use crate::rules;
use crate::types::{
    _WDF_EXECUTION_LEVEL as Level, _WDF_FILEOBJECT_CLASS as Class, _WDF_SYNCHRONIZATION_SCOPE as Scope,
    PFN_WDF_FILE_CLEANUP,
};

/// Every entry of the driver object's table.
pub(crate) unsafe extern "system" fn dispatch(device_object: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the I/O manager sent it, and it is not completed before this routine or a request of it does so.
    let irp = unsafe { Irp::new(irp) };
    let Some(device) = super::of(device_object) else {
        return irp.finish(STATUS_INVALID_DEVICE_REQUEST);
    };
    platform::arrived(irp);
    let address = irp.file_object().addr();
    if let Some(status) = device.refused(address) {
        // A handle that should not be: the driver does not know the file. A create is of a new file at this address.
        match irp.major() {
            IRP_MJ_CREATE => device.forget_refused(address),
            IRP_MJ_CLEANUP => return irp.finish(STATUS_SUCCESS),
            IRP_MJ_CLOSE => {
                device.forget_refused(address);
                return irp.finish(STATUS_SUCCESS);
            }
            _ => return irp.finish(status),
        }
    }
    match irp.major() {
        IRP_MJ_CREATE => create(&device, irp),
        IRP_MJ_CLEANUP => cleanup(&device, irp),
        IRP_MJ_CLOSE => close(&device, irp),
        IRP_MJ_SHUTDOWN => {
            shutdown::notify(&device);
            irp.finish(STATUS_SUCCESS)
        }
        major => match (caller_context_of(&device, major), device.queue_for(major)) {
            (Some(callback), _) => {
                let file = file_of(&device, irp).map(|file| Arc::clone(file.object()));
                caller_context::present(&device, irp, file, callback)
            }
            (None, Some(queue)) => enqueue(&device, irp, &queue),
            (None, None) => irp.finish(STATUS_INVALID_DEVICE_REQUEST),
        },
    }
}

/// The callback that sees requests of this type before any queue does.
fn caller_context_of(device: &Device, major: u8) -> Option<caller_context::Callback> {
    let seen =
        matches!(major, IRP_MJ_READ | IRP_MJ_WRITE | IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL);
    device.in_caller_context.filter(|_| seen)
}

/// The WDFFILEOBJECT of the request, if its device has such objects.
fn file_of(device: &Device, irp: Irp) -> Option<Typed<File>> {
    device.state().files.get(&irp.file_object().addr()).cloned()
}

/// Makes a request for an IRP.
pub(super) fn create_request(
    device: &Typed<Device>,
    irp: Irp,
    file: Option<Arc<Object>>,
) -> Result<Typed<Request>, NTSTATUS> {
    request::create(device.object(), Box::new(device.clone()), &device.request, irp, file)
}

/// Puts a request into its queue. The IRP is pending from here on, whoever completes it, and when.
fn enqueue(device: &Typed<Device>, irp: Irp, queue: &Typed<Queue>) -> NTSTATUS {
    let file = file_of(device, irp).map(|file| Arc::clone(file.object()));
    let request = match create_request(device, irp, file) {
        Ok(request) => request,
        Err(status) => return irp.finish(status),
    };
    irp.mark_pending();
    if let Err(status) = queue::arrive(queue, &request) {
        request::complete_unowned(&request, status);
    }
    STATUS_PENDING
}

/// Whether the device keeps file objects.
fn has_files(device: &Device) -> bool {
    device.file.as_ref().is_some_and(|(config, _)| {
        config.FileObjectClass & !Class::WdfFileObjectCanBeOptional != Class::WdfFileObjectNotRequired
    })
}

fn create(device: &Typed<Device>, irp: Irp) -> NTSTATUS {
    {
        let mut state = device.state();
        let refused = if state.deleting {
            Some(STATUS_DELETE_PENDING)
        } else if device.exclusive && state.open != 0 {
            Some(STATUS_ACCESS_DENIED)
        } else {
            state.open += 1;
            None
        };
        drop(state);
        if let Some(status) = refused {
            device.refuse(irp.file_object().addr(), status);
            return irp.finish(status);
        }
    }
    let address = irp.file_object().addr();
    let file = match create_file(device, irp) {
        Ok(file) => file,
        Err(status) => {
            rules::require(device.create_failed(address, status));
            return irp.finish(status);
        }
    };
    let (route, own) = {
        let state = device.state();
        (state.routes.get(&IRP_MJ_CREATE).cloned(), state.create_queue.clone())
    };
    let callback = device.file.as_ref().and_then(|(config, _)| config.EvtDeviceFileCreate);
    if route.is_none() && (callback.is_none() || own.is_none()) {
        return irp.finish(STATUS_SUCCESS);
    }
    let request = match create_request(device, irp, file.clone()) {
        Ok(request) => request,
        Err(status) => {
            rules::require(device.create_failed(address, status));
            return irp.finish(status);
        }
    };
    irp.mark_pending();
    if let Some(route) = route {
        if let Err(status) = queue::arrive(&route, &request) {
            request::complete_unowned(&request, status);
        }
    } else if let (Some(callback), Some(own)) = (callback, own) {
        // Through the queue, so that one that is cancelled already ends there.
        if let Err(status) = queue::arrive(&own, &request) {
            request::complete_unowned(&request, status);
            return STATUS_PENDING;
        }
        let this = |other: &Request| core::ptr::eq(other, &raw const *request);
        let taken = queue::take(&own, &mut own.state(), this);
        if taken.is_none() {
            return STATUS_PENDING;
        }
        request.set_presented();
        let file = file.map_or(core::ptr::null_mut(), |file| file.as_handle());
        callback::in_critical_region(|| {
            CallbackLock::with(file_lock(device), || {
                callback::call(device.object(), "EvtDeviceFileCreate", || {
                    // SAFETY: the driver's callback, with handles of living objects.
                    unsafe { callback(device.as_handle(), request.as_handle(), file) };
                });
            });
        });
    }
    STATUS_PENDING
}

fn create_file(device: &Typed<Device>, irp: Irp) -> Result<Option<Arc<Object>>, NTSTATUS> {
    let file_object = irp.file_object();
    let Some((_, attributes)) = device.file.as_ref().filter(|_| has_files(device) && !file_object.is_null())
    else {
        return Ok(None);
    };
    // SAFETY: the kernel's file object outlives its close request, with which the WDFFILEOBJECT goes; if the create fails,
    // that goes before the create is completed.
    let body = unsafe { File::new(file_object, irp.requestor_process()) };
    let family = Family::Independent(device.object());
    let file = object::create("WDFFILEOBJECT", device.object().client(), family, attributes, body)?;
    let old = device.state().files.insert(file_object.addr(), file.clone());
    drop(old);
    Ok(Some(Arc::clone(file.object())))
}

/// The lock that file callbacks are serialised with: the device's, if it is at passive level and their scope is it.
fn file_lock(device: &Device) -> Option<&CallbackLock> {
    let own =
        device.file.as_ref().map_or(Scope::WdfSynchronizationScopeNone, |(_, attributes)| attributes.scope);
    let inherited = own == Scope::WdfSynchronizationScopeInheritFromParent;
    let scope = if inherited { device.scope } else { own };
    let serialised =
        scope == Scope::WdfSynchronizationScopeDevice && device.level == Level::WdfExecutionLevelPassive;
    serialised.then_some(&*device.lock)
}

fn call_file(device: &Device, file: &Typed<File>, name: &'static str, callback: PFN_WDF_FILE_CLEANUP) {
    let Some(callback) = callback else { return };
    CallbackLock::with(file_lock(device), || {
        // SAFETY: the driver's callback; the file object lives until its close is done.
        callback::call(file.object(), name, || unsafe { callback(file.as_handle()) });
    });
}

/// The last handle is closed: first the driver's callback, then what waits in queues is cancelled.
fn cleanup(device: &Typed<Device>, irp: Irp) -> NTSTATUS {
    clean_up(device, irp);
    irp.finish(STATUS_SUCCESS)
}

fn clean_up(device: &Typed<Device>, irp: Irp) {
    if let Some(file) = file_of(device, irp) {
        let callback = device.file.as_ref().and_then(|(config, _)| config.EvtFileCleanup);
        call_file(device, &file, "EvtFileCleanup", callback);
    }
    let address = irp.file_object().addr();
    if address != 0 {
        for queue in device.queues() {
            cancel::waiting(&queue, |request| request.file_object == address);
        }
    }
}

/// Where no cleanup is sent: does what it would have done, and waits until no request of the file is left.
fn clean_up_late(device: &Typed<Device>, irp: Irp) {
    clean_up(device, irp);
    let address = irp.file_object().addr();
    let theirs = |request: &Typed<Request>| request.file_object == address;
    for queue in device.queues() {
        if !queue.wait_until(|state| !state.owned.iter().any(theirs)) {
            platform::violation(
                &rules::NOT_COMPLETED,
                format!(
                    "the last handle is closed, and the driver has not completed for {} seconds: {}",
                    wait_limit::seconds(),
                    queue.owned_names()
                ),
            );
        }
    }
}

/// The last request of the file is done, too.
fn close(device: &Typed<Device>, irp: Irp) -> NTSTATUS {
    if !platform::CLEANUP_COMES {
        clean_up_late(device, irp);
    }
    let file = device.state().files.remove(&irp.file_object().addr());
    if let Some(file) = file {
        let callback = device.file.as_ref().and_then(|(config, _)| config.EvtFileClose);
        call_file(device, &file, "EvtFileClose", callback);
        rules::require(object::delete(file.object()));
    }
    irp.complete(STATUS_SUCCESS, Some(0), wsk_sys::IO_NO_INCREMENT);
    if device.closed() {
        rules::require(object::delete(device.object()));
    }
    STATUS_SUCCESS
}
