//! The faults that end the system: what went on after them would be memory that is used after it was freed, or a wait that
//! nothing ends.
//!
//! `KeBugCheckEx`, and no panic: a panic unwinds where a driver is tested, and in a driver it is whatever the panic
//! handler makes of it; code that has forgotten four thousand million references could continue after both. The codes
//! are those that Windows itself has for these faults.
#![expect(unsafe_code, reason = "ends the system")]

use nt_sys::{APC_LEVEL, KeBugCheckEx, KeGetCurrentIrql, ULONG};

/// `REFERENCE_BY_POINTER`: "the reference count of an object is illegal for the current state of the object".
const REFERENCE_BY_POINTER: ULONG = 0x18;

/// `ATTEMPTED_SWITCH_FROM_DPC`: a wait at `DISPATCH_LEVEL`.
const ATTEMPTED_SWITCH_FROM_DPC: ULONG = 0xB8;

/// Ends the system: an object has more references than can be counted, so some were forgotten
/// (`REFERENCE_BY_POINTER`). The second parameter is the object, the fourth the count.
///
/// # IRQL
/// Any
#[cold]
pub fn too_many_references<T>(object: *const T, count: usize) -> ! {
    // SAFETY: may be called at any IRQL, and does not return.
    unsafe { KeBugCheckEx(REFERENCE_BY_POINTER, 0, object.addr(), 0, count) }
}

/// Ends the system if the thread cannot wait (`ATTEMPTED_SWITCH_FROM_DPC`).
///
/// The types keep waits away from `DISPATCH_LEVEL` wherever they see the level. What they do not see, such as a drop in
/// code that has raised it, is found here, at the wait, whether or not Driver Verifier runs.
///
/// # IRQL
/// Any
pub fn unless_it_can_wait() {
    // SAFETY: may be called at any IRQL.
    let level = unsafe { KeGetCurrentIrql() };
    if level > APC_LEVEL {
        // SAFETY: may be called at any IRQL, and does not return.
        unsafe { KeBugCheckEx(ATTEMPTED_SWITCH_FROM_DPC, level.into(), 0, 0, 0) }
    }
}
