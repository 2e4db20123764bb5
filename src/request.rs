//! A WDF request: its buffers, and who completes it.
//!
//! While its operation flies, a request is marked cancelable. Cancelling it cancels the operation and no more: the
//! request is completed when the operation has finished, or the last one if it has several. If the framework has begun to cancel by then, both the
//! cancel callback and the completion must be done with the request first; the later of the two completes it.
#![expect(unsafe_code, reason = "the framework hands out handles, buffers and contexts as raw pointers")]

use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicU32, Ordering};

use wsk::{Canceller, Op, Result, Shared, check};
use wsk_sys::{MDL, NTSTATUS, STATUS_CANCELLED, STATUS_SUCCESS};

use crate::batch::Batch;
use crate::context::{Context, ContextType, context};
use crate::file::File;
use crate::job::Job;
use crate::wdf::{self, ULONG_PTR, WDFREQUEST};

/// A request that the framework has presented to the driver, and that the driver has not completed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request(WDFREQUEST);

// SAFETY: the framework's request functions may be called on any thread.
unsafe impl Send for Request {}

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
    op: Option<Op<Job>>,
}

/// Neither the cancel callback nor the completion is done with the request.
const IN_FLIGHT: u32 = 0;
/// One of them is.
const HALF_DONE: u32 = 1;

static TYPE: ContextType = ContextType::new::<RequestContext>(c"wskdrv::RequestContext", &TYPE);

impl Context for RequestContext {
    const TYPE: &'static ContextType = &TYPE;
}

impl Request {
    /// A request by its handle.
    pub(crate) const fn new(request: WDFREQUEST) -> Request {
        Request(request)
    }

    /// The handle that the request was made of.
    pub(crate) fn file<'f>(self) -> &'f File {
        // SAFETY: the request is the driver's, so it exists.
        let file = unsafe { wdf::call_unsafe_wdf_function_binding!(WdfRequestGetFileObject, self.0) };
        // SAFETY: the device has a file-object configuration, so the request has a file object; requests are presented
        // after its create, and it is closed when all of them are complete.
        unsafe { File::of(file) }
    }

    /// The input: what user mode sent, copied once by the I/O manager into a system buffer.
    ///
    /// # Safety
    /// The slice is not used once the request is completed or its output is written: that may be the same buffer.
    pub(crate) unsafe fn input<'b>(self, length: usize) -> Result<&'b [u8]> {
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
    /// As [`Request::write_output_at`].
    pub(crate) fn write_output(self, bytes: &[u8]) -> Result<usize> {
        self.write_output_at(0, bytes)
    }

    /// Copies `bytes` to the output, from `offset`, and tells how many they are.
    ///
    /// # Errors
    /// [`BUFFER_TOO_SMALL`](wsk::Error::BUFFER_TOO_SMALL): nothing is written. For a direct request,
    /// [`INSUFFICIENT_RESOURCES`](wsk::Error::INSUFFICIENT_RESOURCES) the first time: the buffer cannot be mapped.
    pub(crate) fn write_output_at(self, offset: usize, bytes: &[u8]) -> Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let end = offset.checked_add(bytes.len()).ok_or(wsk::Error::BUFFER_TOO_SMALL)?;
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
    pub(crate) fn output_size(self) -> Result<usize> {
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
    pub(crate) fn mdl(self, length: usize) -> Result<*mut MDL> {
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

    /// Makes the request cancelable: a cancel from now on goes to `cancel`.
    ///
    /// # Errors
    /// [`CANCELLED`](wsk::Error::CANCELLED): it is cancelled already; it is not marked, and the caller completes it.
    pub(crate) fn mark_cancelable(self, cancel: Cancel) -> Result {
        let outcome = Outcome { status: STATUS_SUCCESS, information: 0, op: None };
        let new = RequestContext { cancel, stage: AtomicU32::new(IN_FLIGHT), outcome };
        // SAFETY: the request is the driver's; its context has the type set in `device`.
        let place = unsafe { context::<RequestContext>(self.0.cast()) };
        // INVARIANT: written before the request is marked.
        // SAFETY: the context is memory for a `RequestContext`, which nobody else uses before the request is marked.
        unsafe { place.write(new) };
        // SAFETY: the request is the driver's, presented by a queue, and not marked yet.
        let marked = check(unsafe {
            wdf::call_unsafe_wdf_function_binding!(WdfRequestMarkCancelableEx, self.0, Some(evt_cancel))
        });
        if marked.is_err() {
            // SAFETY: not marked, so the context is still this function's; it is not used again.
            unsafe { place.drop_in_place() };
        }
        marked
    }

    /// Ends a request that was marked cancelable, whose operation has finished or was never submitted.
    ///
    /// The operation is kept for another request, and this one completed, here or by the cancel callback. A request with
    /// several operations has them already.
    pub(crate) fn finish(self, op: Option<Op<Job>>, status: NTSTATUS, information: usize) {
        // SAFETY: the request is the driver's, and was marked.
        let place = unsafe { context::<RequestContext>(self.0.cast()) };
        // SAFETY: by the context's invariant the outcome is the completion's.
        let outcome = unsafe { &raw mut (*place).outcome };
        // SAFETY: as above.
        unsafe { *outcome = Outcome { status, information, op } };
        // SAFETY: the request is the driver's, and was marked.
        let unmarked = unsafe { wdf::call_unsafe_wdf_function_binding!(WdfRequestUnmarkCancelable, self.0) };
        // Cancelled: the callback has run, or will, so the later of the two completes the request.
        if unmarked != STATUS_CANCELLED || is_second(place) {
            self.settle(place);
        }
    }

    /// Completes the request with its outcome, when nobody else has to do with it.
    fn settle(self, place: *mut RequestContext) {
        // SAFETY: the completion is done with the context and the cancel callback is too, or will not run.
        let context = unsafe { ptr::read(place) };
        let RequestContext { cancel, outcome, .. } = context;
        // Nobody cancels any more: once the operation can serve another request, a cancel would meet that one.
        match cancel {
            Cancel::One(canceller) => drop(canceller),
            Cancel::Many(batch) => batch.give_back(self.file()),
        }
        if let Some(op) = outcome.op {
            self.file().keep_op(op);
        }
        self.complete(outcome.status, outcome.information);
    }

    /// Completes the request, which is not marked cancelable.
    pub(crate) fn complete(self, status: NTSTATUS, information: usize) {
        // SAFETY: the request is the driver's, and is not used again.
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
    let request = Request(request);
    if is_second(place) {
        request.settle(place);
    }
}

/// Whether the other of cancel callback and completion is done with the request already.
fn is_second(place: *mut RequestContext) -> bool {
    // SAFETY: the request is not completed before both have asked, so its context is there.
    let stage = unsafe { &(*place).stage };
    // Acquire and release: the second sees what the first has done.
    stage.swap(HALF_DONE, Ordering::AcqRel) == HALF_DONE
}
