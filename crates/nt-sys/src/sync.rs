//! Dispatcher objects (events, timers, semaphores, mutexes), fast mutexes, deferred procedure calls, spin locks.
#![allow(missing_docs, reason = "the fields are those of the C structure that the type's page names")]

use core::ptr;

use crate::base::{BOOLEAN, FALSE, KIRQL, LIST_ENTRY, LONG, NTSTATUS, PVOID, UCHAR, ULONG};
use crate::ntoskrnl::KeInitializeEvent;

/// A spin lock: one pointer-sized word, zero when free.
pub type KSPIN_LOCK = usize;

/// The common head of every object that a thread can wait for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DISPATCHER_HEADER {
    pub Type: UCHAR,
    pub Signalling: UCHAR,
    pub Size: UCHAR,
    pub Reserved1: UCHAR,
    pub SignalState: LONG,
    pub WaitListHead: LIST_ENTRY,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct KEVENT {
    pub Header: DISPATCHER_HEADER,
}
pub type PKEVENT = *mut KEVENT;

/// `EVENT_TYPE`: stays signalled until it is cleared.
pub const NotificationEvent: EVENT_TYPE = 0;
/// `EVENT_TYPE`: releases one waiter, then resets itself.
pub const SynchronizationEvent: EVENT_TYPE = 1;
pub type EVENT_TYPE = i32;

/// `TIMER_TYPE`: stays signalled when it has expired.
pub const NotificationTimer: TIMER_TYPE = 0;
/// `TIMER_TYPE`: releases one waiter, then resets itself.
pub const SynchronizationTimer: TIMER_TYPE = 1;
pub type TIMER_TYPE = i32;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct KSEMAPHORE {
    /// Its `SignalState` is the count.
    pub Header: DISPATCHER_HEADER,
    pub Limit: LONG,
}
pub type PKSEMAPHORE = *mut KSEMAPHORE;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct KMUTANT {
    /// Its `SignalState` is 1 if nobody owns the mutex, 0 if a thread does, and less if that thread has acquired it again.
    pub Header: DISPATCHER_HEADER,
    pub MutantListEntry: LIST_ENTRY,
    /// A `KTHREAD`.
    pub OwnerThread: PVOID,
    pub Abandoned: BOOLEAN,
    pub ApcDisable: UCHAR,
}
/// A mutex of a driver's, as [`KeInitializeMutex`](crate::KeInitializeMutex) makes it.
pub type KMUTEX = KMUTANT;
pub type PKMUTEX = *mut KMUTEX;

/// [`FAST_MUTEX`]'s `Count`, if nobody owns it.
pub const FM_LOCK_BIT: LONG = 1;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FAST_MUTEX {
    pub Count: LONG,
    /// A `KTHREAD`.
    pub Owner: PVOID,
    pub Contention: ULONG,
    pub Event: KEVENT,
    pub OldIrql: ULONG,
}
pub type PFAST_MUTEX = *mut FAST_MUTEX;

/// Initialises a fast mutex that nobody owns (an inline of the headers).
///
/// # Safety
/// `FastMutex` points to non-paged memory for a fast mutex that nobody uses yet. It must not be moved afterwards.
#[inline]
pub unsafe fn ExInitializeFastMutex(FastMutex: *mut FAST_MUTEX) {
    // SAFETY: the caller's memory; only an address is computed.
    let event = unsafe { &raw mut (*FastMutex).Event };
    // SAFETY: the caller's memory, in which nobody waits for the event.
    unsafe { KeInitializeEvent(event, SynchronizationEvent, FALSE) };
    // SAFETY: the caller's memory.
    unsafe { (*FastMutex).Owner = ptr::null_mut() };
    // SAFETY: the caller's memory.
    unsafe { (*FastMutex).Contention = 0 };
    // SAFETY: the caller's memory.
    unsafe { (*FastMutex).Count = FM_LOCK_BIT };
}

/// What the kernel keeps of a thread's wait for one of several objects; opaque.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct KWAIT_BLOCK {
    _opaque: [usize; 6],
}
pub type PKWAIT_BLOCK = *mut KWAIT_BLOCK;

/// How many objects a thread may wait for with wait blocks of the caller's.
pub const MAXIMUM_WAIT_OBJECTS: ULONG = 64;
/// How many objects a thread may wait for with its own wait blocks.
pub const THREAD_WAIT_OBJECTS: ULONG = 3;

/// `WAIT_TYPE`: until all objects are signalled.
pub const WaitAll: WAIT_TYPE = 0;
/// `WAIT_TYPE`: until one object is signalled.
pub const WaitAny: WAIT_TYPE = 1;
pub type WAIT_TYPE = i32;

/// The first object has ended a wait for any of several; the number of the object is added.
pub const STATUS_WAIT_0: NTSTATUS = 0;

/// `KWAIT_REASON`: the reason for drivers.
pub const Executive: KWAIT_REASON = 0;
pub type KWAIT_REASON = i32;

/// `KDEFERRED_ROUTINE`: called at `DISPATCH_LEVEL`.
pub type KDEFERRED_ROUTINE = unsafe extern "system" fn(
    Dpc: *mut KDPC,
    DeferredContext: PVOID,
    SystemArgument1: PVOID,
    SystemArgument2: PVOID,
);

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct KDPC {
    pub Type: UCHAR,
    pub Importance: UCHAR,
    pub Number: u16,
    pub DpcListEntry: PVOID,
    pub ProcessorHistory: usize,
    pub DeferredRoutine: Option<KDEFERRED_ROUTINE>,
    pub DeferredContext: PVOID,
    pub SystemArgument1: PVOID,
    pub SystemArgument2: PVOID,
    pub DpcData: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct KTIMER {
    pub Header: DISPATCHER_HEADER,
    /// A `ULARGE_INTEGER`.
    pub DueTime: u64,
    pub TimerListEntry: LIST_ENTRY,
    pub Dpc: *mut KDPC,
    pub Processor: ULONG,
    pub Period: ULONG,
}

/// Run-down protection (`EX_RUNDOWN_REF`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct EX_RUNDOWN_REF {
    pub Count: usize,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct KLOCK_QUEUE_HANDLE {
    pub LockQueue: [usize; 2],
    pub OldIrql: KIRQL,
}

impl DISPATCHER_HEADER {
    /// All zero, to be initialised where it stays.
    pub const ZERO: DISPATCHER_HEADER = DISPATCHER_HEADER {
        Type: 0,
        Signalling: 0,
        Size: 0,
        Reserved1: 0,
        SignalState: 0,
        WaitListHead: LIST_ENTRY::ZERO,
    };
}

impl KEVENT {
    /// All zero, to be initialised where it stays.
    pub const ZERO: KEVENT = KEVENT { Header: DISPATCHER_HEADER::ZERO };
}

impl KSEMAPHORE {
    /// All zero, to be initialised where it stays.
    pub const ZERO: KSEMAPHORE = KSEMAPHORE { Header: DISPATCHER_HEADER::ZERO, Limit: 0 };
}

impl KMUTANT {
    /// All zero, to be initialised where it stays.
    pub const ZERO: KMUTANT = KMUTANT {
        Header: DISPATCHER_HEADER::ZERO,
        MutantListEntry: LIST_ENTRY::ZERO,
        OwnerThread: ptr::null_mut(),
        Abandoned: 0,
        ApcDisable: 0,
    };
}

impl FAST_MUTEX {
    /// All zero, to be initialised where it stays.
    pub const ZERO: FAST_MUTEX =
        FAST_MUTEX { Count: 0, Owner: ptr::null_mut(), Contention: 0, Event: KEVENT::ZERO, OldIrql: 0 };
}

impl KWAIT_BLOCK {
    /// All zero. Nobody has to initialise it.
    pub const ZERO: KWAIT_BLOCK = KWAIT_BLOCK { _opaque: [0; 6] };
}

impl KTIMER {
    /// All zero, to be initialised where it stays.
    pub const ZERO: KTIMER = KTIMER {
        Header: DISPATCHER_HEADER::ZERO,
        DueTime: 0,
        TimerListEntry: LIST_ENTRY::ZERO,
        Dpc: ptr::null_mut(),
        Processor: 0,
        Period: 0,
    };
}

impl KDPC {
    /// All zero, to be initialised where it stays.
    pub const ZERO: KDPC = KDPC {
        Type: 0,
        Importance: 0,
        Number: 0,
        DpcListEntry: ptr::null_mut(),
        ProcessorHistory: 0,
        DeferredRoutine: None,
        DeferredContext: ptr::null_mut(),
        SystemArgument1: ptr::null_mut(),
        SystemArgument2: ptr::null_mut(),
        DpcData: ptr::null_mut(),
    };
}
