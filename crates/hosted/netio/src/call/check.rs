//! The rules of every WSK call: the IRQL, the IRP that comes with it, where it is called from.
#![expect(unsafe_code, reason = "reads the IRPs of clients")]

use hosted_rule::Rule;
use readings::{CallInRoutine, CallUnderSpinLock, ReservedFlags};
use wsk_sys::{
    IO_STACK_LOCATION, IO_STACK_OTHERS, IO_TYPE_IRP, IRP, IoGetNextIrpStackLocation, NTSTATUS,
    SL_INVOKE_ON_CANCEL, SL_INVOKE_ON_ERROR, SL_INVOKE_ON_SUCCESS, STATUS_INVALID_PARAMETER, ULONG,
};

use crate::functions::Function;
use crate::platform::{self, irp_name};
use crate::provider::Provider;
use crate::rules::{self, Broken, check_irql};
use crate::run::completion;

/// The `Control` of an own IRP's next location: the routine runs whatever happens.
const ALWAYS: u8 = SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_ERROR | SL_INVOKE_ON_CANCEL;

/// Checks where a function of a dispatch table is called from.
pub(crate) fn caller(function: &Function) {
    check_irql(function);
    not_in_completion_routine(function.name);
}

/// Refuses a call from within a completion routine, unless it is allowed. The page advises against it, and nothing on Windows
/// checks it: such a call works there, until the stack is used up.
pub(crate) fn not_in_completion_routine(what: &str) {
    let refused = || platform::strict() && platform::provider().follows(CallInRoutine::BugCheck);
    if completion::in_completion_routine() && refused() {
        let detail = format!("{what} called from within the completion routine of a WSK request");
        platform::violation(&Broken::new(&rules::CALL_IN_COMPLETION_ROUTINE, detail));
    }
}

/// Refuses flags, which are reserved, unless they are ignored.
pub(crate) fn flags(provider: &Provider, flags: ULONG) -> Result<(), NTSTATUS> {
    match provider.reading() {
        ReservedFlags::InvalidParameter if flags != 0 => Err(STATUS_INVALID_PARAMETER),
        ReservedFlags::InvalidParameter | ReservedFlags::Ignored => Ok(()),
    }
}

/// Refuses a call with an IRP under a spin lock, unless it is allowed. No page of WSK's says it; but the IRP may be completed
/// within the call, and nobody may complete one under a spin lock.
fn not_under_spin_lock(what: &str) -> Result<(), Broken> {
    let held = platform::spin_locks_held();
    if held == 0 || !platform::strict() || !platform::provider().follows(CallUnderSpinLock::BugCheck) {
        return Ok(());
    }
    let detail =
        format!("{what} called with an IRP by a thread that holds {held} spin lock(s); release them first");
    Err(Broken::new(&rules::CALL_UNDER_SPIN_LOCK, detail))
}

/// Checks that memory of the client's, which is its `role`, is not in paged pool.
///
/// # Errors
/// [`rules::PAGED_MEMORY`].
pub(crate) fn resident<T>(pointer: *const T, role: &str, what: &str) -> Result<(), Broken> {
    match platform::paged_block(pointer) {
        None => Ok(()),
        Some(block) => {
            Err(Broken::new(&rules::PAGED_MEMORY, format!("{what} with {role} in paged pool: {block}")))
        }
    }
}

/// A broken rule, and what is wrong with the IRP.
type Wrong = (&'static Rule, &'static str);

/// Checks the IRP of a call.
///
/// # Errors
/// The rules of [`rules`] that begin with `IRP`, [`rules::NOT_AN_IRP`], and [`rules::CALL_UNDER_SPIN_LOCK`].
///
/// # Safety
/// `irp` is not null. If the I/O manager knows it as an IRP, it is the caller's.
pub(crate) unsafe fn irp(irp: *mut IRP, what: &str) -> Result<(), Broken> {
    not_under_spin_lock(what)?;
    // SAFETY: this function's contract.
    let examined = unsafe { examine(irp) };
    examined.map_err(|(rule, why)| Broken::new(rule, format!("{what} with {}: {why}", irp_name(irp))))
}

/// # Safety
/// As [`irp`].
unsafe fn examine(irp: *mut IRP) -> Result<(), Wrong> {
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
fn own_irp(next: &IO_STACK_LOCATION) -> Result<(), Wrong> {
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
