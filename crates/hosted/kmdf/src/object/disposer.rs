//! Deletions above `PASSIVE_LEVEL` of objects that need that level to end: a system thread does the rest.
#![expect(unsafe_code, reason = "work items are kernel objects")]

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use parking_lot::Mutex;
use wsk_sys::{DEVICE_OBJECT, NTSTATUS};

use crate::object::worker::Worker;
use crate::object::{self, Object};
use crate::rules::{self, Broken};

/// Disposes of objects in a system thread. It is part of the body of an object, and works for those under it.
pub(crate) struct Disposer {
    worker: Worker,
    due: Mutex<VecDeque<Arc<Object>>>,
}

impl Disposer {
    /// # Errors
    /// `STATUS_INSUFFICIENT_RESOURCES`.
    ///
    /// # Safety
    /// `device` is a device object that outlives the result.
    pub(crate) unsafe fn new(device: *mut DEVICE_OBJECT) -> Result<Disposer, NTSTATUS> {
        // SAFETY: this function's own contract.
        let worker = unsafe { Worker::new(device) }?;
        Ok(Disposer { worker, due: Mutex::default() })
    }

    /// The work item of `owner`, whose part this is.
    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }

    /// Takes an object that is marked as being deleted.
    pub(super) fn add(&self, owner: &Object, object: &Arc<Object>) {
        self.due.lock().push_back(Arc::clone(object));
        self.worker.enqueue(owner);
    }

    /// One run of the work item.
    pub(crate) fn run(&self) {
        loop {
            let next = self.due.lock().pop_front();
            let Some(next) = next else { return };
            rules::require(object::finish_delete(&next));
        }
    }

    /// Waits until all objects are disposed of, and frees the work item.
    ///
    /// # Errors
    /// The violation of a driver that does not let that happen.
    pub(crate) fn retire(&self, owner: &Arc<Object>) -> Result<(), Broken> {
        self.worker.wait(owner)?;
        self.worker.retire(owner)
    }
}
