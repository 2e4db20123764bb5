//! Buffers that a process passes by address: finding them, probing them, and locking them.
//!
//! The addresses mean something only in the context of the process, and only the probe tells whether they are its own.
//! So all of this belongs into `EvtIoInCallerContext`.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver, and hand out buffers")]

use alloc::format;

use wsk_sys::{
    DO_BUFFERED_IO, DO_DIRECT_IO, IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ,
    IRP_MJ_WRITE, METHOD_NEITHER, NTSTATUS, PASSIVE_LEVEL, PVOID, STATUS_ACCESS_VIOLATION,
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_USER_BUFFER, ULONG,
};

use crate::memory::Memory;
use crate::object::args::{give, required};
use crate::object::attributes::Attributes;
use crate::object::{self, Family, Typed};
use crate::platform;
use crate::request::buffers::{Side, give_buffer};
use crate::request::{self, Request};
use crate::rules;
use crate::types::{PWDF_DRIVER_GLOBALS, WDFMEMORY, WDFREQUEST};

/// The buffer as the process passed it, and its length.
fn find(
    function: &'static str,
    request: &Typed<Request>,
    side: Side,
    minimum: usize,
) -> Result<(PVOID, usize), NTSTATUS> {
    // A framework without its verifier looks no further into where it is called.
    let _lenient = request.require_caller_context(function);
    let irp = request.irp();
    let parameters = request.parameters;
    let neither = irp.device_flags() & (DO_BUFFERED_IO | DO_DIRECT_IO) == 0;
    let (address, length) = match (request.major, side) {
        (IRP_MJ_READ, Side::Input) | (IRP_MJ_WRITE, Side::Output) | (IRP_MJ_INTERNAL_DEVICE_CONTROL, _) => {
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
        (IRP_MJ_DEVICE_CONTROL, Side::Input) if request.is_method(METHOD_NEITHER) => {
            (irp.device_control().Type3InputBuffer, parameters.input)
        }
        (IRP_MJ_DEVICE_CONTROL, Side::Output) if request.is_method(METHOD_NEITHER) => {
            (irp.user_buffer(), parameters.output)
        }
        (IRP_MJ_WRITE, Side::Input) if neither => (irp.user_buffer(), parameters.input),
        (IRP_MJ_READ, Side::Output) if neither => (irp.user_buffer(), parameters.output),
        _ => {
            rules::verify(&rules::UNSAFE_BUFFER, || {
                format!(
                    "{function} was called for {}, whose buffers are not passed by address",
                    request.object()
                )
            });
            return Err(STATUS_INVALID_DEVICE_REQUEST);
        }
    };
    if length < minimum { Err(STATUS_BUFFER_TOO_SMALL) } else { Ok((address, length)) }
}

/// # Safety
/// `buffer` may be written to; `length` too, or is null.
unsafe fn retrieve(
    function: &'static str,
    handle: WDFREQUEST,
    side: Side,
    minimum: usize,
    buffer: *mut PVOID,
    length: *mut usize,
) -> NTSTATUS {
    let request = request::usable(function, PASSIVE_LEVEL, handle);
    required(function, "Buffer", buffer);
    let found = find(function, &request, side, minimum);
    // SAFETY: this function's own contract.
    unsafe { give_buffer(found, buffer, length) }
}

/// The address of the input of a `METHOD_NEITHER` device control, or of a write to a device with neither buffered nor
/// direct I/O, as the process passed it. Probe it before using it.
///
/// # IRQL
/// `PASSIVE_LEVEL`, in `EvtIoInCallerContext`
///
/// # Errors
/// `STATUS_BUFFER_TOO_SMALL`, `STATUS_INVALID_DEVICE_REQUEST` for any other request. An empty buffer is no error if none
/// is required; its address is null.
pub unsafe extern "C" fn WdfRequestRetrieveUnsafeUserInputBuffer(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    MinimumRequiredLength: usize,
    InputBuffer: *mut PVOID,
    Length: *mut usize,
) -> NTSTATUS {
    const NAME: &str = "WdfRequestRetrieveUnsafeUserInputBuffer";
    // SAFETY: the driver's variables.
    unsafe { retrieve(NAME, Request, Side::Input, MinimumRequiredLength, InputBuffer, Length) }
}

/// The address of the output of a `METHOD_NEITHER` device control, or of a read from a device with neither buffered nor
/// direct I/O, as the process passed it. Probe it before using it.
///
/// # IRQL
/// `PASSIVE_LEVEL`, in `EvtIoInCallerContext`
///
/// # Errors
/// As for [`WdfRequestRetrieveUnsafeUserInputBuffer`].
pub unsafe extern "C" fn WdfRequestRetrieveUnsafeUserOutputBuffer(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    MinimumRequiredLength: usize,
    OutputBuffer: *mut PVOID,
    Length: *mut usize,
) -> NTSTATUS {
    const NAME: &str = "WdfRequestRetrieveUnsafeUserOutputBuffer";
    // SAFETY: the driver's variables.
    unsafe { retrieve(NAME, Request, Side::Output, MinimumRequiredLength, OutputBuffer, Length) }
}

/// Probes and locks, and makes the memory object.
fn lock(
    function: &'static str,
    request: &Typed<Request>,
    buffer: PVOID,
    length: usize,
    write: bool,
) -> Result<WDFMEMORY, NTSTATUS> {
    if length == 0 {
        return Err(STATUS_INVALID_USER_BUFFER);
    }
    if request.is_user() && !platform::is_requestor(request.irp()) {
        return Err(STATUS_ACCESS_VIOLATION);
    }
    // An MDL describes no more; the framework's own parameter is as short.
    let length = ULONG::try_from(length).map_err(|_| STATUS_ACCESS_VIOLATION)?;
    let locked = platform::UserPages::lock(buffer, length, write)?;
    let memory = Memory::of_user(locked, length as usize, !write)?;
    let family = Family::Child(request.object());
    let client = request.object().client();
    let memory = object::create(function, client, family, &Attributes::NONE, memory)?;
    Ok(memory.as_handle())
}

/// # Safety
/// `out` may be written to.
unsafe fn probe_and_lock(
    function: &'static str,
    handle: WDFREQUEST,
    (buffer, length): (PVOID, usize),
    write: bool,
    out: *mut WDFMEMORY,
) -> NTSTATUS {
    let request = request::usable(function, PASSIVE_LEVEL, handle);
    required(function, "Buffer", buffer);
    required(function, "MemoryObject", out);
    let memory = lock(function, &request, buffer, length, write);
    // SAFETY: this function's own contract.
    unsafe { give(out, memory) }
}

/// Probes a buffer of the process that sent the request, and locks it to be read. The memory object ends with the
/// request, and the lock with it.
///
/// # IRQL
/// `PASSIVE_LEVEL`, in the thread that sent the request
///
/// # Errors
/// `STATUS_INVALID_USER_BUFFER` for no bytes, `STATUS_ACCESS_VIOLATION` in another thread or for memory that is not the
/// process' own, `STATUS_INSUFFICIENT_RESOURCES`.
pub unsafe extern "C" fn WdfRequestProbeAndLockUserBufferForRead(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    Buffer: PVOID,
    Length: usize,
    MemoryObject: *mut WDFMEMORY,
) -> NTSTATUS {
    const NAME: &str = "WdfRequestProbeAndLockUserBufferForRead";
    // SAFETY: the driver's variable.
    unsafe { probe_and_lock(NAME, Request, (Buffer, Length), false, MemoryObject) }
}

/// As [`WdfRequestProbeAndLockUserBufferForRead`], for a buffer that is written to, too.
///
/// # IRQL
/// `PASSIVE_LEVEL`, in the thread that sent the request
///
/// # Errors
/// As there.
pub unsafe extern "C" fn WdfRequestProbeAndLockUserBufferForWrite(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    Buffer: PVOID,
    Length: usize,
    MemoryObject: *mut WDFMEMORY,
) -> NTSTATUS {
    const NAME: &str = "WdfRequestProbeAndLockUserBufferForWrite";
    // SAFETY: the driver's variable.
    unsafe { probe_and_lock(NAME, Request, (Buffer, Length), true, MemoryObject) }
}
