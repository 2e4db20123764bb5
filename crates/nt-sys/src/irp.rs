//! I/O request packets, their stack locations, and the inlines over them.
#![allow(missing_docs, reason = "the fields are those of the C structure that the type's page names")]

use core::sync::atomic::{AtomicPtr, Ordering};
use core::{mem, ptr};

use crate::base::{
    BOOLEAN, CCHAR, CSHORT, KIRQL, KPROCESSOR_MODE, LIST_ENTRY, NTSTATUS, PETHREAD, PVOID, UCHAR, ULONG,
    ULONG_PTR, USHORT,
};
use crate::mdl::MDL;
use crate::object::{DEVICE_OBJECT, DRIVER_CANCEL, FILE_OBJECT};
use crate::sync::KEVENT;

/// `IO_TYPE_IRP`, the value of [`IRP::Type`].
pub const IO_TYPE_IRP: CSHORT = 6;

pub const IRP_MJ_CREATE: UCHAR = 0x00;
pub const IRP_MJ_CLOSE: UCHAR = 0x02;
pub const IRP_MJ_READ: UCHAR = 0x03;
pub const IRP_MJ_WRITE: UCHAR = 0x04;
pub const IRP_MJ_DEVICE_CONTROL: UCHAR = 0x0E;
pub const IRP_MJ_INTERNAL_DEVICE_CONTROL: UCHAR = 0x0F;
pub const IRP_MJ_SHUTDOWN: UCHAR = 0x10;
pub const IRP_MJ_CLEANUP: UCHAR = 0x12;

pub const SL_PENDING_RETURNED: UCHAR = 0x01;
pub const SL_ERROR_RETURNED: UCHAR = 0x02;
pub const SL_INVOKE_ON_CANCEL: UCHAR = 0x20;
pub const SL_INVOKE_ON_SUCCESS: UCHAR = 0x40;
pub const SL_INVOKE_ON_ERROR: UCHAR = 0x80;

/// `IO_NO_INCREMENT`: no priority boost for the waiter.
pub const IO_NO_INCREMENT: CCHAR = 0;

/// `IRP_BUFFERED_IO` of [`IRP::Flags`].
pub const IRP_BUFFERED_IO: ULONG = 0x10;
/// `IRP_DEALLOCATE_BUFFER` of [`IRP::Flags`].
pub const IRP_DEALLOCATE_BUFFER: ULONG = 0x20;
/// `IRP_INPUT_OPERATION` of [`IRP::Flags`].
pub const IRP_INPUT_OPERATION: ULONG = 0x40;
/// `IRP_READ_OPERATION` of [`IRP::Flags`].
pub const IRP_READ_OPERATION: ULONG = 0x100;
/// `IRP_WRITE_OPERATION` of [`IRP::Flags`].
pub const IRP_WRITE_OPERATION: ULONG = 0x200;

/// `METHOD_BUFFERED`: both buffers pass through one system buffer.
pub const METHOD_BUFFERED: ULONG = 0;
/// `METHOD_IN_DIRECT`: the second buffer is locked for reading and described by an MDL.
pub const METHOD_IN_DIRECT: ULONG = 1;
/// `METHOD_OUT_DIRECT`: the second buffer is locked for writing and described by an MDL.
pub const METHOD_OUT_DIRECT: ULONG = 2;
/// `METHOD_NEITHER`: user addresses, unchecked.
pub const METHOD_NEITHER: ULONG = 3;

pub const FILE_ANY_ACCESS: ULONG = 0;
pub const FILE_READ_ACCESS: ULONG = 1;
pub const FILE_WRITE_ACCESS: ULONG = 2;

/// An I/O control code (a macro of `devioctl.h`).
#[must_use]
pub const fn CTL_CODE(device_type: ULONG, function: ULONG, method: ULONG, access: ULONG) -> ULONG {
    (device_type << 16) | (access << 14) | (function << 2) | method
}

/// The transfer method of an I/O control code (a macro of `devioctl.h`).
#[must_use]
pub const fn METHOD_FROM_CTL_CODE(code: ULONG) -> ULONG {
    code & 3
}

/// `IO_COMPLETION_ROUTINE`: called at IRQL <= `DISPATCH_LEVEL`, in an arbitrary thread.
pub type IO_COMPLETION_ROUTINE =
    unsafe extern "system" fn(DeviceObject: *mut DEVICE_OBJECT, Irp: *mut IRP, Context: PVOID) -> NTSTATUS;

/// The status and byte count of a finished request. In C, `Status` shares its place with an unused pointer.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IO_STATUS_BLOCK {
    pub Status: NTSTATUS,
    pub Information: ULONG_PTR,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union IRP_ASSOCIATED_IRP {
    pub MasterIrp: *mut IRP,
    pub IrpCount: i32,
    pub SystemBuffer: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IRP_OVERLAY {
    pub UserApcRoutine: PVOID,
    pub UserApcContext: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IRP_TAIL_OVERLAY {
    pub DriverContext: [PVOID; 4],
    pub Thread: PETHREAD,
    pub AuxiliaryBuffer: PVOID,
    pub ListEntry: LIST_ENTRY,
    pub CurrentStackLocation: *mut IO_STACK_LOCATION,
    pub OriginalFileObject: *mut FILE_OBJECT,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union IRP_TAIL {
    pub Overlay: IRP_TAIL_OVERLAY,
    /// The place of the `KAPC` with which the I/O manager finishes the request.
    pub Apc: [usize; 11],
    pub CompletionKey: PVOID,
}

/// An I/O request packet. Its stack locations follow it in memory.
#[repr(C, align(16))]
pub struct IRP {
    pub Type: CSHORT,
    pub Size: USHORT,
    pub MdlAddress: *mut MDL,
    pub Flags: ULONG,
    pub AssociatedIrp: IRP_ASSOCIATED_IRP,
    pub ThreadListEntry: LIST_ENTRY,
    pub IoStatus: IO_STATUS_BLOCK,
    pub RequestorMode: KPROCESSOR_MODE,
    pub PendingReturned: BOOLEAN,
    pub StackCount: CCHAR,
    pub CurrentLocation: CCHAR,
    pub Cancel: BOOLEAN,
    pub CancelIrql: KIRQL,
    pub ApcEnvironment: CCHAR,
    pub AllocationFlags: UCHAR,
    pub UserIosb: *mut IO_STATUS_BLOCK,
    pub UserEvent: *mut KEVENT,
    pub Overlay: IRP_OVERLAY,
    pub CancelRoutine: Option<DRIVER_CANCEL>,
    pub UserBuffer: PVOID,
    pub Tail: IRP_TAIL,
}
pub type PIRP = *mut IRP;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IO_STACK_CREATE {
    pub SecurityContext: PVOID,
    pub Options: ULONG,
    _pad0: u32,
    pub FileAttributes: USHORT,
    pub ShareAccess: USHORT,
    _pad1: u32,
    pub EaLength: ULONG,
}

/// `Parameters.Read` and `Parameters.Write`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IO_STACK_READ_WRITE {
    pub Length: ULONG,
    _pad0: u32,
    pub Key: ULONG,
    pub Flags: ULONG,
    pub ByteOffset: i64,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IO_STACK_DEVICE_IO_CONTROL {
    pub OutputBufferLength: ULONG,
    _pad0: u32,
    pub InputBufferLength: ULONG,
    _pad1: u32,
    pub IoControlCode: ULONG,
    _pad2: u32,
    pub Type3InputBuffer: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IO_STACK_OTHERS {
    pub Argument1: PVOID,
    pub Argument2: PVOID,
    pub Argument3: PVOID,
    pub Argument4: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union IO_STACK_PARAMETERS {
    pub Create: IO_STACK_CREATE,
    pub Read: IO_STACK_READ_WRITE,
    pub Write: IO_STACK_READ_WRITE,
    pub DeviceIoControl: IO_STACK_DEVICE_IO_CONTROL,
    pub Others: IO_STACK_OTHERS,
}

#[repr(C)]
pub struct IO_STACK_LOCATION {
    pub MajorFunction: UCHAR,
    pub MinorFunction: UCHAR,
    pub Flags: UCHAR,
    pub Control: UCHAR,
    pub Parameters: IO_STACK_PARAMETERS,
    pub DeviceObject: *mut DEVICE_OBJECT,
    pub FileObject: *mut FILE_OBJECT,
    pub CompletionRoutine: Option<IO_COMPLETION_ROUTINE>,
    pub Context: PVOID,
}
pub type PIO_STACK_LOCATION = *mut IO_STACK_LOCATION;

/// The size in bytes of an IRP with `stack_size` locations (a macro of `wdm.h`).
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "at most 127 locations: 9352 bytes")]
pub const fn IoSizeOfIrp(stack_size: CCHAR) -> USHORT {
    let locations = stack_size.unsigned_abs() as usize;
    (mem::size_of::<IRP>() + locations * mem::size_of::<IO_STACK_LOCATION>()) as USHORT
}

/// The part of the IRP that drivers use while it is in their hands.
///
/// # Safety
/// `irp` points to an IRP.
unsafe fn tail_overlay(irp: *const IRP) -> *mut IRP_TAIL_OVERLAY {
    // SAFETY: the caller passes an IRP, so the field is in bounds; only its address is taken.
    let tail = unsafe { &raw const (*irp).Tail };
    tail.cast::<IRP_TAIL_OVERLAY>().cast_mut()
}

/// The caller's stack location (an inline of `wdm.h`).
///
/// # Safety
/// `irp` is an IRP that a driver above has sent to the caller, not yet completed or passed on.
#[must_use]
pub unsafe fn IoGetCurrentIrpStackLocation(irp: *const IRP) -> *mut IO_STACK_LOCATION {
    // SAFETY: this function's own contract.
    let overlay = unsafe { tail_overlay(irp) };
    // SAFETY: `Overlay` is the variant in use while the IRP is in a driver's hands.
    unsafe { (*overlay).CurrentStackLocation }
}

/// The stack location of the driver below (an inline of `wdm.h`).
///
/// # Safety
/// `irp` is an IRP in the caller's hands with at least one location left.
#[must_use]
pub unsafe fn IoGetNextIrpStackLocation(irp: *const IRP) -> *mut IO_STACK_LOCATION {
    // SAFETY: as in `IoGetCurrentIrpStackLocation`, by this function's own contract.
    let current = unsafe { IoGetCurrentIrpStackLocation(irp) };
    current.wrapping_sub(1)
}

/// Makes the next stack location the current one (an inline of `wdm.h`).
///
/// # Safety
/// `irp` is an IRP in the caller's hands with at least one location left.
pub unsafe fn IoSetNextIrpStackLocation(irp: *mut IRP) {
    // SAFETY: this function's own contract.
    let next = unsafe { IoGetNextIrpStackLocation(irp) };
    // SAFETY: the caller owns the IRP.
    let location = unsafe { (*irp).CurrentLocation };
    // SAFETY: the caller owns the IRP.
    unsafe { (*irp).CurrentLocation = location - 1 };
    // SAFETY: this function's own contract.
    let overlay = unsafe { tail_overlay(irp) };
    // SAFETY: the caller owns the IRP.
    unsafe { (*overlay).CurrentStackLocation = next };
}

/// Sets the routine that runs when the driver below completes the IRP (an inline of `wdm.h`).
///
/// For an IRP of the driver's own all three conditions must be true, so that the routine always runs.
///
/// # Safety
/// `irp` is an IRP in the caller's hands with at least one location left. `routine` and what it needs of
/// `context` stay resident until it has run.
pub unsafe fn IoSetCompletionRoutine(
    irp: *mut IRP,
    routine: Option<IO_COMPLETION_ROUTINE>,
    context: PVOID,
    invoke_on_success: bool,
    invoke_on_error: bool,
    invoke_on_cancel: bool,
) {
    let mut control = 0;
    if invoke_on_success {
        control |= SL_INVOKE_ON_SUCCESS;
    }
    if invoke_on_error {
        control |= SL_INVOKE_ON_ERROR;
    }
    if invoke_on_cancel {
        control |= SL_INVOKE_ON_CANCEL;
    }
    // SAFETY: this function's own contract.
    let next = unsafe { IoGetNextIrpStackLocation(irp) };
    // SAFETY: the next location belongs to the IRP's owner until the IRP is sent.
    unsafe { (*next).CompletionRoutine = routine };
    // SAFETY: the next location belongs to the IRP's owner until the IRP is sent.
    unsafe { (*next).Context = context };
    // SAFETY: the next location belongs to the IRP's owner until the IRP is sent.
    unsafe { (*next).Control = control };
}

/// Marks the caller's stack location pending (an inline of `wdm.h`).
///
/// # Safety
/// `irp` is an IRP that was sent to the caller. An IRP of the caller's own has no location to mark: calling this
/// on it would write past the locations.
pub unsafe fn IoMarkIrpPending(irp: *mut IRP) {
    // SAFETY: this function's own contract.
    let current = unsafe { IoGetCurrentIrpStackLocation(irp) };
    // SAFETY: the current location is the caller's.
    let control = unsafe { (*current).Control };
    // SAFETY: the current location is the caller's.
    unsafe { (*current).Control = control | SL_PENDING_RETURNED };
}

/// Sets or clears the cancel routine, and returns the previous one (an inline of `wdm.h`: one interlocked
/// exchange).
///
/// # Safety
/// `irp` is an IRP in the caller's hands.
pub unsafe fn IoSetCancelRoutine(irp: *mut IRP, routine: Option<DRIVER_CANCEL>) -> Option<DRIVER_CANCEL> {
    // SAFETY: the field is in bounds of the IRP that the caller passes.
    let field = unsafe { &raw mut (*irp).CancelRoutine };
    // SAFETY: the field is pointer-sized and aligned; every access to it while the IRP is shared is this exchange.
    let field = unsafe { AtomicPtr::<()>::from_ptr(field.cast()) };
    let new = routine.map_or(ptr::null_mut(), |routine| routine as *mut ());
    // Acquire and release: the routine's owner publishes its state before, the canceller reads it after.
    let old = field.swap(new, Ordering::AcqRel);
    // SAFETY: the field only ever holds null or a `DRIVER_CANCEL`; `Option` of a function pointer has null as `None`.
    unsafe { mem::transmute::<*mut (), Option<DRIVER_CANCEL>>(old) }
}
