//! The flight of an operation, from submit to delivery.
#![expect(unsafe_code, reason = "the block is shared with WSK, the timer and the completion routine")]

use core::ptr::{self, NonNull};
use core::time::Duration;

use wsk_sys::{
    DEVICE_OBJECT, FALSE, IO_STATUS_BLOCK, IRP, IoCancelIrp, IoReuseIrp, IoSetCompletionRoutine, KDPC,
    KeCancelTimer, KeClearEvent, KeSetEvent, KeSetTimerEx, NTSTATUS, PVOID, STATUS_CANCELLED,
    STATUS_IO_TIMEOUT, STATUS_MORE_PROCESSING_REQUIRED, STATUS_UNSUCCESSFUL,
};

use super::block::{self, Block, Header};
use super::queue::Inner;
use crate::call::Call;
use crate::error::Result;
use crate::pool::Shared;
use crate::request::sealed::Request;
use crate::time;

/// Sends the operation's IRP down with `call`, and returns when WSK has returned.
///
/// The result goes to `queue`, with the caller's handle; or to the event, in which case the caller keeps its
/// handle and the flight takes one of its own. Whatever WSK returns, it completes the IRP, so the result is read
/// there and nowhere else.
///
/// A time limit of zero is no timer: the request is made, and if it has not completed when the call returns, it is
/// cancelled. So a result that is there at once never loses.
///
/// # Safety
/// The caller owns the operation, which is not in flight. `call` fits the operation's arguments and a socket or
/// client that lives at least until this function returns.
pub(crate) unsafe fn submit(
    header: NonNull<Header>,
    call: &Call,
    timeout: Option<Duration>,
    queue: Option<Shared<Inner>>,
) {
    // SAFETY: passed on.
    unsafe { submit_and(header, call, timeout, queue, || ()) };
}

/// As [`submit`], and calls `then` after WSK has returned, before a time limit of zero ends the flight.
///
/// # Safety
/// As [`submit`].
pub(crate) unsafe fn submit_and(
    header: NonNull<Header>,
    call: &Call,
    timeout: Option<Duration>,
    queue: Option<Shared<Inner>>,
    then: impl FnOnce(),
) {
    let timer = timeout.filter(|limit| !limit.is_zero());
    // SAFETY: the caller's handle keeps the block until the flight begins, the submitter's part in it afterwards.
    let block = unsafe { header.as_ref() };
    let irp = block.irp.as_ptr();
    // SAFETY: outside a flight the cells are the owner's.
    let flown = unsafe { block.flown.get().replace(true) };
    if flown {
        // SAFETY: outside a flight the IRP is the owner's; it came from IoAllocateIrp, and has completed.
        unsafe { IoReuseIrp(irp, STATUS_UNSUCCESSFUL) };
    }
    // SAFETY: the IRP has one stack location, still unused. The routine is code of this driver, the context a
    // non-paged block that the flight keeps until the provider's part has ended.
    unsafe { IoSetCompletionRoutine(irp, Some(complete), header.as_ptr().cast(), true, true, true) };
    if queue.is_none() {
        block.flight.retain();
    }
    // SAFETY: outside a flight the cells are the owner's.
    unsafe { *block.queue.get() = queue };
    // SAFETY: as above.
    unsafe { *block.timed.get() = timer.is_some() };
    // SAFETY: as above.
    unsafe { &mut *block.arguments.get() }.begin(call);
    let waiters = if let Call::Wait(parked) = call { Some(parked.clone()) } else { None };
    // SAFETY: as above.
    unsafe { *block.waiters.get() = waiters };
    // SAFETY: as above; the event was initialised with the block.
    unsafe { KeClearEvent(block.event.get()) };
    block.flight.begin(timer.is_some());
    if let Some(limit) = timer {
        let due = time::interval(limit);
        // SAFETY: timer and DPC were initialised with the block, and the timer's part in the flight keeps it.
        unsafe { KeSetTimerEx(block.timer.get(), due, 0, block.dpc.get()) };
    }
    let issued = if let Call::Wait(parked) = call {
        // SAFETY: the flight has begun, and the provider's part in it is nobody's yet.
        unsafe { parked.enter(header) };
        Ok(())
    } else {
        // SAFETY: the arguments are the provider's from here to the completion; the rest is the caller's promise.
        unsafe { call.issue(block.arguments.get(), irp) }
    };
    if let Err(error) = issued {
        // WSK was not called, so the IRP is completed in its place.
        // SAFETY: the provider's part in the flight was not given to WSK: it is this thread's.
        unsafe { finish(header, error.status()) };
    }
    then();
    if timeout.is_some() && timer.is_none() && !block.flight.is_alone() {
        block.flight.time_out();
    }
    if block.flight.is_cancelled() {
        // Whoever asked may have done so before the IRP was WSK's to cancel.
        // SAFETY: the submitter's part in the flight keeps the IRP from being freed or re-armed.
        unsafe { revoke(header) };
    }
    // SAFETY: the submitter's part ends here; nothing is touched afterwards.
    unsafe { leave(header) };
}

/// Asks for the cancellation of the operation's flight, or of its next one.
///
/// # Safety
/// The caller keeps the block.
pub(crate) unsafe fn cancel(header: NonNull<Header>) {
    // SAFETY: the caller's promise.
    let block = unsafe { header.as_ref() };
    if block.flight.cancel() {
        // SAFETY: the part in the flight, taken just now, keeps the IRP from being freed or re-armed.
        unsafe { revoke(header) };
        // SAFETY: that part ends here.
        unsafe { leave(header) };
    }
}

/// Asks whoever has the provider's part in a flight to end it.
///
/// # Safety
/// The caller is a party of the flight, which keeps the IRP from being freed or re-armed.
unsafe fn revoke(header: NonNull<Header>) {
    // SAFETY: the caller's part in the flight keeps the block.
    let block = unsafe { header.as_ref() };
    // SAFETY: written before the flight began, and taken when it has ended: in a flight it is only read.
    match unsafe { &*block.waiters.get() } {
        // SAFETY: passed on.
        Some(parked) => unsafe { parked.revoke(header) },
        None => {
            // SAFETY: this function's contract.
            unsafe { IoCancelIrp(block.irp.as_ptr()) };
        }
    }
}

/// Completes an operation in the provider's place.
///
/// # Safety
/// The provider's part in the flight is the caller's, and ends here.
pub(crate) unsafe fn finish(header: NonNull<Header>, status: NTSTATUS) {
    // SAFETY: the provider's part in the flight keeps the block.
    let irp = unsafe { header.as_ref() }.irp.as_ptr();
    let result = IO_STATUS_BLOCK { Status: status, Information: 0 };
    // SAFETY: WSK does not have the IRP, so its status is this thread's to write.
    unsafe { (*irp).IoStatus = result };
    // SAFETY: as above; the context is that of `submit`.
    unsafe { complete(ptr::null_mut(), irp, header.as_ptr().cast()) };
}

/// Has the buffers told what the next flight has transferred.
///
/// # Safety
/// The caller owns the operation, which is not in flight, and has the buffers `B`.
pub(crate) unsafe fn tell<B, R: Request<B>>(header: NonNull<Header>) {
    // SAFETY: the caller's handle keeps the block.
    let block = unsafe { header.as_ref() };
    // SAFETY: outside a flight the cell is the owner's.
    unsafe { *block.landed.get() = Some(landed::<B, R>) };
}

/// # Safety
/// The caller owns the operation, which is not in flight, and has the buffers `B`.
unsafe fn landed<B, R: Request<B>>(header: NonNull<Header>, length: usize) {
    // SAFETY: the caller's handle keeps the block, which has the buffers `B`.
    let block = unsafe { header.cast::<Block<B>>().as_ref() };
    // SAFETY: outside a flight the buffers are the owner's.
    R::landed(unsafe { &mut *block.buffers.get() }, length);
}

/// The result of the flight that was delivered, with the number of bytes that were transferred; for a new socket, its
/// address. The buffers are told, and the flight's flags are forgotten.
///
/// # Errors
/// What WSK gave; `STATUS_IO_TIMEOUT` instead of `STATUS_CANCELLED`, if it was the time limit that cancelled.
///
/// # Safety
/// The caller owns the operation, whose result has been delivered, and takes it once.
pub(crate) unsafe fn land(header: NonNull<Header>) -> Result<usize> {
    // SAFETY: the caller's handle keeps the block.
    let block = unsafe { header.as_ref() };
    // SAFETY: the result was delivered, so the cell is the owner's.
    let IO_STATUS_BLOCK { Status: mut status, Information: information } = unsafe { *block.status.get() };
    if status == STATUS_CANCELLED && block.flight.is_timed_out() {
        status = STATUS_IO_TIMEOUT;
    }
    // SAFETY: as above.
    let result = unsafe { &mut *block.arguments.get() }.end(status, information);
    // SAFETY: as above.
    if let Some(landed) = unsafe { (*block.landed.get()).take() } {
        // SAFETY: set by `tell` with the type of the buffers; the operation has landed, so they are the owner's.
        unsafe { landed(header, result.unwrap_or(0)) };
    }
    block.flight.land();
    result
}

/// Ends one party's part in the flight, and delivers the result if it was the last.
///
/// # Safety
/// The caller is a party of the flight, and touches the block no more unless a handle of its own keeps it.
unsafe fn leave(header: NonNull<Header>) {
    // SAFETY: the caller's part in the flight keeps the block.
    let block = unsafe { header.as_ref() };
    if !block.flight.leave() {
        return;
    }
    // SAFETY: the last party has left, so the cell is the deliverer's; it is emptied before the block is handed on.
    let queue = unsafe { (*block.queue.get()).take() };
    // SAFETY: as above.
    drop(unsafe { (*block.waiters.get()).take() });
    if let Some(queue) = queue {
        // SAFETY: the flight's handle, which was the submitter's, passes to the queue.
        unsafe { Inner::push(&queue, header) };
    } else {
        // SAFETY: the event was initialised with the block, which the flight's handle keeps.
        unsafe { KeSetEvent(block.event.get(), 0, FALSE) };
        // SAFETY: the flight's own handle is dropped, and the block is not used again.
        unsafe { block::release(header) };
    }
}

/// The completion routine of every IRP of this crate.
///
/// # Safety
/// Called by `IoCompleteRequest` for an IRP that [`submit`] sent, with its header as the context.
unsafe extern "system" fn complete(_device: *mut DEVICE_OBJECT, irp: *mut IRP, context: PVOID) -> NTSTATUS {
    if let Some(header) = NonNull::new(context.cast::<Header>()) {
        // SAFETY: the provider's part in the flight keeps the block.
        let block = unsafe { header.as_ref() };
        // SAFETY: the I/O manager passes the IRP, whose status the provider has set.
        let result = unsafe { (*irp).IoStatus };
        // SAFETY: in a flight the cell is the completion routine's.
        unsafe { *block.status.get() = result };
        // SAFETY: written by the submitter before the flight began.
        let timed = unsafe { *block.timed.get() };
        if timed {
            // SAFETY: the timer was set before the IRP was sent. If it is still queued its DPC will not run, so its
            // part in the flight ends here; if not, the DPC has run or will, and ends it there.
            let unqueued = unsafe { KeCancelTimer(block.timer.get()) };
            if unqueued != FALSE {
                // SAFETY: the timer's part, ended in its place; the provider's own keeps the block.
                unsafe { leave(header) };
            }
        }
        // SAFETY: the provider's part ends here; nothing is touched afterwards.
        unsafe { leave(header) };
    }
    // The IRP is the client's own, and its flight ended here: the I/O manager must not finish it.
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
    // SAFETY: the timer's part in the flight keeps the block.
    let block = unsafe { header.as_ref() };
    block.flight.time_out();
    // SAFETY: the timer's part keeps the IRP from being freed or re-armed.
    unsafe { revoke(header) };
    // SAFETY: the timer's part ends here; nothing is touched afterwards.
    unsafe { leave(header) };
}
