//! `IofCallDriver`, and what a dispatch routine returns.

use std::ptr;
use std::time::Duration;

use ntos::io_rules as rules;
use ntos::rule;
use ntos::{Machine, Token};
use wsk_sys::{
    DEVICE_OBJECT, DISPATCH_LEVEL, HIGH_LEVEL, IRP, IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL,
    IoGetCurrentIrpStackLocation, IoGetNextIrpStackLocation, IoSetCompletionRoutine, IofCallDriver,
    KeAcquireSpinLockRaiseToDpc, KfRaiseIrql, NTSTATUS, SL_PENDING_RETURNED, STATUS_PENDING, STATUS_SUCCESS,
    STATUS_UNSUCCESSFUL,
};

use crate::io::{ACCESS, BUFFERED, PATH, complete, mark_pending, open, probe};
use crate::irp::{allocate, free, keep, set_cancel, step, watch};

fn device() -> *mut DEVICE_OBJECT {
    probe().device.lock().unwrap().expect("the probe has a device").0
}

fn call(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the kernel looks both addresses up before it touches anything.
    unsafe { IofCallDriver(device, irp) }
}

/// A fresh IRP for the probe.
fn fresh(major: u8) -> *mut IRP {
    let irp = allocate(1);
    watch(irp, keep);
    // SAFETY: a fresh IRP with a location left.
    let location = unsafe { IoGetNextIrpStackLocation(irp) };
    // SAFETY: a fresh IRP with a location left.
    unsafe { (*location).MajorFunction = major };
    irp
}

fn raise(level: u8) {
    // SAFETY: the tests raise from below.
    unsafe { KfRaiseIrql(level) };
}

/// Sends one request to the probe with this handler.
fn request(machine: &Machine, handler: crate::io::Handler) {
    probe().handle(handler);
    open(machine).device_io_control(BUFFERED, &[], &mut []);
}

violations! {
    called_with_no_irp: &rules::CALL_BAD_IRP, r"IofCallDriver to \Device\Probe with an address that is no IRP", |_| {
        call(device(), ptr::dangling_mut());
    };
    called_with_a_freed_irp: &rules::CALL_BAD_IRP, "IRP #1, which was freed", |_| {
        let irp = fresh(IRP_MJ_DEVICE_CONTROL);
        free(irp);
        call(device(), irp);
    };
    called_with_a_broken_irp: &rules::CALL_BAD_IRP, "the type of IRP #1 is 0", |_| {
        let irp = fresh(IRP_MJ_DEVICE_CONTROL);
        // SAFETY: the IRP is the test's.
        unsafe { (*irp).Type = 0 };
        call(device(), irp);
    };
    called_with_no_major_function: &rules::CALL_BAD_IRP, "IRP #1 has major function 28", |_| {
        call(device(), fresh(28));
    };
    called_no_device: &rules::CALL_BAD_DEVICE, "an address that is no device object", |_| {
        call(ptr::dangling_mut(), fresh(IRP_MJ_DEVICE_CONTROL));
    };
    called_above_dispatch_level: &rules::CALL_IRQL, r"IRP_MJ_DEVICE_CONTROL to \Device\Probe with IRP #1", |_| {
        let irp = fresh(IRP_MJ_DEVICE_CONTROL);
        raise(HIGH_LEVEL);
        call(device(), irp);
    };
    create_at_dispatch_level: &rules::FORWARDED_AT_BAD_IRQL, "IRP_MJ_CREATE", |_| {
        let irp = fresh(IRP_MJ_CREATE);
        raise(DISPATCH_LEVEL);
        call(device(), irp);
    };
    forwarded_cancelable: &rules::FORWARD_CANCELABLE, "IRP #1 has a cancel routine", |_| {
        let irp = fresh(IRP_MJ_DEVICE_CONTROL);
        set_cancel(irp);
        call(device(), irp);
    };
    sent_again_without_reuse: &rules::SENT_NOT_REUSED, "IRP #1 was completed and not reused", |_| {
        let irp = fresh(IRP_MJ_DEVICE_CONTROL);
        assert_eq!(call(device(), irp), STATUS_SUCCESS);
        call(device(), irp);
    };
    next_location_has_a_mark: &rules::NEXT_LOCATION_DIRTY, "IRP #1 has control 0xe1", |_| {
        let irp = fresh(IRP_MJ_DEVICE_CONTROL);
        // SAFETY: a fresh IRP with a location left.
        let location = unsafe { IoGetNextIrpStackLocation(irp) };
        // SAFETY: a fresh IRP with a location left.
        unsafe { (*location).Control |= SL_PENDING_RETURNED };
        call(device(), irp);
    };
    location_copied_whole: &rules::LOCATION_COPIED, "IRP #1", |_| {
        let irp = allocate(2);
        watch(irp, keep);
        step(irp);
        // SAFETY: the layer below has the IRP.
        let current = unsafe { IoGetCurrentIrpStackLocation(irp) };
        // SAFETY: the layer below has the IRP, and there is a location left.
        let next = unsafe { IoGetNextIrpStackLocation(irp) };
        // SAFETY: two locations of a living IRP.
        unsafe { ptr::copy_nonoverlapping(current, next, 1) };
        call(device(), irp);
    };
    no_location_left: &rules::NO_LOCATION_LEFT, "IRP #1 has 1 stack locations, all in use", |_| {
        let irp = fresh(IRP_MJ_DEVICE_CONTROL);
        step(irp);
        call(device(), irp);
    };
    sent_without_routine: &rules::SENT_WITHOUT_ROUTINE, "IRP #1", |_| {
        call(device(), allocate(1));
    };
    sent_with_a_routine_for_success_only: &rules::SENT_WITHOUT_ROUTINE, "IRP #1", |_| {
        let irp = allocate(1);
        // SAFETY: a fresh IRP with a location left.
        unsafe { IoSetCompletionRoutine(irp, Some(keep), ptr::null_mut(), true, false, false) };
        call(device(), irp);
    };

    dispatch_raises_the_level: &rules::DISPATCH_CHANGED_IRQL, r"the dispatch routine of \Device\Probe for IRP #2",
        |machine| request(&machine, |irp| {
            complete(irp, STATUS_SUCCESS, 0);
            raise(DISPATCH_LEVEL);
            STATUS_SUCCESS
        });
    dispatch_keeps_a_lock: &rule::SPIN_LOCK_AT_RETURN, r"the dispatch routine of \Device\Probe for IRP #1", |_| {
        probe().handle(|irp| {
            complete(irp, STATUS_SUCCESS, 0);
            // SAFETY: an initialised lock that stays.
            unsafe { KeAcquireSpinLockRaiseToDpc(Box::leak(Box::new(0))) };
            STATUS_SUCCESS
        });
        let irp = fresh(IRP_MJ_DEVICE_CONTROL);
        raise(DISPATCH_LEVEL);
        call(device(), irp);
    };
    returns_another_status: &rules::DISPATCH_STATUS_DIFFERS, "STATUS_SUCCESS (0x00000000); it had completed the IRP with STATUS_UNSUCCESSFUL",
        |machine| request(&machine, |irp| {
            complete(irp, STATUS_UNSUCCESSFUL, 0);
            STATUS_SUCCESS
        });
    returns_without_completing: &rules::DISPATCH_NOT_COMPLETED, "IRP #2 returned STATUS_SUCCESS",
        |machine| request(&machine, |_| STATUS_SUCCESS);
    pending_without_mark: &rules::PENDING_NOT_MARKED, "IRP #2 returned STATUS_PENDING without a mark",
        |machine| request(&machine, |_| STATUS_PENDING);
    pending_without_mark_and_complete: &rules::PENDING_NOT_MARKED, "IRP #2 returned STATUS_PENDING without a mark",
        |machine| request(&machine, |irp| {
            complete(irp, STATUS_SUCCESS, 0);
            STATUS_PENDING
        });
    marked_and_not_pending: &rules::MARKED_NOT_PENDING, "(0x00000000); it had marked the IRP pending",
        |machine| request(&machine, |irp| {
            mark_pending(irp);
            STATUS_SUCCESS
        });
    marked_completed_and_not_pending: &rules::MARKED_NOT_PENDING, "(0x00000000); it had marked the IRP pending",
        |machine| request(&machine, |irp| {
            mark_pending(irp);
            complete(irp, STATUS_SUCCESS, 0)
        });
    cancel_field_not_looked_at: &rules::CANCEL_FIELD, r"the dispatch routine of \Device\Probe for IRP #2",
        |machine| request(&machine, |irp| {
            mark_pending(irp);
            // As if the process were quicker than the driver.
            // SAFETY: the IRP lives.
            unsafe { wsk_sys::IoCancelIrp(irp) };
            set_cancel(irp);
            STATUS_PENDING
        });
    cancellation_ignored: &rules::CANCEL_IGNORED, r"IRP_MJ_DEVICE_CONTROL 0x80002000 to \\.\Probe was cancelled",
        |machine| {
            probe().handle(|irp| {
                mark_pending(irp);
                probe().hold(irp);
                STATUS_PENDING
            });
            let process = machine.process(Token::User);
            let file = process.create_file(PATH, ACCESS).expect("the probe opens");
            let _request = file.begin(BUFFERED, vec![], vec![]);
            process.kill_within(Duration::from_millis(20));
        };
}
