//! An IRP that a client has sent to the provider.
#![expect(unsafe_code, reason = "IRPs are shared by address with their owner and the I/O manager")]

use core::ptr;
use core::sync::atomic::{AtomicU8, Ordering};

use wsk_sys::{
    DRIVER_CANCEL, IO_NO_INCREMENT, IO_STATUS_BLOCK, IRP, IRP_MJ_INTERNAL_DEVICE_CONTROL, IRP_TAIL_OVERLAY,
    IoGetNextIrpStackLocation, IoMarkIrpPending, IoSetCancelRoutine, IoSetNextIrpStackLocation,
    IofCompleteRequest, KIRQL, NTSTATUS, PVOID,
};

/// An IRP that a client has sent and that is not completed.
///
/// # Invariants
/// The pointer is to an IRP with a stack location for the provider. The client leaves it alone until it is
/// completed. There is one value for each IRP that was sent: whoever has it, and has won the cancel routine or set
/// none, completes the IRP, which takes the value.
#[derive(Debug)]
#[must_use = "the client waits for its IRP"]
pub(crate) struct Irp(*mut IRP);

// SAFETY: an IRP belongs to no thread; what orders the accesses is the lock of the table it is kept in.
unsafe impl Send for Irp {}

impl Irp {
    /// Takes an IRP over: makes its next stack location the provider's.
    ///
    /// # Safety
    /// The client has just passed this IRP to a WSK function, and `check::irp` found a location left.
    pub(crate) unsafe fn take(irp: *mut IRP) -> Irp {
        // SAFETY: there is a next location, says the caller.
        let location = unsafe { IoGetNextIrpStackLocation(irp) };
        // SAFETY: the location is inside the IRP, and the provider's to fill. Its routine, context and control
        // are the client's and stay. The I/O manager clears the rest of it on completion, but not this field:
        // it tells a completed IRP from a reused one.
        unsafe { (*location).MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL };
        // SAFETY: there is a next location, says the caller.
        unsafe { IoSetNextIrpStackLocation(irp) };
        Irp(irp)
    }

    /// Marks the IRP pending, before anybody else can complete it. A second time changes nothing.
    pub(crate) fn mark_pending(&self) {
        // SAFETY: `take` has made the current location the provider's.
        unsafe { IoMarkIrpPending(self.0) };
    }

    /// Completes the IRP. It is the client's again, and may be gone, before this returns.
    pub(crate) fn complete(self, status: NTSTATUS, information: usize) {
        let result = IO_STATUS_BLOCK { Status: status, Information: information };
        // SAFETY: by the type's invariant the IRP is not completed and the caller is the one to do it.
        unsafe { (*self.0).IoStatus = result };
        // SAFETY: by the type's invariant the IRP is not completed and the caller is the one to do it; the request is
        // out of every table, and its cancel routine is cleared.
        unsafe { IofCompleteRequest(self.0, IO_NO_INCREMENT) };
    }

    /// Remembers a number in the IRP, in the field that is the current driver's own.
    pub(crate) fn set_tag(&self, tag: u64) {
        // SAFETY: by the type's invariant the IRP lives.
        let overlay = unsafe { overlay(self.0) };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the numbers count requests; the pointers have 64 bits wherever WSK exists"
        )]
        let tag: PVOID = ptr::without_provenance_mut(tag as usize);
        // SAFETY: `DriverContext` is for the driver that has the IRP, which is the provider.
        unsafe { (*overlay).DriverContext[0] = tag };
    }

    /// Sets the cancel routine, or clears it; tells whether one was set before.
    pub(crate) fn set_cancel_routine(&self, routine: Option<DRIVER_CANCEL>) -> bool {
        // SAFETY: by the type's invariant the IRP is not completed.
        unsafe { IoSetCancelRoutine(self.0, routine) }.is_some()
    }

    /// Whether `IoCancelIrp` was called; for certain under the cancel spin lock, after the cancel routine was set.
    pub(crate) fn is_cancelled(&self) -> bool {
        // SAFETY: by the type's invariant the IRP lives; only the field's address is taken.
        let field = unsafe { &raw mut (*self.0).Cancel };
        // SAFETY: a byte inside a living IRP, which the I/O manager writes while we read it.
        let field = unsafe { AtomicU8::from_ptr(field) };
        field.load(Ordering::Acquire) != 0
    }
}

/// The fields of the driver that has the IRP.
///
/// # Safety
/// The IRP lives.
unsafe fn overlay(irp: *mut IRP) -> *mut IRP_TAIL_OVERLAY {
    // SAFETY: this function's contract; only the field's address is taken.
    let tail = unsafe { &raw mut (*irp).Tail };
    tail.cast()
}

/// What a cancel routine reads from its IRP, under the cancel spin lock: the level to return to, and the number
/// that [`Irp::set_tag`] left.
///
/// # Safety
/// `irp` is the IRP that the cancel routine was called with.
pub(crate) unsafe fn cancel_state(irp: *mut IRP) -> (KIRQL, u64) {
    // SAFETY: the IRP waits for its cancel routine to complete it; `IoCancelIrp` has set the field for it.
    let irql = unsafe { (*irp).CancelIrql };
    // SAFETY: the IRP waits for its cancel routine to complete it; `IoCancelIrp` has set the field for it.
    let overlay = unsafe { overlay(irp) };
    // SAFETY: the IRP waits for its cancel routine to complete it; `IoCancelIrp` has set the field for it; `set_tag`
    // wrote the field before the routine was set.
    let tag = unsafe { (*overlay).DriverContext[0] };
    (irql, tag.addr() as u64)
}
