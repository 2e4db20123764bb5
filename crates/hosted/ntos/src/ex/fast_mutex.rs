//! Fast mutexes: `FAST_MUTEX` and its functions.
//!
//! `ExInitializeFastMutex` is an inline of the headers. What threads wait for is the event in the mutex, which is known to be
//! initialised by it; the event's address is the mutex' key, too.
#![expect(unsafe_code, reason = "exports C functions by their names; the mutex is the driver's")]

use std::ptr;
use std::sync::Arc;

use wsk_sys::{APC_LEVEL, BOOLEAN, FALSE, FAST_MUTEX, FM_LOCK_BIT, KIRQL, TRUE};

use crate::ke::dispatcher::{Awaited, Locked, Wait};
use crate::ke::header::{Header, Kinds};
use crate::ke::irql::{self, at_most, level_name};
use crate::ke::lock_order::{self, Lock};
use crate::ke::mutex::{self, Owned};
use crate::ke::spinlock::thread_number;
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, require};
use crate::rule;
use crate::sync::Pointer;

/// A fast mutex in a driver's memory.
///
/// # Invariants
/// The pointer is to a live, initialised fast mutex, which the caller of an export vouches for.
#[derive(Clone, Copy)]
struct Mutex {
    mutex: Pointer<FAST_MUTEX>,
    event: Header,
}

impl Mutex {
    /// # Errors
    /// Those of [`Header::check`].
    ///
    /// # Safety
    /// `mutex` points to readable memory of a fast mutex' size, which stays while the mutex is in use.
    unsafe fn check(machine: &Machine, mutex: *mut FAST_MUTEX, what: &str) -> Result<Mutex, Broken> {
        // Of null, too: an address close to it, at which no object is.
        let event = mutex.wrapping_byte_add(std::mem::offset_of!(FAST_MUTEX, Event)).cast();
        if mutex.is_null() {
            let detail = format!("{what} of 0x0, which is no address of an object");
            return Err(Broken::new(&rule::DISPATCHER_OBJECT, detail));
        }
        // SAFETY: this function's own contract; the event is in the mutex.
        let event = unsafe { Header::check(machine, event, Kinds::EVENT, what) }?;
        Ok(Mutex { mutex: Pointer(mutex), event })
    }

    fn lock(self) -> Lock {
        Lock { key: self.mutex.key(), kind: "fast mutex" }
    }

    /// The count: one if nobody owns it, and one less than zero for each thread that waits. Needs the dispatcher lock.
    fn count(self) -> i32 {
        // SAFETY: the invariant of this type; the field changes under the dispatcher lock only.
        unsafe { (*self.mutex.0).Count }
    }

    fn set_count(self, _locked: &mut Locked<'_>, count: i32) {
        // SAFETY: the invariant of this type; the field changes under the dispatcher lock only.
        unsafe { (*self.mutex.0).Count = count };
    }

    fn count_contention(self, _locked: &mut Locked<'_>) {
        // SAFETY: the invariant of this type; only an address is computed.
        let field = unsafe { &raw mut (*self.mutex.0).Contention };
        // SAFETY: the field is the mutex'.
        let contention = unsafe { field.read() };
        // SAFETY: the field changes under the dispatcher lock only.
        unsafe { field.write(contention.wrapping_add(1)) };
    }

    /// Makes the calling thread the owner, which was at this level before.
    fn own(self, locked: &mut Locked<'_>, before: KIRQL, what: &'static str) {
        // SAFETY: the invariant of this type; the field changes under the dispatcher lock only.
        unsafe { (*self.mutex.0).Owner = ptr::without_provenance_mut(thread_number()) };
        // SAFETY: the invariant of this type; the field is the owner's, which the calling thread is.
        unsafe { (*self.mutex.0).OldIrql = before.into() };
        locked.own(self.event.key(), Owned::by_current_thread(what).of(self.lock()));
        mutex::hold(self.lock());
    }

    /// Makes nobody the owner; gives the level that the owner was at before.
    fn disown(self, locked: &mut Locked<'_>) -> KIRQL {
        // SAFETY: the invariant of this type; the field changes under the dispatcher lock only.
        unsafe { (*self.mutex.0).Owner = ptr::null_mut() };
        locked.disown(self.event.key());
        mutex::let_go(self.lock());
        // SAFETY: the invariant of this type; the field is the owner's, which the calling thread has been.
        let before = unsafe { (*self.mutex.0).OldIrql };
        KIRQL::try_from(before).unwrap_or(APC_LEVEL)
    }
}

/// Acquires a fast mutex, waits for it if need be, and raises the level to `APC_LEVEL`.
///
/// # Safety
/// `FastMutex` is an initialised fast mutex, in non-paged memory.
///
/// # IRQL
/// <= `APC_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExAcquireFastMutex(FastMutex: *mut FAST_MUTEX) {
    let what = "ExAcquireFastMutex";
    let machine = Machine::kernel();
    at_most(APC_LEVEL, &rule::FAST_MUTEX_ACQUIRE_IRQL, what);
    // SAFETY: this function's own contract.
    let mutex = require(unsafe { Mutex::check(&machine, FastMutex, what) });
    let dispatcher = &machine.parts.dispatcher;
    if mutex::holds(mutex.lock().key) {
        let detail = format!("{} acquired by the thread that owns it", mutex.lock());
        require::<()>(Err(Broken::new(&rule::FAST_MUTEX_RECURSION, detail)));
    }
    lock_order::acquiring(mutex.lock(), what);
    let before = irql::set(APC_LEVEL);
    let mut locked = dispatcher.lock();
    if mutex.count() == FM_LOCK_BIT {
        mutex.set_count(&mut locked, 0);
        mutex.own(&mut locked, before, what);
        return;
    }
    let count = mutex.count();
    mutex.set_count(&mut locked, count.wrapping_sub(1));
    mutex.count_contention(&mut locked);
    let wait = Arc::new(Wait::new(vec![Awaited::Object(mutex.event)], false, what));
    // Who releases the mutex leaves it to the first waiter, and signals the event for that one alone.
    require(dispatcher.wait(locked, &machine, &wait, None));
    Machine::kernel();
    mutex.own(&mut dispatcher.lock(), before, what);
}

/// Acquires a fast mutex if nobody owns it, and raises the level to `APC_LEVEL` then.
///
/// # Safety
/// As for [`ExAcquireFastMutex`].
///
/// # IRQL
/// <= `APC_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExTryToAcquireFastMutex(FastMutex: *mut FAST_MUTEX) -> BOOLEAN {
    let what = "ExTryToAcquireFastMutex";
    let machine = Machine::kernel();
    at_most(APC_LEVEL, &rule::FAST_MUTEX_ACQUIRE_IRQL, what);
    // SAFETY: this function's own contract.
    let mutex = require(unsafe { Mutex::check(&machine, FastMutex, what) });
    let mut locked = machine.parts.dispatcher.lock();
    if mutex.count() != FM_LOCK_BIT {
        return FALSE;
    }
    mutex.set_count(&mut locked, 0);
    let before = irql::set(APC_LEVEL);
    mutex.own(&mut locked, before, what);
    TRUE
}

/// Releases a fast mutex, and sets the level to that from before it was acquired.
///
/// # Safety
/// As for [`ExAcquireFastMutex`].
///
/// # IRQL
/// `APC_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ExReleaseFastMutex(FastMutex: *mut FAST_MUTEX) {
    let what = "ExReleaseFastMutex";
    let machine = Machine::kernel();
    // SAFETY: this function's own contract.
    let mutex = require(unsafe { Mutex::check(&machine, FastMutex, what) });
    irql::set(require(release(&machine, mutex)));
}

/// Releases a fast mutex; gives the level to go to.
///
/// # Errors
/// [`rule::FAST_MUTEX_RELEASE_IRQL`], [`rule::FAST_MUTEX_NOT_OWNED`].
fn release(machine: &Machine, mutex: Mutex) -> Result<KIRQL, Broken> {
    let lock = mutex.lock();
    let level = irql::current();
    if level != APC_LEVEL {
        let detail = format!("ExReleaseFastMutex of {lock} at {}, not APC_LEVEL", level_name(level));
        return Err(Broken::new(&rule::FAST_MUTEX_RELEASE_IRQL, detail));
    }
    let mut locked = machine.parts.dispatcher.lock();
    if let Some(owner) = locked.other_owner(mutex.event.key()) {
        let detail = format!("ExReleaseFastMutex of {lock}, which {owner}");
        return Err(Broken::new(&rule::FAST_MUTEX_NOT_OWNED, detail));
    }
    let before = mutex.disown(&mut locked);
    let count = mutex.count();
    if count == 0 {
        mutex.set_count(&mut locked, FM_LOCK_BIT);
    } else {
        mutex.set_count(&mut locked, count.wrapping_add(1));
        // The last thing done with the mutex: who gets it may free it.
        locked.signal(mutex.event, 1);
    }
    Ok(before)
}
