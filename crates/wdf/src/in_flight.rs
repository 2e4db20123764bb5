//! Requests that go on after the call, and can be cancelled meanwhile.
//!
//! A cancel of a request in flight asks for its end and no more: the request is completed when the driver has finished it.
//! If the framework has begun to cancel by then, both the cancel callback and the driver must be done with the request
//! first; the later of the two completes it.
#![expect(unsafe_code, reason = "the framework hands out handles and contexts as raw pointers")]

use core::ops::{Deref, DerefMut};
use core::ptr;

use nt::sync::{AtomicU32, Ordering};
use nt::{DispatchDrop, Error, Result, check};
use nt_sys::STATUS_CANCELLED;

use crate::context::ContextType;
use crate::driver::Driver;
use crate::file::FileRef;
use crate::raw::{WDF_OBJECT_ATTRIBUTES, WDFREQUEST, call_unsafe_wdf_function_binding};
use crate::request::{self, Ending, Request, Uncompleted, Whole};

/// What a request has while it is in flight.
pub trait Cancel<D: Driver>: Send + Sync + 'static {
    /// What the driver finishes a request with, for [`end`](Cancel::end).
    type Outcome: Send + 'static;

    /// `EvtRequestCancel`: the request is to end soon. It may be finished meanwhile, or in this call.
    ///
    /// # IRQL
    /// Called at <= `DISPATCH_LEVEL`
    fn cancel(&self);

    /// The request ends: it is finished, and no cancel comes any more. It is completed when this has returned, so its
    /// handle is still there.
    ///
    /// # IRQL
    /// Called at <= `DISPATCH_LEVEL`
    fn end(self, file: &D::File, outcome: Self::Outcome);
}

/// For drivers that complete each request in the call.
impl<D: Driver> Cancel<D> for () {
    type Outcome = ();

    fn cancel(&self) {}

    fn end(self, _: &D::File, (): ()) {}
}

/// What a request of `D` in flight is finished with.
pub type Outcome<D> = <<D as Driver>::Cancel as Cancel<D>>::Outcome;

/// A request that was marked cancelable. [`InFlight::finish`] completes it.
#[derive(Debug)]
#[must_use = "a request is to be finished"]
pub struct InFlight<D>(Whole<D>);

// SAFETY: there is nothing to drop.
unsafe impl<D> DispatchDrop for InFlight<D> {}

impl<D> Deref for InFlight<D> {
    type Target = Uncompleted<D>;

    fn deref(&self) -> &Uncompleted<D> {
        &self.0
    }
}

impl<D> DerefMut for InFlight<D> {
    fn deref_mut(&mut self) -> &mut Uncompleted<D> {
        &mut self.0
    }
}

/// Why a request was refused, and the request itself: still to be completed.
pub type Refused<D> = (Error, Request<D>);

static TYPE: ContextType = ContextType::new(c"wdf::Request", &TYPE);

/// The context of a request in flight.
///
/// # Invariants
/// Written before the request is marked cancelable. Until `stage` is swapped for the first time, `ended` belongs to
/// [`InFlight::finish`]; afterwards, all belongs to whoever swaps second.
struct Context<D: Driver> {
    stage: AtomicU32,
    cancel: D::Cancel,
    ended: Option<(Ending, Outcome<D>)>,
}

/// Neither the cancel callback nor the driver is done with the request.
const IN_FLIGHT: u32 = 0;
/// One of them is.
const HALF_DONE: u32 = 1;

/// The attributes of requests.
pub(crate) fn attributes<D: Driver>() -> WDF_OBJECT_ATTRIBUTES {
    TYPE.attributes::<Context<D>>()
}

impl<D: Driver> Request<D> {
    /// Makes the request cancelable: a cancel from now on goes to `cancel`, maybe before this has returned
    /// (`WdfRequestMarkCancelableEx`).
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`CANCELLED`](Error::CANCELLED): it is cancelled already. It is not marked, and `cancel` is dropped.
    pub fn mark_cancelable(self, cancel: D::Cancel) -> Result<InFlight<D>, Refused<D>> {
        let handle = self.handle();
        // SAFETY: the request is the driver's, and its context of this type.
        let context = unsafe { TYPE.of::<Context<D>>(handle.cast()) };
        // INVARIANT: written before the request is marked.
        // SAFETY: the context is memory for one, which nobody else uses before the request is marked.
        unsafe { context.write(Context { stage: AtomicU32::new(IN_FLIGHT), cancel, ended: None }) };
        // SAFETY: the request is the driver's, presented by a queue, and not marked yet.
        let marked = check(unsafe {
            call_unsafe_wdf_function_binding!(WdfRequestMarkCancelableEx, handle, Some(evt_cancel::<D>))
        });
        match marked {
            Ok(()) => Ok(InFlight(self.0)),
            Err(error) => {
                // SAFETY: not marked, so the context is still this function's; it is not used again.
                unsafe { context.drop_in_place() };
                Err((error, self))
            }
        }
    }
}

impl<D: Driver> InFlight<D> {
    /// Ends the request: with success and the number of bytes of output, or with an error. It is completed here or by the
    /// cancel callback, after [`Cancel::end`] (`WdfRequestUnmarkCancelable`).
    ///
    /// Of a request with `METHOD_BUFFERED`, no more bytes are told than were written.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn finish(self, outcome: Outcome<D>, result: Result<usize>) {
        let (handle, ending) = (self.handle(), self.ending(result));
        // SAFETY: the request is the driver's, and its context of this type.
        let context = unsafe { TYPE.of::<Context<D>>(handle.cast()) };
        // SAFETY: written when the request was marked; by its invariant this field is this function's.
        let ended = unsafe { &raw mut (*context).ended };
        // SAFETY: the field is this function's, and holds nothing that is to be dropped.
        unsafe { ended.write(Some((ending, outcome))) };
        // SAFETY: the request is the driver's, and was marked.
        let unmarked = unsafe { call_unsafe_wdf_function_binding!(WdfRequestUnmarkCancelable, handle) };
        // Cancelled: the callback has run, or will, so the later of the two completes the request.
        // SAFETY: the driver has not asked before, so the request is not completed.
        if unmarked != STATUS_CANCELLED || unsafe { is_second(context) } {
            // SAFETY: the cancel callback will not run, or is done with the request.
            unsafe { settle::<D>(handle) };
        }
    }
}

/// Completes a request that has ended, when nobody else has to do with it.
///
/// # Safety
/// The request was marked. The driver has finished it, and its cancel callback is done with it, or will not run.
unsafe fn settle<D: Driver>(request: WDFREQUEST) {
    // SAFETY: the request is not completed, as whoever is done last does it here.
    let context = unsafe { TYPE.of::<Context<D>>(request.cast()) };
    // SAFETY: written when the request was marked; by its invariant it is the caller's now, and not used again.
    let Context { cancel, ended, .. } = unsafe { ptr::read(context) };
    // `finish` has written it.
    let Some((ending, outcome)) = ended else { unreachable!() };
    // SAFETY: the request is not completed.
    let file = unsafe { call_unsafe_wdf_function_binding!(WdfRequestGetFileObject, request) };
    // SAFETY: a request's file object exists as long as it.
    let file = unsafe { FileRef::<D>::new(file) };
    cancel.end(&file, outcome);
    // SAFETY: the values of it that there were are used up.
    unsafe { request::complete(request, &ending) };
}

/// `EvtRequestCancel`
///
/// # Safety
/// Called by the framework for a request of `D` that was marked, and is not unmarked.
unsafe extern "C" fn evt_cancel<D: Driver>(request: WDFREQUEST) {
    // SAFETY: the framework keeps the request while this callback runs.
    let context = unsafe { TYPE.of::<Context<D>>(request.cast()) };
    // SAFETY: written before the request was marked; taken by whoever is second, and this callback has not asked yet.
    let cancel = unsafe { &(*context).cancel };
    cancel.cancel();
    // SAFETY: this callback has not asked before, so the request is not completed.
    if unsafe { is_second(context) } {
        // SAFETY: the driver was first, and is done with the request.
        unsafe { settle::<D>(request) };
    }
}

/// Whether the other of cancel callback and driver is done with the request already.
///
/// # Safety
/// `context` is that of a request that was marked and is not completed.
unsafe fn is_second<D: Driver>(context: *mut Context<D>) -> bool {
    // SAFETY: the caller's promise.
    let stage = unsafe { &(*context).stage };
    // Acquire and release: the second sees what the first has done.
    stage.swap(HALF_DONE, Ordering::AcqRel) == HALF_DONE
}
