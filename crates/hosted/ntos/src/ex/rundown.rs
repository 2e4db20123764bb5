//! Run-down protection: counts users of something, and lets one thread wait until there are none and keep others out.
//!
//! The driver's word holds the count times two, plus one once the run-down began.
#![expect(unsafe_code, reason = "exports C functions by their names; the word is the driver's")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wsk_sys::{APC_LEVEL, BOOLEAN, DISPATCH_LEVEL, EX_RUNDOWN_REF, FALSE, TRUE};

use crate::ex::pool;
use crate::ke::dispatcher::{Awaited, Wait};
use crate::ke::irql::at_most;
use crate::ke::spinlock;
use crate::machine::Machine;
use crate::machine::bugcheck::{require, violation};
use crate::rule;

/// The run-down has begun.
const ACTIVE: usize = 1;
/// One user.
const ONE: usize = 2;

/// The word, as an atomic.
///
/// # Safety
/// `reference` points to a run-down reference that stays where it is for as long as the result is used.
unsafe fn word<'a>(reference: *mut EX_RUNDOWN_REF) -> &'a AtomicUsize {
    // SAFETY: the caller's object, whose only field is the word.
    unsafe { AtomicUsize::from_ptr(reference.cast()) }
}

/// Initialises run-down protection: nobody uses the object, and everybody may.
///
/// # Safety
/// `RunRef` points to memory for a run-down reference that nobody uses yet.
///
/// # IRQL
/// <= `APC_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExInitializeRundownProtection(RunRef: *mut EX_RUNDOWN_REF) {
    Machine::kernel();
    at_most(APC_LEVEL, &rule::IRQL_EX_APC_LTE, "ExInitializeRundownProtection");
    // SAFETY: the caller's memory, which nobody reads yet.
    unsafe { RunRef.write(EX_RUNDOWN_REF { Count: 0 }) };
}

/// Counts one user more; `FALSE` if the run-down has begun.
///
/// # Safety
/// `RunRef` is an initialised run-down reference.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`, if the object is in non-paged memory.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExAcquireRundownProtection(RunRef: *mut EX_RUNDOWN_REF) -> BOOLEAN {
    let what = "ExAcquireRundownProtection";
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_DISPATCH, what);
    require(pool::check_resident(&machine, RunRef.addr(), what));
    // SAFETY: this function's own contract.
    let word = unsafe { word(RunRef) };
    let count = |value: usize| (value & ACTIVE == 0).then_some(value + ONE);
    // Acquire: the user sees what was written before the protection was set up.
    match word.fetch_update(Ordering::Acquire, Ordering::Relaxed, count) {
        Ok(_) => TRUE,
        Err(_) => FALSE,
    }
}

/// Counts one user fewer, and wakes the thread that waits for the last one.
///
/// # Safety
/// `RunRef` is a run-down reference that the caller has acquired.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExReleaseRundownProtection(RunRef: *mut EX_RUNDOWN_REF) {
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_DISPATCH, "ExReleaseRundownProtection");
    require(pool::check_resident(&machine, RunRef.addr(), "ExReleaseRundownProtection"));
    // SAFETY: this function's own contract.
    let word = unsafe { word(RunRef) };
    let count = |value: usize| (value & ACTIVE == 0).then(|| value.checked_sub(ONE)).flatten();
    // Release: the thread that runs the object down sees what its users wrote.
    let Err(mut value) = word.fetch_update(Ordering::Release, Ordering::Relaxed, count) else {
        return;
    };
    if value & ACTIVE != 0 {
        // The last user's release is the last thing done with the object before the waiter may free it.
        let mut locked = machine.parts.dispatcher.lock();
        let count = |value: usize| (value >= ONE + ACTIVE).then(|| value - ONE);
        match word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, count) {
            Ok(before) => {
                if before == ONE + ACTIVE {
                    locked.release_all(RunRef.addr());
                }
                return;
            }
            Err(found) => value = found,
        }
    }
    let phase = if value & ACTIVE == 0 { "which nobody holds" } else { "which is run down" };
    violation(
        &rule::RUNDOWN_NOT_HELD,
        format!("ExReleaseRundownProtection of {:#x}, {phase}", RunRef.addr()),
    );
}

/// Keeps new users out, and waits until the present ones are gone. Returns at once when called again.
///
/// # Safety
/// `RunRef` is an initialised run-down reference; the caller does not hold it itself.
///
/// # IRQL
/// <= `APC_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExWaitForRundownProtectionRelease(RunRef: *mut EX_RUNDOWN_REF) {
    let what = "ExWaitForRundownProtectionRelease";
    let machine = Machine::kernel();
    require(spinlock::check_none_held(RunRef.addr(), what));
    at_most(APC_LEVEL, &rule::IRQL_EX_APC_LTE, what);
    // SAFETY: this function's own contract.
    let word = unsafe { word(RunRef) };
    let locked = machine.parts.dispatcher.lock();
    // Acquire: what the users wrote is seen once the count is zero.
    if word.fetch_or(ACTIVE, Ordering::AcqRel) & !ACTIVE != 0 {
        let wait = Arc::new(Wait::new(vec![Awaited::Word(RunRef.addr())], false, what));
        require(machine.parts.dispatcher.wait(locked, &machine, &wait, None));
        Machine::kernel();
    }
}
