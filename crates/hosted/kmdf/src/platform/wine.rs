//! Wine's kernel: `ntoskrnl.exe` in the process that Wine runs a driver in, one machine for each process.
//!
//! Nothing there has an IRQL: every thread is at `PASSIVE_LEVEL`, so the rules on IRQL hold trivially. Wine cannot make
//! calls fail either, so no fault point fires.

extern crate std;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use core::any::{Any, TypeId};
use core::fmt;
use std::sync::{Mutex, PoisonError};

use hosted_rule::{Broken, Rule, report};
use readings::Question;
use wsk_sys::{
    DEVICE_OBJECT, IRP_MJ_DEVICE_CONTROL, METHOD_BUFFERED, METHOD_FROM_CTL_CODE, NTSTATUS, PVOID,
    STATUS_SUCCESS, ULONG,
};

use crate::kernel::irp::Irp;
use crate::kernel::shared::Shared;

/// Whether the I/O manager sends `IRP_MJ_CLEANUP`. Wine's does not; and it sends `IRP_MJ_CLOSE` when the last handle
/// is closed, whatever requests of the file are left.
pub(crate) const CLEANUP_COMES: bool = false;

/// Whether the I/O manager opens a file whose create request was refused: Wine's does not look at the status.
pub(crate) const REFUSED_CREATES_OPEN: bool = true;

/// Prints the report, and stops the process.
pub(crate) fn violation(rule: &'static Rule, detail: String) -> ! {
    report::violation(&Broken::new(rule, detail))
}

/// Whether what only the framework's verifier checks is an error too: always.
pub(crate) fn strict() -> bool {
    true
}

/// The reading of a question that is followed: the strict one.
pub(crate) fn reading<Q: Question>() -> Q {
    Q::FOLLOWED[Q::ABOUT.strict]
}

/// Whether the call named `what` must fail now: never.
pub(crate) fn fault(_what: &'static str) -> bool {
    false
}

/// Before the thread acquires a lock: Wine's kernel detects no deadlocks.
pub(crate) fn acquiring(_key: usize, _kind: &'static str, _function: &'static str) {}

/// The thread has acquired the lock.
pub(crate) fn acquired(_key: usize, _kind: &'static str) {}

/// The thread has released the lock.
pub(crate) fn released(_key: usize) {}

/// What this process has of a type: made when it is first asked for, without asking for another.
pub(crate) fn state<T: Default + Send + Sync + 'static>() -> Arc<T> {
    static STATES: Mutex<BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>> = Mutex::new(BTreeMap::new());
    let mut states = STATES.lock().unwrap_or_else(PoisonError::into_inner);
    let state = Arc::clone(states.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default())));
    state.downcast().unwrap_or_else(|_| unreachable!("the map's key is the type of the value"))
}

/// An IRP has come. Of a direct device control, Wine's I/O manager builds the MDL but locks no pages, as it has none;
/// what it describes is memory of this process until the IRP is completed, which is what a lock is for.
pub(crate) fn arrived(irp: Irp) {
    if irp.major() == IRP_MJ_DEVICE_CONTROL
        && METHOD_FROM_CTL_CODE(irp.device_control().IoControlCode) != METHOD_BUFFERED
    {
        irp.mark_mdl_locked();
    }
}

/// Asks for `IRP_MJ_SHUTDOWN` to a new device, which Wine never sends.
pub(crate) fn register_shutdown(_device: *mut DEVICE_OBJECT, _last_chance: bool) -> NTSTATUS {
    STATUS_SUCCESS
}

/// Calls a routine of a driver's. Nothing reports what goes wrong in it.
pub(crate) fn routine<R>(_what: &dyn fmt::Display, f: impl FnOnce() -> R) -> R {
    f()
}

/// Whether the calling thread sent this IRP: it runs for the one that did.
pub(crate) fn is_requestor(_irp: Irp) -> bool {
    true
}

/// A buffer of a process. It is memory of this process until the IRP is completed, which is what a lock is for.
pub(crate) struct UserPages(Shared<PVOID>);

impl UserPages {
    /// Takes the buffer as it is.
    #[expect(clippy::unnecessary_wraps, reason = "the hosted kernel's may fail")]
    pub(crate) fn lock(buffer: PVOID, _length: ULONG, _write: bool) -> Result<UserPages, NTSTATUS> {
        Ok(UserPages(Shared(buffer)))
    }

    /// Its address.
    #[expect(clippy::unnecessary_wraps, reason = "the hosted kernel's may fail")]
    pub(crate) fn map(&self) -> Result<PVOID, NTSTATUS> {
        Ok(self.0.0)
    }
}
