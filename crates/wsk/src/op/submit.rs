//! A submission, from the call of WSK to the result.
#![expect(unsafe_code, reason = "the block is shared with WSK, the timer and the completion routine")]

use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::{self, NonNull};
use core::time::Duration;

use wsk_sys::{
    DEVICE_OBJECT, FALSE, IO_STATUS_BLOCK, IRP, IoReuseIrp, IoSetCompletionRoutine, KDPC, KeCancelTimer,
    KeSetEvent, KeSetTimerEx, NTSTATUS, PVOID, STATUS_CANCELLED, STATUS_IO_TIMEOUT,
    STATUS_MORE_PROCESSING_REQUIRED, STATUS_UNSUCCESSFUL,
};

use super::block::{self, Area, Block, Header, STATE};
use super::destination::Target;
use super::request::{FromCompletion, IoStatus, Irp, Submit};
use super::submission::Owner;
use crate::error::Result;
use crate::time;

/// What is done with a request whose type is not known any more: the functions of one `R`, submitted by an operation with
/// the buffers `B`, for a result of the type `T`.
#[derive(Debug)]
pub(crate) struct Functions {
    /// [`Submit::cancel`]
    cancel: unsafe fn(NonNull<Header>),
    /// [`Submit::complete`]; writes the `T`.
    complete: unsafe fn(NonNull<Header>, IoStatus, *mut ()),
    /// Drops the state, and wipes its memory.
    discard: unsafe fn(NonNull<Header>),
}

impl Functions {
    /// Of a request that whoever waits for it completes itself, and which is so never taken.
    pub(super) const fn waited<B, R: Submit<B>>() -> &'static Functions {
        const {
            &Functions {
                cancel: Typed::<B, R, Result<R::Output>>::cancel,
                complete: |_, _, _| (),
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
    /// the type `T`, has ended with this status. `to` has room for a `T`.
    unsafe fn complete(header: NonNull<Header>, status: IoStatus, to: *mut ()) {
        // SAFETY: the caller's handle keeps the block, which has the buffers `B`.
        let block = unsafe { header.cast::<Block<B>>().as_ref() };
        // SAFETY: the submission has ended, so the cell is the owner's.
        let result = if let Some(error) = unsafe { *block.header.refused.get() } {
            Err(error)
        } else {
            // SAFETY: the handle keeps the block.
            let mut state = unsafe { Self::state(header) };
            // SAFETY: the submission has ended, so the state, which is there, is the owner's.
            let state = unsafe { state.as_mut() };
            // SAFETY: so are the buffers.
            R::complete(state, unsafe { &mut *block.buffers.get() }, status)
        };
        // SAFETY: the caller's promise.
        unsafe { to.cast::<T>().write(T::from_completion(result)) };
    }

    /// # Safety
    /// The caller owns the operation, which is not submitted; the state is this request's.
    unsafe fn discard(header: NonNull<Header>) {
        // SAFETY: the caller's handle keeps the block.
        let state = unsafe { Self::state(header) };
        // SAFETY: the state is the owner's, and is not used again.
        unsafe { state.drop_in_place() };
        // SAFETY: its memory, in which no address and no input of a request is to stay.
        unsafe { state.cast::<u8>().write_bytes(0, size_of::<R::State>()) };
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
        if prepared.is_err() {
            *state = MaybeUninit::zeroed();
        }
        // SAFETY: so are the cells.
        unsafe { *block.header.refused.get() = prepared.as_ref().err().copied() };
        // SAFETY: as said; the functions are those of the state.
        unsafe { *block.header.functions.get() = Some(Self::FUNCTIONS) };
        prepared
    }
}

/// Sends the operation's IRP down for a request, and returns when WSK has returned.
///
/// The result, a `T`, goes where `to` says, with the caller's handle; or the caller keeps that, and looks or waits for it.
/// Whatever WSK returns, it completes the IRP, so the result is read
/// there and nowhere else.
///
/// If the caller `keeps` what is done when this returns, true says that it is: then the result is the caller's to take.
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
    keeps: bool,
) -> bool {
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
    unsafe { end(header, limit, keeps) }
}

/// Of a time limit: the interval of its timer.
fn timer(limit: Option<Duration>) -> Option<Duration> {
    limit.filter(|limit| !limit.is_zero())
}

/// Arms the IRP, begins the submission and sets the timer.
///
/// # Safety
/// The caller owns the operation, which is not submitted, and has prepared it.
pub(super) unsafe fn begin(header: NonNull<Header>, limit: Option<Duration>, to: Option<Target>) {
    let timer = timer(limit);
    // SAFETY: the caller's handle keeps the block until the submission begins, the submitter's reference afterwards.
    let block = unsafe { header.as_ref() };
    let irp = block.irp.as_ptr();
    // SAFETY: outside a submission the cells are the owner's.
    let sent = unsafe { block.sent.get().replace(true) };
    if sent {
        // SAFETY: outside a submission the IRP is the owner's; it came from IoAllocateIrp, and has completed.
        unsafe { IoReuseIrp(irp, STATUS_UNSUCCESSFUL) };
    }
    // SAFETY: the IRP has one stack location, still unused. The routine is code of this driver, the context a
    // non-paged block that the provider's reference keeps.
    unsafe { IoSetCompletionRoutine(irp, Some(routine), header.as_ptr().cast(), true, true, true) };
    // SAFETY: outside a submission the cells are the owner's.
    unsafe { *block.to.get() = to.map(ManuallyDrop::new) };
    // SAFETY: this one, too.
    unsafe { *block.timed.get() = timer.is_some() };
    let alarm = timer.map(|limit| {
        // SAFETY: the operation is the owner's.
        (limit, unsafe { Header::alarm(header) })
    });
    block.submission.begin(timer.is_some());
    if let Some((limit, alarm)) = alarm {
        // SAFETY: a field's address.
        let timer = unsafe { &raw mut (*alarm).timer };
        // SAFETY: a field's address.
        let dpc = unsafe { &raw mut (*alarm).dpc };
        // SAFETY: timer and DPC are initialised, and the timer's reference keeps them.
        unsafe { KeSetTimerEx(timer, time::interval(limit), 0, dpc) };
    }
}

/// Ends the submitter's part, after the call. True: the submission has ended, the caller keeps its result, and has the
/// operation back.
///
/// # Safety
/// The caller is the submitter, and does not use its reference afterwards. Nobody else knows of the submission, but WSK,
/// its timer and watchers.
pub(super) unsafe fn end(header: NonNull<Header>, limit: Option<Duration>, keeps: bool) -> bool {
    // SAFETY: the submitter's reference keeps the block.
    let block = unsafe { header.as_ref() };
    if limit.is_some() && timer(limit).is_none() && !block.submission.is_completed() {
        block.submission.time_out();
    }
    if block.submission.is_cancelled() {
        // Whoever asked may have done so before the IRP was WSK's to cancel.
        // SAFETY: the submitter's reference.
        unsafe { cancel_irp(header) };
    }
    // SAFETY: the submitter's reference keeps the block.
    let to = unsafe { destination(block) };
    let Some(owner) = block.submission.release_submitter() else { return false };
    if !keeps {
        // SAFETY: the submitter's reference was the last; nothing is touched afterwards.
        unsafe { deliver(header, to, owner) };
        return false;
    }
    if let Some(to) = to {
        ManuallyDrop::into_inner(to).forget();
    }
    true
}

/// Where the result of a submission goes. What this gives is for whoever drops the last reference; others forget it.
///
/// # Safety
/// The caller has a reference: the destination was written before the submission began, and is only read in it.
unsafe fn destination(block: &Header) -> Option<ManuallyDrop<Target>> {
    // SAFETY: the caller's promise; one of the copies is used, once, and the cell's is not.
    unsafe { ptr::read(block.to.get()) }
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
unsafe fn cancel_irp(header: NonNull<Header>) {
    // SAFETY: the caller's reference keeps the block.
    let block = unsafe { header.as_ref() };
    // SAFETY: written before the submission began: in a submission it is only read.
    if unsafe { *block.refused.get() }.is_some() {
        // It completes at once, and has no state.
        return;
    }
    // SAFETY: this one, too.
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
    // SAFETY: the IRP, with the context that `begin` has set.
    unsafe { routine(ptr::null_mut(), irp, header.as_ptr().cast()) };
}

/// How the IRP was completed: `STATUS_CANCELLED` is `STATUS_IO_TIMEOUT`, if it was the time limit that cancelled.
///
/// # Safety
/// The caller owns the operation, whose result has been delivered.
pub(super) unsafe fn status(header: NonNull<Header>) -> IoStatus {
    // SAFETY: the caller's handle keeps the block.
    let block = unsafe { header.as_ref() };
    // SAFETY: the result was delivered, so the cell is the owner's.
    let mut status = IoStatus::new(unsafe { *block.status.get() });
    if status.status == STATUS_CANCELLED && block.submission.is_timed_out() {
        status.status = STATUS_IO_TIMEOUT;
    }
    status
}

/// Takes the result of the submission that was delivered; its state and its flags are forgotten.
///
/// # Safety
/// The caller owns the operation, whose result, a `T`, has been delivered, and takes it once.
pub(crate) unsafe fn take<T>(header: NonNull<Header>) -> T {
    // SAFETY: the caller's handle keeps the block.
    let block = unsafe { header.as_ref() };
    // SAFETY: passed on.
    let status = unsafe { status(header) };
    let mut result = MaybeUninit::<T>::uninit();
    // SAFETY: outside a submission the cell is the owner's.
    let functions = unsafe { *block.functions.get() };
    // SAFETY: by the header's invariant, and as the result was not taken before, they are there.
    let functions = unsafe { functions.unwrap_unchecked() };
    // SAFETY: the functions are those of the submission, for a `T`.
    unsafe { (functions.complete)(header, status, result.as_mut_ptr().cast()) };
    // SAFETY: the caller owns the operation, which is not submitted.
    unsafe { discard(header) };
    block.submission.reset();
    // SAFETY: `complete` has written it.
    unsafe { result.assume_init() }
}

/// Drops the state of a request that was submitted, if there is one.
///
/// # Safety
/// The caller owns the operation, which is not submitted.
pub(super) unsafe fn discard(header: NonNull<Header>) {
    // SAFETY: the caller's handle keeps the block.
    let block = unsafe { header.as_ref() };
    // SAFETY: outside a submission the cells are the owner's.
    let functions = unsafe { (*block.functions.get()).take() };
    // SAFETY: this one, too.
    let refused = unsafe { (*block.refused.get()).take() };
    if let (Some(functions), None) = (functions, refused) {
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

/// Drops a reference to the submission, and delivers the result if it was the last.
///
/// # Safety
/// The caller holds the reference, and touches the block no more unless something else keeps it.
pub(crate) unsafe fn leave(header: NonNull<Header>) {
    // SAFETY: the caller's reference keeps the block.
    let block = unsafe { header.as_ref() };
    // Before the reference is dropped: afterwards the block may be its owner's.
    // SAFETY: the caller's reference.
    let to = unsafe { destination(block) };
    if let Some(owner) = block.submission.release() {
        // SAFETY: the reference was the last.
        unsafe { deliver(header, to, owner) };
    }
}

/// Delivers the result of a submission that has ended.
///
/// # Safety
/// The caller has dropped the last reference of the submission, whose destination this is, and learnt this of the owner.
unsafe fn deliver(header: NonNull<Header>, to: Option<ManuallyDrop<Target>>, owner: Owner) {
    match (to, owner) {
        // SAFETY: the submitter's handle passes to the destination.
        (Some(to), _) => unsafe { ManuallyDrop::into_inner(to).deliver(header) },
        (None, Owner::Looks) => {}
        (None, Owner::Waits) => {
            // SAFETY: the owner, who keeps the block, waits until the event is set.
            let event = unsafe { header.as_ref() }.event();
            // SAFETY: the owner has initialised the event. Nothing is touched afterwards: the owner may be gone.
            unsafe { KeSetEvent(event, 0, FALSE) };
        }
        // SAFETY: the owner's handle was left to whoever delivers.
        (None, Owner::Gone) => unsafe { block::free(header) },
    }
}

/// The completion routine of every IRP of this crate.
///
/// # Safety
/// Called by `IoCompleteRequest` for an IRP that [`submit`] sent, with its header as the context.
unsafe extern "system" fn routine(_device: *mut DEVICE_OBJECT, irp: *mut IRP, context: PVOID) -> NTSTATUS {
    if let Some(header) = NonNull::new(context.cast::<Header>()) {
        // SAFETY: the provider's reference keeps the block.
        let block = unsafe { header.as_ref() };
        // SAFETY: the I/O manager passes the IRP, whose status the provider has set.
        let result = unsafe { (*irp).IoStatus };
        // SAFETY: in a submission the cell is the completion routine's.
        unsafe { *block.status.get() = result };
        // SAFETY: written by the submitter before the submission began.
        let timed = unsafe { *block.timed.get() };
        if timed {
            // SAFETY: the timer was set before the IRP was sent. If it is still queued its DPC will not run, so its
            // reference ends here; if not, the DPC has run or will, and ends it there.
            let unqueued = unsafe { KeCancelTimer(block.alarm.get().cast()) };
            if unqueued != FALSE {
                // SAFETY: the timer's reference, dropped in its place; the provider's own keeps the block.
                unsafe { leave(header) };
            }
        }
        // SAFETY: the provider's reference ends here; nothing is touched afterwards.
        unsafe { leave(header) };
    }
    // The IRP is the client's own, and its submission ended here: the I/O manager must not finish it.
    STATUS_MORE_PROCESSING_REQUIRED
}

/// The DPC of the time limit: cancels the IRP.
///
/// # Safety
/// Called by the kernel for the timer that [`submit`] set, with the header as the context.
pub(crate) unsafe extern "system" fn time_out(_dpc: *mut KDPC, context: PVOID, _: PVOID, _: PVOID) {
    let Some(header) = NonNull::new(context.cast::<Header>()) else {
        return;
    };
    // SAFETY: the timer's reference keeps the block.
    let block = unsafe { header.as_ref() };
    block.submission.time_out();
    // SAFETY: the timer's reference keeps the IRP from being freed or re-armed.
    unsafe { cancel_irp(header) };
    // SAFETY: the timer's reference ends here; nothing is touched afterwards.
    unsafe { leave(header) };
}
