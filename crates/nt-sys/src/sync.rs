//! Dispatcher objects (events, timers), deferred procedure calls, spin locks.
#![allow(missing_docs, reason = "the fields are those of the C structure that the type's page names")]

use core::ptr;

use crate::base::{KIRQL, LIST_ENTRY, LONG, PVOID, UCHAR, ULONG};

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
