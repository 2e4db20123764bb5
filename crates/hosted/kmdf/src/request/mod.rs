//! Requests: what the driver sees of an IRP, and who has it.
//!
//! A request is in one [`Phase`] at a time, changed under its lock. Between the driver and a canceller the IRP's
//! cancel routine decides: whoever takes it out of the IRP has the request.

pub(crate) mod api;
pub(crate) mod buffers;
pub(crate) mod system_mdl;
pub(crate) mod user_buffers;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use hosted_rule::Rule;
use parking_lot::Mutex;
use wsk_sys::{
    CCHAR, IO_NO_INCREMENT, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL,
    IRP_MJ_READ, IRP_MJ_WRITE, KIRQL, METHOD_FROM_CTL_CODE, NT_SUCCESS, NTSTATUS, PASSIVE_LEVEL,
    STATUS_INVALID_DEVICE_REQUEST, UserMode,
};

use crate::kernel::irp::Irp;
use crate::memory::Memory;
use crate::object::args::{at_most, irql};
use crate::object::attributes::Attributes;
use crate::object::handles::name_of;
use crate::object::kind::Kind;
use crate::object::{self, Body, Family, Kinded, Object, Typed, lookup};
use crate::platform;
use crate::request::system_mdl::SystemMdl;
use crate::rules::{self, Broken};
use crate::types::{WDFREQUEST, WDFREQUEST__};

/// What the layers above do at the end of a request: the device that it was sent to.
pub(crate) trait Recipient: Send + Sync {
    /// A create request is about to be completed with a failure.
    ///
    /// # Errors
    /// The violation of a driver that does not let the file object end.
    fn create_failed(&self, file_object: usize, status: NTSTATUS) -> Result<(), Broken>;

    /// A request that came from a queue is completed.
    fn completed(&self, queue: Arc<Object>, request: &Object);
}

/// Where the driver got a request.
#[derive(Clone, Default)]
pub(crate) enum Source {
    /// It did not.
    #[default]
    None,
    /// In `EvtIoInCallerContext`.
    CallerContext,
    /// From a queue, or it will.
    Queue(Arc<Object>),
}

/// `EvtRequestCancel`.
pub(crate) type CancelCallback = unsafe extern "C" fn(*mut WDFREQUEST__);

/// Who has a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The framework, in a queue.
    Waiting,
    /// The driver.
    #[default]
    Owned,
    /// The driver, and a canceller may take it.
    Marked,
    /// A canceller took it: `EvtRequestCancel` is due, or has been called, and completes it.
    Canceling,
    /// None: it is completed.
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
    device: Box<dyn Recipient>,
    pub(crate) file: Option<Arc<Object>>,
    /// The address of the request's file object.
    pub(crate) file_object: usize,
    pub(crate) state: Mutex<State>,
}

/// What changes of a request.
#[derive(Default)]
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
    pub(crate) source: Source,
    /// The handles of the memory objects made for the input and the output, or 0.
    memory: [usize; 2],
    /// The MDL made for the system buffer.
    pub(crate) mdl: Option<SystemMdl>,
}

impl Request {
    /// The IRP. To be used while the request is not completed.
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

    /// Checks, for `function`, that the driver has the request from its `EvtIoInCallerContext`.
    ///
    /// # Errors
    /// `STATUS_INVALID_DEVICE_REQUEST`, in a lenient machine.
    pub(crate) fn require_caller_context(&self, function: &'static str) -> Result<(), NTSTATUS> {
        if matches!(self.state.lock().source, Source::CallerContext) {
            return Ok(());
        }
        rules::verify(&rules::CALLER_CONTEXT, || {
            format!(
                "{function} was called for {}, which EvtIoInCallerContext does not have: it never got it, or has \
                 enqueued it",
                name_of(self.irp.handle())
            )
        });
        Err(STATUS_INVALID_DEVICE_REQUEST)
    }

    /// Notes that the driver gets the request.
    pub(crate) fn set_presented(&self) {
        self.state.lock().presented = true;
    }
}

impl Body for Request {
    fn cannot_delete(&self, _object: &Object) -> Option<&'static str> {
        Some("which the framework deletes")
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
    type Handle = WDFREQUEST__;
    const KIND: &'static Kind = &Kind { end: "completed", gone, ..Kind::new("WDFREQUEST") };
}

/// The rule that `function` breaks with the handle of a request that is gone.
fn gone(function: &str) -> &'static Rule {
    match function {
        "WdfRequestComplete" | "WdfRequestCompleteWithInformation" => &rules::DOUBLE_COMPLETION,
        _ => &rules::COMPLETED_ACCESS,
    }
}

/// Makes a request for an IRP, which the driver has not got yet.
///
/// # Errors
/// `STATUS_INSUFFICIENT_RESOURCES`; the IRP is as before.
pub(crate) fn create(
    device: &Arc<Object>,
    recipient: Box<dyn Recipient>,
    attributes: &Attributes,
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
        device: recipient,
        file,
        file_object: irp.file_object().addr(),
        state: Mutex::default(),
    };
    let family = Family::Independent(device);
    let request = object::create("WDFREQUEST", device.client(), family, attributes, body)?;
    request.object().set_unseen(true);
    irp.set_handle(request.object().handle());
    Ok(request)
}

/// The request of a handle, for `function`, whose highest IRQL is given. The driver may use it: it is not completed, and
/// not in a queue.
pub(crate) fn usable(function: &'static str, highest: KIRQL, handle: WDFREQUEST) -> Typed<Request> {
    at_most(function, highest);
    let request = lookup::typed::<Request>(function, handle);
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
    request
}

/// What a driver finds that wants to complete a request.
enum Claim {
    /// It owns the request, which is now completed.
    Owned,
    /// The same, but the request is marked cancelable.
    Marked,
    /// A canceller has the request.
    Canceled,
    /// The request is in a queue.
    Waiting,
    Completed,
}

impl Request {
    /// Takes a request that the driver completes.
    fn claim(&self) -> Claim {
        let mut state = self.state.lock();
        let claim = match state.phase {
            Phase::Completed => Claim::Completed,
            Phase::Waiting => Claim::Waiting,
            Phase::Canceling if !state.cancel_called => Claim::Canceled,
            Phase::Marked if self.irp.take_cancel_routine() => Claim::Marked,
            Phase::Marked => Claim::Canceled,
            Phase::Owned | Phase::Canceling => Claim::Owned,
        };
        if matches!(claim, Claim::Owned | Claim::Marked) {
            state.phase = Phase::Completed;
        }
        claim
    }
}

/// Completes a request for the framework: one that waited, or that no handler gets. No function of the driver's has an
/// error to report, so that a driver that does not let the request end is reported here.
pub(crate) fn complete_unowned(request: &Typed<Request>, status: NTSTATUS) {
    request.state.lock().phase = Phase::Completed;
    rules::require(finish(request, status, Some(0), IO_NO_INCREMENT));
}

/// The end of a request: its cleanup, and its children; then the IRP; then its queue may hand out the next; then the
/// request itself.
///
/// # Errors
/// The violation of a driver that does not let the request, or a child of it, end.
fn finish(
    request: &Typed<Request>,
    status: NTSTATUS,
    information: Option<usize>,
    boost: CCHAR,
) -> Result<(), Broken> {
    let object = request.object();
    let (seen, source) = {
        let mut state = request.state.lock();
        (state.presented, core::mem::take(&mut state.source))
    };
    object.set_unseen(!seen);
    object::begin_delete(object);
    check_levels(object)?;
    object::dispose(object)?;
    check_memory(object)?;
    object::destroy_children(object)?;
    let mdl = {
        let mut state = request.state.lock();
        state.gone = true;
        state.mdl.take()
    };
    drop(mdl);
    if request.major == IRP_MJ_CREATE && !NT_SUCCESS(status) {
        request.device.create_failed(request.file_object, status)?;
    }
    request.irp.complete(status, information, boost);
    if let Source::Queue(queue) = source {
        request.device.completed(queue, object);
    }
    object::destroy(object)
}

/// Checks that the children of a request that is about to be completed can end at this level.
fn check_levels(request: &Arc<Object>) -> Result<(), Broken> {
    if irql() == PASSIVE_LEVEL {
        return Ok(());
    }
    for child in request.children() {
        if object::needs_passive(&child) {
            rules::check(&rules::PASSIVE_CHILD, || {
                format!(
                    "{request} is completed at IRQL {}; its child {child} needs PASSIVE_LEVEL to end",
                    irql()
                )
            })?;
            if object::begin_delete(&child) {
                object::dispose_later(&child);
            }
        }
    }
    Ok(())
}

/// Checks, after the cleanup callbacks, that the driver has given back the references to the request's own buffers.
fn check_memory(request: &Arc<Object>) -> Result<(), Broken> {
    for child in request.children() {
        let of_request = Typed::<Memory>::of(Arc::clone(&child)).is_some_and(|memory| memory.is_of_request());
        if of_request && child.references() > 1 {
            let detail = format!("{request} is completed while the driver holds references to its {child}");
            return Err(Broken::new(&rules::OUTSTANDING_MEMORY, detail));
        }
    }
    Ok(())
}
