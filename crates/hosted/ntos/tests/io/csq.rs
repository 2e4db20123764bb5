//! A cancel-safe queue, for the tests: a list under a spin lock.

use std::ptr;

use ntos::Machine;
use wsk_sys::{
    IO_CSQ, IO_CSQ_IRP_CONTEXT, IRP, IoCsqInitialize, IoCsqInsertIrp, IoCsqRemoveNextIrp, KIRQL, KSPIN_LOCK,
    KeAcquireSpinLockRaiseToDpc, KeReleaseSpinLock, NTSTATUS, PIO_CSQ_ACQUIRE_LOCK, PVOID, STATUS_CANCELLED,
    STATUS_PENDING, STATUS_SUCCESS,
};

use super::complete;

/// A queue of a driver's.
#[repr(C)]
pub(crate) struct Line {
    pub(crate) csq: IO_CSQ,
    lock: KSPIN_LOCK,
    irps: Vec<*mut IRP>,
}

impl Line {
    /// One that is not initialised.
    pub(crate) fn new() -> Line {
        Line { csq: IO_CSQ::ZERO, lock: 0, irps: Vec::new() }
    }
}

/// Where it is.
struct Place(*mut Line);
// SAFETY: the address only; the lock in it is for the rest.
unsafe impl Send for Place {}
// SAFETY: the address only; the lock in it is for the rest.
unsafe impl Sync for Place {}

impl Drop for Place {
    fn drop(&mut self) {
        // SAFETY: from `Box::into_raw`; the machine is gone.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// The machine's queue, initialised.
pub(crate) fn line() -> *mut IO_CSQ {
    let place = Machine::current().extension(|| {
        let line = Box::into_raw(Box::new(Line::new()));
        initialize(line.cast(), acquire);
        Place(line)
    });
    place.0.cast()
}

pub(crate) fn initialize(csq: *mut IO_CSQ, acquire: PIO_CSQ_ACQUIRE_LOCK) {
    let (acquire, release) = (Some(acquire), Some(release as _));
    let (insert, remove, peek) = (Some(insert as _), Some(remove as _), Some(peek_next as _));
    // SAFETY: a line of the tests', and its routines.
    let status =
        unsafe { IoCsqInitialize(csq, insert, remove, peek, acquire, release, Some(complete_canceled)) };
    assert_eq!(status, STATUS_SUCCESS);
}

fn irps<'a>(csq: *mut IO_CSQ) -> &'a mut Vec<*mut IRP> {
    // SAFETY: the queue is the first field of a line, whose lock the caller holds.
    unsafe { &mut (*csq.cast::<Line>()).irps }
}

fn lock(csq: *mut IO_CSQ) -> *mut KSPIN_LOCK {
    // SAFETY: the queue is the first field of a line; only an address is computed.
    unsafe { &raw mut (*csq.cast::<Line>()).lock }
}

pub(crate) unsafe extern "system" fn insert(csq: *mut IO_CSQ, irp: *mut IRP) {
    irps(csq).push(irp);
}

pub(crate) unsafe extern "system" fn remove(csq: *mut IO_CSQ, irp: *mut IRP) {
    irps(csq).retain(|other| *other != irp);
}

/// The next IRP; with a context other than null, the one that it points to.
pub(crate) unsafe extern "system" fn peek_next(csq: *mut IO_CSQ, irp: *mut IRP, wanted: PVOID) -> *mut IRP {
    let irps = irps(csq);
    let after = irps.iter().position(|other| *other == irp).map_or(0, |index| index + 1);
    let matches = |other: &&*mut IRP| wanted.is_null() || ptr::eq(other.cast(), wanted);
    irps[after..].iter().find(matches).copied().unwrap_or(ptr::null_mut())
}

pub(crate) unsafe extern "system" fn acquire(csq: *mut IO_CSQ, irql: *mut KIRQL) {
    // SAFETY: the line's lock.
    let old = unsafe { KeAcquireSpinLockRaiseToDpc(lock(csq)) };
    // SAFETY: the caller's variable.
    unsafe { irql.write(old) };
}

pub(crate) unsafe extern "system" fn release(csq: *mut IO_CSQ, irql: KIRQL) {
    // SAFETY: the line's lock, which `acquire` has acquired.
    unsafe { KeReleaseSpinLock(lock(csq), irql) };
}

pub(crate) unsafe extern "system" fn complete_canceled(_: *mut IO_CSQ, irp: *mut IRP) {
    complete(irp, STATUS_CANCELLED, 0);
}

/// Puts an IRP into the machine's queue.
pub(crate) fn keep_in_line(irp: *mut IRP) -> NTSTATUS {
    keep_with(irp, ptr::null_mut());
    STATUS_PENDING
}

pub(crate) fn keep_with(irp: *mut IRP, context: *mut IO_CSQ_IRP_CONTEXT) {
    // SAFETY: the machine's queue; what may be wrong with the IRP is found before it is touched.
    unsafe { IoCsqInsertIrp(line(), irp, context) };
}

/// Takes the next IRP out of the machine's queue, or null.
pub(crate) fn next_in_line() -> *mut IRP {
    // SAFETY: the machine's queue.
    unsafe { IoCsqRemoveNextIrp(line(), ptr::null_mut()) }
}
