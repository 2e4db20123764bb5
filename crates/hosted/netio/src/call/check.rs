//! The rules of every WSK call: the IRQL, the IRP that comes with it, where it is called from.
#![expect(unsafe_code, reason = "reads the IRPs of clients")]

use hosted_rule::Rule;
use wsk_sys::{
    DISPATCH_LEVEL, IO_STACK_LOCATION, IO_STACK_OTHERS, IO_TYPE_IRP, IRP, IoGetNextIrpStackLocation,
    SL_INVOKE_ON_CANCEL, SL_INVOKE_ON_ERROR, SL_INVOKE_ON_SUCCESS,
};

use crate::platform::{self, irp_name};
use crate::rules::{self, at_most};
use crate::run::completion;

/// The `Control` of an own IRP's next location: the routine runs whatever happens.
const ALWAYS: u8 = SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR | SL_INVOKE_ON_CANCEL;

/// Checks where a function of a dispatch table is called from.
pub(crate) fn caller(what: &str) {
    at_most(DISPATCH_LEVEL, what);
    not_in_completion_routine(what);
}

/// Refuses a call from within a completion routine. The page advises against it, and nothing on Windows checks it:
/// such a call may well work there, until the stack is used up.
pub(crate) fn not_in_completion_routine(what: &str) {
    if completion::in_completion_routine() && platform::strict() {
        platform::violation(
            &rules::CALL_IN_COMPLETION_ROUTINE,
            format!("{what} called from within the completion routine of a WSK request"),
        );
    }
}

/// A broken rule, and how it was broken.
type Broken = (&'static Rule, &'static str);

/// Checks the IRP of a call.
///
/// # Safety
/// `irp` is not null. If the I/O manager knows it as an IRP, it is the caller's.
pub(crate) unsafe fn irp(irp: *mut IRP, what: &str) {
    // SAFETY: this function's contract.
    if let Err((rule, why)) = unsafe { examine(irp) } {
        platform::violation(rule, format!("{what} with {}: {why}", irp_name(irp)));
    }
}

/// # Safety
/// As [`irp`].
unsafe fn examine(irp: *mut IRP) -> Result<(), Broken> {
    if !platform::is_irp(irp) {
        return Err((&rules::NOT_AN_IRP, "there is no living IRP at this address"));
    }
    // SAFETY: the I/O manager knows the IRP, which is the caller's, so nobody writes the field.
    let kind = unsafe { (*irp).Type };
    if kind != IO_TYPE_IRP {
        return Err((&rules::NOT_AN_IRP, "its type is not that of an IRP"));
    }
    // SAFETY: the I/O manager knows the IRP, which is the caller's, so nobody writes the field.
    let locations = unsafe { (*irp).StackCount };
    // SAFETY: the I/O manager knows the IRP, which is the caller's, so nobody writes the field.
    let current = unsafe { (*irp).CurrentLocation };
    if locations < 1 {
        return Err((&rules::IRP_STACK, "it was allocated without a stack location"));
    }
    if current < 2 {
        return Err((&rules::IRP_IN_USE, "it was sent already, and its last stack location is in use"));
    }
    if current != locations + 1 {
        // Passed down from above: it may go on without a routine, and its owner answers for the rest.
        return Ok(());
    }
    // SAFETY: the current location is above the lowest, so there is a next one.
    let next = unsafe { IoGetNextIrpStackLocation(irp) };
    // SAFETY: a location of the caller's IRP, which nobody else uses; the structure holds plain values.
    own_irp(&unsafe { next.read() })
}

/// Checks the next stack location of an IRP that the client made itself.
fn own_irp(next: &IO_STACK_LOCATION) -> Result<(), Broken> {
    // The provider writes it, completion leaves it, and IoReuseIrp clears it.
    if next.MajorFunction != 0 {
        let why = "it was completed, or filled by hand, and not reused with IoReuseIrp";
        return Err((&rules::IRP_NOT_REUSED, why));
    }
    if next.CompletionRoutine.is_none() {
        return Err((&rules::IRP_COMPLETION_ROUTINE, "it has no completion routine"));
    }
    if next.Control != ALWAYS {
        let why = "its completion routine must be invoked on success, on error and on cancellation";
        return Err((&rules::IRP_COMPLETION_ROUTINE, why));
    }
    // SAFETY: this variant covers the union with four pointers, for which every bit pattern is valid.
    let words: IO_STACK_OTHERS = unsafe { next.Parameters.Others };
    let words = [words.Argument1, words.Argument2, words.Argument3, words.Argument4];
    let clean = next.MinorFunction == 0
        && next.Flags == 0
        && next.DeviceObject.is_null()
        && next.FileObject.is_null()
        && words.iter().all(|word| word.is_null());
    if !clean {
        return Err((&rules::IRP_LOCATION, "the stack location below holds more than a completion routine"));
    }
    Ok(())
}
