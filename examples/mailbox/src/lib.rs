//! A driver without the framework: a mailbox. Who opens it puts letters in, and takes the oldest out.
//!
//! The letters lie in the driver's pool, in a list under a spin lock, in the extension of its device.
#![no_std]

mod letters;

use core::ptr;
use core::slice;

use nt::{Error, Result, SpinLock, check};
use nt_sys::{
    CTL_CODE, DEVICE_OBJECT, DRIVER_OBJECT, FALSE, FILE_ANY_ACCESS, FILE_DEVICE_SECURE_OPEN,
    FILE_DEVICE_UNKNOWN, IO_NO_INCREMENT, IRP, IRP_MJ_CLOSE, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL,
    IoCreateDevice, IoCreateSymbolicLink, IoDeleteDevice, IoDeleteSymbolicLink, IoGetCurrentIrpStackLocation,
    IofCompleteRequest, METHOD_BUFFERED, NTSTATUS, STATUS_SUCCESS, UNICODE_STRING,
};

use letters::Letters;

// What the driver imports: hosted, from this crate; else from the kernel.
#[cfg(feature = "hosted")]
use hosted as _;
#[cfg(feature = "kernel")]
extern crate wdk_panic;

/// Named by code that uses floating point, as some of `core` does which the linker drops. A driver on `wdk-sys` has it from there.
#[cfg(feature = "kernel")]
#[unsafe(export_name = "_fltused")]
pub static FLOATING_POINT: i32 = 0;

/// Puts a letter in. In: its bytes.
pub const PUT: u32 = code(0x800);
/// Takes the oldest letter out. Out: its bytes.
pub const TAKE: u32 = code(0x801);

const fn code(function: u32) -> u32 {
    CTL_CODE(FILE_DEVICE_UNKNOWN, function, METHOD_BUFFERED, FILE_ANY_ACCESS)
}

/// What lies in the device's extension, from the load to the unload.
type Mailbox = SpinLock<Letters>;

const NAME: &[u16] = &utf16(br"\Device\Mailbox");
const LINK: &[u16] = &utf16(br"\DosDevices\Mailbox");

/// `DriverEntry`
///
/// # Safety
/// Called once by the system for each load, at `PASSIVE_LEVEL`, with these arguments.
#[cfg_attr(feature = "kernel", unsafe(export_name = "DriverEntry"))]
pub unsafe extern "system" fn driver_entry(driver: *mut DRIVER_OBJECT, _: *const UNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry's own contract: the driver object is the system's, and nobody else uses it during this call.
    match unsafe { create(&mut *driver) } {
        Ok(()) => STATUS_SUCCESS,
        Err(error) => error.status(),
    }
}

/// Makes the device, which can be opened as soon as `DriverEntry` has returned.
unsafe fn create(driver: &mut DRIVER_OBJECT) -> Result {
    let (name, link) = (string(NAME), string(LINK));
    let mut device = ptr::null_mut();
    let size = size_of::<Mailbox>() as u32;
    // SAFETY: the arguments are valid for the call. The device's security descriptor is the system's default: for one of your
    // own, `IoCreateDeviceSecure` of the WDK's wdmsec.lib.
    check(unsafe {
        let secure = FILE_DEVICE_SECURE_OPEN;
        IoCreateDevice(driver, size, &name, FILE_DEVICE_UNKNOWN, secure, FALSE, &mut device)
    })?;
    // SAFETY: the extension has the mailbox's size, is aligned to 16 bytes, and nobody uses it before it can be opened.
    unsafe { (*device).DeviceExtension.cast::<Mailbox>().write(SpinLock::new(Letters::new())) };
    // SAFETY: the names are valid for the call.
    if let Err(error) = check(unsafe { IoCreateSymbolicLink(&link, &name) }) {
        // SAFETY: the device was made above, and is not used again. An empty mailbox has nothing to drop.
        unsafe { IoDeleteDevice(device) };
        return Err(error);
    }
    for major in [IRP_MJ_CREATE, IRP_MJ_CLOSE, IRP_MJ_DEVICE_CONTROL] {
        driver.MajorFunction[usize::from(major)] = Some(dispatch);
    }
    driver.DriverUnload = Some(unload);
    Ok(())
}

/// `DRIVER_DISPATCH`: completes each request in the call.
///
/// # Safety
/// Called by the system with a device of this driver, and a request for it.
unsafe extern "system" fn dispatch(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: written by `create`, and dropped by `unload`, when no handle is open.
    let mailbox = unsafe { &*(*device).DeviceExtension.cast::<Mailbox>() };
    // SAFETY: the request is this driver's until it is completed below.
    let result = unsafe { serve(mailbox, irp) };
    let (status, information) = match result {
        Ok(information) => (STATUS_SUCCESS, information),
        Err(error) => (error.status(), 0),
    };
    // SAFETY: the request is this driver's, completed once here, and not used again.
    unsafe {
        (*irp).IoStatus.Status = status;
        (*irp).IoStatus.Information = information;
        IofCompleteRequest(irp, IO_NO_INCREMENT);
    }
    status
}

/// Serves a request, and tells how many bytes of output there are.
///
/// # Safety
/// The request is the driver's, and not completed.
unsafe fn serve(mailbox: &Mailbox, irp: *mut IRP) -> Result<usize> {
    // SAFETY: the caller's promise.
    let location = unsafe { &*IoGetCurrentIrpStackLocation(irp) };
    if location.MajorFunction != IRP_MJ_DEVICE_CONTROL {
        return Ok(0);
    }
    // SAFETY: the request is a control request, whose parameters these are.
    let parameters = unsafe { location.Parameters.DeviceIoControl };
    // SAFETY: with METHOD_BUFFERED, the system's copy of the input, which the output is written over.
    let buffer: *mut u8 = unsafe { (*irp).AssociatedIrp.SystemBuffer.cast() };
    let (input, output) = (parameters.InputBufferLength as usize, parameters.OutputBufferLength as usize);
    match parameters.IoControlCode {
        PUT if input > 0 => {
            // SAFETY: the buffer has as many bytes of input, and nobody else uses it.
            letters::put(mailbox, unsafe { slice::from_raw_parts(buffer, input) })?;
            Ok(0)
        }
        PUT => Err(Error::INVALID_PARAMETER),
        TAKE => {
            let letter = letters::take(mailbox, output)?;
            let bytes = letter.bytes();
            // SAFETY: the buffer has room for `output` bytes, which a letter that was taken fits.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), buffer, bytes.len()) };
            Ok(bytes.len())
        }
        _ => Err(Error::INVALID_DEVICE_REQUEST),
    }
}

/// `DRIVER_UNLOAD`: every handle is closed.
///
/// # Safety
/// Called by the system, at `PASSIVE_LEVEL`, with this driver's object.
unsafe extern "system" fn unload(driver: *mut DRIVER_OBJECT) {
    let link = string(LINK);
    // SAFETY: made by `create`, and deleted once. No request is left, so nobody else uses the mailbox.
    unsafe {
        let device = (*driver).DeviceObject;
        // An error would be that there is no link, which there is.
        let _ = IoDeleteSymbolicLink(&link);
        (*device).DeviceExtension.cast::<Mailbox>().drop_in_place();
        IoDeleteDevice(device);
    }
}

/// A constant text, as the kernel takes it.
const fn string(units: &'static [u16]) -> UNICODE_STRING {
    let bytes = (units.len() * 2) as u16;
    UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: units.as_ptr().cast_mut() }
}

/// A text of ASCII in UTF-16.
const fn utf16<const N: usize>(text: &[u8; N]) -> [u16; N] {
    let mut units = [0; N];
    let mut index = 0;
    while index < N {
        assert!(text[index].is_ascii());
        units[index] = text[index] as u16;
        index += 1;
    }
    units
}
