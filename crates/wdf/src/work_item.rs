//! Work items: a routine that is called soon, at `PASSIVE_LEVEL`.
#![expect(unsafe_code, reason = "the framework calls with handles, and hands out contexts as raw memory")]

use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::Ordering;

use nt::{Passive, Result, check};

use crate::context::ContextType;
use crate::device::Device;
use crate::driver::{Driver, State};
use crate::raw::{self, WDF_OBJECT_ATTRIBUTES, WDFWORKITEM, call_unsafe_wdf_function_binding};

static TYPE: ContextType = ContextType::new(c"wdf::WorkItem", &TYPE);

/// The context of a work item.
///
/// # Invariants
/// Written before the work item can be enqueued, and not changed. `driver` is the driver's state, which there is as long as
/// the work item. `next` is the work item that was made before, or null.
pub(crate) struct Context<D> {
    handle: WDFWORKITEM,
    next: *const Context<D>,
    driver: *const State<D>,
    routine: fn(&D, &Passive),
}

/// A work item of the driver's device.
///
/// The framework deletes it with the device, after the driver's unload: until then it can be enqueued.
#[derive(Debug)]
pub struct WorkItem<D> {
    handle: WDFWORKITEM,
    _driver: PhantomData<fn() -> D>,
}

// SAFETY: a work item may be enqueued on any thread.
unsafe impl<D> Send for WorkItem<D> {}
// SAFETY: a work item may be enqueued on several threads at the same time.
unsafe impl<D> Sync for WorkItem<D> {}

impl<D: Driver> WorkItem<D> {
    /// Makes a work item, whose routine is called with the driver (`WdfWorkItemCreate`).
    ///
    /// The routine may run in several threads at the same time. It is not called once the driver's
    /// [`unload`](Driver::unload) has returned.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// What the framework gave.
    pub fn new(device: &Device<'_, D>, routine: fn(&D, &Passive)) -> Result<WorkItem<D>> {
        let mut config = raw::work_item(Some(evt_work_item::<D>));
        let mut attributes =
            WDF_OBJECT_ATTRIBUTES { ParentObject: device.handle().cast(), ..TYPE.attributes::<Context<D>>() };
        let mut handle: WDFWORKITEM = ptr::null_mut();
        // SAFETY: the structures are initialised and outlive the call; the parent exists.
        check(unsafe {
            call_unsafe_wdf_function_binding!(
                WdfWorkItemCreate,
                &raw mut config,
                &raw mut attributes,
                &raw mut handle
            )
        })?;
        // SAFETY: the driver is being made.
        let state = unsafe { State::<D>::of_device(device.handle()) };
        // SAFETY: made just now, with this type of context.
        let context = unsafe { TYPE.of::<Context<D>>(handle.cast()) };
        // Relaxed: a driver is made by one thread.
        let next = state.work_items.load(Ordering::Relaxed);
        // INVARIANT: the work item cannot be enqueued yet.
        // SAFETY: the context is memory for one, which nobody else uses yet.
        unsafe { context.write(Context { handle, next, driver: state, routine }) };
        state.work_items.store(context, Ordering::Relaxed);
        Ok(WorkItem { handle, _driver: PhantomData })
    }

    /// Has the routine called; once, if that was asked for already and it has not begun (`WdfWorkItemEnqueue`).
    ///
    /// It is called with the driver: if it begins before the driver's [`create`](Driver::create) has returned, there is none,
    /// and the call is lost.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn enqueue(&self) {
        // SAFETY: the framework deletes it after all of the driver's code has run.
        unsafe { call_unsafe_wdf_function_binding!(WdfWorkItemEnqueue, self.handle) };
    }

    /// The handle, for [`enqueue_raw`].
    #[must_use]
    pub const fn as_raw(&self) -> *mut c_void {
        self.handle.cast()
    }
}

/// [`WorkItem::enqueue`] as a function of a pointer, for interfaces that take both.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Safety
/// `work_item` is that of a [`WorkItem`]: [`WorkItem::as_raw`].
pub unsafe fn enqueue_raw(work_item: *mut c_void) {
    let work_item: WDFWORKITEM = work_item.cast();
    // SAFETY: the caller's promise; the framework deletes it after all of the driver's code has run.
    unsafe { call_unsafe_wdf_function_binding!(WdfWorkItemEnqueue, work_item) };
}

/// Waits until no work item is enqueued or runs (`WdfWorkItemFlush`).
///
/// # Safety
/// The driver's work items are not deleted. `PASSIVE_LEVEL`.
pub(crate) unsafe fn flush<D>(state: &State<D>) {
    // Relaxed: the list was made before the driver, which has been seen.
    let mut next = state.work_items.load(Ordering::Relaxed).cast_const();
    // SAFETY: by the contexts' invariant null, or the context of a work item.
    while let Some(context) = unsafe { next.as_ref() } {
        // SAFETY: the caller's promise.
        unsafe { call_unsafe_wdf_function_binding!(WdfWorkItemFlush, context.handle) };
        next = context.next;
    }
}

/// `EvtWorkItem`
///
/// # Safety
/// Called by the framework, at `PASSIVE_LEVEL`, for a work item of `D`.
unsafe extern "C" fn evt_work_item<D: Driver>(work_item: WDFWORKITEM) {
    // SAFETY: the framework calls this at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: made with this type of context.
    let context = unsafe { TYPE.of::<Context<D>>(work_item.cast()) };
    // SAFETY: by the type's invariant it was written before the work item was enqueued.
    let context = unsafe { &*context };
    // SAFETY: by the type's invariant.
    let state = unsafe { &*context.driver };
    // None before the driver is made, and when it is being dropped: that waits until this has returned.
    if let Some(driver) = state.get() {
        (context.routine)(driver, &passive);
    }
}
