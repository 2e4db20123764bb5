//! Rundown protection: four stubs in Wine, which raise an exception.
#![expect(unsafe_code, reason = "functions of the kernel's C names")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use wsk_sys::{BOOLEAN, EX_RUNDOWN_REF, FALSE, TRUE};

/// Set when somebody waits, or has waited; above it the number of holders.
const ACTIVE: usize = 1;
/// One holder.
const HOLDER: usize = 2;

/// # Safety
/// `run_ref` points to a rundown reference that lives while the result is used.
unsafe fn count<'a>(run_ref: *mut EX_RUNDOWN_REF) -> &'a AtomicUsize {
    // SAFETY: this function's contract; only the field's address is taken.
    let count = unsafe { &raw mut (*run_ref).Count };
    // SAFETY: this function's contract; all accesses are atomic.
    unsafe { AtomicUsize::from_ptr(count) }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExInitializeRundownProtection(RunRef: *mut EX_RUNDOWN_REF) {
    // SAFETY: the caller's reference.
    unsafe { count(RunRef) }.store(0, Ordering::Release);
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExAcquireRundownProtection(RunRef: *mut EX_RUNDOWN_REF) -> BOOLEAN {
    // SAFETY: the caller's reference.
    let count = unsafe { count(RunRef) };
    let more = |value: usize| (value & ACTIVE == 0).then_some(value + HOLDER);
    // Acquire: what was done before the initialisation is seen.
    match count.fetch_update(Ordering::Acquire, Ordering::Relaxed, more) {
        Ok(_) => TRUE,
        Err(_) => FALSE,
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExReleaseRundownProtection(RunRef: *mut EX_RUNDOWN_REF) {
    // SAFETY: the caller's reference.
    let count = unsafe { count(RunRef) };
    // Release: what the holder did is seen by who waits.
    count.fetch_sub(HOLDER, Ordering::Release);
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "system" fn ExWaitForRundownProtectionRelease(RunRef: *mut EX_RUNDOWN_REF) {
    // SAFETY: the caller's reference.
    let count = unsafe { count(RunRef) };
    // Relaxed: the loop's load orders.
    count.fetch_or(ACTIVE, Ordering::Relaxed);
    // The reference may be freed as soon as this returns, so no holder can be left with something to signal.
    while count.load(Ordering::Acquire) != ACTIVE {
        thread::sleep(Duration::from_millis(1));
    }
}
