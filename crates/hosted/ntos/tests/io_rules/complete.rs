//! `IofCompleteRequest` and completion routines.

use std::ptr;

use ntos::io_rules as rules;
use ntos::rule;
use wsk_sys::{
    DEVICE_OBJECT, DISPATCH_LEVEL, HIGH_LEVEL, IRP, IoSetCompletionRoutine, KSPIN_LOCK,
    KeAcquireSpinLockRaiseToDpc, KfRaiseIrql, NTSTATUS, PVOID, STATUS_CANCELLED, STATUS_PENDING,
    STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};

use crate::io::{complete, expect_bad_handler, mark_pending, open, probe};
use crate::irp::{allocate, free, keep, sent, set_cancel, step};

unsafe extern "system" fn succeed(_device: *mut DEVICE_OBJECT, _irp: *mut IRP, _context: PVOID) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe extern "system" fn free_and_succeed(
    _device: *mut DEVICE_OBJECT,
    irp: *mut IRP,
    _context: PVOID,
) -> NTSTATUS {
    free(irp);
    STATUS_SUCCESS
}

unsafe extern "system" fn raise(_device: *mut DEVICE_OBJECT, _irp: *mut IRP, _context: PVOID) -> NTSTATUS {
    // SAFETY: the level is above the current one.
    unsafe { KfRaiseIrql(DISPATCH_LEVEL) };
    wsk_sys::STATUS_MORE_PROCESSING_REQUIRED
}

/// Acquires a lock that nobody releases.
fn acquire() {
    let lock: &'static mut KSPIN_LOCK = Box::leak(Box::new(0));
    // SAFETY: an initialised lock that stays.
    unsafe { KeAcquireSpinLockRaiseToDpc(lock) };
}

unsafe extern "system" fn lock(_device: *mut DEVICE_OBJECT, _irp: *mut IRP, _context: PVOID) -> NTSTATUS {
    acquire();
    wsk_sys::STATUS_MORE_PROCESSING_REQUIRED
}

/// A middle layer's routine that completes the IRP a second time, and lets the first completion go on.
unsafe extern "system" fn complete_again(
    _device: *mut DEVICE_OBJECT,
    irp: *mut IRP,
    _context: PVOID,
) -> NTSTATUS {
    complete(irp, STATUS_SUCCESS, 0);
    STATUS_SUCCESS
}

violations! {
    completed_with_pending: &rules::COMPLETE_BAD_STATUS, "IRP #1 completed with STATUS_PENDING", |_| {
        complete(sent(keep), STATUS_PENDING, 0);
    };
    completed_with_minus_one: &rules::COMPLETE_BAD_STATUS, "0xFFFFFFFF", |_| {
        complete(sent(keep), -1, 0);
    };
    completed_cancelable: &rules::COMPLETE_CANCELABLE, "IRP #1", |_| {
        let irp = sent(keep);
        set_cancel(irp);
        complete(irp, STATUS_SUCCESS, 0);
    };
    completed_above_dispatch_level: &rules::COMPLETE_IRQL, "IRP #1", |_| {
        let irp = sent(keep);
        // SAFETY: the level is above the current one.
        unsafe { KfRaiseIrql(HIGH_LEVEL) };
        complete(irp, STATUS_SUCCESS, 0);
    };
    completed_holding_a_lock: &rules::COMPLETE_HOLDING_LOCK, "IRP #1", |_| {
        let irp = sent(keep);
        acquire();
        complete(irp, STATUS_SUCCESS, 0);
    };
    completed_an_own_irp: &rules::COMPLETE_OWN, "IRP #1 completed by its owner", |_| {
        complete(allocate(1), STATUS_SUCCESS, 0);
    };
    completed_twice: &rules::MULTIPLE_COMPLETE, "IRP #1 completed again", |_| {
        let irp = sent(keep);
        complete(irp, STATUS_SUCCESS, 0);
        complete(irp, STATUS_SUCCESS, 0);
    };
    completed_a_freed_irp: &rules::MULTIPLE_COMPLETE, "IRP #1 completed again; it was freed", |_| {
        let irp = sent(keep);
        complete(irp, STATUS_SUCCESS, 0);
        free(irp);
        // SAFETY: the kernel looks the address up before it touches anything.
        unsafe { wsk_sys::IofCompleteRequest(irp, 0) };
    };
    completed_no_irp: &rules::COMPLETE_BAD_IRP, "an address that is no IRP", |_| {
        // SAFETY: the kernel looks the address up before it touches anything.
        unsafe { wsk_sys::IofCompleteRequest(ptr::dangling_mut(), 0) };
    };
    routine_lets_the_irp_go_on: &rules::OWN_IRP_PAST_TOP, "the completion routine of IRP #1 returned STATUS_SUCCESS (0x00000000)", |_| {
        complete(sent(succeed), STATUS_SUCCESS, 0);
    };
    no_routine_for_the_outcome: &rules::OWN_IRP_PAST_TOP, "no completion routine ran for IRP #1", |_| {
        let irp = allocate(1);
        // SAFETY: a fresh IRP with a location left.
        unsafe { IoSetCompletionRoutine(irp, Some(keep), ptr::null_mut(), true, false, false) };
        step(irp);
        complete(irp, STATUS_CANCELLED, 0);
    };
    routine_frees_and_succeeds: &rules::GONE_IN_ROUTINE, "IRP #1 returned STATUS_SUCCESS (0x00000000) after it had freed", |_| {
        complete(sent(free_and_succeed), STATUS_SUCCESS, 0);
    };
    routine_completes_and_succeeds: &rules::GONE_IN_ROUTINE, "IRP #1", |_| {
        let irp = allocate(2);
        crate::irp::watch(irp, keep);
        step(irp);
        crate::irp::watch(irp, complete_again);
        step(irp);
        complete(irp, STATUS_SUCCESS, 0);
    };
    routine_raises_the_level: &rules::ROUTINE_CHANGED_IRQL, "IRP #1 was called at PASSIVE_LEVEL", |_| {
        complete(sent(raise), STATUS_SUCCESS, 0);
    };
    routine_keeps_a_lock: &rule::SPIN_LOCK_AT_RETURN, "the completion routine of IRP #1", |_| {
        let irp = sent(lock);
        // SAFETY: the level is above the current one, so that the lock does not change it.
        unsafe { KfRaiseIrql(DISPATCH_LEVEL) };
        complete(irp, STATUS_SUCCESS, 0);
    };
    information_beyond_the_buffer: &rules::INFORMATION_TOO_LARGE, "Information 9, but its buffer has 8 bytes",
        |machine| {
            probe().handle(|irp| complete(irp, STATUS_SUCCESS, 9));
            open(&machine).device_io_control(crate::io::BUFFERED, &[1; 16], &mut [0; 8]);
        };
}

#[test]
fn a_request_is_completed_twice() {
    expect_bad_handler(&rules::MULTIPLE_COMPLETE, "IRP #2 completed again; it was freed", |irp| {
        complete(irp, STATUS_SUCCESS, 0);
        // SAFETY: the kernel looks the address up before it touches anything.
        unsafe { wsk_sys::IofCompleteRequest(irp, 0) };
        STATUS_SUCCESS
    });
}

#[test]
fn a_pended_request_is_completed_twice() {
    expect_bad_handler(&rules::MULTIPLE_COMPLETE, "IRP #2 completed again", |irp| {
        mark_pending(irp);
        complete(irp, STATUS_UNSUCCESSFUL, 0);
        // SAFETY: the kernel looks the address up before it touches anything.
        unsafe { wsk_sys::IofCompleteRequest(irp, 0) };
        STATUS_PENDING
    });
}

#[test]
fn information_without_an_output_buffer_may_be_the_input_that_was_consumed() {
    let (machine, driver) = crate::io::boot();
    let entered = machine.enter();
    probe().handle(|irp| complete(irp, STATUS_SUCCESS, 16));
    let file = open(&machine);
    for method in 0..4 {
        let code = crate::io::BUFFERED | method;
        assert_eq!(file.device_io_control(code, &[1; 16], &mut []), (STATUS_SUCCESS, 16), "method {method}");
    }
    drop(file);
    drop(entered);
    crate::io::finish(machine, driver);
}
