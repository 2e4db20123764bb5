//! Requests.

use super::*;

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

/// Unmarks a request and, if it was not cancelled, marks it again.
pub(crate) fn unmark_or_again(
    request: WDFREQUEST,
    cancel: unsafe extern "C" fn(*mut kmdf::WDFREQUEST__),
) -> NTSTATUS {
    let unmarked = unmark(request);
    if unmarked == kmdf::STATUS_SUCCESS && mark_ex(request, Some(cancel)).is_err() {
        // Cancelled in between: without a callback, so that the caller completes it.
        complete(request, kmdf::STATUS_CANCELLED);
        return kmdf::STATUS_CANCELLED;
    }
    unmarked
}

pub(crate) fn input(request: WDFREQUEST, minimum: usize) -> Result<Vec<u8>, NTSTATUS> {
    let (mut buffer, mut length) = (ptr::null_mut(), 0);
    check(wdf!(WdfRequestRetrieveInputBuffer, request, minimum, &raw mut buffer, &raw mut length))?;
    // SAFETY: the framework says that the buffer has that many bytes, and no one writes to it during the copy.
    Ok(unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), length) }.to_vec())
}

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

pub(crate) fn is_canceled(request: WDFREQUEST) -> bool {
    wdf!(WdfRequestIsCanceled, request) != 0
}

pub(crate) fn requeue(request: WDFREQUEST) -> Result<(), NTSTATUS> {
    check(wdf!(WdfRequestRequeue, request))
}

pub(crate) fn request_queue(request: WDFREQUEST) -> WDFQUEUE {
    wdf!(WdfRequestGetIoQueue, request)
}

pub(crate) fn request_file(request: WDFREQUEST) -> WDFFILEOBJECT {
    wdf!(WdfRequestGetFileObject, request)
}

pub(crate) fn request_process(request: WDFREQUEST) -> u32 {
    wdf!(WdfRequestGetRequestorProcessId, request)
}

pub(crate) fn irp_is_cancelled(request: WDFREQUEST) -> bool {
    let irp = wdf!(WdfRequestWdmGetIrp, request);
    // SAFETY: the request's IRP, which is not completed; only the field's address is taken.
    let field = unsafe { &raw mut (*irp).Cancel };
    // SAFETY: in bounds, a byte, which the canceller writes atomically.
    let field = unsafe { std::sync::atomic::AtomicU8::from_ptr(field) };
    field.load(std::sync::atomic::Ordering::Acquire) != 0
}

pub(crate) fn input_memory(request: WDFREQUEST) -> Result<kmdf::WDFMEMORY, NTSTATUS> {
    let mut memory = ptr::null_mut();
    check(wdf!(WdfRequestRetrieveInputMemory, request, &raw mut memory))?;
    Ok(memory)
}

/// The MDL of the input, and the bytes that it describes.
pub(crate) fn input_mdl(request: WDFREQUEST) -> Result<(kmdf::PMDL, Vec<u8>), NTSTATUS> {
    let mut mdl = ptr::null_mut();
    check(wdf!(WdfRequestRetrieveInputWdmMdl, request, &raw mut mdl))?;
    Ok((mdl, described(mdl)))
}

/// The MDL of the output, and the bytes that it describes.
pub(crate) fn output_mdl(request: WDFREQUEST) -> Result<(kmdf::PMDL, Vec<u8>), NTSTATUS> {
    let mut mdl = ptr::null_mut();
    check(wdf!(WdfRequestRetrieveOutputWdmMdl, request, &raw mut mdl))?;
    Ok((mdl, described(mdl)))
}

fn described(mdl: kmdf::PMDL) -> Vec<u8> {
    // SAFETY: the request's MDL, which lives until the request is completed.
    let length = unsafe { (*mdl).ByteCount } as usize;
    // SAFETY: the request's MDL, which lives until the request is completed; its pages are locked, or in non-paged
    // pool.
    let address = unsafe {
        kmdf::MmGetSystemAddressForMdlSafe(mdl, kmdf::NormalPagePriority | kmdf::MdlMappingNoExecute)
    };
    assert!(!address.is_null());
    // SAFETY: the MDL describes that many bytes, which no one writes to during the copy.
    unsafe { std::slice::from_raw_parts(address.cast::<u8>(), length) }.to_vec()
}

pub(crate) fn parameters(request: WDFREQUEST, size: u16) -> kmdf::WDF_REQUEST_PARAMETERS {
    let mut parameters =
        kmdf::WDF_REQUEST_PARAMETERS { Size: size, ..kmdf::WDF_REQUEST_PARAMETERS::default() };
    wdf!(WdfRequestGetParameters, request, &raw mut parameters);
    parameters
}

/// Output length, input length and code.
pub(crate) fn control_parameters(parameters: &kmdf::WDF_REQUEST_PARAMETERS) -> (usize, usize, u32) {
    // SAFETY: the parameters are those of a device control; every variant is plain data.
    let control = unsafe { parameters.Parameters.DeviceIoControl };
    (control.OutputBufferLength, control.InputBufferLength, control.IoControlCode)
}

/// Length and offset of a read or write.
pub(crate) fn transfer_parameters(parameters: &kmdf::WDF_REQUEST_PARAMETERS) -> (usize, i64) {
    // SAFETY: the parameters are those of a read or write; every variant is plain data.
    let transfer = unsafe { parameters.Parameters.Read };
    (transfer.Length, transfer.DeviceOffset)
}

/// Takes the cancel routine out of the request's IRP, as a canceller does before it calls it.
pub(crate) fn take_cancel_routine(request: WDFREQUEST) -> Option<kmdf::DRIVER_CANCEL> {
    let irp = wdf!(WdfRequestWdmGetIrp, request);
    // SAFETY: the request's IRP, which is not completed.
    unsafe { kmdf::IoSetCancelRoutine(irp, None) }
}

/// Calls the cancel routine that was taken, as a canceller does: with the cancel spin lock held.
pub(crate) fn run_cancel_routine(request: WDFREQUEST, routine: kmdf::DRIVER_CANCEL) {
    let irp = wdf!(WdfRequestWdmGetIrp, request);
    let mut before = 0;
    // SAFETY: a variable of this frame.
    unsafe { kmdf::ntddk::IoAcquireCancelSpinLock(&raw mut before) };
    // SAFETY: the canceller has the IRP, whose routine it took.
    unsafe { (*irp).CancelIrql = before };
    // SAFETY: the framework's routine for this IRP; it releases the lock.
    unsafe { routine(ptr::null_mut(), irp) };
}
