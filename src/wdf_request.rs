//! A WDF request: its buffers, and who completes it.
//!
//! A [`Request`] that the framework presents is completed in the call, or marked cancelable for the flight of its
//! operation: then it is an [`InFlight`]. Either is used up by its completion, so that there is one.
//!
//! Cancelling a request in flight cancels the operation and no more: the request is completed when the operation has
//! finished, or the last one if it has several. If the framework has begun to cancel by then, both the cancel callback
//! and the completion must be done with the request first; the later of the two completes it.
#![expect(unsafe_code, reason = "the framework hands out handles, buffers and contexts as raw pointers")]

use core::ops::Deref;
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicU32, Ordering};

use wsk::{Canceller, Error, Op, Result, Shared, check, dispatch_drop};
use wsk_sys::{MDL, NTSTATUS, STATUS_CANCELLED, STATUS_SUCCESS};

use crate::batch::Batch;
use crate::context::{Context, ContextType, context};
use crate::file::File;
use crate::operation::Buffers;
use crate::wdf::{self, ULONG_PTR, WDFREQUEST};

/// A request that the framework has presented to the driver. Whoever has it completes it.
#[derive(Debug)]
#[must_use = "a request is to be completed"]
pub(crate) struct Request(Uncompleted);

/// A request that was marked cancelable. [`InFlight::finish`] completes it.
#[derive(Debug)]
#[must_use = "a request is to be finished"]
pub(crate) struct InFlight(Uncompleted);

/// A request that is not completed: its handle and its buffers are there.
///
/// # Invariants
/// The request is the driver's, which has no other value of it, and completes it with this one.
#[derive(Debug)]
pub(crate) struct Uncompleted(WDFREQUEST);

// SAFETY: the framework's request functions may be called on any thread.
unsafe impl Send for Uncompleted {}
// SAFETY: they may be called by several threads at a time, too.
unsafe impl Sync for Uncompleted {}

dispatch_drop!(Uncompleted(handle));
dispatch_drop!(InFlight(request));

impl Deref for Request {
    type Target = Uncompleted;

    fn deref(&self) -> &Uncompleted {
        &self.0
    }
}

impl Deref for InFlight {
    type Target = Uncompleted;

    fn deref(&self) -> &Uncompleted {
        &self.0
    }
}

/// Why a request was refused, and the request itself: still to be completed.
pub(crate) type Refused = (Error, Request);

/// What the driver keeps with a request while its operation flies.
///
/// # Invariants
/// Until `stage` is swapped for the first time, `outcome` belongs to the completion; afterwards, to whoever swaps
/// second. `cancel` is set before the request is marked cancelable.
#[derive(Debug)]
pub(crate) struct RequestContext {
    cancel: Cancel,
    stage: AtomicU32,
    outcome: Outcome,
}

/// What a cancel of the request goes to.
#[derive(Debug)]
pub(crate) enum Cancel {
    /// Its operation.
    One(Canceller),
    /// Its operations, which come back with it.
    Many(Shared<Batch>),
}

#[derive(Debug)]
struct Outcome {
    status: NTSTATUS,
    information: usize,
    op: Option<Op<Buffers>>,
}

/// Neither the cancel callback nor the completion is done with the request.
const IN_FLIGHT: u32 = 0;
/// One of them is.
const HALF_DONE: u32 = 1;

static TYPE: ContextType = ContextType::new::<RequestContext>(c"wskdrv::RequestContext", &TYPE);

impl Context for RequestContext {
    const TYPE: &'static ContextType = &TYPE;
}

impl Uncompleted {
    /// The handle that the request was made of, which outlives it.
    pub(crate) fn file(&self) -> &File {
        // SAFETY: the request is the driver's, so it exists.
        let file = unsafe { wdf::call_unsafe_wdf_function_binding!(WdfRequestGetFileObject, self.0) };
        // SAFETY: the device has a file-object configuration, so the request has a file object; requests are presented
        // after its create, and it is closed when all of them are complete: this one is not while it is borrowed.
        unsafe { File::of(file) }
    }

    /// The input: what user mode sent, copied once by the I/O manager into a system buffer.
    ///
    /// # Safety
    /// The slice is not used once the request is completed or its output is written: that may be the same buffer.
    pub(crate) unsafe fn input<'b>(&self, length: usize) -> Result<&'b [u8]> {
        if length == 0 {
            return Ok(&[]);
        }
        let mut buffer = ptr::null_mut();
        // SAFETY: the request is the driver's; the outputs are this frame's.
        check(unsafe {
            wdf::call_unsafe_wdf_function_binding!(
                WdfRequestRetrieveInputBuffer,
                self.0,
                length,
                &raw mut buffer,
                ptr::null_mut()
            )
        })?;
        // SAFETY: the framework gave a buffer of at least `length` bytes, which lives as long as the request.
        Ok(unsafe { slice::from_raw_parts(buffer.cast(), length) })
    }

    /// Copies `bytes` to the beginning of the output, and tells how many they are.
    ///
    /// # Errors
    /// As [`Uncompleted::write_output_at`].
    pub(crate) fn write_output(&self, bytes: &[u8]) -> Result<usize> {
        self.write_output_at(0, bytes)
    }

    /// Copies `bytes` to the output, from `offset`, and tells how many they are.
    ///
    /// # Errors
    /// [`BUFFER_TOO_SMALL`](Error::BUFFER_TOO_SMALL): nothing is written. For a direct request,
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES) the first time: the buffer cannot be mapped.
    pub(crate) fn write_output_at(&self, offset: usize, bytes: &[u8]) -> Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let end = offset.checked_add(bytes.len()).ok_or(Error::BUFFER_TOO_SMALL)?;
        let mut buffer = ptr::null_mut();
        // SAFETY: the request is the driver's; the outputs are this frame's.
        check(unsafe {
            wdf::call_unsafe_wdf_function_binding!(
                WdfRequestRetrieveOutputBuffer,
                self.0,
                end,
                &raw mut buffer,
                ptr::null_mut()
            )
        })?;
        // SAFETY: the framework gave a buffer of at least `end` bytes.
        let place = unsafe { buffer.cast::<u8>().add(offset) };
        // SAFETY: as above; that buffer is not the driver's own memory.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
        Ok(bytes.len())
    }

    /// The size of the output, which has room for a byte at least.
    pub(crate) fn output_size(&self) -> Result<usize> {
        let (mut buffer, mut size) = (ptr::null_mut(), 0);
        // SAFETY: the request is the driver's; the outputs are this frame's.
        check(unsafe {
            wdf::call_unsafe_wdf_function_binding!(
                WdfRequestRetrieveOutputBuffer,
                self.0,
                1,
                &raw mut buffer,
                &raw mut size
            )
        })?;
        Ok(size)
    }

    /// The MDL of the second buffer of a direct request; null if that buffer has no bytes.
    pub(crate) fn mdl(&self, length: usize) -> Result<*mut MDL> {
        if length == 0 {
            return Ok(ptr::null_mut());
        }
        let mut mdl: *mut wdf::MDL = ptr::null_mut();
        // SAFETY: the request is the driver's; the output is this frame's.
        check(unsafe {
            wdf::call_unsafe_wdf_function_binding!(WdfRequestRetrieveOutputWdmMdl, self.0, &raw mut mdl)
        })?;
        Ok(mdl.cast())
    }

    /// Completes the request.
    fn complete(self, status: NTSTATUS, information: usize) {
        // SAFETY: by the type's invariant the request is not completed, and not used again.
        unsafe {
            wdf::call_unsafe_wdf_function_binding!(
                WdfRequestCompleteWithInformation,
                self.0,
                status,
                information as ULONG_PTR
            );
        }
    }
}

impl Request {
    /// A request by its handle.
    ///
    /// # Safety
    /// The framework has just presented it, and this is the only value that is made of it.
    pub(crate) const unsafe fn new(request: WDFREQUEST) -> Request {
        // INVARIANT: the caller's promise.
        Request(Uncompleted(request))
    }

    /// Makes the request cancelable: a cancel from now on goes to `cancel`.
    ///
    /// # Errors
    /// [`CANCELLED`](Error::CANCELLED): it is cancelled already; it is not marked.
    pub(crate) fn mark_cancelable(self, cancel: Cancel) -> Result<InFlight, Refused> {
        let Request(Uncompleted(request)) = self;
        let outcome = Outcome { status: STATUS_SUCCESS, information: 0, op: None };
        let new = RequestContext { cancel, stage: AtomicU32::new(IN_FLIGHT), outcome };
        // SAFETY: the request is the driver's; its context has the type set in `device`.
        let place = unsafe { context::<RequestContext>(request.cast()) };
        // INVARIANT: written before the request is marked.
        // SAFETY: the context is memory for a `RequestContext`, which nobody else uses before the request is marked.
        unsafe { place.write(new) };
        // SAFETY: the request is the driver's, presented by a queue, and not marked yet.
        let marked = check(unsafe {
            wdf::call_unsafe_wdf_function_binding!(WdfRequestMarkCancelableEx, request, Some(evt_cancel))
        });
        match marked {
            Ok(()) => Ok(InFlight(Uncompleted(request))),
            Err(error) => {
                // SAFETY: not marked, so the context is still this function's; it is not used again.
                unsafe { place.drop_in_place() };
                Err((error, Request(Uncompleted(request))))
            }
        }
    }

    /// Completes the request.
    pub(crate) fn complete(self, status: NTSTATUS, information: usize) {
        self.0.complete(status, information);
    }
}

impl InFlight {
    /// Ends the request, whose operation has finished or was never submitted.
    ///
    /// The operation is kept for another request, and this one completed, here or by the cancel callback. A request with
    /// several operations has them already.
    pub(crate) fn finish(self, op: Option<Op<Buffers>>, status: NTSTATUS, information: usize) {
        let InFlight(Uncompleted(request)) = self;
        // SAFETY: the request is the driver's, and was marked.
        let place = unsafe { context::<RequestContext>(request.cast()) };
        // SAFETY: by the context's invariant the outcome is the completion's.
        let outcome = unsafe { &raw mut (*place).outcome };
        // SAFETY: as above.
        unsafe { *outcome = Outcome { status, information, op } };
        // SAFETY: the request is the driver's, and was marked.
        let unmarked = unsafe { wdf::call_unsafe_wdf_function_binding!(WdfRequestUnmarkCancelable, request) };
        // Cancelled: the callback has run, or will, so the later of the two completes the request.
        // SAFETY: the completion has not asked before, so the request is not completed.
        if unmarked != STATUS_CANCELLED || unsafe { is_second(place) } {
            // SAFETY: the cancel callback will not run, or is done with the request.
            unsafe { settle(request) };
        }
    }
}

/// Completes a request with its outcome, when nobody else has to do with it.
///
/// # Safety
/// The request was marked. Its completion is done with it, and its cancel callback is too, or will not run.
unsafe fn settle(request: WDFREQUEST) {
    // SAFETY: the request is not completed, as whoever is done last does it here.
    let place = unsafe { context::<RequestContext>(request.cast()) };
    // SAFETY: written when the request was marked; the caller's promise is that nobody else uses it.
    let RequestContext { cancel, outcome, .. } = unsafe { ptr::read(place) };
    // INVARIANT: the values that the completion and the callback had are used up.
    let request = Uncompleted(request);
    let file = request.file();
    // Nobody cancels any more: once the operation can serve another request, a cancel would meet that one.
    match cancel {
        Cancel::One(canceller) => drop(canceller),
        Cancel::Many(batch) => batch.give_back(file),
    }
    if let Some(op) = outcome.op {
        file.keep_op(op);
    }
    request.complete(outcome.status, outcome.information);
}

/// `EvtRequestCancel`: cancels the operation; the request is completed when that has finished.
///
/// # Safety
/// Called by the framework for a request that was marked, and is not unmarked.
unsafe extern "C" fn evt_cancel(request: WDFREQUEST) {
    // SAFETY: the framework keeps the request while this callback runs.
    let place = unsafe { context::<RequestContext>(request.cast()) };
    // SAFETY: by the context's invariant this was set before; it is taken by whoever is second, and this callback has
    // not asked yet.
    match unsafe { &(*place).cancel } {
        Cancel::One(canceller) => canceller.cancel(),
        Cancel::Many(batch) => batch.cancel(),
    }
    // SAFETY: this callback has not asked before, so the request is not completed.
    if unsafe { is_second(place) } {
        // SAFETY: the completion was first, and is done with the request.
        unsafe { settle(request) };
    }
}

/// Whether the other of cancel callback and completion is done with the request already.
///
/// # Safety
/// `place` is the context of a request that was marked and is not completed.
unsafe fn is_second(place: *mut RequestContext) -> bool {
    // SAFETY: the caller's promise.
    let stage = unsafe { &(*place).stage };
    // Acquire and release: the second sees what the first has done.
    stage.swap(HALF_DONE, Ordering::AcqRel) == HALF_DONE
}
