//! The buffers of a request: where they are, and what may be asked for.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver, and hand out buffers")]

use alloc::format;

use wsk_sys::{
    DISPATCH_LEVEL, IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE, MDL,
    METHOD_BUFFERED, METHOD_FROM_CTL_CODE, METHOD_NEITHER, MdlMappingNoExecute, MmGetSystemAddressForMdlSafe,
    NTSTATUS, NormalPagePriority, PMDL, PVOID, STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS,
};

use crate::kernel::irp::Irp;
use crate::memory::Memory;
use crate::object::args::{give, required, store};
use crate::object::attributes::Attributes;
use crate::object::{self, Family, Typed};
use crate::request::system_mdl;
use crate::request::{self, Request};
use crate::rules;
use crate::types::{PWDF_DRIVER_GLOBALS, WDFMEMORY, WDFREQUEST};

/// Which buffer of a request.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Input,
    Output,
}

/// How a buffer is passed.
enum Passed {
    System,
    Mdl,
    /// Addresses of the kernel's own, used as they are.
    Plain(PVOID),
    /// Addresses of a process, which only its own context can read: of a `METHOD_NEITHER` device control.
    UserControl,
    /// The same, of a read or write on a device of that I/O type.
    UserTransfer,
}

/// The length of the buffer, if a request of this type has one on this side.
fn length(request: &Request, side: Side) -> Result<usize, NTSTATUS> {
    let parameters = request.parameters;
    match (request.major, side) {
        (IRP_MJ_WRITE | IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL, Side::Input) => {
            Ok(parameters.input)
        }
        (IRP_MJ_READ | IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL, Side::Output) => {
            Ok(parameters.output)
        }
        _ => Err(STATUS_INVALID_DEVICE_REQUEST),
    }
}

fn passed(request: &Request, irp: Irp, side: Side) -> Passed {
    match request.major {
        IRP_MJ_READ | IRP_MJ_WRITE if !irp.system_buffer().is_null() => Passed::System,
        IRP_MJ_READ | IRP_MJ_WRITE if !irp.mdl().is_null() => Passed::Mdl,
        IRP_MJ_READ | IRP_MJ_WRITE if request.is_user() => Passed::UserTransfer,
        IRP_MJ_READ | IRP_MJ_WRITE => Passed::Plain(irp.user_buffer()),
        // Device controls of either kind go by the method; only `METHOD_NEITHER` differs.
        major => match (METHOD_FROM_CTL_CODE(request.parameters.code), side) {
            (METHOD_NEITHER, _) if major == IRP_MJ_DEVICE_CONTROL && request.is_user() => Passed::UserControl,
            (METHOD_NEITHER, Side::Input) => Passed::Plain(irp.device_control().Type3InputBuffer),
            (METHOD_NEITHER, Side::Output) => Passed::Plain(irp.user_buffer()),
            (METHOD_BUFFERED, _) | (_, Side::Input) => Passed::System,
            (_, Side::Output) => Passed::Mdl,
        },
    }
}

/// The address and length of a buffer.
fn buffer(function: &'static str, request: &Typed<Request>, side: Side) -> Result<(PVOID, usize), NTSTATUS> {
    let length = length(request, side)?;
    if length == 0 {
        return Err(STATUS_BUFFER_TOO_SMALL);
    }
    let irp = request.irp();
    let address = match passed(request, irp, side) {
        Passed::System => irp.system_buffer(),
        Passed::Plain(address) => address,
        // SAFETY: the request's own, which the I/O manager locked until its completion.
        Passed::Mdl => unsafe { map(irp.mdl()) }?,
        Passed::UserControl => return Err(STATUS_INVALID_DEVICE_REQUEST),
        Passed::UserTransfer => {
            user_transfer(function, request);
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
    };
    Ok((address, length))
}

/// Reports the use of a buffer of a process by a read or write.
fn user_transfer(function: &'static str, request: &Typed<Request>) {
    rules::verify(&rules::USER_BUFFER, || {
        format!("{function} was called for {}, whose buffer is an untested user address", request.object())
    });
}

/// A system address for the pages of an MDL.
///
/// # Safety
/// `mdl` is null, or its pages stay locked while the address is used.
unsafe fn map(mdl: *mut MDL) -> Result<PVOID, NTSTATUS> {
    if mdl.is_null() {
        return Err(STATUS_BUFFER_TOO_SMALL);
    }
    // SAFETY: not null, so this function's own contract.
    let address = unsafe { MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority | MdlMappingNoExecute) };
    if address.is_null() { Err(STATUS_INSUFFICIENT_RESOURCES) } else { Ok(address) }
}

/// # Safety
/// `out` may be written to; `length` too, or is null.
unsafe fn retrieve(
    function: &'static str,
    handle: WDFREQUEST,
    side: Side,
    minimum: usize,
    out: *mut PVOID,
    length: *mut usize,
) -> NTSTATUS {
    required(function, "Buffer", out);
    let request = request::usable(function, DISPATCH_LEVEL, handle);
    let found = buffer(function, &request, side);
    let found =
        found.and_then(|found| if found.1 < minimum { Err(STATUS_BUFFER_TOO_SMALL) } else { Ok(found) });
    // SAFETY: this function's own contract.
    unsafe { give_buffer(found, out, length) }
}

/// Gives the driver the address and length of a buffer; null and zero where there is none.
///
/// # Safety
/// `out` and `length` are null or may be written to.
pub(super) unsafe fn give_buffer(
    found: Result<(PVOID, usize), NTSTATUS>,
    out: *mut PVOID,
    length: *mut usize,
) -> NTSTATUS {
    let (address, bytes) = found.unwrap_or((core::ptr::null_mut(), 0));
    // SAFETY: this function's own contract.
    unsafe { store(out, address) };
    // SAFETY: this function's own contract.
    unsafe { store(length, bytes) };
    found.err().unwrap_or(STATUS_SUCCESS)
}

/// The input buffer of a request, which has at least so many bytes.
///
/// With `METHOD_BUFFERED` it is the output buffer, too: read the input before writing the output.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_BUFFER_TOO_SMALL` also for an empty buffer, `STATUS_INVALID_DEVICE_REQUEST` for a request without one,
/// `STATUS_INSUFFICIENT_RESOURCES`.
pub unsafe extern "C" fn WdfRequestRetrieveInputBuffer(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    MinimumRequiredLength: usize,
    Buffer: *mut PVOID,
    Length: *mut usize,
) -> NTSTATUS {
    const NAME: &str = "WdfRequestRetrieveInputBuffer";
    // SAFETY: the driver's variables.
    unsafe { retrieve(NAME, Request, Side::Input, MinimumRequiredLength, Buffer, Length) }
}

/// The output buffer of a request, which has at least so many bytes.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// As for [`WdfRequestRetrieveInputBuffer`].
pub unsafe extern "C" fn WdfRequestRetrieveOutputBuffer(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    MinimumRequiredSize: usize,
    Buffer: *mut PVOID,
    Length: *mut usize,
) -> NTSTATUS {
    const NAME: &str = "WdfRequestRetrieveOutputBuffer";
    // SAFETY: the driver's variables.
    unsafe { retrieve(NAME, Request, Side::Output, MinimumRequiredSize, Buffer, Length) }
}

/// # Safety
/// `out` may be written to.
unsafe fn memory(function: &'static str, handle: WDFREQUEST, side: Side, out: *mut WDFMEMORY) -> NTSTATUS {
    required(function, "Memory", out);
    let request = request::usable(function, DISPATCH_LEVEL, handle);
    // SAFETY: this function's own contract.
    unsafe { give(out, memory_of(function, &request, side)) }
}

/// The memory object of a buffer, made when it is first asked for.
fn memory_of(function: &'static str, request: &Typed<Request>, side: Side) -> Result<WDFMEMORY, NTSTATUS> {
    let (address, bytes) = buffer(function, request, side)?;
    let known = request.state.lock().memory[side as usize];
    if known != 0 {
        return Ok(core::ptr::without_provenance_mut(known));
    }
    let family = Family::Child(request.object());
    let client = request.object().client();
    // SAFETY: the request's buffer, of its length; the object ends with the request, before the IRP.
    let body = unsafe { Memory::of_request(address, bytes) };
    let memory = object::create(function, client, family, &Attributes::NONE, body)?;
    request.state.lock().memory[side as usize] = memory.object().handle();
    Ok(memory.as_handle())
}

/// The input buffer of a request as a memory object, which ends with the request.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// As for [`WdfRequestRetrieveInputBuffer`].
pub unsafe extern "C" fn WdfRequestRetrieveInputMemory(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    Memory: *mut WDFMEMORY,
) -> NTSTATUS {
    // SAFETY: the driver's variable.
    unsafe { memory("WdfRequestRetrieveInputMemory", Request, Side::Input, Memory) }
}

/// The output buffer of a request as a memory object, which ends with the request.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// As for [`WdfRequestRetrieveInputBuffer`].
pub unsafe extern "C" fn WdfRequestRetrieveOutputMemory(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    Memory: *mut WDFMEMORY,
) -> NTSTATUS {
    // SAFETY: the driver's variable.
    unsafe { memory("WdfRequestRetrieveOutputMemory", Request, Side::Output, Memory) }
}

/// # Safety
/// `out` may be written to.
unsafe fn mdl(function: &'static str, handle: WDFREQUEST, side: Side, out: *mut PMDL) -> NTSTATUS {
    required(function, "Mdl", out);
    let request = request::usable(function, DISPATCH_LEVEL, handle);
    let found = length(&request, side).and_then(|length| {
        let irp = request.irp();
        match passed(&request, irp, side) {
            Passed::Mdl if irp.mdl().is_null() => Err(STATUS_BUFFER_TOO_SMALL),
            Passed::Mdl => Ok(irp.mdl()),
            // SAFETY: the request's system buffer, which has both lengths at least.
            Passed::System => unsafe { system_mdl::of(&request, irp.system_buffer(), length) },
            Passed::Plain(_) | Passed::UserControl => Err(STATUS_INVALID_DEVICE_REQUEST),
            Passed::UserTransfer => {
                user_transfer(function, &request);
                Err(STATUS_INVALID_DEVICE_REQUEST)
            }
        }
    });
    // SAFETY: this function's own contract.
    unsafe { give(out, found) }
}

/// The MDL of an input: the IRP's, of a direct write; one that describes the system buffer, and ends with the request,
/// where the input is copied.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// As for [`WdfRequestRetrieveInputBuffer`].
pub unsafe extern "C" fn WdfRequestRetrieveInputWdmMdl(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    Mdl: *mut PMDL,
) -> NTSTATUS {
    // SAFETY: the driver's variable.
    unsafe { mdl("WdfRequestRetrieveInputWdmMdl", Request, Side::Input, Mdl) }
}

/// The MDL of an output: the IRP's, of a direct read, or of a direct device control of either direction; as for
/// [`WdfRequestRetrieveInputWdmMdl`] where the output is copied. A request has one MDL for its system buffer, with the
/// length that was asked for first.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// As for [`WdfRequestRetrieveInputWdmMdl`].
pub unsafe extern "C" fn WdfRequestRetrieveOutputWdmMdl(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    Mdl: *mut PMDL,
) -> NTSTATUS {
    // SAFETY: the driver's variable.
    unsafe { mdl("WdfRequestRetrieveOutputWdmMdl", Request, Side::Output, Mdl) }
}
