//! The end of a submission: the completion routine, the timer's DPC, and the delivery of the result.
#![expect(unsafe_code, reason = "the block is shared with WSK, the timer and the owner")]

use core::ptr::NonNull;

use wsk_sys::{
    DEVICE_OBJECT, FALSE, IRP, KDPC, KeCancelTimer, KeSetEvent, NTSTATUS, PVOID, PsGetCurrentThread,
    STATUS_MORE_PROCESSING_REQUIRED,
};

use super::block::{self, Header};
use super::destination::Target;
use super::submission::Owner;
use super::submit::cancel_irp;

/// Drops a reference to the submission, and delivers the result if it was the last.
///
/// # Safety
/// The caller holds the reference, and touches the block no more unless something else keeps it.
#[inline]
pub(crate) unsafe fn leave(header: NonNull<Header>) {
    // SAFETY: the caller's reference keeps the block.
    if let Some(owner) = unsafe { header.as_ref() }.submission.release(1) {
        // SAFETY: the reference was the last.
        unsafe { deliver(header, owner) };
    }
}

/// Delivers the result of a submission that has ended.
///
/// # Safety
/// The caller has dropped the last reference of the submission, and learnt this of the owner.
pub(super) unsafe fn deliver(header: NonNull<Header>, owner: Owner) {
    match owner {
        Owner::Looks => {}
        Owner::Directed => {
            // SAFETY: the submitter's handle passes to the destination, and is the caller's until then.
            let to = unsafe { destination(header) };
            // SAFETY: the operation was submitted to this destination.
            unsafe { to.deliver(header) };
        }
        Owner::Waits => {
            // SAFETY: the owner, who keeps the block, waits until the event is set.
            let event = unsafe { Header::event(header) };
            // SAFETY: the owner has initialised the event. Nothing is touched afterwards: the owner may be gone.
            unsafe { KeSetEvent(event, 0, FALSE) };
        }
        // SAFETY: the owner's handle was left to whoever delivers.
        Owner::Gone => unsafe { block::free(header) },
    }
}

/// Takes out where the result of a submission that has ended goes.
///
/// # Safety
/// The caller has dropped the last reference of a submission that is directed, and does this once.
pub(super) unsafe fn destination(header: NonNull<Header>) -> Target {
    // SAFETY: the owner's handle, which is the caller's, keeps the block.
    let block = unsafe { header.as_ref() };
    // SAFETY: the submission has ended, so the cell is the caller's.
    let to = unsafe { &*block.to.get() };
    // SAFETY: by the header's invariant the destination is there, and it is taken out once.
    unsafe { to.assume_init_read() }
}

/// The completion routine of every IRP of this crate that has no timer.
///
/// # Safety
/// Called by `IoCompleteRequest` for an IRP that [`begin`](super::submit::begin) has armed, with its header as the context.
pub(super) unsafe extern "system" fn routine(
    _device: *mut DEVICE_OBJECT,
    _irp: *mut IRP,
    context: PVOID,
) -> NTSTATUS {
    if let Some(header) = NonNull::new(context.cast::<Header>()) {
        // SAFETY: passed on.
        unsafe { completed(header, 1) };
    }
    // The IRP is the client's own, and its submission ended here: the I/O manager must not finish it.
    STATUS_MORE_PROCESSING_REQUIRED
}

/// As [`routine`], with a timer.
///
/// # Safety
/// As [`routine`]; the timer was set.
pub(super) unsafe extern "system" fn timed_routine(
    _device: *mut DEVICE_OBJECT,
    _irp: *mut IRP,
    context: PVOID,
) -> NTSTATUS {
    if let Some(header) = NonNull::new(context.cast::<Header>()) {
        // SAFETY: the provider's reference keeps the block.
        let block = unsafe { header.as_ref() };
        // SAFETY: the provider's reference keeps the block.
        let timer = unsafe { Header::alarm(header) }.cast();
        // SAFETY: the timer was set before the IRP was sent.
        if unsafe { KeCancelTimer(timer) } == FALSE {
            // The DPC has run or will, and ends the timer's reference.
            block.completed.get();
            // SAFETY: the provider's reference ends here; nothing is touched afterwards.
            unsafe { leave(header) };
        } else {
            // It was still queued, so the DPC will not run.
            // SAFETY: passed on, with the timer's reference.
            unsafe { completed(header, 2) };
        }
    }
    // As in `routine`.
    STATUS_MORE_PROCESSING_REQUIRED
}

/// The provider has let go of the IRP, and no timer will come.
///
/// # Safety
/// So many references are the caller's: the provider's, and that of a timer. They end here; nothing is touched afterwards.
#[inline]
unsafe fn completed(header: NonNull<Header>, references: u32) {
    // SAFETY: the caller's references keep the block.
    let block = unsafe { header.as_ref() };
    block.completed.get();
    // SAFETY: written before the submission began: in a submission it is only read.
    let submitter = unsafe { *block.submitter.get() };
    // SAFETY: may be called at IRQL <= DISPATCH_LEVEL.
    let within = || (unsafe { PsGetCurrentThread() }) == submitter;
    if block.submission.release_within(references, within) {
        return;
    }
    if let Some(owner) = block.submission.release(references) {
        // SAFETY: the references were the last.
        unsafe { deliver(header, owner) };
    }
}

/// The DPC of the time limit: cancels the IRP.
///
/// # Safety
/// Called by the kernel for the timer that [`begin`](super::submit::begin) set, with the header as the context.
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
