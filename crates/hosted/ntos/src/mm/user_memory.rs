//! The memory of a process, as a driver gets at it in the context of the process: probed and locked.
//!
//! A process has no memory here but the buffers of its requests.

use wsk_sys::{
    APC_LEVEL, IRP, MDL, NTSTATUS, PVOID, STATUS_ACCESS_VIOLATION, STATUS_INSUFFICIENT_RESOURCES, ULONG,
};

use crate::io::irp;
use crate::ke::irql::at_most;
use crate::machine::Machine;
use crate::machine::bugcheck::require;
use crate::mm::mdl;
use crate::process;
use crate::process::request;
use crate::rule::IRQL_MM_APC_LTE;

/// Whether the calling thread is the one that sent an IRP; always for an IRP that no thread of a process sent.
#[must_use]
pub fn is_requestor(irp: *mut IRP) -> bool {
    let machine = Machine::kernel();
    let thread = irp::registry::of(&machine).with(irp, |_, packet| packet.thread());
    thread.is_ok_and(|thread| thread.is_null() || thread == request::current_thread())
}

/// Probes a buffer of the calling thread's process and locks its pages; `write` says that the driver will write to it.
///
/// # IRQL
/// <= `APC_LEVEL`.
///
/// # Errors
/// `STATUS_ACCESS_VIOLATION` for memory that is not the process', `STATUS_INSUFFICIENT_RESOURCES`.
pub fn probe_and_lock(buffer: PVOID, length: ULONG, write: bool) -> Result<*mut MDL, NTSTATUS> {
    let machine = Machine::kernel();
    at_most(APC_LEVEL, &IRQL_MM_APC_LTE, "MmProbeAndLockPages");
    if !is_owned(&machine, buffer.addr(), length as usize) {
        return Err(STATUS_ACCESS_VIOLATION);
    }
    let mdl = mdl::lock_user(&machine, buffer.cast(), length, write);
    if mdl.is_null() { Err(STATUS_INSUFFICIENT_RESOURCES) } else { Ok(mdl) }
}

/// Whether memory is the calling thread's process'.
pub(crate) fn is_owned(machine: &Machine, start: usize, length: usize) -> bool {
    start.checked_add(length).is_some_and(|end| process::current(machine).has_memory(&(start..end)))
}

/// Undoes [`probe_and_lock`]: unlocks the pages and frees the MDL.
pub fn unlock(mdl: *mut MDL) {
    require(mdl::unlock_user(&Machine::kernel(), mdl));
}
