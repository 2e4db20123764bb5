//! A kernel DPC that runs for a framework object.
#![expect(unsafe_code, reason = "DPCs are kernel objects, and their routine gets a raw context")]

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use wsk_sys::{BOOLEAN, KDPC, KeFlushQueuedDpcs, KeInitializeDpc, KeInsertQueueDpc, KeRemoveQueueDpc, PVOID};

use crate::object::Object;
use crate::object::handles::handles;

/// A DPC at a fixed address. Each of its runs calls [`Body::work`](crate::object::Body::work) of its object.
pub(crate) struct KernelDpc(Box<UnsafeCell<MaybeUninit<KDPC>>>);

// SAFETY: the kernel's DPC is only passed to kernel functions, which synchronise among themselves.
unsafe impl Send for KernelDpc {}
// SAFETY: the kernel's DPC is only passed to kernel functions, which synchronise among themselves.
unsafe impl Sync for KernelDpc {}

impl KernelDpc {
    /// A DPC, to be initialised before it is used.
    pub(crate) fn new() -> KernelDpc {
        KernelDpc(Box::new(UnsafeCell::new(MaybeUninit::zeroed())))
    }

    /// Initialises the DPC for its object, whose body it is part of.
    pub(crate) fn initialize(&self, object: &Object) {
        // SAFETY: the box has room for a DPC; its routine gets the handle, not a pointer.
        unsafe { KeInitializeDpc(self.as_ptr(), routine, object.as_handle()) };
    }

    pub(crate) fn as_ptr(&self) -> *mut KDPC {
        self.0.get().cast()
    }

    /// Queues the DPC; whether it was not queued before.
    pub(crate) fn insert(&self) -> BOOLEAN {
        // SAFETY: initialised when its object was made; disposal removes it and waits for it.
        unsafe { KeInsertQueueDpc(self.as_ptr(), core::ptr::null_mut(), core::ptr::null_mut()) }
    }

    /// Takes the DPC out of its queue; whether it was queued.
    pub(crate) fn remove(&self) -> BOOLEAN {
        // SAFETY: initialised when its object was made.
        unsafe { KeRemoveQueueDpc(self.as_ptr()) }
    }

    /// Takes the DPC out of its queue, and waits for a run that has begun. At `PASSIVE_LEVEL`.
    pub(crate) fn retire(&self) {
        self.remove();
        // SAFETY: waits at passive level; a run that has begun is over when it returns.
        unsafe { KeFlushQueuedDpcs() };
    }
}

unsafe extern "system" fn routine(_dpc: *mut KDPC, context: PVOID, _argument1: PVOID, _argument2: PVOID) {
    if let Some(object) = handles().find(context.addr()) {
        object.work();
    }
}
