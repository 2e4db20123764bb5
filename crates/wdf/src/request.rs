//! Requests: their buffers, and their completion.
#![expect(unsafe_code, reason = "the framework hands out handles and buffers as raw pointers")]

use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::ptr;
use core::slice;

use nt::{DispatchDrop, Error, Result, check};
use nt_sys::{MDL, METHOD_BUFFERED, METHOD_FROM_CTL_CODE, METHOD_IN_DIRECT, NTSTATUS, STATUS_SUCCESS};

use crate::driver::{Driver, State};
use crate::file::FileRef;
use crate::raw::{self, ULONG, ULONG_PTR, WDFQUEUE, WDFREQUEST, call_unsafe_wdf_function_binding};

/// A request that the framework has presented to the driver. Whoever has it completes it.
///
/// It is completed in the call, or [marked cancelable](Request::mark_cancelable) for as long as something else goes on:
/// then it is an [`InFlight`](crate::InFlight). Either is used up by its completion, so that there is one.
#[derive(Debug)]
#[must_use = "a request is to be completed"]
pub struct Request<D>(pub(crate) Whole<D>);

/// A request that is not completed: its handle and its buffers are there.
///
/// # Buffers
/// The input is what user mode sent, copied once into memory of the system. With `METHOD_BUFFERED` the output is written to
/// that same memory: so the input is borrowed from the request, and writing takes the request mutably. What is to outlive
/// the first byte of output is copied.
///
/// # In place
/// Its size is not known to who has a reference: so it stays in its [`Request`] or [`InFlight`](crate::InFlight), and is
/// not exchanged with that of another.
///
/// # Invariants
/// The request is the driver's, which has no other value of it, and completes it with this one. The lengths are those of its
/// buffers; the first `written` bytes of the output are written.
#[derive(Debug)]
pub struct Uncompleted<D, U: ?Sized = [()]> {
    handle: WDFREQUEST,
    code: ULONG,
    input: usize,
    output: usize,
    written: usize,
    _driver: PhantomData<fn() -> D>,
    _in_place: U,
}

/// The same, with its size.
pub(crate) type Whole<D> = Uncompleted<D, [(); 0]>;

// SAFETY: the framework's request functions may be called on any thread.
unsafe impl<D> Send for Whole<D> {}
// SAFETY: the framework's request functions may be called on any thread.
unsafe impl<D> Send for Uncompleted<D> {}

// SAFETY: there is nothing to drop.
unsafe impl<D> DispatchDrop for Request<D> {}

impl<D> Deref for Request<D> {
    type Target = Uncompleted<D>;

    fn deref(&self) -> &Uncompleted<D> {
        &self.0
    }
}

impl<D> DerefMut for Request<D> {
    fn deref_mut(&mut self) -> &mut Uncompleted<D> {
        &mut self.0
    }
}

impl<D> Whole<D> {
    const fn new(handle: WDFREQUEST, code: ULONG, input: usize, output: usize) -> Whole<D> {
        Uncompleted { handle, code, input, output, written: 0, _driver: PhantomData, _in_place: [] }
    }
}

impl<D: Driver> Uncompleted<D> {
    /// The I/O control code.
    #[must_use]
    pub const fn code(&self) -> u32 {
        self.code
    }

    /// The number of bytes of input.
    #[must_use]
    pub const fn input_len(&self) -> usize {
        self.input
    }

    /// The number of bytes that there is room for in the output; for `METHOD_IN_DIRECT`, of the second buffer.
    #[must_use]
    pub const fn output_len(&self) -> usize {
        self.output
    }

    /// The handle that the request came by (`WdfRequestGetFileObject`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    #[must_use]
    pub fn file(&self) -> FileRef<D> {
        // SAFETY: by the type's invariant the request exists.
        let file = unsafe { call_unsafe_wdf_function_binding!(WdfRequestGetFileObject, self.handle) };
        // SAFETY: the device has a file-object configuration, so the request has a file object; requests are presented
        // after its create, and it is closed when all of them are complete.
        unsafe { FileRef::new(file) }
    }

    /// The input (`WdfRequestRetrieveInputBuffer`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`INVALID_DEVICE_REQUEST`](Error::INVALID_DEVICE_REQUEST): a code with `METHOD_NEITHER`.
    pub fn input(&self) -> Result<&[u8]> {
        if self.input == 0 {
            return Ok(&[]);
        }
        let mut buffer = ptr::null_mut();
        // SAFETY: by the type's invariant the request is the driver's; the outputs are this frame's.
        check(unsafe {
            call_unsafe_wdf_function_binding!(
                WdfRequestRetrieveInputBuffer,
                self.handle,
                self.input,
                &raw mut buffer,
                ptr::null_mut()
            )
        })?;
        // SAFETY: the framework gave a buffer of so many bytes, a copy that user mode does not reach, for as long as the
        // request. Only `write_output_at` writes to it, which takes the request mutably.
        Ok(unsafe { slice::from_raw_parts(buffer.cast(), self.input) })
    }

    /// Copies `bytes` to the beginning of the output, and tells how many they are.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// As [`write_output_at`](Uncompleted::write_output_at).
    pub fn write_output(&mut self, bytes: &[u8]) -> Result<usize> {
        self.write_output_at(0, bytes)
    }

    /// Copies `bytes` to the output, from `offset`, and tells how many they are (`WdfRequestRetrieveOutputBuffer`).
    ///
    /// With `METHOD_BUFFERED`, what lies between the bytes written so far and `offset` becomes zero. No bytes fit anywhere.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`BUFFER_TOO_SMALL`](Error::BUFFER_TOO_SMALL): nothing is written. For a direct request,
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES) the first time: the buffer cannot be mapped.
    /// [`INVALID_DEVICE_REQUEST`](Error::INVALID_DEVICE_REQUEST): a code with `METHOD_NEITHER`, or with `METHOD_IN_DIRECT`,
    /// whose second buffer is locked for reading only: the process itself may not be allowed to write there.
    pub fn write_output_at(&mut self, offset: usize, bytes: &[u8]) -> Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let end = offset.checked_add(bytes.len()).filter(|end| *end <= self.output);
        let end = end.ok_or(Error::BUFFER_TOO_SMALL)?;
        if METHOD_FROM_CTL_CODE(self.code) == METHOD_IN_DIRECT {
            return Err(Error::INVALID_DEVICE_REQUEST);
        }
        let mut buffer = ptr::null_mut();
        // SAFETY: by the type's invariant the request is the driver's; the outputs are this frame's.
        check(unsafe {
            call_unsafe_wdf_function_binding!(
                WdfRequestRetrieveOutputBuffer,
                self.handle,
                end,
                &raw mut buffer,
                ptr::null_mut()
            )
        })?;
        let buffer: *mut u8 = buffer.cast();
        if let (true, Some(length)) = (self.is_buffered(), offset.checked_sub(self.written)) {
            // SAFETY: the framework gave a buffer of at least `end` bytes, of which no more than `offset` are written.
            let gap = unsafe { buffer.add(self.written) };
            // SAFETY: these lie before `offset`, and so within the buffer, which is borrowed mutably with the request.
            unsafe { gap.write_bytes(0, length) };
        }
        // SAFETY: the framework gave a buffer of at least `end` bytes.
        let place = unsafe { buffer.add(offset) };
        // SAFETY: so many bytes are there. The input, which may be the same memory, is not borrowed, as the request is
        // borrowed mutably; nothing else of the driver's refers to the buffer.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
        // INVARIANT: written, with what lies before.
        self.written = self.written.max(end);
        Ok(bytes.len())
    }

    /// The MDL of the second buffer of a direct request, which is locked until the request is completed; null if that buffer
    /// has no bytes (`WdfRequestRetrieveOutputWdmMdl`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// What the framework gave.
    pub fn output_mdl(&self) -> Result<*mut MDL> {
        if self.output == 0 {
            return Ok(ptr::null_mut());
        }
        let mut mdl: *mut raw::MDL = ptr::null_mut();
        // SAFETY: by the type's invariant the request is the driver's; the output is this frame's.
        check(unsafe {
            call_unsafe_wdf_function_binding!(WdfRequestRetrieveOutputWdmMdl, self.handle, &raw mut mdl)
        })?;
        Ok(mdl.cast())
    }

    const fn is_buffered(&self) -> bool {
        METHOD_FROM_CTL_CODE(self.code) == METHOD_BUFFERED
    }

    /// Status and `Information` of a result. No more is told than there is: of the output of a buffered request, what was
    /// written, and of a direct one, what there is room for.
    pub(crate) fn ending(&self, result: Result<usize>) -> Ending {
        let room = if self.is_buffered() { self.written } else { self.output };
        match result {
            Ok(information) => Ending { status: STATUS_SUCCESS, information: information.min(room) },
            Err(error) => Ending { status: error.status(), information: 0 },
        }
    }

    pub(crate) const fn handle(&self) -> WDFREQUEST {
        self.handle
    }
}

/// How a request ends.
#[derive(Debug)]
pub(crate) struct Ending {
    status: NTSTATUS,
    information: usize,
}

/// Completes a request (`WdfRequestCompleteWithInformation`).
///
/// # Safety
/// The request is the driver's, not completed, and not used again.
pub(crate) unsafe fn complete(request: WDFREQUEST, ending: &Ending) {
    // SAFETY: the caller's promise.
    unsafe {
        call_unsafe_wdf_function_binding!(
            WdfRequestCompleteWithInformation,
            request,
            ending.status,
            ending.information as ULONG_PTR
        );
    }
}

impl<D: Driver> Request<D> {
    /// A create request.
    ///
    /// # Safety
    /// The framework has just presented it, and this is the only value that is made of it.
    pub(crate) unsafe fn of_create(handle: WDFREQUEST) -> Request<D> {
        // INVARIANT: the caller's promise; it has no buffers.
        Request(Whole::new(handle, 0, 0, 0))
    }

    /// Completes the request: with success and the number of bytes of output, or with an error.
    ///
    /// Of a request with `METHOD_BUFFERED`, no more bytes are told than were written.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn complete(self, result: Result<usize>) {
        let ending = self.ending(result);
        // SAFETY: by the type's invariant it is the driver's and not completed; the value is used up.
        unsafe { complete(self.0.handle, &ending) };
    }
}

/// `EvtIoDeviceControl`
///
/// # Safety
/// Called by the framework, at IRQL <= `DISPATCH_LEVEL`, for a queue of a device of `D`.
pub(crate) unsafe extern "C" fn evt_io_device_control<D: Driver>(
    queue: WDFQUEUE,
    request: WDFREQUEST,
    output: usize,
    input: usize,
    code: ULONG,
) {
    // SAFETY: the framework passes the queue that presents the request.
    let device = unsafe { call_unsafe_wdf_function_binding!(WdfIoQueueGetDevice, queue) };
    // SAFETY: the queue's device, whose driver is there until every handle is closed.
    let state = unsafe { State::<D>::of_device(device) };
    // INVARIANT: the framework presents the request with this call, and tells its lengths.
    let request = Request(Whole::new(request, code, input, output));
    match state.get() {
        Some(driver) => driver.device_control(request),
        None => request.complete(Err(Error::DEVICE_NOT_READY)),
    }
}
