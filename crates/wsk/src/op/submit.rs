//! A submission, from the call of WSK to the result.
#![expect(unsafe_code, reason = "the block is shared with WSK, the timer and the completion routine")]

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::time::Duration;

use wsk_sys::{
    IO_COMPLETION_ROUTINE, IO_STATUS_BLOCK, IoGetNextIrpStackLocation, IoReuseIrp, IoSetCompletionRoutine,
    KeSetTimerEx, NTSTATUS, PsGetCurrentThread, STATUS_CANCELLED, STATUS_IO_TIMEOUT, STATUS_UNSUCCESSFUL,
};

use super::block::{Area, Block, Header, STATE};
use super::complete::{leave, routine, timed_routine};
use super::destination::Target;
use super::request::{FromCompletion, IoStatus, Irp, Own, Submit};
use super::submission::Owner;
use crate::error::{Error, Result};
use crate::time;

/// What is done with a request whose type is not known any more: the functions of one `R`, submitted by an operation with
/// the buffers `B`, for a result of the type `T`.
#[derive(Debug)]
pub(crate) struct Functions {
    /// [`Submit::cancel`]
    cancel: unsafe fn(NonNull<Header>),
    /// [`Submit::complete`]; writes the `T`, and discards.
    complete: unsafe fn(NonNull<Header>, *mut ()),
    /// Drops the state, and wipes its memory.
    discard: unsafe fn(NonNull<Header>),
}

impl Functions {
    /// Of a request that whoever waits for it completes itself, and which is so never taken.
    pub(super) const fn waited<B, R: Submit<B>>() -> &'static Functions {
        const {
            &Functions {
                cancel: Typed::<B, R, Result<R::Output>>::cancel,
                complete: |_, _| (),
                discard: |_| (),
            }
        }
    }
}

struct Typed<B, R, T>(PhantomData<(B, R, T)>);

impl<B, R: Submit<B>, T: FromCompletion<R>> Typed<B, R, T> {
    const FUNCTIONS: &'static Functions = &Functions {
        cancel: Typed::<B, R, T>::cancel,
        complete: Typed::<B, R, T>::complete,
        discard: Typed::<B, R, T>::discard,
    };

    /// Of a request that was refused before WSK was called: there is no state. The IRP is completed at once, with the error.
    const REFUSED: &'static Functions =
        &Functions { cancel: |_| (), complete: Typed::<B, R, T>::refuse, discard: |_| () };

    /// Where the state is.
    ///
    /// # Safety
    /// The block is kept.
    unsafe fn state(header: NonNull<Header>) -> NonNull<R::State> {
        Area::fits::<R::State>();
        // SAFETY: the block goes on behind the header, at least as far as its state.
        unsafe { header.byte_add(STATE) }.cast()
    }

    /// # Safety
    /// The caller holds a reference to a submission with this request's state.
    unsafe fn cancel(header: NonNull<Header>) {
        // SAFETY: the submission keeps the block.
        let state = unsafe { Self::state(header) };
        // SAFETY: passed on.
        unsafe { R::cancel(state, Irp::new(header)) };
    }

    /// # Safety
    /// The caller owns the operation, which has the buffers `B`, and whose submission for this request, with a result of
    /// the type `T`, has ended. `to` has room for a `T`.
    unsafe fn complete(header: NonNull<Header>, to: *mut ()) {
        // SAFETY: passed on.
        let status = unsafe { status(header) };
        // SAFETY: the caller's handle keeps the block, which has the buffers `B`.
        let block = unsafe { header.cast::<Block<B>>().as_ref() };
        // SAFETY: the handle keeps the block.
        let mut state = unsafe { Self::state(header) };
        // SAFETY: the submission has ended, so the state, which is there, is the owner's.
        let state = unsafe { state.as_mut() };
        // SAFETY: so are the buffers.
        let buffers = unsafe { &mut *block.buffers.get() };
        // SAFETY: the caller's promise.
        let to = unsafe { NonNull::new_unchecked(to.cast::<T>()) };
        if let Some(result) = T::as_result(to, Own::OWN) {
            // SAFETY: the caller's promise: a `T` is a result, which only this crate says.
            let result = unsafe { result.cast::<MaybeUninit<Result<R::Output>>>().as_mut() };
            R::complete_to(state, buffers, status, result);
        } else {
            // SAFETY: the caller's promise.
            unsafe { to.write(T::from_completion(R::complete(state, buffers, status))) };
        }
        // SAFETY: the result is made.
        unsafe { Self::discard(header) };
    }

    /// # Safety
    /// The caller owns the operation, whose submission for this request, which was refused, has ended. `to` has room for
    /// a `T`.
    #[cold]
    unsafe fn refuse(header: NonNull<Header>, to: *mut ()) {
        // SAFETY: the caller's handle keeps the block.
        let irp = unsafe { header.as_ref() }.irp.as_ptr();
        // SAFETY: the submission has ended, so the IRP is the owner's. Its status is the error that it was completed with.
        let error = Error::from_status(unsafe { (*irp).IoStatus.Status }).unwrap_or(Error::INVALID_PARAMETER);
        // SAFETY: the caller's promise.
        unsafe { to.cast::<T>().write(T::from_completion(Err(error))) };
    }

    /// # Safety
    /// The caller owns the operation, which is not submitted; the state is this request's.
    unsafe fn discard(header: NonNull<Header>) {
        // SAFETY: the caller's handle keeps the block.
        let state = unsafe { Self::state(header) };
        // SAFETY: the state is the owner's, and is not used again.
        unsafe { state.drop_in_place() };
        // SAFETY: nor is its memory.
        let memory = unsafe { state.cast::<MaybeUninit<R::State>>().as_mut() };
        // SAFETY: the state, which was prepared, was dropped just now.
        unsafe { R::wipe(memory) };
    }

    /// Puts the request's state into the block; or why it is refused, which is the result.
    ///
    /// A function of its own, so that the states that it moves are not on the stack below WSK.
    ///
    /// # Safety
    /// The caller owns the operation, which is not submitted and has the buffers `B`.
    #[inline(never)]
    unsafe fn prepare(header: NonNull<Header>, target: &R::Target, request: R) -> Result {
        // SAFETY: the caller's handle keeps the block, which has the buffers `B`.
        let block = unsafe { header.cast::<Block<B>>().as_ref() };
        // SAFETY: the handle keeps the block.
        let place = unsafe { Self::state(header) };
        // SAFETY: outside a submission the area is the owner's. It has no state: the last one went with its result.
        let state = unsafe { place.cast::<MaybeUninit<R::State>>().as_mut() };
        // SAFETY: so are the buffers.
        let prepared = request.prepare(target, unsafe { &mut *block.buffers.get() }, state);
        let functions = if prepared.is_ok() {
            Self::FUNCTIONS
        } else {
            *state = MaybeUninit::zeroed();
            Self::REFUSED
        };
        // SAFETY: so is the cell; the functions are those of the state.
        unsafe { *block.header.functions.get() = Some(functions) };
        prepared
    }
}

/// Sends the operation's IRP down for a request, and returns when WSK has returned.
///
/// The result, a `T`, goes where `to` says, with the caller's handle; or the caller keeps that, and looks or waits for it.
/// Whatever WSK returns, it completes the IRP, so the result is read there and nowhere else.
///
/// Somebody: the submission has ended, and the caller delivers the result, or keeps it.
///
/// A time limit of zero is no timer: the request is made, and if it has not completed when the call returns, it is
/// cancelled. So a result that is there at once never loses.
///
/// # Safety
/// The caller owns the operation, which is not submitted and has the buffers `B`. The result is taken as a `T`.
pub(crate) unsafe fn submit<B, R: Submit<B>, T: FromCompletion<R>>(
    header: NonNull<Header>,
    target: &R::Target,
    request: R,
    limit: Option<Duration>,
    to: Option<Target>,
) -> Option<Owner> {
    // SAFETY: passed on.
    let prepared = unsafe { Typed::<B, R, T>::prepare(header, target, request) };
    // SAFETY: passed on.
    unsafe { begin(header, limit, to) };
    // SAFETY: the submitter's reference keeps the block.
    let state = unsafe { Typed::<B, R, T>::state(header) };
    // SAFETY: prepared above with this target, and submitted just now. The state is the call's from here on.
    let called = prepared.and_then(|()| unsafe { R::call(target, state, Irp::new(header)) });
    if let Err(error) = called {
        // WSK was not called, so the IRP is completed in its place.
        // SAFETY: the provider's reference was not given to WSK: it is this thread's.
        unsafe { complete_with(header, error.status()) };
    }
    // SAFETY: the call has returned; the submitter's reference is not used any more.
    unsafe { end(header, limit) }
}

/// Arms the IRP, begins the submission and sets the timer, if the limit is one of time.
///
/// # Safety
/// The caller owns the operation, which is not submitted, and has prepared it.
#[expect(clippy::inline_always, reason = "most of it is constant where it is called")]
#[inline(always)]
pub(super) unsafe fn begin(header: NonNull<Header>, limit: Option<Duration>, to: Option<Target>) {
    // SAFETY: the caller's handle keeps the block.
    let block = unsafe { header.as_ref() };
    let directed = to.is_some();
    if let Some(to) = to {
        // SAFETY: outside a submission the cell is the owner's.
        unsafe { (*block.to.get()).write(to) };
    }
    match limit {
        // SAFETY: passed on.
        Some(limit) if !limit.is_zero() => unsafe { begin_timed(header, limit, directed) },
        _ => {
            // SAFETY: passed on.
            unsafe { arm(header, routine) };
            block.submission.begin(false, directed);
        }
    }
}

/// As [`begin`], with a timer.
///
/// # Safety
/// As [`begin`].
#[inline(never)]
unsafe fn begin_timed(header: NonNull<Header>, limit: Duration, directed: bool) {
    // SAFETY: passed on.
    unsafe { arm(header, timed_routine) };
    // SAFETY: the operation is the owner's.
    let alarm = unsafe { Header::initialized_alarm(header) };
    // SAFETY: the caller's handle keeps the block until the submission begins, the submitter's reference afterwards.
    unsafe { header.as_ref() }.submission.begin(true, directed);
    // SAFETY: a field's address.
    let timer = unsafe { &raw mut (*alarm).timer };
    // SAFETY: a field's address.
    let dpc = unsafe { &raw mut (*alarm).dpc };
    // SAFETY: timer and DPC are initialised, and the timer's reference keeps them.
    unsafe { KeSetTimerEx(timer, time::interval(limit), 0, dpc) };
}

/// Arms the IRP, for this thread.
///
/// # Safety
/// The caller owns the operation, which is not submitted. `routine` is one of this module.
#[inline]
unsafe fn arm(header: NonNull<Header>, routine: IO_COMPLETION_ROUTINE) {
    // SAFETY: the caller's handle keeps the block.
    let block = unsafe { header.as_ref() };
    let irp = block.irp.as_ptr();
    // SAFETY: may be called at any IRQL.
    let thread = unsafe { PsGetCurrentThread() };
    // SAFETY: outside a submission the cell is the owner's.
    unsafe { *block.submitter.get() = thread };
    // SAFETY: this one, too.
    if unsafe { block.sent.get().replace(true) } {
        // SAFETY: outside a submission the IRP is the owner's; it came from IoAllocateIrp, and has completed.
        unsafe { IoReuseIrp(irp, STATUS_UNSUCCESSFUL) };
    }
    // SAFETY: the IRP has one stack location, still unused. The routine is code of this driver, the context a
    // non-paged block that the provider's reference keeps.
    unsafe { IoSetCompletionRoutine(irp, Some(routine), header.as_ptr().cast(), true, true, true) };
}

/// Ends the submitter's part, after the call. Somebody: the submission has ended, and the caller delivers the result, or keeps
/// it.
///
/// # Safety
/// The caller is the submitter, and does not use its reference afterwards. Nobody else knows of the submission, but WSK,
/// its timer and watchers.
#[inline]
pub(super) unsafe fn end(header: NonNull<Header>, limit: Option<Duration>) -> Option<Owner> {
    // SAFETY: the submitter's reference keeps the block.
    match unsafe { header.as_ref() }.submission.release_submitter() {
        // SAFETY: the reference is still there, and passed on.
        None => unsafe { end_pending(header, limit) },
        ended => ended,
    }
}

/// As [`end`], of what has not completed in the call, or what others can cancel.
///
/// # Safety
/// As [`end`].
#[inline(never)]
unsafe fn end_pending(header: NonNull<Header>, limit: Option<Duration>) -> Option<Owner> {
    // SAFETY: the submitter's reference keeps the block.
    let block = unsafe { header.as_ref() };
    if limit.is_some_and(|limit| limit.is_zero()) && !block.submission.is_completed() {
        block.submission.time_out();
    }
    if block.submission.is_cancelled() {
        // Whoever asked may have done so before the IRP was WSK's to cancel.
        // SAFETY: the submitter's reference.
        unsafe { cancel_irp(header) };
    }
    block.submission.release(1)
}

/// Asks for the cancellation of the operation's submission, or of its next one.
///
/// # Safety
/// The caller keeps the block.
pub(crate) unsafe fn cancel(header: NonNull<Header>) {
    // SAFETY: the caller's promise.
    let block = unsafe { header.as_ref() };
    if block.submission.cancel() {
        // SAFETY: the reference, taken just now.
        unsafe { cancel_irp(header) };
        // SAFETY: that reference ends here.
        unsafe { leave(header) };
    }
}

/// Asks whoever has the IRP to cancel it.
///
/// # Safety
/// The caller holds a reference to the submission, which keeps the IRP from being freed or re-armed.
pub(super) unsafe fn cancel_irp(header: NonNull<Header>) {
    // SAFETY: the caller's reference keeps the block.
    let block = unsafe { header.as_ref() };
    // SAFETY: written before the submission began: in a submission it is only read.
    if let Some(functions) = unsafe { *block.functions.get() } {
        // SAFETY: the functions of the submission's own request, whose state is there.
        unsafe { (functions.cancel)(header) };
    }
}

/// Completes the IRP in the provider's place.
///
/// # Safety
/// The provider's reference is the caller's, and ends here.
pub(crate) unsafe fn complete_with(header: NonNull<Header>, status: NTSTATUS) {
    // SAFETY: the provider's reference keeps the block.
    let irp = unsafe { header.as_ref() }.irp.as_ptr();
    let result = IO_STATUS_BLOCK { Status: status, Information: 0 };
    // SAFETY: WSK does not have the IRP, so its status is this thread's to write.
    unsafe { (*irp).IoStatus = result };
    // SAFETY: the one stack location, which nobody has entered.
    let location = unsafe { IoGetNextIrpStackLocation(irp) };
    // SAFETY: the location is there.
    if let Some(routine) = unsafe { (*location).CompletionRoutine } {
        // SAFETY: the IRP, with the routine and the context that `arm` has set.
        unsafe { routine(ptr::null_mut(), irp, header.as_ptr().cast()) };
    }
}

/// How the IRP was completed: `STATUS_CANCELLED` is `STATUS_IO_TIMEOUT`, if it was the time limit that cancelled.
///
/// # Safety
/// The caller owns the operation, whose result has been delivered.
#[inline]
pub(super) unsafe fn status(header: NonNull<Header>) -> IoStatus {
    // SAFETY: the caller's handle keeps the block.
    let block = unsafe { header.as_ref() };
    block.completed.get();
    // SAFETY: the result was delivered, so the IRP is the owner's. The routine has kept it from the I/O manager.
    let mut status = IoStatus::new(unsafe { (*block.irp.as_ptr()).IoStatus });
    if status.status == STATUS_CANCELLED && block.submission.is_timed_out() {
        status.status = STATUS_IO_TIMEOUT;
    }
    status
}

/// Takes the result of the submission that was delivered, a `T`, to where `to` is; its state and its flags are forgotten.
///
/// # Safety
/// The caller owns the operation, whose result, a `T`, has been delivered, and takes it once. `to` has room for it.
#[inline]
pub(super) unsafe fn take<T>(header: NonNull<Header>, to: *mut T) {
    // SAFETY: the caller's handle keeps the block.
    let block = unsafe { header.as_ref() };
    // SAFETY: outside a submission the cell is the owner's.
    let functions = unsafe { (*block.functions.get()).take() };
    // SAFETY: by the header's invariant, and as the result was not taken before, they are there.
    let functions = unsafe { functions.unwrap_unchecked() };
    // SAFETY: the functions are those of the submission, for a `T`.
    unsafe { (functions.complete)(header, to.cast()) };
    block.submission.reset();
}

/// Drops the state of a request that was submitted, if there is one.
///
/// # Safety
/// The caller owns the operation, which is not submitted.
pub(super) unsafe fn discard(header: NonNull<Header>) {
    // SAFETY: the caller's handle keeps the block.
    let block = unsafe { header.as_ref() };
    // SAFETY: outside a submission the cell is the owner's.
    if let Some(functions) = unsafe { (*block.functions.get()).take() } {
        // SAFETY: by the header's invariant the state is there, and of the request that the functions are of.
        unsafe { (functions.discard)(header) };
    }
}

/// Forgets a call that has waited in the operation, and whose state, an `S`, was dropped.
///
/// # Safety
/// The caller owns the operation, which is not submitted.
pub(super) unsafe fn forget<S>(header: NonNull<Header>) {
    // SAFETY: the block goes on behind the header, with room for any state.
    let state = unsafe { header.byte_add(STATE) };
    // SAFETY: outside a submission the room is the owner's. No address and no input of a request is to stay there.
    unsafe { state.cast::<u8>().write_bytes(0, size_of::<S>()) };
    // SAFETY: the caller's handle keeps the block.
    let block = unsafe { header.as_ref() };
    // SAFETY: outside a submission the cell is the owner's.
    if unsafe { (*block.functions.get()).take() }.is_some() {
        block.submission.reset();
    }
}
