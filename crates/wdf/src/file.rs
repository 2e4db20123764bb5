//! Handles to the device: file objects.
#![expect(unsafe_code, reason = "the framework calls with handles, and hands out contexts as raw memory")]

use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::Deref;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use nt::{DispatchDrop, Error, Result};

use crate::context::ContextType;
use crate::driver::{Driver, State};
use crate::raw::{
    self, WDF_FILEOBJECT_CONFIG, WDF_OBJECT_ATTRIBUTES, WDFDEVICE, WDFFILEOBJECT, WDFOBJECT, WDFREQUEST,
    call_unsafe_wdf_function_binding,
};
use crate::request::Request;

/// What a handle to the device has: the context of its file object.
///
/// It is made when the handle is opened, and dropped when nobody refers to the file object any more, which may be at
/// `DISPATCH_LEVEL`: what must be ended at `PASSIVE_LEVEL` is ended by [`cleanup`](File::cleanup) or
/// [`close`](File::close).
pub trait File<D: Driver>: Sized + Send + Sync + 'static {
    /// `EvtDeviceFileCreate`: a handle is being opened.
    ///
    /// # IRQL
    /// Called at `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// It is not opened.
    fn create(driver: &D) -> Result<Self>;

    /// `EvtFileCleanup`: the handle is closed. Requests may still be in flight.
    ///
    /// # IRQL
    /// Called at `PASSIVE_LEVEL`
    fn cleanup(&self, _: &D) {}

    /// `EvtFileClose`: every request of the handle is completed.
    ///
    /// # IRQL
    /// Called at `PASSIVE_LEVEL`
    fn close(&self, _: &D) {}
}

/// Handles that have nothing of their own.
impl<D: Driver> File<D> for () {
    fn create(_: &D) -> Result {
        Ok(())
    }
}

static TYPE: ContextType = ContextType::new(c"wdf::File", &TYPE);

/// The context of a file object; zeros are a valid one.
///
/// # Invariants
/// While `driver` is not null, `file` holds a value, until the object is destroyed. It is the driver's state, which is there
/// until every handle is closed.
struct Context<D: Driver> {
    driver: AtomicPtr<State<D>>,
    file: UnsafeCell<MaybeUninit<D::File>>,
}

impl<D: Driver> Context<D> {
    /// # Safety
    /// `file` is a file object of a device of `D` that exists as long as the reference is used.
    unsafe fn of<'f>(file: WDFFILEOBJECT) -> &'f Context<D> {
        // SAFETY: the object exists, and was made with this type of context.
        let context = unsafe { TYPE.of::<Context<D>>(file.cast()) };
        // SAFETY: zeros at first, which are valid, and at the same address as long as the object.
        unsafe { &*context }
    }

    /// The driver and the file, once the file is made.
    fn get(&self) -> Option<(&State<D>, &D::File)> {
        // Acquire: pairs with the release by `evt_create`.
        let driver = self.driver.load(Ordering::Acquire);
        // SAFETY: by the type's invariant null, or the driver's state.
        let driver = unsafe { driver.as_ref() }?;
        // SAFETY: by the type's invariant the file is there.
        Some((driver, unsafe { &*self.file.get().cast() }))
    }
}

/// The configuration and the attributes of file objects.
pub(crate) fn config<D: Driver>() -> (WDF_FILEOBJECT_CONFIG, WDF_OBJECT_ATTRIBUTES) {
    let config = raw::file_object(Some(evt_create::<D>), Some(evt_close::<D>), Some(evt_cleanup::<D>));
    let attributes = WDF_OBJECT_ATTRIBUTES {
        EvtDestroyCallback: Some(evt_destroy::<D>),
        ..TYPE.attributes::<Context<D>>()
    };
    (config, attributes)
}

/// A reference to the file of a handle, which it keeps.
///
/// # Invariants
/// The value holds a reference of the framework's to the file object, whose file is made.
pub struct FileRef<D: Driver> {
    handle: WDFFILEOBJECT,
    _driver: PhantomData<fn() -> D>,
}

// SAFETY: the framework counts references on any thread, and the file is `Send` and `Sync`.
unsafe impl<D: Driver> Send for FileRef<D> {}
// SAFETY: `&FileRef` gives `&File` and further references.
unsafe impl<D: Driver> Sync for FileRef<D> {}

// SAFETY: the last reference drops the file, and frees the object, at IRQL <= DISPATCH_LEVEL.
unsafe impl<D: Driver> DispatchDrop for FileRef<D> where D::File: DispatchDrop {}

impl<D: Driver> FileRef<D> {
    /// # Safety
    /// `handle` is a file object of a device of `D` that exists now, and whose file is made.
    pub(crate) unsafe fn new(handle: WDFFILEOBJECT) -> FileRef<D> {
        // INVARIANT: referenced here.
        // SAFETY: the object exists, by the caller's promise. Tag, line and file name are for a debugger.
        unsafe {
            call_unsafe_wdf_function_binding!(
                WdfObjectReferenceActual,
                handle.cast(),
                ptr::null_mut(),
                0,
                ptr::null_mut()
            );
        }
        FileRef { handle, _driver: PhantomData }
    }
}

impl<D: Driver> Clone for FileRef<D> {
    fn clone(&self) -> FileRef<D> {
        // SAFETY: by the type's invariant.
        unsafe { FileRef::new(self.handle) }
    }
}

impl<D: Driver> Deref for FileRef<D> {
    type Target = D::File;

    fn deref(&self) -> &D::File {
        // SAFETY: by the type's invariant the object is referenced.
        let context = unsafe { Context::<D>::of(self.handle) };
        // SAFETY: by the type's invariant the file is made.
        unsafe { &*context.file.get().cast() }
    }
}

impl<D: Driver> Drop for FileRef<D> {
    fn drop(&mut self) {
        // SAFETY: by the type's invariant it holds a reference, which is not used again.
        unsafe {
            call_unsafe_wdf_function_binding!(
                WdfObjectDereferenceActual,
                self.handle.cast(),
                ptr::null_mut(),
                0,
                ptr::null_mut()
            );
        }
    }
}

impl<D: Driver> fmt::Debug for FileRef<D>
where
    D::File: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        D::File::fmt(self, f)
    }
}

/// `EvtDeviceFileCreate`
///
/// # Safety
/// Called by the framework, at `PASSIVE_LEVEL`, for a device of `D`.
unsafe extern "C" fn evt_create<D: Driver>(device: WDFDEVICE, request: WDFREQUEST, file: WDFFILEOBJECT) {
    // SAFETY: the framework passes the device. Its driver is there until every handle is closed.
    let state = unsafe { State::<D>::of_device(device) };
    // SAFETY: the framework presents the create request with this call.
    let request = unsafe { Request::<D>::of_create(request) };
    // SAFETY: the framework passes a new file object.
    let context = unsafe { Context::<D>::of(file) };
    let made = state.get().ok_or(Error::DEVICE_NOT_READY).and_then(D::File::create);
    let result = made.map(|file| {
        // SAFETY: nobody else uses the context before the request is completed.
        unsafe { context.file.get().cast::<D::File>().write(file) };
        // INVARIANT: written.
        // Release: who sees the driver sees the file.
        context.driver.store(ptr::from_ref(state).cast_mut(), Ordering::Release);
        0
    });
    request.complete(result);
}

/// `EvtFileCleanup`
///
/// # Safety
/// Called by the framework, at `PASSIVE_LEVEL`, for a file object of a device of `D`.
unsafe extern "C" fn evt_cleanup<D: Driver>(file: WDFFILEOBJECT) {
    // SAFETY: the file object exists until this callback has returned.
    if let Some((state, file)) = unsafe { Context::<D>::of(file) }.get()
        && let Some(driver) = state.get()
    {
        file.cleanup(driver);
    }
}

/// `EvtFileClose`
///
/// # Safety
/// Called by the framework, at `PASSIVE_LEVEL`, for a file object of a device of `D`.
unsafe extern "C" fn evt_close<D: Driver>(file: WDFFILEOBJECT) {
    // SAFETY: the file object exists until this callback has returned.
    if let Some((state, file)) = unsafe { Context::<D>::of(file) }.get()
        && let Some(driver) = state.get()
    {
        file.close(driver);
    }
}

/// `EvtDestroyCallback`: nobody refers to the file object any more.
///
/// # Safety
/// Called by the framework for a file object of a device of `D`, as the last of its callbacks.
unsafe extern "C" fn evt_destroy<D: Driver>(file: WDFOBJECT) {
    // SAFETY: the framework keeps the context until this callback has returned.
    let context = unsafe { Context::<D>::of(file.cast()) };
    // INVARIANT: taken away before the file is dropped. Acquire: pairs with the release by `evt_create`.
    if !context.driver.swap(ptr::null_mut(), Ordering::Acquire).is_null() {
        // SAFETY: by the type's invariant it was there, and there is no reference any more.
        unsafe { context.file.get().cast::<D::File>().drop_in_place() };
    }
}
