//! Cancel-safe queues.

use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use ntos::io_rules as rules;
use ntos::rule;
use wsk_sys::{
    DISPATCH_LEVEL, ExAllocatePool2, ExFreePool, HIGH_LEVEL, IO_CSQ, IO_CSQ_IRP_CONTEXT, IRP,
    IoCsqInitialize, IoCsqInsertIrp, IoCsqRemoveIrp, IoCsqRemoveNextIrp, KIRQL, KfRaiseIrql,
    POOL_FLAG_NON_PAGED, PVOID, STATUS_SUCCESS,
};

use crate::io::csq::{
    Line, acquire, complete_canceled, initialize, insert, keep_in_line, keep_with, line, next_in_line,
    peek_next, release, remove,
};
use crate::io::{BUFFERED, complete, open, probe};
use crate::irp::{allocate, free, keep, sent};

const TAG: u32 = u32::from_le_bytes(*b"CsqT");

/// A queue that stays.
fn leaked() -> *mut IO_CSQ {
    Box::into_raw(Box::new(Line::new())).cast()
}

fn pool(size: usize) -> PVOID {
    // SAFETY: nothing is asked of the caller.
    unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, size, TAG) }
}

/// Puts an IRP into a queue of the test's own.
fn insert_into(csq: *mut IO_CSQ, irp: *mut IRP) {
    // SAFETY: what may be wrong with them is found before they are touched.
    unsafe { IoCsqInsertIrp(csq, irp, ptr::null_mut()) };
}

/// Finds an IRP that it does not have.
unsafe extern "system" fn peek_another(_: *mut IO_CSQ, _: *mut IRP, _: PVOID) -> *mut IRP {
    sent(keep)
}

unsafe extern "system" fn remove_nothing(_: *mut IO_CSQ, _: *mut IRP) {}

unsafe extern "system" fn lock_nothing(_: *mut IO_CSQ, _: *mut KIRQL) {}

unsafe extern "system" fn unlock_nothing(_: *mut IO_CSQ, _: KIRQL) {}

unsafe extern "system" fn only_raise(_: *mut IO_CSQ, _: *mut KIRQL) {
    // SAFETY: the level is not below the current one.
    unsafe { KfRaiseIrql(DISPATCH_LEVEL) };
}

static INSIDE: AtomicBool = AtomicBool::new(false);

/// Says that it has begun, and does not end.
unsafe extern "system" fn insert_for_ever(_: *mut IO_CSQ, _: *mut IRP) {
    INSIDE.store(true, Ordering::Release);
    loop {
        std::thread::park();
    }
}

violations! {
    without_a_routine: &rules::CSQ_ROUTINES, "CsqPeekNextIrp", |_| {
        // SAFETY: the routines are looked at first.
        unsafe {
            IoCsqInitialize(
                leaked(),
                Some(insert),
                Some(remove),
                None,
                Some(acquire),
                Some(release),
                Some(complete_canceled),
            )
        };
    };
    without_an_insertion: &rules::CSQ_ROUTINES, "CsqInsertIrp", |_| {
        // SAFETY: the routines are looked at first.
        unsafe {
            IoCsqInitialize(
                leaked(),
                None,
                Some(remove),
                Some(peek_next),
                Some(acquire),
                Some(release),
                Some(complete_canceled),
            )
        };
    };
    initialised_in_use: &rules::CSQ_INITIALIZED_IN_USE, "1 IRPs", |_| {
        keep_in_line(sent(keep));
        initialize(line(), acquire);
    };
    not_initialised: &rules::CSQ_NOT_INITIALIZED, "IoCsqInsertIrp", |_| insert_into(leaked(), sent(keep));
    not_initialised_to_remove: &rules::CSQ_NOT_INITIALIZED, "IoCsqRemoveNextIrp", |_| {
        // SAFETY: it is looked up first.
        unsafe { IoCsqRemoveNextIrp(leaked(), ptr::null_mut()) };
    };
    context_of_another_queue: &rules::CSQ_NOT_INITIALIZED, "no context", |_| {
        let other = leaked();
        initialize(other, acquire);
        let context = Box::into_raw(Box::new(IO_CSQ_IRP_CONTEXT::ZERO));
        keep_with(sent(keep), context);
        // SAFETY: a context of the other queue.
        unsafe { IoCsqRemoveIrp(other, context) };
    };
    inserted_twice: &rules::CSQ_INSERTED_TWICE, "IRP #1, which is in a cancel-safe queue", |_| {
        let irp = sent(keep);
        keep_in_line(irp);
        keep_in_line(irp);
    };
    inserted_with_a_context_in_use: &rules::CSQ_INSERTED_TWICE, "IRP #2, with a context", |_| {
        let context = Box::into_raw(Box::new(IO_CSQ_IRP_CONTEXT::ZERO));
        keep_with(sent(keep), context);
        keep_with(sent(keep), context);
    };
    inserted_by_its_owner: &rules::CSQ_INSERTED_TWICE, "IRP #1, which was sent to nobody", |_| {
        keep_in_line(allocate(1));
    };
    inserted_and_no_irp: &rules::NOT_AN_IRP, "IoCsqInsertIrp", |_| {
        keep_in_line(ptr::dangling_mut());
    };
    peeked_at_another: &rules::CSQ_NOT_IN_QUEUE, "CsqPeekNextIrp returned IRP #1", |_| {
        let csq = leaked();
        // SAFETY: a line of the tests', and its routines.
        unsafe {
            IoCsqInitialize(
                csq,
                Some(insert),
                Some(remove),
                Some(peek_another),
                Some(acquire),
                Some(release),
                Some(complete_canceled),
            )
        };
        // SAFETY: initialised just now.
        unsafe { IoCsqRemoveNextIrp(csq, ptr::null_mut()) };
    };
    not_removed: &rules::CSQ_NOT_IN_QUEUE, "CsqPeekNextIrp returned IRP #1", |_| {
        let csq = leaked();
        // SAFETY: a line of the tests', and its routines.
        unsafe {
            IoCsqInitialize(
                csq,
                Some(insert),
                Some(remove_nothing),
                Some(peek_next),
                Some(acquire),
                Some(release),
                Some(complete_canceled),
            )
        };
        insert_into(csq, sent(keep));
        for _ in 0..2 {
            // SAFETY: initialised before.
            unsafe { IoCsqRemoveNextIrp(csq, ptr::null_mut()) };
        }
    };
    lock_that_locks_nothing: &rules::CSQ_LOCK, "another thread has the lock", |machine| {
        let csq = leaked();
        // SAFETY: a line of the tests', and its routines.
        unsafe {
            IoCsqInitialize(
                csq,
                Some(insert_for_ever),
                Some(remove),
                Some(peek_next),
                Some(lock_nothing),
                Some(unlock_nothing),
                Some(complete_canceled),
            )
        };
        let place = csq.expose_provenance();
        drop(machine.spawn("other", move || {
            insert_into(ptr::with_exposed_provenance_mut(place), sent(keep));
        }));
        // Acquire: the other thread is inside.
        while !INSIDE.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        // SAFETY: initialised before.
        unsafe { IoCsqRemoveNextIrp(csq, ptr::null_mut()) };
    };
    lock_not_released: &rule::IRQL_RETURN, "CsqReleaseLock", |_| {
        let csq = leaked();
        // SAFETY: a line of the tests', and its routines.
        unsafe {
            IoCsqInitialize(
                csq,
                Some(insert),
                Some(remove),
                Some(peek_next),
                Some(only_raise),
                Some(unlock_nothing),
                Some(complete_canceled),
            )
        };
        insert_into(csq, sent(keep));
    };
    queue_freed: &rules::CSQ_FREED, "IRP #1, in a cancel-safe queue", |_| {
        let csq: *mut IO_CSQ = pool(size_of::<Line>()).cast();
        // SAFETY: a new block as large as a line.
        unsafe { csq.cast::<Line>().write(Line::new()) };
        initialize(csq, acquire);
        insert_into(csq, sent(keep));
        // SAFETY: the block is looked up first.
        unsafe { ExFreePool(csq.cast()) };
    };
    context_freed: &rules::CSQ_FREED, "the context of the IRP", |_| {
        let context = pool(size_of::<IO_CSQ_IRP_CONTEXT>());
        keep_with(sent(keep), context.cast());
        // SAFETY: the block is looked up first.
        unsafe { ExFreePool(context) };
    };
    driver_context_changed: &rules::CSQ_DRIVER_CONTEXT, "DriverContext[3] of IRP #1", |_| {
        let irp = sent(keep);
        keep_in_line(irp);
        // SAFETY: an IRP that is not complete.
        let tail = unsafe { &raw mut (*irp).Tail };
        // SAFETY: `DriverContext` is at the start of the tail.
        unsafe { tail.cast::<PVOID>().wrapping_add(3).write(ptr::dangling_mut()) };
        next_in_line();
    };
    completed_in_a_queue: &rules::COMPLETE_CANCELABLE, "IRP #1", |_| {
        let irp = sent(keep);
        keep_in_line(irp);
        complete(irp, STATUS_SUCCESS, 0);
    };
    freed_in_a_queue: &rules::FREE_IN_USE, "IRP #1", |_| {
        let irp = sent(keep);
        keep_in_line(irp);
        free(irp);
    };
    marked_and_not_pending: &rules::MARKED_NOT_PENDING, "STATUS_SUCCESS", |machine| {
        probe().handle(|irp| {
            keep_in_line(irp);
            STATUS_SUCCESS
        });
        open(&machine).device_io_control(BUFFERED, &[1; 8], &mut []);
    };
    inserted_above_dispatch_level: &rule::IRQL_IO_DISPATCH, "IoCsqInsertIrp", |_| {
        let irp = sent(keep);
        line();
        // SAFETY: the level is above the current one.
        unsafe { KfRaiseIrql(HIGH_LEVEL) };
        keep_in_line(irp);
    };
}
