//! Asking and completing requests.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver")]

use alloc::format;

use wsk_sys::{
    APC_LEVEL, BOOLEAN, CCHAR, DISPATCH_LEVEL, FALSE, IO_NO_INCREMENT, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL,
    IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_MJ_READ, IRP_MJ_WRITE, KPROCESSOR_MODE, METHOD_NEITHER, NT_SUCCESS,
    NTSTATUS, PIRP, ULONG,
};

use crate::object::Typed;
use crate::object::args::{at_most, required};
use crate::object::lookup;
use crate::platform;
use crate::request::{self, Claim, Request};
use crate::rules;
use crate::status::outside;
use crate::types::{
    _WDF_REQUEST_PARAMETERS__bindgen_ty_1 as ParametersUnion,
    _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_1 as CreateParameters,
    _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_2 as ReadParameters,
    _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_4 as ControlParameters, PWDF_DRIVER_GLOBALS,
    PWDF_REQUEST_PARAMETERS, ULONG_PTR, WDF_REQUEST_PARAMETERS, WDF_REQUEST_TYPE, WDFFILEOBJECT, WDFREQUEST,
};

/// The living request of a handle, which the driver may use.
fn request(function: &'static str, handle: WDFREQUEST) -> Typed<Request> {
    request::usable(function, DISPATCH_LEVEL, handle)
}

/// Completes a request for the driver.
fn complete(
    function: &'static str,
    handle: WDFREQUEST,
    status: NTSTATUS,
    information: Option<usize>,
    boost: CCHAR,
) {
    at_most(function, DISPATCH_LEVEL);
    let request = lookup::typed::<Request>(function, handle);
    let object = request.object();
    match request.claim() {
        Claim::Owned => {}
        Claim::Completed => platform::violation(
            &rules::DOUBLE_COMPLETION,
            format!("{function} completed {object}, which is completed already"),
        ),
        Claim::Canceled => platform::violation(
            &rules::COMPLETE_CANCELED,
            format!(
                "{function} completed {object}, which its EvtRequestCancel callback is about to complete"
            ),
        ),
        Claim::Waiting => {
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
    let reported = information.unwrap_or_else(|| request.irp().io_status().Information);
    if NT_SUCCESS(status)
        && let Some(limit) = request.information_limit()
        && reported > limit
    {
        rules::verify(&rules::INFORMATION, || {
            format!("{function} completed {object} with {reported} bytes; its buffer has {limit}")
        });
    }
    rules::require(request::finish(&request, outside(status), information, boost));
}

/// Completes a request. `Information` stays what it is: zero, or what `WdfRequestSetInformation` set.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfRequestComplete(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    Status: NTSTATUS,
) {
    complete("WdfRequestComplete", Request, Status, None, IO_NO_INCREMENT);
}

/// Completes a request with a count of bytes.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfRequestCompleteWithInformation(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    Status: NTSTATUS,
    Information: ULONG_PTR,
) {
    let information = usize::try_from(Information).unwrap_or(usize::MAX);
    complete("WdfRequestCompleteWithInformation", Request, Status, Some(information), IO_NO_INCREMENT);
}

/// Completes a request and gives the waiting thread a boost.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfRequestCompleteWithPriorityBoost(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    Status: NTSTATUS,
    PriorityBoost: CCHAR,
) {
    complete("WdfRequestCompleteWithPriorityBoost", Request, Status, None, PriorityBoost);
}

/// Sets the count of bytes that the completion will report.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfRequestSetInformation(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    Information: ULONG_PTR,
) {
    let information = usize::try_from(Information).unwrap_or(usize::MAX);
    request("WdfRequestSetInformation", Request).irp().set_information(information);
}

/// The count of bytes that was set.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfRequestGetInformation(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
) -> ULONG_PTR {
    request("WdfRequestGetInformation", Request).irp().io_status().Information as ULONG_PTR
}

/// The status in the request's IRP.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfRequestGetStatus(_globals: PWDF_DRIVER_GLOBALS, Request: WDFREQUEST) -> NTSTATUS {
    request("WdfRequestGetStatus", Request).irp().io_status().Status
}

/// The parameters of a request. The untested user address of a `METHOD_NEITHER` request is left out.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfRequestGetParameters(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
    Parameters: PWDF_REQUEST_PARAMETERS,
) {
    const NAME: &str = "WdfRequestGetParameters";
    const SIZE: u16 = 0x28;
    required(NAME, "Parameters", Parameters);
    let request = request(NAME, Request);
    // SAFETY: the driver's structure begins with its size.
    let size = unsafe { Parameters.cast::<u16>().read() };
    if size != SIZE {
        rules::verify(&rules::STRUCTURE_SIZE, || {
            format!("{NAME} for {}: Size is {size:#x}, not {SIZE:#x}", request.object())
        });
        return;
    }
    let value = WDF_REQUEST_PARAMETERS {
        Size: SIZE,
        MinorFunction: request.irp().minor(),
        Type: WDF_REQUEST_TYPE::from(request.major),
        Parameters: parameters(&request),
    };
    // SAFETY: the driver's structure is as large as it says.
    unsafe { Parameters.write(value) };
}

fn parameters(request: &Request) -> ParametersUnion {
    let own = request.parameters;
    let irp = request.irp();
    match request.major {
        IRP_MJ_CREATE => {
            let create = irp.create();
            ParametersUnion {
                Create: CreateParameters {
                    SecurityContext: create.SecurityContext,
                    Options: create.Options,
                    __bindgen_padding_0: 0,
                    FileAttributes: create.FileAttributes,
                    ShareAccess: create.ShareAccess,
                    __bindgen_padding_1: 0,
                    EaLength: create.EaLength,
                },
            }
        }
        IRP_MJ_READ | IRP_MJ_WRITE => {
            let transfer = irp.read_write();
            let value = ReadParameters {
                Length: transfer.Length as usize,
                Key: transfer.Key,
                __bindgen_padding_0: 0,
                DeviceOffset: transfer.ByteOffset,
            };
            ParametersUnion { Read: value }
        }
        IRP_MJ_DEVICE_CONTROL | IRP_MJ_INTERNAL_DEVICE_CONTROL => {
            let hidden = platform::strict() && request.is_method(METHOD_NEITHER);
            let address = irp.device_control().Type3InputBuffer;
            ParametersUnion {
                DeviceIoControl: ControlParameters {
                    OutputBufferLength: own.output,
                    InputBufferLength: own.input,
                    IoControlCode: own.code,
                    __bindgen_padding_0: 0,
                    Type3InputBuffer: if hidden { core::ptr::null_mut() } else { address },
                },
            }
        }
        _ => WDF_REQUEST_PARAMETERS::default().Parameters,
    }
}

/// The file that a request was sent to; null for a device without file objects.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfRequestGetFileObject(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
) -> WDFFILEOBJECT {
    let request = request("WdfRequestGetFileObject", Request);
    request.file.as_ref().map_or(core::ptr::null_mut(), |file| file.as_handle())
}

/// Whether the request came from the kernel or from user mode.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfRequestGetRequestorMode(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
) -> KPROCESSOR_MODE {
    request("WdfRequestGetRequestorMode", Request).irp().requestor_mode()
}

/// The id of the process that sent the request.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfRequestGetRequestorProcessId(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
) -> ULONG {
    request("WdfRequestGetRequestorProcessId", Request).irp().requestor_process()
}

/// Whether a 32-bit process sent the request. There are none here.
///
/// # IRQL
/// <= `APC_LEVEL`
pub unsafe extern "C" fn WdfRequestIsFrom32BitProcess(
    _globals: PWDF_DRIVER_GLOBALS,
    Request: WDFREQUEST,
) -> BOOLEAN {
    request::usable("WdfRequestIsFrom32BitProcess", APC_LEVEL, Request);
    FALSE
}

/// The IRP of a request.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfRequestWdmGetIrp(_globals: PWDF_DRIVER_GLOBALS, Request: WDFREQUEST) -> PIRP {
    request("WdfRequestWdmGetIrp", Request).irp().as_ptr()
}
