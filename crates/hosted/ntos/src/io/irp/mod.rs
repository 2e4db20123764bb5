//! A driver's own IRPs: `IoAllocateIrp`, `IoFreeIrp`, `IoReuseIrp`, `IoInitializeIrp`.
#![expect(unsafe_code, reason = "exports the kernel's C interface")]

pub mod call;
pub mod cancel;
pub mod complete;
pub mod log;
pub(crate) mod packet;
pub(crate) mod registry;

use std::ptr;

use wsk_sys::{BOOLEAN, CCHAR, DISPATCH_LEVEL, IO_STATUS_BLOCK, IRP, IoSizeOfIrp, NTSTATUS, USHORT};

use crate::io::irp::log::IrpEventKind;
use crate::io::irp::packet::Packet;
pub use crate::io::irp::registry::State;
use crate::io::irp::registry::{Origin, Record};
use crate::ke::irql::at_most;
use crate::machine::Machine;
use crate::machine::bugcheck::{require, violation};
use crate::machine::fault;
use crate::rule::IRQL_IO_DISPATCH;
use crate::rule::io::{
    FREE_IN_USE, FREE_THREADED_IRP, INITIALIZE_ALLOCATED, INITIALIZE_BAD, NOT_AN_IRP, REUSE_IN_USE,
    REUSE_NOT_ALLOCATED,
};

/// Who has an IRP now, or none for an address that is no living IRP.
///
/// A provider asks this when it is handed an IRP: one in [`State::Completed`] was not reused.
#[must_use]
pub fn state(irp: *mut IRP) -> Option<State> {
    registry::of(&Machine::here()).with(irp, |record, _| record.state).ok()
}

/// The number of an IRP in the log and in reports, or none for an address that is no living IRP.
#[must_use]
pub fn id(irp: *mut IRP) -> Option<u64> {
    registry::of(&Machine::here()).with(irp, |record, _| record.id).ok()
}

/// `IoAllocateIrp`: an IRP with `StackSize` locations, or null when resources are short.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
#[unsafe(no_mangle)]
pub extern "system" fn IoAllocateIrp(StackSize: CCHAR, _ChargeQuota: BOOLEAN) -> *mut IRP {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &IRQL_IO_DISPATCH, "IoAllocateIrp");
    // `CurrentLocation` is a signed byte and begins at `StackSize` + 1.
    if StackSize < 0 || StackSize == CCHAR::MAX || fault::point("IoAllocateIrp") {
        return ptr::null_mut();
    }
    registry::of(&machine).allocate(&machine, StackSize, Origin::Allocated, None, 0)
}

/// `IoFreeIrp`: frees an IRP from `IoAllocateIrp`. MDLs stay.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
#[unsafe(no_mangle)]
pub extern "system" fn IoFreeIrp(Irp: *mut IRP) {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &IRQL_IO_DISPATCH, "IoFreeIrp");
    let registry = registry::of(&machine);
    let found = registry.with(Irp, |record, packet| {
        let fault = match record.origin {
            Origin::System => Some((&FREE_THREADED_IRP, "freed, but it belongs to a thread's request")),
            Origin::Initialised => Some((&NOT_AN_IRP, "freed, but IoAllocateIrp did not make it")),
            Origin::Allocated => in_use(record, packet).map(|what| (&FREE_IN_USE, what)),
        };
        fault.map(|(rule, what)| (rule, report(record, what)))
    });
    match found {
        Ok(None) => require(registry.free(&machine, Irp)),
        Ok(Some((rule, detail))) => violation(rule, detail),
        Err(missing) => violation(&NOT_AN_IRP, format!("IoFreeIrp of {}", missing.describe())),
    }
}

/// `IoReuseIrp`: makes a completed IRP from `IoAllocateIrp` as good as new, except for its allocation flags.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
#[unsafe(no_mangle)]
pub extern "system" fn IoReuseIrp(Irp: *mut IRP, Iostatus: NTSTATUS) {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &IRQL_IO_DISPATCH, "IoReuseIrp");
    let registry = registry::of(&machine);
    let found = registry.with(Irp, |record, packet| {
        if record.origin != Origin::Allocated {
            return Err((&REUSE_NOT_ALLOCATED, report(record, "reused, but IoAllocateIrp did not make it")));
        }
        if let Some(what) = in_use(record, packet) {
            return Err((&REUSE_IN_USE, report(record, what)));
        }
        let flags = packet.allocation_flags();
        // SAFETY: the registry's IRP, as large as its own fields say; it is its owner's, who gives it to us.
        unsafe { packet::initialise(packet.as_ptr(), packet.size(), packet.stack_count()) };
        packet.set_allocation_flags(flags);
        packet.set_io_status(IO_STATUS_BLOCK { Status: Iostatus, Information: 0 });
        record.state = State::Idle;
        record.passages.clear();
        Ok((record.id, record.origin))
    });
    match found {
        Ok(Ok((id, origin))) => registry.log(id, origin, || IrpEventKind::Reused),
        Ok(Err((rule, detail))) => violation(rule, detail),
        Err(missing) => violation(&NOT_AN_IRP, format!("IoReuseIrp of {}", missing.describe())),
    }
}

/// `IoInitializeIrp`: makes an IRP in the driver's own memory.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
///
/// # Safety
/// `Irp` points to `PacketSize` bytes of non-paged memory that nobody else uses.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn IoInitializeIrp(Irp: *mut IRP, PacketSize: USHORT, StackSize: CCHAR) {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &IRQL_IO_DISPATCH, "IoInitializeIrp");
    let registry = registry::of(&machine);
    let known = registry.with(Irp, |record, packet| match record.origin {
        Origin::Initialised if record.is_below(packet) => {
            Some((&INITIALIZE_BAD, report(record, "initialised again while a driver below has it")))
        }
        Origin::Initialised => None,
        Origin::Allocated | Origin::System => {
            Some((&INITIALIZE_ALLOCATED, report(record, "initialised, but it is not in the driver's memory")))
        }
    });
    if let Ok(Some((rule, detail))) = known {
        violation(rule, detail);
    }
    if StackSize < 0 || StackSize == CCHAR::MAX || PacketSize < IoSizeOfIrp(StackSize) {
        violation(&INITIALIZE_BAD, format!("IoInitializeIrp of {StackSize} locations in {PacketSize} bytes"));
    }
    // SAFETY: the caller gives `PacketSize` bytes, which are enough.
    unsafe { packet::initialise(Irp, PacketSize, StackSize) };
    registry.adopt(Irp);
}

/// Why the owner may not free or reuse the IRP now.
fn in_use(record: &Record, packet: Packet) -> Option<&'static str> {
    if record.is_below(packet) {
        Some("freed or reused while a driver below has it")
    } else if packet.has_cancel_routine() {
        Some("freed or reused with a cancel routine set")
    } else {
        None
    }
}

fn report(record: &Record, what: &str) -> String {
    format!("IRP #{} {what}", record.id)
}
