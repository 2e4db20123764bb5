//! Requests: an IRP, an event, a completion routine.

use std::cell::Cell;
use std::sync::{Condvar, Mutex};

use wsk_sys::*;

use super::LIMIT;
use super::memory::{pool, sure};

/// A request on its way: its IRP, its event, and what the function returned.
pub struct Request {
    pub irp: *mut IRP,
    pub returned: NTSTATUS,
    context: *mut Context,
}

// An IRP belongs to no thread.
unsafe impl Send for Request {}

/// What the completion routine is given.
struct Context {
    event: KEVENT,
    irql: KIRQL,
    /// The number of this completion among all of this process.
    place: usize,
    /// What the routine waits for; usually null.
    gate: *const Gate,
}

thread_local! {
    static LEVEL: Cell<KIRQL> = const { Cell::new(PASSIVE_LEVEL) };
}

/// Has the requests that `act` starts sent at a level; all else is done at the caller's.
pub fn sending_at<T>(level: KIRQL, act: impl FnOnce() -> T) -> T {
    let before = LEVEL.replace(level);
    let result = act();
    LEVEL.set(before);
    result
}

/// Makes the call of a request.
pub(super) fn at_level<T>(call: impl FnOnce() -> T) -> T {
    if LEVEL.get() == PASSIVE_LEVEL {
        return call();
    }
    let old = unsafe { KfRaiseIrql(LEVEL.get()) };
    let result = call();
    unsafe { KeLowerIrql(old) };
    result
}

/// Holds completion routines, and with them the provider's thread.
#[derive(Default)]
pub struct Gate {
    /// How many routines have come to the gate, and whether it is open.
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Gate {
    pub fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        self.changed.notify_all();
        drop(self.changed.wait_timeout_while(state, LIMIT, |state| !state.1).unwrap());
    }

    /// Waits until a routine is held.
    pub fn wait(&self) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_timeout_while(state, LIMIT, |state| state.0 == 0).unwrap());
    }

    pub fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}

static COMPLETIONS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

unsafe extern "system" fn routine(_device: *mut DEVICE_OBJECT, _irp: *mut IRP, context: PVOID) -> NTSTATUS {
    let context: *mut Context = context.cast();
    if let Some(gate) = unsafe { (*context).gate.as_ref() } {
        gate.pass();
    }
    unsafe { (*context).irql = KeGetCurrentIrql() };
    let place = COMPLETIONS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    unsafe { (*context).place = place };
    unsafe { KeSetEvent(&raw mut (*context).event, 0, FALSE) };
    STATUS_MORE_PROCESSING_REQUIRED
}

/// An IRP with one location.
pub fn irp() -> *mut IRP {
    sure(|| unsafe { IoAllocateIrp(1, FALSE) })
}

impl Request {
    /// A request that was not sent yet.
    pub fn new() -> Request {
        let context: *mut Context = pool(size_of::<Context>());
        unsafe { KeInitializeEvent(&raw mut (*context).event, NotificationEvent, FALSE) };
        let irp = irp();
        unsafe { IoSetCompletionRoutine(irp, Some(routine), context.cast(), true, true, true) };
        Request { irp, returned: STATUS_PENDING, context }
    }

    pub fn start(call: impl FnOnce(*mut IRP) -> NTSTATUS) -> Request {
        let mut request = Request::new();
        request.returned = at_level(|| call(request.irp));
        request
    }

    /// Lets the routine wait at a gate.
    pub fn hold(&self, gate: &Gate) {
        unsafe { (*self.context).gate = gate };
    }

    pub fn is_done(&self) -> bool {
        unsafe { KeReadStateEvent(&raw mut (*self.context).event) != 0 }
    }

    pub fn cancel(&self) -> bool {
        unsafe { IoCancelIrp(self.irp) != 0 }
    }

    /// Waits for the completion; frees nothing.
    pub fn wait_only(&self) -> (NTSTATUS, usize) {
        let limit = -(i64::try_from(LIMIT.as_nanos()).unwrap() / 100);
        let event: PVOID = unsafe { &raw mut (*self.context).event }.cast();
        let status = unsafe { KeWaitForSingleObject(event, Executive, KernelMode, FALSE, &raw const limit) };
        assert_eq!(status, STATUS_SUCCESS, "the request did not complete");
        let result = unsafe { (*self.irp).IoStatus };
        if self.returned != STATUS_PENDING {
            assert_eq!(self.returned, result.Status, "the function returned something else");
        }
        (result.Status, result.Information)
    }

    /// Waits for the completion; returns status and information.
    pub fn wait(self) -> (NTSTATUS, usize) {
        let result = self.wait_only();
        self.free();
        result
    }

    /// Waits, and returns the IRQL and the place of the completion.
    pub fn wait_for_circumstances(self) -> (KIRQL, usize) {
        self.wait_only();
        let circumstances = unsafe { ((*self.context).irql, (*self.context).place) };
        self.free();
        circumstances
    }

    pub fn free(self) {
        unsafe { IoFreeIrp(self.irp) };
        unsafe { ExFreePool(self.context.cast()) };
    }

    /// Waits, and makes the IRP ready for another call.
    pub fn reuse(&self) {
        self.wait_only();
        unsafe { KeClearEvent(&raw mut (*self.context).event) };
        unsafe { IoReuseIrp(self.irp, STATUS_SUCCESS) };
        self.arm();
    }

    pub fn arm(&self) {
        unsafe { IoSetCompletionRoutine(self.irp, Some(routine), self.context.cast(), true, true, true) };
    }
}
