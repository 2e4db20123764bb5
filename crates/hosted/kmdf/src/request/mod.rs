//! Requests: what the driver sees of an IRP, and who has it.
//!
//! A request is in one [`Phase`] at a time, changed under its lock. Between the driver and a canceller the IRP's
//! cancel routine decides: whoever takes it out of the IRP has the request.

pub(crate) mod api;
pub(crate) mod buffers;
pub(crate) mod system_mdl;
pub(crate) mod user_buffers;

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use wsk_sys::{
    CCHAR, FALSE, IO_NO_INCREMENT, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL,
    IRP_MJ_READ, IRP_MJ_WRITE, METHOD_FROM_CTL_CODE, NT_SUCCESS, NTSTATUS, PASSIVE_LEVEL, UserMode,
};

use crate::device::caller_context;
use crate::device::{self, Device};
use crate::kernel::irp::Irp;
use crate::kernel::lock::Lock;
use crate::memory::Memory;
use crate::object::args::irql;
use crate::object::kind::Kind;
use crate::object::{self, Body, Family, Kinded, Object, Typed};
use crate::platform;
use crate::queue::{self, Queue};
use crate::request::system_mdl::SystemMdl;
use crate::rules;
use crate::status::outside;
use crate::types::WDFREQUEST__;

/// `EvtRequestCancel`.
pub(crate) type CancelCallback = unsafe extern "C" fn(*mut WDFREQUEST__);

/// Who has a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The framework, in a queue.
    Waiting,
    /// The driver.
    Owned,
    /// The driver, and a canceller may take it.
    Marked,
    /// A canceller took it: `EvtRequestCancel` is due, or has been called, and completes it.
    Canceling,
    /// Nobody any more.
    Completed,
}

/// The parameters of a request, read once from its stack location.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parameters {
    /// The length of a device control's input, or of a write.
    pub(crate) input: usize,
    /// The length of a device control's output, or of a read.
    pub(crate) output: usize,
    pub(crate) code: u32,
}

/// The body of a WDFREQUEST.
pub(crate) struct Request {
    irp: Irp,
    pub(crate) major: u8,
    pub(crate) parameters: Parameters,
    user: bool,
    device: Typed<Device>,
    pub(crate) file: Option<Arc<Object>>,
    /// The address of the request's file object.
    pub(crate) file_object: usize,
    pub(crate) state: Lock<State>,
}

/// What changes of a request.
#[expect(clippy::struct_excessive_bools, reason = "the past of a request, beside its phase")]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// Whether the IRP is out of reach: disposed of and about to be completed.
    pub(crate) gone: bool,
    /// Whether the driver has had the request.
    pub(crate) presented: bool,
    /// Whether it was cancelled, by its sender or by the framework.
    pub(crate) canceled: bool,
    /// Whether `EvtRequestCancel` was called.
    pub(crate) cancel_called: bool,
    pub(crate) cancel: Option<CancelCallback>,
    pub(crate) queue: Option<Typed<Queue>>,
    /// The handles of the memory objects made for the buffers, or 0.
    pub(crate) input_memory: usize,
    pub(crate) output_memory: usize,
    /// The MDL made for the system buffer.
    pub(crate) mdl: Option<SystemMdl>,
}

impl Request {
    /// The IRP. To be used while the request is not completed; see [`usable`].
    pub(crate) fn irp(&self) -> Irp {
        self.irp
    }

    /// Whether the request came from user mode.
    pub(crate) fn is_user(&self) -> bool {
        self.user
    }

    /// Whether the request is a device control of this transfer method.
    pub(crate) fn is_method(&self, method: u32) -> bool {
        self.major == IRP_MJ_DEVICE_CONTROL && METHOD_FROM_CTL_CODE(self.parameters.code) == method
    }

    /// The longest `Information` that a success may report, if there is a limit. A device control without output may
    /// report how much of its input was used; of one from the kernel the length is not known for certain.
    fn information_limit(&self) -> Option<usize> {
        match self.major {
            IRP_MJ_READ => Some(self.parameters.output),
            IRP_MJ_WRITE => Some(self.parameters.input),
            IRP_MJ_DEVICE_CONTROL if self.user && self.parameters.output != 0 => Some(self.parameters.output),
            _ => None,
        }
    }

    /// Notes that the driver gets the request.
    pub(crate) fn set_presented(&self) {
        self.state.lock().presented = true;
    }
}

impl Body for Request {
    fn kind(&self) -> Kind {
        Kind::Request
    }

    fn may_delete(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        let Parameters { input, output, code } = self.parameters;
        match self.major {
            IRP_MJ_CREATE => String::from("create"),
            IRP_MJ_READ => format!("read of {output} bytes"),
            IRP_MJ_WRITE => format!("write of {input} bytes"),
            IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL => {
                format!("device control {code:#x}, {input} bytes in, {output} bytes out")
            }
            other => format!("major function {other:#x}"),
        }
    }
}

impl Kinded for Request {
    const KIND: Kind = Kind::Request;
}

/// Makes a request for an IRP, owned by nobody yet.
///
/// # Errors
/// `STATUS_INSUFFICIENT_RESOURCES`; the IRP is as before.
pub(crate) fn create(
    device: &Typed<Device>,
    irp: Irp,
    file: Option<Arc<Object>>,
) -> Result<Typed<Request>, NTSTATUS> {
    let major = irp.major();
    let parameters = match major {
        IRP_MJ_READ => Parameters { output: irp.read_write().Length as usize, ..Parameters::default() },
        IRP_MJ_WRITE => Parameters { input: irp.read_write().Length as usize, ..Parameters::default() },
        IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL => {
            let control = irp.device_control();
            Parameters {
                input: control.InputBufferLength as usize,
                output: control.OutputBufferLength as usize,
                code: control.IoControlCode,
            }
        }
        _ => Parameters::default(),
    };
    let body = Request {
        irp,
        major,
        parameters,
        user: irp.requestor_mode() == UserMode,
        device: device.clone(),
        file,
        file_object: irp.file_object().addr(),
        state: Lock::new(State {
            phase: Phase::Owned,
            gone: false,
            presented: false,
            canceled: false,
            cancel_called: false,
            cancel: None,
            queue: None,
            input_memory: 0,
            output_memory: 0,
            mdl: None,
        }),
    };
    let family = Family::Ward(device.object());
    let attributes = device.request_attributes();
    let request = object::create("WDFREQUEST", device.object().client(), family, &attributes, body)?;
    request.object().set_unseen(true);
    irp.set_handle(request.object().handle());
    Ok(request)
}

/// Checks that the driver may use the request: it is not completed, and not in a queue.
pub(crate) fn usable(function: &'static str, request: &Typed<Request>) {
    let (gone, phase) = {
        let state = request.state.lock();
        (state.gone, state.phase)
    };
    if gone {
        platform::violation(
            &rules::COMPLETED_ACCESS,
            format!("{function} was given {}, which is completed", request.object()),
        );
    }
    if phase == Phase::Waiting {
        rules::verify(&rules::NOT_OWNED, || {
            format!(
                "{function} was given {}, which is in a queue: the driver does not own it",
                request.object()
            )
        });
    }
}

/// What stands in the way of a completion.
enum Claim {
    Mine,
    Twice,
    InQueue,
    Marked,
    Canceled,
}

/// Completes a request for the driver.
pub(crate) fn complete(
    function: &'static str,
    request: &Typed<Request>,
    status: NTSTATUS,
    information: Option<usize>,
    boost: CCHAR,
) {
    let claim = {
        let mut state = request.state.lock();
        let claim = match state.phase {
            Phase::Completed => Claim::Twice,
            Phase::Waiting => Claim::InQueue,
            Phase::Canceling if !state.cancel_called => Claim::Canceled,
            Phase::Marked if request.irp.take_cancel_routine() => Claim::Marked,
            Phase::Marked => Claim::Canceled,
            Phase::Owned | Phase::Canceling => Claim::Mine,
        };
        if matches!(claim, Claim::Mine | Claim::Marked) {
            state.phase = Phase::Completed;
        }
        claim
    };
    let object = request.object();
    match claim {
        Claim::Mine => {}
        Claim::Twice => platform::violation(
            &rules::DOUBLE_COMPLETION,
            format!("{function} completed {object}, which is completed already"),
        ),
        Claim::Canceled => platform::violation(
            &rules::COMPLETE_CANCELED,
            format!(
                "{function} completed {object}, which its EvtRequestCancel callback is about to complete"
            ),
        ),
        Claim::InQueue => {
            rules::verify(&rules::NOT_OWNED, || {
                format!("{function} completed {object}, which is in a queue: the driver does not own it")
            });
            return;
        }
        Claim::Marked => rules::verify(&rules::STILL_CANCELABLE, || {
            format!(
                "{function} completed {object} while it is marked cancelable: call WdfRequestUnmarkCancelable first"
            )
        }),
    }
    let reported = information.unwrap_or_else(|| request.irp.io_status().Information);
    if NT_SUCCESS(status)
        && let Some(limit) = request.information_limit()
        && reported > limit
    {
        rules::verify(&rules::INFORMATION, || {
            format!("{function} completed {object} with {reported} bytes; its buffer has {limit}")
        });
    }
    finish(request, outside(status), information, boost);
}

/// Completes a request for the framework: one that waited, or that no handler gets.
pub(crate) fn complete_unowned(request: &Typed<Request>, status: NTSTATUS) {
    request.state.lock().phase = Phase::Completed;
    finish(request, status, Some(0), IO_NO_INCREMENT);
}

/// The end of a request: its cleanup, and its children; then the IRP; then its queue goes on; then the request itself.
fn finish(request: &Typed<Request>, status: NTSTATUS, information: Option<usize>, boost: CCHAR) {
    let object = request.object();
    let (seen, queue) = {
        let mut state = request.state.lock();
        (state.presented, state.queue.take())
    };
    object.set_unseen(!seen);
    object::begin_delete(object);
    check_levels(request);
    object::dispose(object);
    check_memory(request);
    object::destroy_children(object);
    let mdl = {
        let mut state = request.state.lock();
        state.gone = true;
        state.mdl.take()
    };
    drop(mdl);
    if request.major == IRP_MJ_CREATE && !NT_SUCCESS(status) {
        request.device.create_failed(request.file_object, status);
    }
    request.irp.complete(status, information, boost);
    match queue {
        Some(queue) => queue::completed(&queue, object),
        None => {
            caller_context::leave(&request.device, object);
        }
    }
    object::destroy(object);
}

/// Checks that the children of a request that is about to be completed can end at this level.
fn check_levels(request: &Typed<Request>) {
    if irql() == PASSIVE_LEVEL {
        return;
    }
    let object = request.object();
    for child in object.children() {
        if object::needs_passive(&child) {
            rules::verify(&rules::PASSIVE_CHILD, || {
                format!(
                    "{object} is completed at IRQL {}; its child {child} needs PASSIVE_LEVEL to end",
                    irql()
                )
            });
            if object::begin_delete(&child) {
                device::dispose_later(&request.device, child);
            }
        }
    }
}

/// Checks, after the cleanup callbacks, that the driver has given back the references to the request's own buffers.
fn check_memory(request: &Typed<Request>) {
    let object = request.object();
    for child in object.children() {
        let of_request = Typed::<Memory>::of(Arc::clone(&child)).is_some_and(|memory| memory.is_of_request());
        if of_request && child.references() > 1 {
            platform::violation(
                &rules::OUTSTANDING_MEMORY,
                format!("{object} is completed while the driver holds references to its {child}"),
            );
        }
    }
}

/// The `BOOLEAN` of a truth value.
pub(crate) fn boolean(value: bool) -> u8 {
    if value { 1 } else { FALSE }
}
