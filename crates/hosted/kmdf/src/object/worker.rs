//! A kernel work item that runs for a framework object.
#![expect(unsafe_code, reason = "work items are kernel objects, and their routine gets a raw context")]

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use parking_lot::Mutex;
use wsk_sys::{
    DEVICE_OBJECT, DelayedWorkQueue, IoAllocateWorkItem, IoFreeWorkItem, IoQueueWorkItem, NTSTATUS,
    PIO_WORKITEM, PVOID, STATUS_INSUFFICIENT_RESOURCES,
};

use crate::kernel::event::Event;
use crate::kernel::shared::Shared;
use crate::object::handles::handles;
use crate::object::wait_limit;
use crate::object::{self, Object};
use crate::platform;
use crate::rules::{self, Broken};

/// A work item with its state. Each of its runs calls [`Body::work`](crate::object::Body::work) of the object that
/// it was queued for.
///
/// # Invariants
/// `item` is a work item that only this frees, or `None`.
pub(crate) struct Worker {
    state: Mutex<State>,
    /// Signalled while it is neither queued nor running.
    idle: Event,
}

struct State {
    item: Option<Shared<PIO_WORKITEM>>,
    queued: bool,
    /// Whether its object is being deleted: it is queued no more.
    retired: bool,
    /// The threads that run it: it may be queued again, and then run a second time, while it runs.
    running: Vec<u64>,
    free_when_idle: bool,
}

impl Worker {
    /// Allocates a work item of a device.
    ///
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    ///
    /// # Safety
    /// `device` is a device object that outlives the work item.
    pub(crate) unsafe fn new(device: *mut DEVICE_OBJECT) -> Result<Worker, NTSTATUS> {
        // SAFETY: this function's own contract.
        let item = unsafe { IoAllocateWorkItem(device) };
        if item.is_null() {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        // INVARIANT: just allocated.
        let state = State {
            item: Some(Shared(item)),
            queued: false,
            retired: false,
            running: Vec::new(),
            free_when_idle: false,
        };
        Ok(Worker { state: Mutex::new(state), idle: Event::notification(true) })
    }

    /// Queues the work item for an object, unless it is queued already or retired; whether it was queued now.
    pub(crate) fn enqueue(&self, object: &Object) -> bool {
        let mut state = self.state.lock();
        let Some(item) = state.item else { return false };
        if state.queued || state.retired {
            return false;
        }
        state.queued = true;
        self.idle.clear();
        let context = object.as_handle();
        // SAFETY: by the type's invariant the item lives, and it is not queued; `retire` waits for its run or keeps the
        // object, so that the routine finds it.
        unsafe { IoQueueWorkItem(item.0, routine, DelayedWorkQueue, context) };
        true
    }

    /// Whether the calling thread is in a run.
    pub(crate) fn is_mine(&self) -> bool {
        self.state.lock().running.contains(&platform::thread())
    }

    /// Waits, for `waiter`, until it is neither queued nor running.
    ///
    /// # Errors
    /// The violation of a callback that takes longer than the framework waits for a driver.
    pub(crate) fn wait(&self, waiter: &Object) -> Result<(), Broken> {
        if wait_limit::wait(&self.idle) {
            return Ok(());
        }
        let queued = self.state.lock().queued;
        let what = if queued { "has not been called" } else { "has not returned" };
        let seconds = wait_limit::seconds();
        let detail = format!("a callback of {waiter} {what} for the {seconds} seconds that it is waited for");
        Err(Broken::new(&rules::CALLBACK_STUCK, detail))
    }

    /// Whether its object is being deleted.
    pub(crate) fn is_retired(&self) -> bool {
        self.state.lock().retired
    }

    fn started(&self) {
        let mut state = self.state.lock();
        state.queued = false;
        state.running.push(platform::thread());
    }

    /// Notes the end of a run; whether it was the last one of an item that was retired in a run, so that the object's
    /// reference is to be dropped.
    fn ended(&self) -> bool {
        let mut state = self.state.lock();
        if let Some(index) = state.running.iter().position(|thread| *thread == platform::thread()) {
            state.running.swap_remove(index);
        }
        let idle = state.running.is_empty() && !state.queued;
        let item = if idle && state.free_when_idle { state.item.take() } else { None };
        if idle {
            self.idle.set();
        }
        drop(state);
        let last = item.is_some();
        // SAFETY: taken from the state; it neither runs nor is queued.
        unsafe { free(item) };
        last
    }

    /// Lets the work item of `object` be queued no more, waits for its last run and frees it. If the calling thread is in
    /// a run, this is left to the end of the last one; until then the object is kept.
    ///
    /// # Errors
    /// The violation of a callback that takes longer than the framework waits for a driver.
    pub(crate) fn retire(&self, object: &Arc<Object>) -> Result<(), Broken> {
        let mine = {
            let mut state = self.state.lock();
            state.retired = true;
            let mine = state.running.contains(&platform::thread());
            state.free_when_idle |= mine;
            mine
        };
        if mine {
            return object::reference(object);
        }
        self.wait(object)?;
        let item = self.state.lock().item.take();
        // SAFETY: taken from the state; it does not run any more, and cannot be queued.
        unsafe { free(item) };
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Only a worker whose object could not be created gets here with its item.
        let item = self.state.lock().item.take();
        // SAFETY: taken from the state; nobody has queued it.
        unsafe { free(item) };
    }
}

/// Frees a work item.
///
/// # Safety
/// It was taken from its worker, so that nobody else frees it, and is neither queued nor running, or is at the end of
/// its run.
unsafe fn free(item: Option<Shared<PIO_WORKITEM>>) {
    if let Some(item) = item {
        // SAFETY: this function's own contract.
        unsafe { IoFreeWorkItem(item.0) };
    }
}

/// Runs in a system thread, with the handle of an object as context.
unsafe extern "system" fn routine(_device: *mut DEVICE_OBJECT, context: PVOID) {
    let Some(object) = handles().find(context.addr()) else { return };
    run(&object);
}

fn run(object: &Arc<Object>) {
    if let Some(worker) = object.body().worker() {
        worker.started();
        object.work();
        if worker.ended() {
            rules::require(object::release(object));
        }
    }
}
