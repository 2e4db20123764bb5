//! Cancel-safe queues.

use std::ptr;

use ntos::io_rules as rules;
use wsk_sys::{
    IO_CSQ, IO_CSQ_IRP_CONTEXT, IRP, IoCsqInsertIrp, IoCsqRemoveIrp, IoCsqRemoveNextIrp, KIRQL,
    POOL_FLAG_NON_PAGED, STATUS_SUCCESS,
};

use crate::io::complete;
use crate::io::csq::{Line, acquire, initialize, release};
use crate::irp::{free, keep, sent};
use crate::memory::{self, pool};
use crate::{Right, kernel};

fn next(csq: *mut IO_CSQ) -> *mut IRP {
    kernel!(IoCsqRemoveNextIrp(csq, ptr::null_mut()))
}

fn end(irp: *mut IRP) {
    complete(irp, STATUS_SUCCESS, 0);
    free(irp);
}

/// A queue in pool, for a call.
fn with_queue(call: impl FnOnce(*mut IO_CSQ)) {
    let line: *mut Line = pool(POOL_FLAG_NON_PAGED, size_of::<Line>()).cast();
    kernel!(line.write(Line::new()));
    initialize(line.cast(), acquire);
    call(line.cast());
    // What is left of the line is its list's memory.
    kernel!(line.drop_in_place());
    memory::free(line.cast());
}

/// Puts the same IRP into a queue twice, taken out between; and the second time with the context of another that is out.
fn inserts_again() {
    with_queue(|csq| {
        let context: *mut IO_CSQ_IRP_CONTEXT =
            pool(POOL_FLAG_NON_PAGED, size_of::<IO_CSQ_IRP_CONTEXT>()).cast();
        let (irp, other) = (sent(keep), sent(keep));
        for irp in [irp, other, irp] {
            kernel!(IoCsqInsertIrp(csq, irp, context));
            assert_eq!(kernel!(IoCsqRemoveIrp(csq, context)), irp);
        }
        memory::free(context.cast());
        kernel!(IoCsqInsertIrp(csq, irp, ptr::null_mut()));
        assert_eq!(next(csq), irp);
        assert!(next(csq).is_null());
        end(irp);
        end(other);
    });
}

/// An empty queue is initialised once more.
fn initialises_again() {
    with_queue(|csq| {
        let irp = sent(keep);
        kernel!(IoCsqInsertIrp(csq, irp, ptr::null_mut()));
        end(next(csq));
        initialize(csq, acquire);
    });
}

/// The lock's level stays where it was acquired; it is not what is stored that is asked for.
unsafe extern "system" fn acquire_for_itself(csq: *mut IO_CSQ, irql: *mut KIRQL) {
    kernel!(acquire(csq, irql));
    let old = kernel!(irql.read());
    kernel!(release(csq, old));
    kernel!(acquire(csq, irql));
}

/// A lock that was released and acquired again on the way.
fn locks_twice() {
    with_queue(|csq| {
        initialize(csq, acquire_for_itself);
        let irp = sent(keep);
        kernel!(IoCsqInsertIrp(csq, irp, ptr::null_mut()));
        end(next(csq));
    });
}

/// What a driver has in `DriverContext`, but for the last, stays.
fn has_its_own_context() {
    with_queue(|csq| {
        let irp = sent(keep);
        let tail = kernel!(&raw mut (*irp).Tail);
        kernel!(tail.cast::<usize>().write(7));
        kernel!(IoCsqInsertIrp(csq, irp, ptr::null_mut()));
        assert_eq!(next(csq), irp);
        assert_eq!(kernel!(tail.cast::<usize>().read()), 7);
        end(irp);
    });
}

pub(crate) fn rights() -> Vec<Right> {
    vec![
        (&rules::CSQ_ROUTINES, |_| initialises_again()),
        (&rules::CSQ_INITIALIZED_IN_USE, |_| initialises_again()),
        (&rules::CSQ_NOT_INITIALIZED, |_| inserts_again()),
        (&rules::CSQ_INSERTED_TWICE, |_| inserts_again()),
        (&rules::CSQ_NOT_IN_QUEUE, |_| inserts_again()),
        (&rules::CSQ_FREED, |_| inserts_again()),
        (&rules::CSQ_LOCK, |_| locks_twice()),
        (&rules::CSQ_DRIVER_CONTEXT, |_| has_its_own_context()),
    ]
}
