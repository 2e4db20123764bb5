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
use crate::ke::lock_order::{self, Lock};
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, require, violation};
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

/// A lock that a thread holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    lock: usize,
    form: Form,
    /// The level that the thread was at before; which of its locks brings it back there is the thread's affair.
    before: KIRQL,
}

thread_local! {
    static THREAD: Cell<usize> = const { Cell::new(0) };
    static HELD: RefCell<Vec<Held>> = const { RefCell::new(Vec::new()) };
}

/// A number for the calling thread; never zero, which is a free lock.
pub(crate) fn thread_number() -> usize {
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
#[must_use]
pub fn held_count() -> usize {
    HELD.with_borrow(Vec::len)
}

/// The addresses of the spin locks that the calling thread holds, for a report.
pub(crate) fn held_names() -> String {
    HELD.with_borrow(|held| {
        let names: Vec<String> = held.iter().map(|held| format!("{:#x}", held.lock)).collect();
        names.join(", ")
    })
}

/// Checks that the calling thread holds no spin lock, as it is about to wait for `object`.
///
/// # Errors
/// [`rule::WAIT_WITH_SPIN_LOCK`].
pub(crate) fn check_none_held(object: usize, what: &str) -> Result<(), Broken> {
    if held_count() == 0 {
        return Ok(());
    }
    let detail = format!("{what} on {object:#x} with spin locks held: {}", held_names());
    Err(Broken::new(&rule::WAIT_WITH_SPIN_LOCK, detail))
}

/// The address of a spin lock in `range` that the calling thread holds.
pub(crate) fn held_in(range: &std::ops::Range<usize>) -> Option<usize> {
    HELD.with_borrow(|held| held.iter().map(|held| held.lock).find(|lock| range.contains(lock)))
}

/// The lock's word, as an atomic.
///
/// # Safety
/// `lock` points to a spin lock that stays where it is for as long as the reference is used.
unsafe fn word<'a>(lock: *mut KSPIN_LOCK) -> &'a AtomicUsize {
    // SAFETY: a spin lock is one aligned word; all accesses to it while it is shared are those of this module.
    unsafe { AtomicUsize::from_ptr(lock) }
}

/// Acquires the lock, at `DISPATCH_LEVEL` already; `before` is the level from before, `what` the exported function.
///
/// # Errors
/// [`rule::SPIN_LOCK_RECURSION`], [`rule::SPIN_LOCK_STUCK`].
///
/// # Safety
/// As for `word`.
unsafe fn acquire(
    lock: *mut KSPIN_LOCK,
    form: Form,
    before: KIRQL,
    what: &'static str,
) -> Result<(), Broken> {
    // SAFETY: this function's own contract.
    let word = unsafe { word(lock) };
    let me = thread_number();
    let node = Lock { key: lock.addr(), kind: "spin lock" };
    lock_order::acquiring(node, what);
    let mut spins = 0;
    let mut begun = None;
    // Acquire: what the previous owner wrote is seen.
    while let Err(owner) = word.compare_exchange_weak(0, me, Ordering::Acquire, Ordering::Relaxed) {
        if owner == me {
            let detail = format!("{node} acquired by the thread that holds it");
            return Err(Broken::new(&rule::SPIN_LOCK_RECURSION, detail));
        }
        spins += 1;
        if spins % SPINS == 0 {
            // A holder that broke a rule never releases.
            let machine = Machine::kernel();
            let limit = machine.config().hang_limit;
            if begun.get_or_insert_with(Instant::now).elapsed() > limit {
                // Not what is in flight: to ask for that takes spin locks.
                let detail = format!(
                    "{node}{} was not released within {limit:?}; thread {owner} holds it, thread {me} waits",
                    pool::place_of(&machine, lock.addr())
                );
                return Err(Broken::new(&rule::SPIN_LOCK_STUCK, detail));
            }
            thread::yield_now();
        } else {
            hint::spin_loop();
        }
    }
    HELD.with_borrow_mut(|held| held.push(Held { lock: lock.addr(), form, before }));
    lock_order::acquired(node);
    Ok(())
}

/// Releases the lock, at `DISPATCH_LEVEL`. `to` is the level that the thread goes to, if it goes to one.
///
/// # Errors
/// [`rule::IRQL_KE_RELEASE_SPIN_LOCK`], [`rule::SPIN_LOCK_NOT_OWNED`], [`rule::SPIN_LOCK_FORM`],
/// [`rule::SPIN_LOCK_OLD_IRQL`].
///
/// # Safety
/// As for `word`.
unsafe fn release(lock: *mut KSPIN_LOCK, form: Form, to: Option<KIRQL>, what: &str) -> Result<(), Broken> {
    let now = irql::current();
    if now != DISPATCH_LEVEL {
        let detail = format!("{what} of {:#x} at {}, not DISPATCH_LEVEL", lock.addr(), level_name(now));
        return Err(Broken::new(&rule::IRQL_KE_RELEASE_SPIN_LOCK, detail));
    }
    let address = lock.addr();
    // SAFETY: this function's own contract.
    let word = unsafe { word(lock) };
    // Relaxed: if the value is this thread's number, this thread wrote it.
    let owner = word.load(Ordering::Relaxed);
    if owner != thread_number() {
        let holder = if owner == 0 { "which is free" } else { "which another thread holds" };
        let detail = format!("release of spin lock {address:#x}, {holder}");
        return Err(Broken::new(&rule::SPIN_LOCK_NOT_OWNED, detail));
    }
    let acquired = HELD.with_borrow_mut(|held| {
        // Nearly always the last one.
        held.pop_if(|held| held.lock == address).or_else(|| {
            let index = held.iter().rposition(|held| held.lock == address)?;
            Some(held.remove(index))
        })
    });
    if let Some(acquired) = acquired {
        check_release(acquired, form, to)?;
    }
    lock_order::released(address);
    // Release: the next owner sees what this one wrote.
    word.store(0, Ordering::Release);
    Ok(())
}

/// Checks that a lock, which the thread holds no longer, is released as it was acquired.
fn check_release(acquired: Held, form: Form, to: Option<KIRQL>) -> Result<(), Broken> {
    let lock = acquired.lock;
    if acquired.form != form {
        let detail = format!(
            "spin lock {lock:#x} acquired by the {} form and released by the {} form",
            form_name(acquired.form),
            form_name(form)
        );
        return Err(Broken::new(&rule::SPIN_LOCK_FORM, detail));
    }
    let Some(to) = to.filter(|to| *to != acquired.before) else { return Ok(()) };
    if to > DISPATCH_LEVEL {
        let detail = format!("KeReleaseSpinLock of {lock:#x} to {}", level_name(to));
        return Err(Broken::new(&rule::LOWER_TO_HIGHER, detail));
    }
    // Locks may be released in any order: the level may be that of another lock, which then gets this one's.
    let exchanged = HELD.with_borrow_mut(|held| {
        let other = held.iter_mut().find(|other| other.form == Form::Raise && other.before == to);
        other.map(|other| other.before = acquired.before).is_some()
    });
    if exchanged {
        return Ok(());
    }
    let detail = format!(
        "KeReleaseSpinLock of {lock:#x} to {}, but it was acquired at {}",
        level_name(to),
        level_name(acquired.before)
    );
    Err(Broken::new(&rule::SPIN_LOCK_OLD_IRQL, detail))
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
    let address = SpinLock.addr();
    let memory = address..address + size_of::<KSPIN_LOCK>();
    if held_in(&memory).is_some() {
        let detail = format!("KeInitializeSpinLock of {address:#x}, which the thread holds");
        violation(&rule::SPIN_LOCK_INITIALIZED_HELD, detail);
    }
    // In whatever thread: it may have entered no machine yet, or none any more.
    lock_order::forget(&memory);
    if let Some(machine) = Machine::try_here() {
        pool::require_non_paged(&machine, address, "KeInitializeSpinLock of a spin lock");
    }
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
    const NAME: &str = "KeAcquireSpinLockRaiseToDpc";
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_KE_DISPATCH_LTE, NAME);
    pool::require_non_paged(&machine, SpinLock.addr(), "KeAcquireSpinLockRaiseToDpc of a spin lock");
    let old = irql::set(DISPATCH_LEVEL);
    // SAFETY: this function's own contract.
    require(unsafe { acquire(SpinLock, Form::Raise, old, NAME) });
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
    // SAFETY: this function's own contract.
    require(unsafe { release(SpinLock, Form::Raise, Some(NewIrql), "KeReleaseSpinLock") });
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
    const NAME: &str = "KeAcquireSpinLockAtDpcLevel";
    let machine = Machine::kernel();
    let now = irql::current();
    if now != DISPATCH_LEVEL {
        violation(
            &rule::SPIN_LOCK_AT_DPC,
            format!("{NAME} of {:#x} at {}", SpinLock.addr(), level_name(now)),
        );
    }
    let what = "KeAcquireSpinLockAtDpcLevel of a spin lock";
    pool::require_non_paged(&machine, SpinLock.addr(), what);
    // SAFETY: this function's own contract.
    require(unsafe { acquire(SpinLock, Form::AtDpc, now, NAME) });
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
    // SAFETY: this function's own contract.
    require(unsafe { release(SpinLock, Form::AtDpc, None, "KeReleaseSpinLockFromDpcLevel") });
}
