//! Spin locks: one word that holds the number of the thread that owns it, and a list of what each thread holds.
//!
//! Knowing the owner turns two silent failures into bug checks: acquiring a lock twice in one thread, which on
//! Windows spins for ever, and releasing another thread's lock, which on Windows just opens it.
#![expect(unsafe_code, reason = "exports C functions by their names; the lock is the driver's word")]

use std::cell::{Cell, RefCell};
use std::hint;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use wsk_sys::{DISPATCH_LEVEL, KIRQL, KSPIN_LOCK};

use crate::ex::pool;
use crate::ke::irql::{self, at_most, level_name};
use crate::machine::Machine;
use crate::machine::bugcheck::violation;
use crate::rule;

/// How often to look at a held lock before giving up the time slice.
const SPINS: u32 = 64;

/// Which pair of functions a lock was acquired with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `KeAcquireSpinLock` and `KeReleaseSpinLock`.
    Raise,
    /// `KeAcquireSpinLockAtDpcLevel` and `KeReleaseSpinLockFromDpcLevel`.
    AtDpc,
}

thread_local! {
    static THREAD: Cell<usize> = const { Cell::new(0) };
    static HELD: RefCell<Vec<(usize, Form)>> = const { RefCell::new(Vec::new()) };
}

/// A number for the calling thread; never zero, which is a free lock.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    match THREAD.get() {
        0 => {
            // Relaxed: only the number's uniqueness matters.
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            THREAD.set(number);
            number
        }
        number => number,
    }
}

/// How many spin locks the calling thread holds.
pub(crate) fn held_count() -> usize {
    HELD.with_borrow(Vec::len)
}

/// The addresses of the spin locks that the calling thread holds, for a report.
pub(crate) fn held_names() -> String {
    HELD.with_borrow(|held| {
        let names: Vec<String> = held.iter().map(|(lock, _)| format!("{lock:#x}")).collect();
        names.join(", ")
    })
}

/// The address of a spin lock in `range` that the calling thread holds.
pub(crate) fn held_in(range: &std::ops::Range<usize>) -> Option<usize> {
    HELD.with_borrow(|held| held.iter().map(|(lock, _)| *lock).find(|lock| range.contains(lock)))
}

/// The lock's word, as an atomic.
///
/// # Safety
/// `lock` points to a spin lock that stays where it is for as long as the reference is used.
unsafe fn word<'a>(lock: *mut KSPIN_LOCK) -> &'a AtomicUsize {
    // SAFETY: a spin lock is one aligned word; all accesses to it while it is shared are those of this module.
    unsafe { AtomicUsize::from_ptr(lock) }
}

/// Acquires the lock, at `DISPATCH_LEVEL` already.
///
/// # Safety
/// As for `word`.
pub(crate) unsafe fn acquire(lock: *mut KSPIN_LOCK, form: Form) {
    // SAFETY: this function's own contract.
    let word = unsafe { word(lock) };
    let me = thread_number();
    let mut spins = 0;
    let mut begun = None;
    // Acquire: what the previous owner wrote is seen.
    while let Err(owner) = word.compare_exchange_weak(0, me, Ordering::Acquire, Ordering::Relaxed) {
        if owner == me {
            violation(
                &rule::SPIN_LOCK_RECURSION,
                format!("spin lock {:#x} acquired by the thread that holds it", lock.addr()),
            );
        }
        spins += 1;
        if spins % SPINS == 0 {
            // A holder that broke a rule never releases.
            let machine = Machine::kernel();
            let limit = machine.config().hang_limit;
            if begun.get_or_insert_with(Instant::now).elapsed() > limit {
                // Not what is in flight: to ask for that takes spin locks.
                violation(
                    &rule::SPIN_LOCK_STUCK,
                    format!(
                        "spin lock {:#x}{} was not released within {limit:?}; thread {owner} holds it, thread {me} waits",
                        lock.addr(),
                        pool::place_of(&machine, lock.addr())
                    ),
                );
            }
            thread::yield_now();
        } else {
            hint::spin_loop();
        }
    }
    HELD.with_borrow_mut(|held| held.push((lock.addr(), form)));
}

/// Releases the lock, at whatever level.
///
/// # Safety
/// As for `word`.
pub(crate) unsafe fn release(lock: *mut KSPIN_LOCK, form: Form) {
    let address = lock.addr();
    // SAFETY: this function's own contract.
    let word = unsafe { word(lock) };
    // Relaxed: if the value is this thread's number, this thread wrote it.
    let owner = word.load(Ordering::Relaxed);
    if owner != thread_number() {
        let holder = if owner == 0 { "which is free" } else { "which another thread holds" };
        violation(&rule::SPIN_LOCK_NOT_OWNED, format!("release of spin lock {address:#x}, {holder}"));
    }
    let acquired = HELD.with_borrow_mut(|held| {
        let index = held.iter().rposition(|(lock, _)| *lock == address)?;
        Some(held.remove(index).1)
    });
    if acquired.is_some_and(|acquired| acquired != form) {
        violation(
            &rule::SPIN_LOCK_FORM,
            format!(
                "spin lock {address:#x} acquired by the {} form and released by the {} form",
                form_name(acquired.unwrap_or(form)),
                form_name(form)
            ),
        );
    }
    // Release: the next owner sees what this one wrote.
    word.store(0, Ordering::Release);
}

fn form_name(form: Form) -> &'static str {
    match form {
        Form::Raise => "raising",
        Form::AtDpc => "DISPATCH_LEVEL",
    }
}

/// Makes a spin lock free.
///
/// # Safety
/// `SpinLock` points to a word for a lock that nobody holds or waits for.
///
/// # IRQL
/// Any.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeInitializeSpinLock(SpinLock: *mut KSPIN_LOCK) {
    Machine::kernel();
    // SAFETY: the caller passes the word of a lock that no other thread uses yet.
    unsafe { SpinLock.write(0) };
}

/// Raises the level to `DISPATCH_LEVEL`, acquires the lock, and returns the previous level.
///
/// # Safety
/// `SpinLock` is an initialised spin lock that stays where it is while it is in use.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeAcquireSpinLockRaiseToDpc(SpinLock: *mut KSPIN_LOCK) -> KIRQL {
    Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_KE_DISPATCH_LTE, "KeAcquireSpinLockRaiseToDpc");
    let old = irql::set(DISPATCH_LEVEL);
    // SAFETY: this function's own contract.
    unsafe { acquire(SpinLock, Form::Raise) };
    old
}

/// Releases the lock and sets the level to `NewIrql`.
///
/// # Safety
/// As for [`KeAcquireSpinLockRaiseToDpc`].
///
/// # IRQL
/// `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeReleaseSpinLock(SpinLock: *mut KSPIN_LOCK, NewIrql: KIRQL) {
    Machine::kernel();
    require_dispatch(SpinLock, "KeReleaseSpinLock");
    // SAFETY: this function's own contract.
    unsafe { release(SpinLock, Form::Raise) };
    if NewIrql > DISPATCH_LEVEL {
        violation(
            &rule::LOWER_TO_HIGHER,
            format!("KeReleaseSpinLock of {:#x} to {}", SpinLock.addr(), level_name(NewIrql)),
        );
    }
    if NewIrql < DISPATCH_LEVEL && held_count() != 0 {
        violation(
            &rule::LOWER_WITH_SPIN_LOCK,
            format!(
                "KeReleaseSpinLock of {:#x} to {} with other spin locks held: {}",
                SpinLock.addr(),
                level_name(NewIrql),
                held_names()
            ),
        );
    }
    irql::set(NewIrql);
}

/// Acquires the lock, for a caller at `DISPATCH_LEVEL`.
///
/// # Safety
/// As for [`KeAcquireSpinLockRaiseToDpc`].
///
/// # IRQL
/// `DISPATCH_LEVEL`. (Windows allows more; no lock of a software driver is taken there.)
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeAcquireSpinLockAtDpcLevel(SpinLock: *mut KSPIN_LOCK) {
    Machine::kernel();
    if irql::current() != DISPATCH_LEVEL {
        violation(
            &rule::SPIN_LOCK_AT_DPC,
            format!(
                "KeAcquireSpinLockAtDpcLevel of {:#x} at {}",
                SpinLock.addr(),
                level_name(irql::current())
            ),
        );
    }
    // SAFETY: this function's own contract.
    unsafe { acquire(SpinLock, Form::AtDpc) };
}

/// Releases a lock that [`KeAcquireSpinLockAtDpcLevel`] acquired.
///
/// # Safety
/// As for [`KeAcquireSpinLockRaiseToDpc`].
///
/// # IRQL
/// `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeReleaseSpinLockFromDpcLevel(SpinLock: *mut KSPIN_LOCK) {
    Machine::kernel();
    require_dispatch(SpinLock, "KeReleaseSpinLockFromDpcLevel");
    // SAFETY: this function's own contract.
    unsafe { release(SpinLock, Form::AtDpc) };
}

fn require_dispatch(lock: *mut KSPIN_LOCK, what: &str) {
    let now = irql::current();
    if now != DISPATCH_LEVEL {
        violation(
            &rule::IRQL_KE_RELEASE_SPIN_LOCK,
            format!("{what} of {:#x} at {}, not DISPATCH_LEVEL", lock.addr(), level_name(now)),
        );
    }
}
