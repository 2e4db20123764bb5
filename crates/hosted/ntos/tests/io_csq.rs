//! Cancel-safe queues, with requests from user mode in them.
#![expect(unsafe_code, reason = "tests play the driver")]

use std::ptr;
use std::sync::Mutex;

use crate::common::Object;
use crate::io::csq::{
    Line, acquire, complete_canceled, insert, keep_in_line, keep_with, line, next_in_line, peek_next,
    release, remove,
};
use crate::io::{BUFFERED, boot, complete, finish, mark_pending, open, probe};
use wsk_sys::{
    IO_CSQ, IO_CSQ_IRP_CONTEXT, IRP, IoCancelIrp, IoCsqInitializeEx, IoCsqInsertIrpEx, IoCsqRemoveIrp,
    IoCsqRemoveNextIrp, NTSTATUS, PVOID, STATUS_CANCELLED, STATUS_DEVICE_BUSY, STATUS_PENDING,
    STATUS_SUCCESS,
};

#[test]
fn requests_leave_a_queue_in_their_order() {
    let (machine, driver) = boot();
    let entered = machine.enter();
    probe().handle(keep_in_line);
    let file = open(&machine);
    let (first, second) = (file.begin(BUFFERED, vec![1], vec![]), file.begin(BUFFERED, vec![2], vec![]));
    for request in [first, second] {
        assert!(!request.is_done());
        complete(next_in_line(), STATUS_SUCCESS, 0);
        assert_eq!(request.wait().status, STATUS_SUCCESS);
    }
    assert!(next_in_line().is_null());
    file.close();
    drop(entered);
    finish(machine, driver);
}

#[test]
fn a_queue_is_asked_for_a_certain_request() {
    let (machine, driver) = boot();
    let entered = machine.enter();
    probe().handle(|irp| {
        probe().hold(irp);
        keep_in_line(irp)
    });
    let file = open(&machine);
    let (first, second) = (file.begin(BUFFERED, vec![1], vec![]), file.begin(BUFFERED, vec![2], vec![]));
    probe().next_held();
    let wanted = probe().next_held();
    // SAFETY: the machine's queue.
    let irp = unsafe { IoCsqRemoveNextIrp(line(), wanted.cast()) };
    assert_eq!(irp, wanted);
    complete(irp, STATUS_SUCCESS, 0);
    assert_eq!(second.wait().status, STATUS_SUCCESS);
    first.cancel();
    assert_eq!(first.wait().status, STATUS_CANCELLED);
    file.close();
    drop(entered);
    finish(machine, driver);
}

#[test]
fn a_request_in_a_queue_is_cancelled() {
    let (machine, driver) = boot();
    let entered = machine.enter();
    probe().handle(keep_in_line);
    let file = open(&machine);
    let request = file.begin(BUFFERED, vec![1], vec![]);
    request.cancel();
    assert_eq!(request.wait().status, STATUS_CANCELLED);
    assert!(next_in_line().is_null());

    // One that was cancelled before it came there.
    probe().handle(|irp| {
        // SAFETY: an IRP without a cancel routine yet.
        unsafe { IoCancelIrp(irp) };
        keep_in_line(irp)
    });
    assert_eq!(file.device_io_control(BUFFERED, &[1], &mut []), (STATUS_CANCELLED, 0));
    file.close();
    drop(entered);
    finish(machine, driver);
}

#[test]
fn a_request_is_completed_or_cancelled_once() {
    const ROUNDS: usize = if cfg!(miri) { 3 } else { 200 };
    let (machine, driver) = boot();
    let entered = machine.enter();
    probe().handle(keep_in_line);
    let file = open(&machine);
    for _ in 0..ROUNDS {
        let request = file.begin(BUFFERED, vec![1], vec![]);
        let other = machine.spawn("other", || {
            let irp = next_in_line();
            if !irp.is_null() {
                complete(irp, STATUS_SUCCESS, 0);
            }
        });
        request.cancel();
        other.join().unwrap();
        let status = request.wait().status;
        assert!(status == STATUS_SUCCESS || status == STATUS_CANCELLED, "{status}");
    }
    file.close();
    drop(entered);
    finish(machine, driver);
}

#[test]
fn a_context_takes_its_request_out() {
    static CONTEXT: Mutex<Option<usize>> = Mutex::new(None);
    let (machine, driver) = boot();
    let entered = machine.enter();
    let context = Object::<IO_CSQ_IRP_CONTEXT>::zeroed();
    *CONTEXT.lock().unwrap() = Some(context.get().expose_provenance());
    probe().handle(|irp| {
        let context = CONTEXT.lock().unwrap().unwrap();
        keep_with(irp, ptr::with_exposed_provenance_mut(context));
        STATUS_PENDING
    });
    let file = open(&machine);
    let take = || {
        // SAFETY: the machine's queue, and a context that was in it, or is all zero.
        unsafe { IoCsqRemoveIrp(line(), context.get()) }
    };
    assert!(take().is_null());
    let request = file.begin(BUFFERED, vec![1], vec![]);
    complete(take(), STATUS_SUCCESS, 0);
    assert_eq!(request.wait().status, STATUS_SUCCESS);
    assert!(take().is_null());

    let request = file.begin(BUFFERED, vec![1], vec![]);
    request.cancel();
    assert_eq!(request.wait().status, STATUS_CANCELLED);
    assert!(take().is_null());
    file.close();
    drop(entered);
    finish(machine, driver);
}

/// Takes the IRP, if the context is not null.
unsafe extern "system" fn insert_ex(csq: *mut IO_CSQ, irp: *mut IRP, context: PVOID) -> NTSTATUS {
    if context.is_null() {
        return STATUS_DEVICE_BUSY;
    }
    // SAFETY: called as this is.
    unsafe { insert(csq, irp) };
    STATUS_SUCCESS
}

#[test]
fn an_insertion_may_fail() {
    static QUEUE: Mutex<Option<usize>> = Mutex::new(None);
    fn insert_with(irp: *mut IRP, context: PVOID) -> NTSTATUS {
        let queue = QUEUE.lock().unwrap().unwrap();
        // SAFETY: the test's queue, and an IRP that was sent to the driver.
        let status = unsafe {
            IoCsqInsertIrpEx(ptr::with_exposed_provenance_mut(queue), irp, ptr::null_mut(), context)
        };
        if status == STATUS_SUCCESS { STATUS_PENDING } else { complete(irp, status, 0) }
    }
    let (machine, driver) = boot();
    let entered = machine.enter();
    let line = Box::into_raw(Box::new(Line::new()));
    let csq: *mut IO_CSQ = line.cast();
    // SAFETY: a line of the test's, and its routines.
    let status = unsafe {
        IoCsqInitializeEx(
            csq,
            Some(insert_ex),
            Some(remove),
            Some(peek_next),
            Some(acquire),
            Some(release),
            Some(complete_canceled),
        )
    };
    assert_eq!(status, STATUS_SUCCESS);
    *QUEUE.lock().unwrap() = Some(csq.expose_provenance());
    let file = open(&machine);
    probe().handle(|irp| insert_with(irp, ptr::null_mut()));
    assert_eq!(file.device_io_control(BUFFERED, &[1], &mut []), (STATUS_DEVICE_BUSY, 0));
    // The same request, once refused.
    probe().handle(|irp| {
        let queue = ptr::with_exposed_provenance_mut(QUEUE.lock().unwrap().unwrap());
        // SAFETY: the test's queue, and an IRP that was sent to the driver.
        let status = unsafe { IoCsqInsertIrpEx(queue, irp, ptr::null_mut(), ptr::null_mut()) };
        assert_eq!(status, STATUS_DEVICE_BUSY);
        insert_with(irp, ptr::dangling_mut())
    });
    let request = file.begin(BUFFERED, vec![1], vec![]);
    // SAFETY: the test's queue.
    let irp = unsafe { IoCsqRemoveNextIrp(csq, ptr::null_mut()) };
    // It was marked already; once more does no harm.
    mark_pending(irp);
    complete(irp, STATUS_SUCCESS, 0);
    assert_eq!(request.wait().status, STATUS_SUCCESS);
    file.close();
    drop(entered);
    finish(machine, driver);
    // SAFETY: from `Box::into_raw`; the machine is gone.
    drop(unsafe { Box::from_raw(line) });
}
