//! Reading and answering the IRPs that the I/O manager sends.
#![expect(
    unsafe_code,
    reason = "IRPs are shared with the I/O manager by address; every access goes through a raw pointer"
)]

use core::sync::atomic::{AtomicU8, Ordering};

use wsk_sys::{
    CCHAR, DRIVER_CANCEL, FILE_OBJECT, IO_NO_INCREMENT, IO_STACK_CREATE, IO_STACK_DEVICE_IO_CONTROL,
    IO_STACK_LOCATION, IO_STACK_PARAMETERS, IO_STACK_READ_WRITE, IO_STATUS_BLOCK, IRP, IRP_TAIL_OVERLAY,
    IoGetCurrentIrpStackLocation, IoGetRequestorProcessId, IoMarkIrpPending, IoSetCancelRoutine,
    IofCompleteRequest, KIRQL, KPROCESSOR_MODE, MDL, NTSTATUS, PVOID,
};

/// An IRP that was sent to the driver and is not completed.
///
/// # Invariants
/// The pointer is to a living IRP whose current stack location is the driver's. (Whoever keeps one stops using it when
/// the IRP is completed; see `Request`.)
#[derive(Clone, Copy)]
pub(crate) struct Irp(*mut IRP);

// SAFETY: an IRP may be handled by any thread; the framework's locks order the accesses.
unsafe impl Send for Irp {}
// SAFETY: an IRP may be handled by any thread; the framework's locks order the accesses.
unsafe impl Sync for Irp {}

impl Irp {
    /// # Safety
    /// `irp` was sent to the driver, and is not completed while the result is used.
    pub(crate) unsafe fn new(irp: *mut IRP) -> Irp {
        // INVARIANT: by the caller's word.
        Irp(irp)
    }

    pub(crate) fn as_ptr(self) -> *mut IRP {
        self.0
    }

    fn location(self) -> *mut IO_STACK_LOCATION {
        // SAFETY: by the type's invariant.
        unsafe { IoGetCurrentIrpStackLocation(self.0) }
    }

    pub(crate) fn major(self) -> u8 {
        let location = self.location();
        // SAFETY: the current location of a living IRP.
        unsafe { (*location).MajorFunction }
    }

    pub(crate) fn minor(self) -> u8 {
        let location = self.location();
        // SAFETY: the current location of a living IRP.
        unsafe { (*location).MinorFunction }
    }

    pub(crate) fn file_object(self) -> *mut FILE_OBJECT {
        let location = self.location();
        // SAFETY: the current location of a living IRP.
        unsafe { (*location).FileObject }
    }

    /// The flags of the device object that the IRP was sent to.
    pub(crate) fn device_flags(self) -> u32 {
        let location = self.location();
        // SAFETY: the current location of a living IRP.
        let device = unsafe { (*location).DeviceObject };
        // SAFETY: a device object lives while an IRP is on its way to its driver.
        unsafe { (*device).Flags }
    }

    fn parameters(self) -> *const IO_STACK_PARAMETERS {
        let location = self.location();
        // SAFETY: the current location of a living IRP; only the field's address is taken.
        unsafe { &raw const (*location).Parameters }
    }

    /// The parameters of a device control request.
    pub(crate) fn device_control(self) -> IO_STACK_DEVICE_IO_CONTROL {
        let parameters = self.parameters().cast::<IO_STACK_DEVICE_IO_CONTROL>();
        // SAFETY: the variants of the union are plain data, which any bytes are.
        unsafe { parameters.read() }
    }

    /// The parameters of a read or write.
    pub(crate) fn read_write(self) -> IO_STACK_READ_WRITE {
        let parameters = self.parameters().cast::<IO_STACK_READ_WRITE>();
        // SAFETY: the variants of the union are plain data, which any bytes are.
        unsafe { parameters.read() }
    }

    /// The parameters of a create.
    pub(crate) fn create(self) -> IO_STACK_CREATE {
        let parameters = self.parameters().cast::<IO_STACK_CREATE>();
        // SAFETY: the variants of the union are plain data, which any bytes are.
        unsafe { parameters.read() }
    }

    pub(crate) fn requestor_mode(self) -> KPROCESSOR_MODE {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).RequestorMode }
    }

    pub(crate) fn requestor_process(self) -> u32 {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { IoGetRequestorProcessId(self.0) }
    }

    pub(crate) fn mdl(self) -> *mut MDL {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).MdlAddress }
    }

    pub(crate) fn user_buffer(self) -> PVOID {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).UserBuffer }
    }

    pub(crate) fn system_buffer(self) -> PVOID {
        // SAFETY: by the type's invariant the IRP lives; only the field's address is taken.
        let associated = unsafe { &raw const (*self.0).AssociatedIrp };
        // SAFETY: every variant of the union is a pointer or lies in one.
        unsafe { associated.cast::<PVOID>().read() }
    }

    pub(crate) fn io_status(self) -> IO_STATUS_BLOCK {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).IoStatus }
    }

    pub(crate) fn set_information(self, information: usize) {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).IoStatus.Information = information };
    }

    /// Stores the handle of the request that the IRP belongs to, for its cancel routine.
    pub(crate) fn set_handle(self, handle: usize) {
        let overlay = self.overlay();
        // SAFETY: this part of the tail is the driver's while it has the IRP.
        unsafe { (*overlay).DriverContext[0] = core::ptr::without_provenance_mut(handle) };
    }

    /// The handle that [`Irp::set_handle`] stored.
    pub(crate) fn handle(self) -> usize {
        let overlay = self.overlay();
        // SAFETY: this part of the tail is the driver's while it has the IRP.
        unsafe { (*overlay).DriverContext[0] }.addr()
    }

    fn overlay(self) -> *mut IRP_TAIL_OVERLAY {
        // SAFETY: by the type's invariant the IRP lives; only the field's address is taken.
        let tail = unsafe { &raw mut (*self.0).Tail };
        tail.cast()
    }

    pub(crate) fn is_cancelled(self) -> bool {
        // SAFETY: by the type's invariant the IRP lives; only the field's address is taken.
        let field = unsafe { &raw mut (*self.0).Cancel };
        // SAFETY: in bounds, a byte, which the canceller writes atomically.
        let field = unsafe { AtomicU8::from_ptr(field) };
        // Acquire: pairs with the canceller's store; the exchange of the cancel routine decides who acts on it.
        field.load(Ordering::Acquire) != 0
    }

    /// Notes that the memory of the MDL, if there is one, stays where it is.
    #[cfg(not(feature = "hosted"))]
    pub(crate) fn mark_mdl_locked(self) {
        let mdl = self.mdl();
        if mdl.is_null() {
            return;
        }
        // SAFETY: the I/O manager's MDL, which lives until the IRP is completed.
        let flags = unsafe { (*mdl).MdlFlags };
        // SAFETY: the I/O manager's MDL, which lives until the IRP is completed; nobody else has the IRP yet.
        unsafe { (*mdl).MdlFlags = flags | wsk_sys::MDL_PAGES_LOCKED };
    }

    /// The level to return to when the cancel spin lock is released. For the cancel routine only.
    pub(crate) fn cancel_irql(self) -> KIRQL {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).CancelIrql }
    }

    pub(crate) fn mark_pending(self) {
        // SAFETY: by the type's invariant the current location is the driver's.
        unsafe { IoMarkIrpPending(self.0) };
    }

    pub(crate) fn set_cancel_routine(self, routine: DRIVER_CANCEL) {
        // SAFETY: by the type's invariant the driver has the IRP.
        unsafe { IoSetCancelRoutine(self.0, Some(routine)) };
    }

    /// Takes the cancel routine away; whether it was still there, so that it will not run.
    pub(crate) fn take_cancel_routine(self) -> bool {
        // SAFETY: by the type's invariant the driver has the IRP.
        unsafe { IoSetCancelRoutine(self.0, None) }.is_some()
    }

    /// Completes the IRP, keeping `Information` unless it is given. The IRP is not touched any more.
    pub(crate) fn complete(self, status: NTSTATUS, information: Option<usize>, boost: CCHAR) {
        if let Some(information) = information {
            self.set_information(information);
        }
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).IoStatus.Status = status };
        // SAFETY: the driver has the IRP, and it has no cancel routine.
        unsafe { IofCompleteRequest(self.0, boost) };
    }

    /// Completes the IRP with nothing to report, and returns the status for the dispatch routine.
    pub(crate) fn finish(self, status: NTSTATUS) -> NTSTATUS {
        self.complete(status, Some(0), IO_NO_INCREMENT);
        status
    }
}
