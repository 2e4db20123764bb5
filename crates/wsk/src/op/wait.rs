//! How the owner of a submitted operation waits for its result.
#![expect(unsafe_code, reason = "the block is shared with WSK, the timer and the completion routine")]

use core::ptr::{self, NonNull};
use core::time::Duration;

use wsk_sys::{
    Executive, FALSE, KeInitializeEvent, KeWaitForSingleObject, KernelMode, NotificationEvent, STATUS_TIMEOUT,
};

use super::block::Header;
use crate::time;

/// Waits until the result is there.
///
/// # Safety
/// The caller owns the operation, which is or will be submitted without a destination, and runs at `PASSIVE_LEVEL`.
pub(super) unsafe fn until_delivered(header: NonNull<Header>) {
    // SAFETY: the caller's handle keeps the block.
    let block = unsafe { header.as_ref() };
    if block.submission.is_delivered() {
        return;
    }
    // SAFETY: the caller's handle keeps the block.
    let event = unsafe { Header::event(header) };
    // SAFETY: the event is in non-paged memory that stays where it is, and nobody else uses it before `await_event`.
    unsafe { KeInitializeEvent(event, NotificationEvent, FALSE) };
    if block.submission.await_event() {
        // SAFETY: PASSIVE_LEVEL is the caller's promise. A kernel-mode wait without alerts or a limit ends only when the
        // event is set; and it keeps the thread's stack resident, should the operation be there.
        unsafe { KeWaitForSingleObject(event.cast(), Executive, KernelMode, FALSE, ptr::null()) };
    }
}

/// As [`until_delivered`], for at most so long. False: the result is not there, and the submission goes on.
///
/// # Safety
/// As [`until_delivered`].
pub(super) unsafe fn at_most(header: NonNull<Header>, limit: Duration) -> bool {
    // SAFETY: the caller's handle keeps the block.
    let block = unsafe { header.as_ref() };
    if block.submission.is_delivered() {
        return true;
    }
    // SAFETY: the caller's handle keeps the block.
    let event = unsafe { Header::event(header) };
    // SAFETY: the event is in non-paged memory that stays where it is, and nobody else uses it before `await_event`, nor
    // after a wait that has ended.
    unsafe { KeInitializeEvent(event, NotificationEvent, FALSE) };
    if !block.submission.await_event() {
        return true;
    }
    let limit = time::interval(limit);
    // SAFETY: PASSIVE_LEVEL is the caller's promise.
    let status =
        unsafe { KeWaitForSingleObject(event.cast(), Executive, KernelMode, FALSE, &raw const limit) };
    if status == STATUS_TIMEOUT {
        if block.submission.await_no_more() {
            return false;
        }
        // The last reference has gone meanwhile, and whoever had it sets the event: it is to be done with it.
        // SAFETY: PASSIVE_LEVEL is the caller's promise, and the event was initialised.
        unsafe { KeWaitForSingleObject(event.cast(), Executive, KernelMode, FALSE, ptr::null()) };
    }
    true
}
