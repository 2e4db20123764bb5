//! Spin locks and wait locks.
#![expect(
    unsafe_code,
    reason = "the functions get raw pointers from the driver, and call the kernel's locks"
)]

use alloc::boxed::Box;
use alloc::format;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use wsk_sys::{
    APC_LEVEL, DISPATCH_LEVEL, KSPIN_LOCK, KeAcquireSpinLockRaiseToDpc, KeEnterCriticalRegion,
    KeInitializeSpinLock, KeLeaveCriticalRegion, KeReleaseSpinLock, NTSTATUS, PASSIVE_LEVEL, STATUS_SUCCESS,
    STATUS_TIMEOUT,
};

use crate::kernel::event::Event;
use crate::object::api::create;
use crate::object::args::{at_most, irql, required, status};
use crate::object::client;
use crate::object::kind::Kind;
use crate::object::lookup;
use crate::object::{Body, Kinded, Typed};
use crate::platform::{self, Held};
use crate::rules;
use crate::types::{
    PLONGLONG, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, WDFSPINLOCK, WDFSPINLOCK__, WDFWAITLOCK,
    WDFWAITLOCK__,
};

/// The body of a WDFSPINLOCK.
pub(crate) struct SpinLock {
    word: Box<UnsafeCell<KSPIN_LOCK>>,
    /// The number of the thread that holds it, or 0.
    owner: AtomicU64,
    /// The IRQL to return to; the owner's.
    previous: AtomicU8,
}

// SAFETY: the word is only passed to the kernel's spin lock functions.
unsafe impl Sync for SpinLock {}

impl Body for SpinLock {}

impl Drop for SpinLock {
    fn drop(&mut self) {
        // So that a kernel which knows its locks takes the next one here for another.
        // SAFETY: the word is one, and nobody has the lock: the object is destroyed.
        unsafe { KeInitializeSpinLock(self.word.get()) };
    }
}

impl Kinded for SpinLock {
    type Handle = WDFSPINLOCK__;
    const KIND: &'static Kind = &Kind::new("WDFSPINLOCK");
}

/// The body of a WDFWAITLOCK.
pub(crate) struct WaitLock {
    free: Event,
    /// The number of the thread that holds it, or 0.
    owner: AtomicU64,
    /// Whether the owner entered a critical region for it.
    critical: AtomicU8,
}

impl Body for WaitLock {}

impl Kinded for WaitLock {
    type Handle = WDFWAITLOCK__;
    const KIND: &'static Kind = &Kind::new("WDFWAITLOCK");
}

/// Makes a lock object.
///
/// # Safety
/// `attributes` is null or points to attributes; `out` may be written to.
unsafe fn create_lock<T: Kinded>(
    function: &'static str,
    globals: PWDF_DRIVER_GLOBALS,
    attributes: PWDF_OBJECT_ATTRIBUTES,
    out: *mut *mut T::Handle,
    body: T,
) -> NTSTATUS {
    let client = client::calling(function, globals);
    at_most(function, DISPATCH_LEVEL);
    required(function, "the lock", out);
    // SAFETY: this function's own contract.
    status(|| unsafe { create(function, &client, attributes, out, || Ok(body)) }.map(drop))
}

fn check_not_mine<T: Kinded>(function: &'static str, lock: &Typed<T>, owner: &AtomicU64) {
    // Relaxed: if the number is this thread's, this thread wrote it.
    if owner.load(Ordering::Relaxed) == platform::thread() {
        platform::violation(
            &rules::RECURSIVE_LOCK,
            format!("{function} was given {}, which this thread holds", lock.object()),
        );
    }
}

fn check_mine<T: Kinded>(function: &'static str, lock: &Typed<T>, owner: &AtomicU64) {
    // Relaxed: if the number is this thread's, this thread wrote it.
    if owner.load(Ordering::Relaxed) != platform::thread() {
        platform::violation(
            &rules::LOCK_NOT_HELD,
            format!("{function} was given {}, which this thread does not hold", lock.object()),
        );
    }
}

/// Makes a spin lock.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_INSUFFICIENT_RESOURCES`, and what the attributes are refused with.
pub unsafe extern "C" fn WdfSpinLockCreate(
    globals: PWDF_DRIVER_GLOBALS,
    SpinLockAttributes: PWDF_OBJECT_ATTRIBUTES,
    SpinLock: *mut WDFSPINLOCK,
) -> NTSTATUS {
    // A spin lock is a word, zero when free.
    let word = Box::new(UnsafeCell::new(0));
    let body = self::SpinLock { word, owner: AtomicU64::new(0), previous: AtomicU8::new(0) };
    // SAFETY: the driver passes null or attributes, and a variable.
    unsafe { create_lock("WdfSpinLockCreate", globals, SpinLockAttributes, SpinLock, body) }
}

/// Raises to `DISPATCH_LEVEL` and acquires the lock.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfSpinLockAcquire(_globals: PWDF_DRIVER_GLOBALS, SpinLock: WDFSPINLOCK) {
    const NAME: &str = "WdfSpinLockAcquire";
    at_most(NAME, DISPATCH_LEVEL);
    let lock = lookup::typed::<self::SpinLock>(NAME, SpinLock);
    check_not_mine(NAME, &lock, &lock.owner);
    let handle = lock.object().handle();
    platform::acquiring(handle, lock.object().kind().name, NAME);
    // SAFETY: an initialised spin lock, which lives as long as its object.
    let previous = unsafe { KeAcquireSpinLockRaiseToDpc(lock.word.get()) };
    // Relaxed: other threads only compare the number with their own.
    lock.owner.store(platform::thread(), Ordering::Relaxed);
    // Relaxed: read by the owner.
    lock.previous.store(previous, Ordering::Relaxed);
    platform::hold(Held { handle, waits: false });
    platform::acquired(handle, lock.object().kind().name);
}

/// Releases the lock, and returns to the IRQL from before.
///
/// # IRQL
/// `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfSpinLockRelease(_globals: PWDF_DRIVER_GLOBALS, SpinLock: WDFSPINLOCK) {
    const NAME: &str = "WdfSpinLockRelease";
    at_most(NAME, DISPATCH_LEVEL);
    let lock = lookup::typed::<self::SpinLock>(NAME, SpinLock);
    check_mine(NAME, &lock, &lock.owner);
    // Relaxed: written by this thread.
    let previous = lock.previous.load(Ordering::Relaxed);
    // Relaxed: as in `WdfSpinLockAcquire`.
    lock.owner.store(0, Ordering::Relaxed);
    platform::unhold(lock.object().handle());
    platform::released(lock.object().handle());
    // SAFETY: this thread holds the lock, from that level.
    unsafe { KeReleaseSpinLock(lock.word.get(), previous) };
}

/// Makes a lock that threads wait for.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_INSUFFICIENT_RESOURCES`, and what the attributes are refused with.
pub unsafe extern "C" fn WdfWaitLockCreate(
    globals: PWDF_DRIVER_GLOBALS,
    LockAttributes: PWDF_OBJECT_ATTRIBUTES,
    Lock: *mut WDFWAITLOCK,
) -> NTSTATUS {
    let body = WaitLock { free: Event::free_lock(), owner: AtomicU64::new(0), critical: AtomicU8::new(0) };
    // SAFETY: the driver passes null or attributes, and a variable.
    unsafe { create_lock("WdfWaitLockCreate", globals, LockAttributes, Lock, body) }
}

/// Waits for a lock: for ever, or as long as `Timeout` says. While it is held the thread is in a critical region.
///
/// # IRQL
/// `PASSIVE_LEVEL`; <= `DISPATCH_LEVEL` with a timeout of zero
///
/// # Errors
/// `STATUS_TIMEOUT`, a success code, if the lock was not acquired.
pub unsafe extern "C" fn WdfWaitLockAcquire(
    _globals: PWDF_DRIVER_GLOBALS,
    Lock: WDFWAITLOCK,
    Timeout: PLONGLONG,
) -> NTSTATUS {
    const NAME: &str = "WdfWaitLockAcquire";
    // SAFETY: the driver passes null or a variable.
    let timeout = unsafe { Timeout.as_ref() }.copied();
    at_most(NAME, if timeout == Some(0) { DISPATCH_LEVEL } else { PASSIVE_LEVEL });
    let lock = lookup::typed::<WaitLock>(NAME, Lock);
    check_not_mine(NAME, &lock, &lock.owner);
    let handle = lock.object().handle();
    if timeout.is_none() {
        platform::acquiring(handle, lock.object().kind().name, NAME);
    }
    let critical = irql() <= APC_LEVEL;
    if critical {
        // SAFETY: the level allows it; left when the lock is released, or below.
        unsafe { KeEnterCriticalRegion() };
    }
    if !lock.free.wait(timeout) {
        if critical {
            // SAFETY: entered above.
            unsafe { KeLeaveCriticalRegion() };
        }
        return STATUS_TIMEOUT;
    }
    // Relaxed: other threads only compare the number with their own.
    lock.owner.store(platform::thread(), Ordering::Relaxed);
    // Relaxed: read by the owner.
    lock.critical.store(u8::from(critical), Ordering::Relaxed);
    platform::hold(Held { handle, waits: true });
    platform::acquired(handle, lock.object().kind().name);
    STATUS_SUCCESS
}

/// Releases a lock.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
pub unsafe extern "C" fn WdfWaitLockRelease(_globals: PWDF_DRIVER_GLOBALS, Lock: WDFWAITLOCK) {
    const NAME: &str = "WdfWaitLockRelease";
    at_most(NAME, DISPATCH_LEVEL);
    let lock = lookup::typed::<WaitLock>(NAME, Lock);
    check_mine(NAME, &lock, &lock.owner);
    // Relaxed: written by this thread.
    let critical = lock.critical.load(Ordering::Relaxed) != 0;
    // Relaxed: as in `WdfWaitLockAcquire`.
    lock.owner.store(0, Ordering::Relaxed);
    platform::unhold(lock.object().handle());
    platform::released(lock.object().handle());
    lock.free.set();
    if critical {
        // SAFETY: entered when this thread acquired the lock.
        unsafe { KeLeaveCriticalRegion() };
    }
}
