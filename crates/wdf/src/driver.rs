//! The driver: its entry point, its state, its unload.
#![expect(unsafe_code, reason = "the framework calls with handles, and hands out contexts as raw memory")]

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use nt::{Passive, Result, check};
use nt_sys::{NTSTATUS, STATUS_SUCCESS};

use crate::context::ContextType;
use crate::device::{self, Device};
use crate::file::File;
use crate::in_flight::Cancel;
use crate::raw::{
    self, PCUNICODE_STRING, PDRIVER_OBJECT, WDFDEVICE, WDFDRIVER, call_unsafe_wdf_function_binding,
};
use crate::request::Request;
use crate::work_item;

/// The names of a control device, in UTF-16: see [`utf16`](crate::utf16).
#[derive(Clone, Copy, Debug)]
pub struct ControlDevice {
    /// Its name, such as `\Device\Echo`.
    pub name: &'static [u16],
    /// The symbolic link by which processes open it, such as `\DosDevices\Echo`.
    pub link: &'static [u16],
    /// Who may open it, as a security descriptor in SDDL.
    pub sddl: &'static [u16],
}

/// A driver that is no `PnP` driver and has one control device.
///
/// The value is the driver's state, from the end of its [`create`](Driver::create) until its unload. Every callback gets a
/// reference to it.
pub trait Driver: Sized + Send + Sync + 'static {
    /// The device.
    const DEVICE: ControlDevice;

    /// What a handle to the device has: the context of its file object.
    type File: File<Self>;

    /// What a request in flight has; see [`Request::mark_cancelable`].
    type Cancel: Cancel<Self>;

    /// Makes the state, in `DriverEntry`. The device cannot be opened before this has returned.
    ///
    /// # IRQL
    /// Called at `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// The driver is not loaded.
    fn create(device: &Device<'_, Self>, passive: &Passive) -> Result<Self>;

    /// `EvtIoDeviceControl`: serves a request, several at the same time.
    ///
    /// # IRQL
    /// Called at <= `DISPATCH_LEVEL`
    fn device_control(&self, request: Request<Self>);

    /// `EvtDriverUnload`: every handle is closed, and every request is completed. When it has returned, the work items are
    /// waited for, and the state is dropped.
    ///
    /// # IRQL
    /// Called at `PASSIVE_LEVEL`
    fn unload(&self, _: &Passive) {}
}

static TYPE: ContextType = ContextType::new(c"wdf::Driver", &TYPE);

/// The context of the framework's driver object; zeros are a valid one.
///
/// # Invariants
/// While `ready`, `driver` holds a value. It is written and dropped while nobody else refers to it.
pub(crate) struct State<D> {
    ready: AtomicBool,
    /// The last work item that was made.
    pub(crate) work_items: AtomicPtr<work_item::Context<D>>,
    driver: UnsafeCell<MaybeUninit<D>>,
}

impl<D: Driver> State<D> {
    /// The state of a device's driver.
    ///
    /// # Safety
    /// `device` is a device of a driver that [`driver_entry::<D>`] has made, in a callback that comes before the framework
    /// has deleted it. The reference is not used after that.
    pub(crate) unsafe fn of_device<'s>(device: WDFDEVICE) -> &'s State<D> {
        // SAFETY: the device exists, by the caller's promise.
        let driver = unsafe { call_unsafe_wdf_function_binding!(WdfDeviceGetDriver, device) };
        // SAFETY: the driver object exists as long as its device.
        unsafe { State::of(driver) }
    }

    /// # Safety
    /// `driver` is a driver object that [`driver_entry::<D>`] has made. The reference is not used after it is deleted.
    unsafe fn of<'s>(driver: WDFDRIVER) -> &'s State<D> {
        // SAFETY: made with this type of context.
        let state = unsafe { TYPE.of::<State<D>>(driver.cast()) };
        // SAFETY: zeros at first, which are valid, and at the same address as long as the object.
        unsafe { &*state }
    }

    /// The driver; none before it is made, and when it is being dropped.
    pub(crate) fn get(&self) -> Option<&D> {
        // Acquire: pairs with the release by `set`.
        if !self.ready.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: by the type's invariant it is there. It is dropped in `EvtDriverUnload`, when no handle, no request and no
        // work item refers to it.
        Some(unsafe { &*self.driver.get().cast() })
    }

    /// # Safety
    /// There was none before, and nobody else does this.
    unsafe fn set(&self, driver: D) {
        // SAFETY: not ready, so nobody reads it.
        unsafe { self.driver.get().cast::<D>().write(driver) };
        // INVARIANT: written.
        // Release: who sees this sees the driver.
        self.ready.store(true, Ordering::Release);
    }
}

/// A driver's `DriverEntry`: makes the driver `D`, and its device.
///
/// The driver exports its own `DriverEntry`, which calls this and does nothing else.
///
/// # Safety
/// Called once by the system for each load, at `PASSIVE_LEVEL`, with these arguments.
pub unsafe fn driver_entry<D: Driver>(driver: PDRIVER_OBJECT, path: PCUNICODE_STRING) -> NTSTATUS {
    // SAFETY: DriverEntry is called at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: DriverEntry's own arguments.
    match unsafe { create::<D>(driver, path, &passive) } {
        Ok(()) => STATUS_SUCCESS,
        Err(error) => error.status(),
    }
}

/// Makes the driver and its device. On failure the framework deletes what was made.
///
/// # Safety
/// The arguments are those of `DriverEntry`, which calls this once.
unsafe fn create<D: Driver>(driver: PDRIVER_OBJECT, path: PCUNICODE_STRING, passive: &Passive) -> Result {
    let mut attributes = TYPE.attributes::<State<D>>();
    let mut config = raw::non_pnp_driver(Some(evt_unload::<D>));
    let mut framework: WDFDRIVER = ptr::null_mut();
    // SAFETY: the caller's promise; the structures are initialised and outlive the call.
    check(unsafe {
        call_unsafe_wdf_function_binding!(
            WdfDriverCreate,
            driver,
            path,
            &raw mut attributes,
            &raw mut config,
            &raw mut framework
        )
    })?;
    // SAFETY: the framework made the driver object just now.
    let device = unsafe { device::create::<D>(framework) }?;
    let made = D::create(&device, passive)?;
    // SAFETY: made by this function, and used until it returns.
    let state = unsafe { State::<D>::of(framework) };
    // SAFETY: this is the only call.
    unsafe { state.set(made) };
    device.finish_initializing();
    Ok(())
}

/// `EvtDriverUnload`
///
/// # Safety
/// Called by the framework, at `PASSIVE_LEVEL`, when every handle to the device is closed.
unsafe extern "C" fn evt_unload<D: Driver>(driver: WDFDRIVER) {
    // SAFETY: the framework calls this at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: the framework passes its driver object, which it deletes after this callback.
    let state = unsafe { State::<D>::of(driver) };
    // A driver that failed to load is not unloaded.
    let Some(driver) = state.get() else { return };
    driver.unload(&passive);
    // A work item that comes from here on finds no driver. Release: nothing of the above is moved behind it.
    state.ready.store(false, Ordering::Release);
    // SAFETY: the work items are deleted with the device, after this callback.
    unsafe { work_item::flush(state) };
    // SAFETY: it was there. No handle is open, so there is no request either, and no work item runs with it: nobody refers
    // to the driver any more.
    unsafe { state.driver.get().cast::<D>().drop_in_place() };
}
