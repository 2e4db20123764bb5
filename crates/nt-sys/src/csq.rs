//! Cancel-safe queues of IRPs: `IO_CSQ`, and the routines by which a driver keeps the queue itself.
#![allow(missing_docs, reason = "the fields are those of the C structure that the type's page names")]

use core::ptr;

use crate::base::{KIRQL, NTSTATUS, PVOID, ULONG};
use crate::irp::IRP;

/// Puts an IRP into the queue, under its lock.
pub type PIO_CSQ_INSERT_IRP = unsafe extern "system" fn(Csq: *mut IO_CSQ, Irp: *mut IRP);
/// As [`PIO_CSQ_INSERT_IRP`]. If it returns an error, the IRP is not in the queue.
pub type PIO_CSQ_INSERT_IRP_EX =
    unsafe extern "system" fn(Csq: *mut IO_CSQ, Irp: *mut IRP, InsertContext: PVOID) -> NTSTATUS;
/// Takes an IRP out of the queue, under its lock.
pub type PIO_CSQ_REMOVE_IRP = unsafe extern "system" fn(Csq: *mut IO_CSQ, Irp: *mut IRP);
/// The next IRP that matches, under the queue's lock: the first, if `Irp` is null. It stays in the queue.
pub type PIO_CSQ_PEEK_NEXT_IRP =
    unsafe extern "system" fn(Csq: *mut IO_CSQ, Irp: *mut IRP, PeekContext: PVOID) -> *mut IRP;
/// Acquires the queue's lock, of any kind; what is stored goes to [`PIO_CSQ_RELEASE_LOCK`].
pub type PIO_CSQ_ACQUIRE_LOCK = unsafe extern "system" fn(Csq: *mut IO_CSQ, Irql: *mut KIRQL);
/// Releases the queue's lock.
pub type PIO_CSQ_RELEASE_LOCK = unsafe extern "system" fn(Csq: *mut IO_CSQ, Irql: KIRQL);
/// Completes an IRP that was cancelled, and is in the queue no more.
pub type PIO_CSQ_COMPLETE_CANCELED_IRP = unsafe extern "system" fn(Csq: *mut IO_CSQ, Irp: *mut IRP);

/// A cancel-safe queue. It must not be moved.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IO_CSQ {
    pub Type: ULONG,
    /// In a queue of [`IoCsqInitializeEx`](crate::IoCsqInitializeEx), an [`PIO_CSQ_INSERT_IRP_EX`].
    pub CsqInsertIrp: Option<PIO_CSQ_INSERT_IRP>,
    pub CsqRemoveIrp: Option<PIO_CSQ_REMOVE_IRP>,
    pub CsqPeekNextIrp: Option<PIO_CSQ_PEEK_NEXT_IRP>,
    pub CsqAcquireLock: Option<PIO_CSQ_ACQUIRE_LOCK>,
    pub CsqReleaseLock: Option<PIO_CSQ_RELEASE_LOCK>,
    pub CsqCompleteCanceledIrp: Option<PIO_CSQ_COMPLETE_CANCELED_IRP>,
    pub ReservePointer: PVOID,
}

/// By which a driver takes one certain IRP out of a queue.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IO_CSQ_IRP_CONTEXT {
    pub Type: ULONG,
    pub Irp: *mut IRP,
    pub Csq: *mut IO_CSQ,
}

impl IO_CSQ {
    /// All zero, to be initialised where it stays.
    pub const ZERO: IO_CSQ = IO_CSQ {
        Type: 0,
        CsqInsertIrp: None,
        CsqRemoveIrp: None,
        CsqPeekNextIrp: None,
        CsqAcquireLock: None,
        CsqReleaseLock: None,
        CsqCompleteCanceledIrp: None,
        ReservePointer: ptr::null_mut(),
    };
}

impl IO_CSQ_IRP_CONTEXT {
    /// All zero: of no IRP.
    pub const ZERO: IO_CSQ_IRP_CONTEXT =
        IO_CSQ_IRP_CONTEXT { Type: 0, Irp: ptr::null_mut(), Csq: ptr::null_mut() };
}
