//! Reading and writing the fields of an IRP and of its stack locations through raw pointers.
//!
//! No reference to an IRP is ever made: the driver, the provider below it and this crate hold pointers to the
//! same packet at the same time, and what keeps them apart is the protocol, not the borrow checker.
#![expect(
    unsafe_code,
    reason = "IRPs are shared with drivers by address; every access goes through a raw pointer"
)]

use std::alloc::Layout;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU8, Ordering};

use wsk_sys::{
    DEVICE_OBJECT, DRIVER_CANCEL, FILE_OBJECT, IO_COMPLETION_ROUTINE, IO_STACK_LOCATION, IO_STACK_PARAMETERS,
    IO_STATUS_BLOCK, IO_TYPE_IRP, IRP, IRP_ASSOCIATED_IRP, IRP_TAIL, IRP_TAIL_OVERLAY, IoSizeOfIrp, MDL,
    NTSTATUS, PETHREAD, PVOID,
};

/// An IRP that lives: the registry holds a record of it, and the I/O manager is the one to touch it now.
///
/// # Invariants
/// The pointer is to an initialised IRP, with provenance for it and all of its stack locations.
#[derive(Clone, Copy)]
pub(crate) struct Packet(*mut IRP);

/// One stack location of a living IRP.
///
/// # Invariants
/// The pointer is to a location inside the allocation of a living IRP.
#[derive(Clone, Copy)]
pub(crate) struct Location(*mut IO_STACK_LOCATION);

/// The size and alignment of an IRP with this many locations.
pub(crate) fn layout(stack_count: i8) -> Layout {
    Layout::from_size_align(usize::from(IoSizeOfIrp(stack_count)), 16)
        .expect("an IRP has at most 127 locations: the size cannot overflow")
}

/// Writes a fresh IRP over `irp`: no location in use yet, everything else zero.
///
/// # Safety
/// `irp` points to writable memory of at least `layout(stack_count)`, which nobody else uses.
pub(crate) unsafe fn initialise(irp: *mut IRP, size: u16, stack_count: i8) {
    // SAFETY: the caller gives that much memory.
    unsafe { ptr::write_bytes(irp.cast::<u8>(), 0, layout(stack_count).size()) };
    // All zeros is a valid IRP: null pointers, absent routines, integers.
    let packet = Packet(irp);
    // SAFETY: in bounds and the caller's alone.
    unsafe { (*irp).Type = IO_TYPE_IRP };
    // SAFETY: in bounds and the caller's alone.
    unsafe { (*irp).Size = size };
    // SAFETY: in bounds and the caller's alone.
    unsafe { (*irp).StackCount = stack_count };
    packet.set_location(stack_count + 1);
    // SAFETY: in bounds and the caller's alone; the locations begin right after the packet, one element past it.
    let locations = unsafe { irp.add(1) }.cast::<IO_STACK_LOCATION>();
    packet.set_current(locations.wrapping_add(usize::from(stack_count.unsigned_abs())));
}

macro_rules! field {
    ($(#[$doc:meta])* $get:ident, $field:ident: $type:ty) => {
        $(#[$doc])*
        pub(crate) fn $get(self) -> $type {
            // SAFETY: by the type's invariant the IRP lives.
            unsafe { (*self.0).$field }
        }
    };
    ($(#[$doc:meta])* $get:ident / $set:ident, $field:ident: $type:ty) => {
        field!($(#[$doc])* $get, $field: $type);

        pub(crate) fn $set(self, value: $type) {
            // SAFETY: by the type's invariant the IRP lives.
            unsafe { (*self.0).$field = value }
        }
    };
}

impl Packet {
    /// # Safety
    /// `irp` points to an initialised IRP that is not freed while the result is used.
    pub(crate) unsafe fn new(irp: *mut IRP) -> Packet {
        Packet(irp)
    }

    pub(crate) fn as_ptr(self) -> *mut IRP {
        self.0
    }

    field!(kind, Type: i16);
    field!(size, Size: u16);
    field!(stack_count, StackCount: i8);
    field!(
        /// One-based, counted from the lowest; above `stack_count` means that no driver below has the IRP.
        location / set_location, CurrentLocation: i8
    );
    field!(io_status / set_io_status, IoStatus: IO_STATUS_BLOCK);
    pub(crate) fn set_mdl(self, mdl: *mut MDL) {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).MdlAddress = mdl }
    }

    field!(allocation_flags / set_allocation_flags, AllocationFlags: u8);

    pub(crate) fn status(self) -> NTSTATUS {
        self.io_status().Status
    }

    pub(crate) fn set_flags(self, flags: u32) {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).Flags = flags }
    }

    pub(crate) fn set_user_buffer(self, buffer: PVOID) {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).UserBuffer = buffer }
    }

    pub(crate) fn set_requestor_mode(self, mode: i8) {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).RequestorMode = mode }
    }

    pub(crate) fn set_pending_returned(self, pending: bool) {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).PendingReturned = u8::from(pending) }
    }

    pub(crate) fn set_system_buffer(self, buffer: PVOID) {
        let value = IRP_ASSOCIATED_IRP { SystemBuffer: buffer };
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).AssociatedIrp = value }
    }

    /// `Cancel`, which the canceller writes while the driver reads it.
    fn cancel_field(self) -> &'static AtomicU8 {
        // SAFETY: by the type's invariant the IRP lives; only the field's address is taken.
        let field = unsafe { &raw mut (*self.0).Cancel };
        // SAFETY: in bounds, a byte; the reference is used at once, while the IRP lives.
        unsafe { AtomicU8::from_ptr(field) }
    }

    pub(crate) fn is_cancelled(self) -> bool {
        self.cancel_field().load(Ordering::Acquire) != 0
    }

    pub(crate) fn set_cancelled(self) {
        self.cancel_field().store(1, Ordering::Release);
    }

    pub(crate) fn set_cancel_irql(self, irql: u8) {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).CancelIrql = irql }
    }

    pub(crate) fn has_cancel_routine(self) -> bool {
        // SAFETY: by the type's invariant the IRP lives; only the field's address is taken.
        let field = unsafe { &raw mut (*self.0).CancelRoutine };
        // SAFETY: pointer-sized and aligned; the other accesses are atomic exchanges (`IoSetCancelRoutine`).
        let field = unsafe { AtomicPtr::<()>::from_ptr(field.cast()) };
        !field.load(Ordering::Acquire).is_null()
    }

    pub(crate) fn take_cancel_routine(self) -> Option<DRIVER_CANCEL> {
        // SAFETY: by the type's invariant the IRP lives; the exchange itself decides who gets the routine.
        unsafe { wsk_sys::IoSetCancelRoutine(self.0, None) }
    }

    fn overlay(self) -> *mut IRP_TAIL_OVERLAY {
        // SAFETY: by the type's invariant the IRP lives; only the field's address is taken.
        let tail: *mut IRP_TAIL = unsafe { &raw mut (*self.0).Tail };
        tail.cast()
    }

    pub(crate) fn thread(self) -> PETHREAD {
        let overlay = self.overlay();
        // SAFETY: in bounds of a living IRP; every variant of the union is plain data.
        unsafe { (*overlay).Thread }
    }

    pub(crate) fn set_thread(self, thread: PETHREAD) {
        let overlay = self.overlay();
        // SAFETY: in bounds of a living IRP; every variant of the union is plain data.
        unsafe { (*overlay).Thread = thread }
    }

    pub(crate) fn set_original_file(self, file: *mut FILE_OBJECT) {
        let overlay = self.overlay();
        // SAFETY: in bounds of a living IRP; every variant of the union is plain data.
        unsafe { (*overlay).OriginalFileObject = file }
    }

    fn set_current(self, current: *mut IO_STACK_LOCATION) {
        let overlay = self.overlay();
        // SAFETY: in bounds of a living IRP; every variant of the union is plain data.
        unsafe { (*overlay).CurrentStackLocation = current }
    }

    /// The current location, or none above the topmost.
    pub(crate) fn current(self) -> Option<Location> {
        if self.location() > self.stack_count() {
            return None;
        }
        // SAFETY: by the type's invariant the IRP lives.
        Some(Location(unsafe { wsk_sys::IoGetCurrentIrpStackLocation(self.0) }))
    }

    /// The location of the driver below, or none below the lowest.
    pub(crate) fn next(self) -> Option<Location> {
        if self.location() <= 1 {
            return None;
        }
        // SAFETY: by the type's invariant the IRP lives, and there is a location left.
        Some(Location(unsafe { wsk_sys::IoGetNextIrpStackLocation(self.0) }))
    }

    /// Makes the location above the current one. To be called while [`Packet::current`] is some.
    pub(crate) fn step_up(self) {
        let overlay = self.overlay();
        // SAFETY: in bounds of a living IRP, in whose tail this variant is in use.
        let current = unsafe { (*overlay).CurrentStackLocation };
        self.set_current(current.wrapping_add(1));
        self.set_location(self.location() + 1);
    }

    /// Makes the next location the current one. To be called while [`Packet::next`] is some.
    pub(crate) fn step_down(self) {
        // SAFETY: by the type's invariant the IRP lives, and the caller saw a location left.
        unsafe { wsk_sys::IoSetNextIrpStackLocation(self.0) }
    }
}

impl Location {
    field!(major, MajorFunction: u8);
    field!(control / set_control, Control: u8);
    field!(device / set_device, DeviceObject: *mut DEVICE_OBJECT);
    field!(routine, CompletionRoutine: Option<IO_COMPLETION_ROUTINE>);
    field!(context, Context: PVOID);

    pub(crate) fn set_major(self, major: u8) {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).MajorFunction = major }
    }

    pub(crate) fn set_file(self, file: *mut FILE_OBJECT) {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).FileObject = file }
    }

    /// Where the parameters lie; a variant of the union is written through a cast of this.
    pub(crate) fn parameters(self) -> *mut IO_STACK_PARAMETERS {
        // SAFETY: by the type's invariant the IRP lives; only the field's address is taken.
        unsafe { &raw mut (*self.0).Parameters }
    }

    /// Clears what a finished location held of its request, as `IofCompleteRequest` does before it goes up.
    /// The routine, its context and the device stay.
    pub(crate) fn wipe(self) {
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).MinorFunction = 0 };
        // SAFETY: by the type's invariant the IRP lives.
        unsafe { (*self.0).Flags = 0 };
        self.set_control(0);
        // SAFETY: the parameters are plain data, in bounds of a living IRP.
        unsafe { ptr::write_bytes(self.parameters().cast::<u8>(), 0, mem::size_of::<IO_STACK_PARAMETERS>()) };
        self.set_file(ptr::null_mut());
    }
}
