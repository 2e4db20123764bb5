//! Cancellation of requests: the cancel routine of every IRP that can wait.
//!
//! Whoever exchanges the cancel routine for null owns the request: the provider, under its lock, to run or complete
//! it; or `IoCancelIrp`, which then calls the routine here. The provider leaves a request in its table when it loses
//! the exchange, and this routine, under the same lock, takes it out; so neither touches what the other completes.
#![expect(unsafe_code, reason = "a cancel routine is called by the I/O manager")]

use readings::CancelReturns;
use wsk_sys::{DEVICE_OBJECT, IRP, IoReleaseCancelSpinLock, STATUS_CANCELLED};

use crate::platform;
use crate::run::irp;

/// The `DRIVER_CANCEL` of all requests. Completes the IRP with `STATUS_CANCELLED` and `Information` 0, at once or, as
/// [`CancelReturns`] says, on the provider's thread.
///
/// # Safety
/// Called by `IoCancelIrp`, with the cancel spin lock held, on an IRP that has this routine.
pub(crate) unsafe extern "system" fn routine(_device: *mut DEVICE_OBJECT, irp: *mut IRP) {
    // SAFETY: this is the cancel routine, and the IRP is the one it is called with.
    let (irql, number) = unsafe { irp::cancel_state(irp) };
    // SAFETY: the lock is held, and this is the level to return to.
    unsafe { IoReleaseCancelSpinLock(irql) };
    let provider = platform::provider();
    let taken = provider.lock().take(number);
    if let Some(request) = taken {
        match provider.reading() {
            CancelReturns::Completed => provider.complete(request, STATUS_CANCELLED, 0),
            CancelReturns::Later => provider.complete_later(request, STATUS_CANCELLED),
        }
    }
}
