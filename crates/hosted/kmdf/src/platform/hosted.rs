//! The hosted kernel: a machine of crate `ntos`, the calling thread's.
#![expect(unsafe_code, reason = "registers device objects, and maps the pages of processes")]

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use hosted_rule::Rule;
use readings::Question;
use wsk_sys::{
    DEVICE_OBJECT, IoRegisterLastChanceShutdownNotification, IoRegisterShutdownNotification, MDL,
    MdlMappingNoExecute, MmGetSystemAddressForMdlSafe, NTSTATUS, NormalPagePriority, PVOID,
    STATUS_INSUFFICIENT_RESOURCES, ULONG,
};

use crate::kernel::irp::Irp;
use crate::kernel::shared::Shared;

/// Whether the I/O manager sends `IRP_MJ_CLEANUP` when the last handle of a file is closed, and `IRP_MJ_CLOSE` when
/// the last request of the file is done.
pub(crate) const CLEANUP_COMES: bool = true;

/// Whether the I/O manager opens a file whose create request was refused.
pub(crate) const REFUSED_CREATES_OPEN: bool = false;

/// Stops the machine with a report that names the rule and the object.
pub(crate) fn violation(rule: &'static Rule, detail: String) -> ! {
    ntos::violation(rule, detail)
}

/// Whether what only the framework's verifier checks is an error too.
pub(crate) fn strict() -> bool {
    ntos::Machine::with_current(|machine| machine.config().strict)
}

/// The reading of a question that the machine follows.
pub(crate) fn reading<Q: Question>() -> Q {
    ntos::Machine::with_current(ntos::Machine::reading)
}

/// Whether the call named `what` must fail now, as if memory had run out.
pub(crate) fn fault(what: &'static str) -> bool {
    ntos::fault::point(what)
}

/// Before the thread acquires a lock that drivers see, for which it waits as long as it must: the kernel's deadlock
/// detection. `function` is what the driver has called, or empty.
pub(crate) fn acquiring(key: usize, kind: &'static str, function: &'static str) {
    ntos::lock_order::acquiring(ntos::lock_order::Lock { key, kind }, function);
}

/// The thread has acquired the lock.
pub(crate) fn acquired(key: usize, kind: &'static str) {
    ntos::lock_order::acquired(ntos::lock_order::Lock { key, kind });
}

/// The thread has released the lock.
pub(crate) fn released(key: usize) {
    ntos::lock_order::released(key);
}

/// What the calling thread's machine has of a type: made when it is first asked for.
pub(crate) fn state<T: Default + Send + Sync + 'static>() -> Arc<T> {
    ntos::Machine::with_current(|machine| machine.extension(T::default))
}

/// An IRP has come; nothing is left to be done to it.
pub(crate) fn arrived(_irp: Irp) {}

/// Asks for `IRP_MJ_SHUTDOWN` to a new device.
pub(crate) fn register_shutdown(device: *mut DEVICE_OBJECT, last_chance: bool) -> NTSTATUS {
    let register =
        if last_chance { IoRegisterLastChanceShutdownNotification } else { IoRegisterShutdownNotification };
    // SAFETY: a device object that was just created, and is the caller's.
    unsafe { register(device) }
}

/// Calls a routine of a driver's, which reports name as `what`.
pub(crate) fn routine<R>(what: &dyn fmt::Display, f: impl FnOnce() -> R) -> R {
    ntos::routine::call(what, f)
}

/// Whether the calling thread sent this IRP.
pub(crate) fn is_requestor(irp: Irp) -> bool {
    ntos::user_memory::is_requestor(irp.as_ptr())
}

/// Locked pages of a process; they are unlocked when it is dropped.
///
/// # Invariants
/// The MDL is from `probe_and_lock`, and freed by `drop` alone.
pub(crate) struct UserPages(Shared<*mut MDL>);

impl UserPages {
    /// Probes and locks a buffer of the calling thread's process.
    ///
    /// # Errors
    /// `STATUS_ACCESS_VIOLATION`, `STATUS_INSUFFICIENT_RESOURCES`.
    pub(crate) fn lock(buffer: PVOID, length: ULONG, write: bool) -> Result<UserPages, NTSTATUS> {
        // INVARIANT: just made.
        ntos::user_memory::probe_and_lock(buffer, length, write).map(|mdl| UserPages(Shared(mdl)))
    }

    /// A system address for the pages.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    pub(crate) fn map(&self) -> Result<PVOID, NTSTATUS> {
        let priority = NormalPagePriority | MdlMappingNoExecute;
        // SAFETY: by the type's invariant an MDL with locked pages.
        let address = unsafe { MmGetSystemAddressForMdlSafe(self.0.0, priority) };
        if address.is_null() { Err(STATUS_INSUFFICIENT_RESOURCES) } else { Ok(address) }
    }
}

impl Drop for UserPages {
    fn drop(&mut self) {
        ntos::user_memory::unlock(self.0.0);
    }
}
