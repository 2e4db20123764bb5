//! The head of a dispatcher object, in the driver's memory: what kind of object it is, and its state.
//!
//! Whatever changes a state has the dispatcher lock.
#![expect(unsafe_code, reason = "the objects are the driver's")]

use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use wsk_sys::{DISPATCHER_HEADER, KMUTANT, LIST_ENTRY, LONG, UCHAR};

use crate::ex::pool;
use crate::ke::dispatcher::Locked;
use crate::machine::Machine;
use crate::machine::bugcheck::Broken;
use crate::rule;
use crate::sync::Pointer;

/// The kinds of dispatcher objects that drivers have, by their numbers in `KOBJECTS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    NotificationEvent = 0,
    SynchronizationEvent = 1,
    Mutex = 2,
    Semaphore = 5,
    NotificationTimer = 8,
    SynchronizationTimer = 9,
}

impl Kind {
    const ALL: [Kind; 6] = [
        Kind::NotificationEvent,
        Kind::SynchronizationEvent,
        Kind::Mutex,
        Kind::Semaphore,
        Kind::NotificationTimer,
        Kind::SynchronizationTimer,
    ];

    fn of(number: UCHAR) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as UCHAR == number)
    }
}

/// The kinds of objects that a function is for, and their name for a report.
#[derive(Clone, Copy)]
pub(crate) struct Kinds(&'static [Kind], &'static str);

impl Kinds {
    pub(crate) const ANY: Kinds = Kinds(&Kind::ALL, "dispatcher object");
    pub(crate) const EVENT: Kinds = Kinds(&[Kind::NotificationEvent, Kind::SynchronizationEvent], "event");
    pub(crate) const TIMER: Kinds = Kinds(&[Kind::NotificationTimer, Kind::SynchronizationTimer], "timer");
    pub(crate) const SEMAPHORE: Kinds = Kinds(&[Kind::Semaphore], "semaphore");
    pub(crate) const MUTEX: Kinds = Kinds(&[Kind::Mutex], "mutex");
}

/// The head of a dispatcher object.
///
/// # Invariants
/// The pointer is to a live header of one of the [`Kind`]s, which the caller of an export vouches for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header(Pointer<DISPATCHER_HEADER>);

impl Header {
    /// Initialises the header of an object of `size` bytes.
    ///
    /// # Safety
    /// `header` points to memory for a header, and nobody waits for it.
    pub(crate) unsafe fn initialize(header: *mut DISPATCHER_HEADER, kind: Kind, size: usize, state: LONG) {
        // SAFETY: the caller's memory; only an address is computed.
        let list = unsafe { &raw mut (*header).WaitListHead };
        let words = UCHAR::try_from(size / size_of::<LONG>()).unwrap_or(UCHAR::MAX);
        let value = DISPATCHER_HEADER {
            Type: kind as UCHAR,
            Signalling: 0,
            Size: words,
            Reserved1: 0,
            SignalState: state,
            // An empty list points at itself, which shows later whether the object was moved.
            WaitListHead: LIST_ENTRY { Flink: list, Blink: list },
        };
        // SAFETY: the caller's memory, which nobody reads yet.
        unsafe { header.write(value) };
    }

    /// The header, checked: it must be of one of these kinds and must not have moved since it was initialised.
    ///
    /// # Errors
    /// [`rule::DISPATCHER_OBJECT`], [`rule::PAGED_AT_DISPATCH`].
    ///
    /// # Safety
    /// `header` points to readable memory of a header's size, which stays as long as the object is in use; if its type is
    /// that of a mutex or semaphore, it is the head of one.
    pub(crate) unsafe fn check(
        machine: &Machine,
        header: *mut DISPATCHER_HEADER,
        kinds: Kinds,
        what: &str,
    ) -> Result<Header, Broken> {
        let address = header.addr();
        let wrong = |why: String| Err(Broken::new(&rule::DISPATCHER_OBJECT, format!("{what} of {why}")));
        if header.is_null() || !header.is_aligned() {
            return wrong(format!("{address:#x}, which is no address of an object"));
        }
        pool::check_resident(machine, address, what)?;
        // SAFETY: the caller's object; the type is written once, when it is initialised.
        let number = unsafe { (*header).Type };
        // SAFETY: the caller's object; only an address is computed.
        let list = unsafe { &raw const (*header).WaitListHead };
        // SAFETY: the caller's object; the entry is written once, when it is initialised.
        let linked = unsafe { (*list).Flink };
        if linked.addr() != list.addr() {
            return wrong(format!("object {address:#x}, which was never initialised, or moved since"));
        }
        let Kinds(allowed, name) = kinds;
        if !Kind::of(number).is_some_and(|kind| allowed.contains(&kind)) {
            return wrong(format!("object {address:#x} of type {number}, which is no {name}"));
        }
        Ok(Header(Pointer(header)))
    }

    /// The header of an object that was checked when it was put to use.
    ///
    /// # Safety
    /// `header` is that of a live, initialised dispatcher object.
    pub(crate) unsafe fn trusted(header: *mut DISPATCHER_HEADER) -> Header {
        Header(Pointer(header))
    }

    fn kind(self) -> Option<Kind> {
        // SAFETY: the invariant of this type; the field is written once, when the object is initialised.
        Kind::of(unsafe { (*self.0.0).Type })
    }

    pub(crate) fn is_mutex(self) -> bool {
        self.kind() == Some(Kind::Mutex)
    }

    /// The object's address, as the key of its waiters.
    pub(crate) fn key(self) -> usize {
        self.0.key()
    }

    fn state(&self) -> &AtomicI32 {
        // SAFETY: the invariant of this type; only an address is computed.
        let field = unsafe { &raw mut (*self.0.0).SignalState };
        // SAFETY: the field is aligned; while the object is shared it is accessed only here, as an atomic.
        unsafe { AtomicI32::from_ptr(field) }
    }

    /// The state, without the lock.
    pub(crate) fn read(self) -> LONG {
        // Acquire: who sees the event set sees what was written before that.
        self.state().load(Ordering::Acquire)
    }

    /// Sets the state to not signalled, and returns the previous one.
    pub(crate) fn reset(self, _locked: &mut Locked<'_>) -> LONG {
        self.set(0)
    }

    /// Sets the state, and returns the previous one. The caller has the dispatcher lock.
    pub(super) fn set(self, state: LONG) -> LONG {
        self.state().swap(state, Ordering::AcqRel)
    }

    /// The number of the thread that owns this mutex, zero if none does. The caller has the dispatcher lock.
    pub(super) fn owner(self) -> usize {
        let mutex: *mut KMUTANT = self.0.0.cast();
        // SAFETY: a mutex, says the caller; the field changes under the dispatcher lock only.
        unsafe { (*mutex).OwnerThread }.addr()
    }

    /// Makes a thread the owner of this mutex, or nobody. The caller has the dispatcher lock.
    pub(super) fn set_owner(self, thread: usize) {
        let mutex: *mut KMUTANT = self.0.0.cast();
        // SAFETY: a mutex, says the caller; the field changes under the dispatcher lock only.
        unsafe { (*mutex).OwnerThread = ptr::without_provenance_mut(thread) };
    }

    /// Whether a wait of the thread for this object is over. The caller has the dispatcher lock.
    pub(super) fn is_signalled_for(self, thread: usize) -> bool {
        self.read() > 0 || (self.is_mutex() && self.owner() == thread)
    }

    /// Ends a wait of the thread: takes the signal, if waiting does that to the object. The caller has the dispatcher lock.
    pub(super) fn take(self, thread: usize) {
        match self.kind() {
            Some(Kind::SynchronizationEvent | Kind::SynchronizationTimer) => {
                self.set(0);
            }
            Some(Kind::Semaphore) => {
                self.state().fetch_sub(1, Ordering::AcqRel);
            }
            Some(Kind::Mutex) => {
                self.state().fetch_sub(1, Ordering::AcqRel);
                self.set_owner(thread);
            }
            Some(Kind::NotificationEvent | Kind::NotificationTimer) | None => {}
        }
    }
}
