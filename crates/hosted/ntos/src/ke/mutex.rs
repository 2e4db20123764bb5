//! Mutexes: `KMUTEX` and its functions.
//!
//! A mutex is acquired by waiting for it. Who owns it is in the driver's `KMUTEX`, and in the machine's list, which is asked
//! when a thread ends, memory is freed, or a driver is unloaded.
#![expect(unsafe_code, reason = "exports C functions by their names; the objects are the driver's")]

use std::cell::RefCell;
use std::fmt;
use std::thread::{self, Thread};

use wsk_sys::{BOOLEAN, DISPATCH_LEVEL, FALSE, KMUTANT, KMUTEX, LONG, PASSIVE_LEVEL, TRUE, ULONG};

use crate::ex::pool;
use crate::ke::dispatcher::{Locked, Wait};
use crate::ke::header::{Header, Kind, Kinds};
use crate::ke::irql::{self, at_most, level_name};
use crate::ke::lock_order::{self, Lock};
use crate::ke::spinlock::thread_number;
use crate::machine::Machine;
use crate::machine::bugcheck::{Broken, require};
use crate::machine::maker::Maker;
use crate::machine::owner::{LeakScope, leak_report};
use crate::rule;

/// Who owns a mutex.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    lock: Lock,
    thread: usize,
    host: Thread,
    maker: Maker,
    /// It was acquired at `DISPATCH_LEVEL`.
    at_dispatch: bool,
}

impl Owned {
    /// By the calling thread, if its wait in `what` ends with that.
    pub(crate) fn by_current_thread(what: &'static str) -> Owned {
        Owned {
            // Of no mutex yet.
            lock: Lock { key: 0, kind: "mutex" },
            thread: thread_number(),
            host: thread::current(),
            maker: Maker::current(what),
            at_dispatch: irql::current() >= DISPATCH_LEVEL,
        }
    }

    /// Of this mutex.
    pub(crate) fn of(mut self, lock: Lock) -> Owned {
        self.lock = lock;
        self
    }
}

impl fmt::Display for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} owned by thread \"{}\"", self.lock, self.host.name().unwrap_or("unnamed"))
    }
}

impl Locked<'_> {
    /// Enters who owns a mutex, unless it is owned.
    pub(crate) fn own(&mut self, key: usize, owned: Owned) {
        self.0.owned.entry(key).or_insert(owned);
    }

    /// Nobody owns the mutex any more.
    pub(crate) fn disown(&mut self, key: usize) {
        self.0.owned.remove(&key);
    }

    /// Who owns a mutex that the calling thread does not own, for a report.
    pub(crate) fn other_owner(&self, key: usize) -> Option<String> {
        match self.0.owned.get(&key) {
            Some(owned) if owned.thread == thread_number() => None,
            Some(owned) => Some(format!("thread \"{}\" owns", owned.host.name().unwrap_or("unnamed"))),
            None => Some("nobody owns".to_owned()),
        }
    }
}

thread_local! {
    /// The mutexes that the calling thread owns.
    static HELD: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// How many mutexes the calling thread owns.
pub(crate) fn held_count() -> usize {
    HELD.with_borrow(Vec::len)
}

/// The addresses of the mutexes that the calling thread owns, for a report.
pub(crate) fn held_names() -> String {
    HELD.with_borrow(|held| {
        let names: Vec<String> = held.iter().map(|mutex| format!("{mutex:#x}")).collect();
        names.join(", ")
    })
}

/// Whether the calling thread owns the mutex.
pub(crate) fn holds(mutex: usize) -> bool {
    HELD.with_borrow(|held| held.contains(&mutex))
}

/// The calling thread owns the mutex from here on.
pub(crate) fn hold(mutex: Lock) {
    HELD.with_borrow_mut(|held| held.push(mutex.key));
    lock_order::acquired(mutex);
}

/// The calling thread owns the mutex no longer.
pub(crate) fn let_go(mutex: Lock) {
    HELD.with_borrow_mut(|held| held.retain(|held| *held != mutex.key));
    lock_order::released(mutex.key);
}

pub(super) fn node(mutex: Header) -> Lock {
    Lock { key: mutex.key(), kind: "mutex" }
}

/// The calling thread is about to wait, with no limit, and may get mutexes by that.
pub(super) fn acquiring(wait: &Wait, what: &'static str) {
    // A wait for any of several may be ended by another object.
    if wait.is_for_all() {
        for mutex in wait.mutexes().filter(|mutex| !holds(mutex.key())) {
            lock_order::acquiring(node(mutex), what);
        }
    }
}

/// The calling thread's wait was ended by the object with this number, and it owns what it has got by that.
pub(super) fn acquired(wait: &Wait, index: usize) {
    for mutex in wait.mutexes_got(index).filter(|mutex| !holds(mutex.key())) {
        hold(node(mutex));
    }
}

/// Checks that the calling thread, which is about to end, owns no mutex.
///
/// # Errors
/// [`rule::MUTEX_OWNER_ENDED`].
pub(crate) fn check_none_held(thread: impl fmt::Display) -> Result<(), Broken> {
    if held_count() == 0 {
        return Ok(());
    }
    let detail = format!("{thread} ends and owns mutexes: {}", held_names());
    Err(Broken::new(&rule::MUTEX_OWNER_ENDED, detail))
}

/// Looks for mutexes that somebody owns.
pub(crate) fn check_leaks(machine: &Machine, scope: LeakScope) -> Vec<Broken> {
    let locked = machine.parts.dispatcher.lock();
    let owned = locked.0.owned.iter().filter(|(_, owned)| scope.covers(owned.maker.owner));
    let name = |(_, owned): (_, &Owned)| format!("{owned}{}", owned.maker.place("acquired"));
    let names: Vec<String> = owned.map(name).collect();
    drop(locked);
    leak_report(&rule::MUTEX_LEFT, "mutexes", scope, names).into_iter().collect()
}

/// Initialises a mutex that nobody owns.
///
/// # Safety
/// `Mutex` points to non-paged memory for a mutex that nobody uses yet. It must not be moved afterwards.
///
/// # IRQL
/// Any.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeInitializeMutex(Mutex: *mut KMUTEX, Level: ULONG) {
    let _ = Level;
    let machine = Machine::kernel();
    require(machine.parts.dispatcher.check_unused(Mutex.addr(), "KeInitializeMutex"));
    machine.parts.lock_order.forget(&(Mutex.addr()..Mutex.addr() + 1));
    pool::require_non_paged(&machine, Mutex.addr(), "KeInitializeMutex of a mutex");
    // SAFETY: the caller's memory, which nobody reads yet. An owner is kept from asynchronous procedure calls.
    unsafe { Mutex.write(KMUTANT { ApcDisable: TRUE, ..KMUTANT::ZERO }) };
    // SAFETY: the header is the mutex' first field.
    unsafe { Header::initialize(Mutex.cast(), Kind::Mutex, size_of::<KMUTEX>(), 1) };
}

/// Releases a mutex once, and returns its previous state: zero if nobody owns it any more.
///
/// # Safety
/// `Mutex` is an initialised mutex.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`; `DISPATCH_LEVEL` if, and only if, it was acquired there.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeReleaseMutex(Mutex: *mut KMUTEX, Wait: BOOLEAN) -> LONG {
    let what = "KeReleaseMutex";
    let machine = Machine::kernel();
    let highest = if Wait == FALSE { DISPATCH_LEVEL } else { PASSIVE_LEVEL };
    at_most(highest, &rule::IRQL_KE_DISPATCH_LTE, what);
    // SAFETY: this function's own contract.
    let mutex = require(unsafe { Header::check(&machine, Mutex.cast(), Kinds::MUTEX, what) });
    require(release(&machine, mutex))
}

/// Releases a mutex that the calling thread owns.
///
/// # Errors
/// [`rule::MUTEX_NOT_OWNED`], [`rule::MUTEX_LEVEL`].
fn release(machine: &Machine, mutex: Header) -> Result<LONG, Broken> {
    let key = mutex.key();
    let mut locked = machine.parts.dispatcher.lock();
    if let Some(owner) = locked.other_owner(key) {
        let detail = format!("KeReleaseMutex of mutex {key:#x}, which {owner}");
        return Err(Broken::new(&rule::MUTEX_NOT_OWNED, detail));
    }
    let level = irql::current();
    let at_dispatch = locked.0.owned.get(&key).is_some_and(|owned| owned.at_dispatch);
    if at_dispatch != (level >= DISPATCH_LEVEL) {
        let acquired = if at_dispatch { "at DISPATCH_LEVEL" } else { "below DISPATCH_LEVEL" };
        let detail = format!("mutex {key:#x} acquired {acquired} and released at {}", level_name(level));
        return Err(Broken::new(&rule::MUTEX_LEVEL, detail));
    }
    let previous = mutex.read();
    if previous == 0 {
        let_go(node(mutex));
        locked.disown(key);
        mutex.set_owner(0);
    }
    Ok(locked.signal(mutex, previous.saturating_add(1)))
}

/// A mutex' state: 1 if nobody owns it.
///
/// # Safety
/// `Mutex` is an initialised mutex.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn KeReadStateMutex(Mutex: *mut KMUTEX) -> LONG {
    let what = "KeReadStateMutex";
    let machine = Machine::kernel();
    at_most(DISPATCH_LEVEL, &rule::IRQL_KE_DISPATCH_LTE, what);
    // SAFETY: this function's own contract.
    require(unsafe { Header::check(&machine, Mutex.cast(), Kinds::MUTEX, what) }).read()
}
