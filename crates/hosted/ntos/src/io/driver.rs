//! Loading and unloading drivers.
#![expect(unsafe_code, reason = "owns driver objects, and calls DriverEntry and DriverUnload")]

use std::cell::Cell;
use std::fmt;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use parking_lot::Mutex;
use wsk_sys::{
    DEVICE_OBJECT, DRIVER_DISPATCH, DRIVER_EXTENSION, DRIVER_INITIALIZE, DRIVER_OBJECT, IO_NO_INCREMENT,
    IO_STATUS_BLOCK, IRP, MAJOR_FUNCTIONS, NT_SUCCESS, NTSTATUS, NamedStatus, PASSIVE_LEVEL,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_IO_TIMEOUT, STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_NOT_FOUND, UNICODE_STRING,
};

use crate::io::device;
use crate::io::irp::complete::IofCompleteRequest;
use crate::io::unicode::OwnedUnicode;
use crate::ke::irql::call_driver;
use crate::machine::Machine;
use crate::machine::bugcheck::require;
use crate::machine::owner::{LeakScope, Owner};
use crate::machine::stuck;
use crate::rule::io::{ROUTINE_STUCK, UNLOAD_STUCK};
use crate::sync::Pointer;

/// `IO_TYPE_DRIVER`.
const IO_TYPE_DRIVER: i16 = 4;

const LOADING: u8 = 0;
const LOADED: u8 = 1;
/// New opens are refused; `DriverUnload` runs when the last handle is closed.
const UNLOADING: u8 = 2;
const UNLOADED: u8 = 3;

/// The key of a driver's service, whose path `DriverEntry` gets.
fn key_of_service(name: &str) -> String {
    format!("\\REGISTRY\\MACHINE\\SYSTEM\\ControlSet001\\Services\\{name}")
}

/// A driver's object and what belongs to it.
pub(crate) struct DriverBody {
    name: String,
    owner: Owner,
    /// From `Box::into_raw`, as the extension; freed with this structure.
    object: Pointer<DRIVER_OBJECT>,
    extension: Pointer<DRIVER_EXTENSION>,
    /// What the strings in the objects point to.
    registry_path: OwnedUnicode,
    _driver_name: OwnedUnicode,
    _service_key: OwnedUnicode,
    phase: AtomicU8,
}

/// A machine's drivers.
#[derive(Default)]
struct Drivers(Mutex<Vec<Arc<DriverBody>>>);

fn of(machine: &Machine) -> Arc<Drivers> {
    machine.extension::<Drivers>(Drivers::default)
}

/// The loaded driver whose object this is.
pub(crate) fn find(machine: &Machine, object: *mut DRIVER_OBJECT) -> Option<Arc<DriverBody>> {
    of(machine).0.lock().iter().find(|driver| ptr::eq(driver.object(), object)).cloned()
}

impl DriverBody {
    fn new(name: &str, entry: DRIVER_INITIALIZE) -> Result<DriverBody, NTSTATUS> {
        let driver_name = OwnedUnicode::new(&format!("\\Driver\\{name}"))?;
        let service_key = OwnedUnicode::new(name)?;
        let registry_path = OwnedUnicode::new(&key_of_service(name))?;
        let extension = Box::into_raw(Box::new(DRIVER_EXTENSION {
            DriverObject: ptr::null_mut(),
            AddDevice: ptr::null_mut(),
            Count: 0,
            ServiceKeyName: service_key.as_raw(),
        }));
        let object = Box::into_raw(Box::new(DRIVER_OBJECT {
            Type: IO_TYPE_DRIVER,
            Size: i16::try_from(mem::size_of::<DRIVER_OBJECT>()).unwrap_or(i16::MAX),
            DeviceObject: ptr::null_mut(),
            Flags: 0,
            // There is no image to point to.
            DriverStart: ptr::null_mut(),
            DriverSize: 0,
            DriverSection: ptr::null_mut(),
            DriverExtension: extension,
            DriverName: driver_name.as_raw(),
            HardwareDatabase: ptr::null_mut(),
            FastIoDispatch: ptr::null_mut(),
            DriverInit: Some(entry),
            DriverStartIo: ptr::null_mut(),
            DriverUnload: None,
            MajorFunction: [Some(invalid_device_request as DRIVER_DISPATCH); MAJOR_FUNCTIONS],
        }));
        // SAFETY: made above, known to nobody.
        unsafe { (*extension).DriverObject = object };
        Ok(DriverBody {
            name: name.to_owned(),
            owner: Owner::new_driver(),
            object: Pointer(object),
            extension: Pointer(extension),
            registry_path,
            _driver_name: driver_name,
            _service_key: service_key,
            phase: AtomicU8::new(LOADING),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    pub(crate) fn object(&self) -> *mut DRIVER_OBJECT {
        self.object.0
    }

    /// Whether the driver is neither still loading nor going.
    pub(crate) fn accepts_opens(&self) -> bool {
        // Acquire: what `DriverEntry` wrote is seen by the thread that opens.
        self.phase.load(Ordering::Acquire) == LOADED
    }

    pub(crate) fn dispatch(&self, major: u8) -> Option<DRIVER_DISPATCH> {
        if usize::from(major) >= MAJOR_FUNCTIONS {
            return None;
        }
        // SAFETY: the object lives as long as this structure; only the field's address is taken.
        let table = unsafe { &raw const (*self.object.0).MajorFunction };
        let slot = table.cast::<Option<DRIVER_DISPATCH>>().wrapping_add(usize::from(major));
        // SAFETY: in bounds, as checked; the driver fills the table in `DriverEntry`, before anyone sends IRPs.
        let routine = unsafe { *slot };
        // A slot that the driver cleared is one that it does not handle.
        routine.or(Some(invalid_device_request))
    }

    /// Makes a device the first of the driver's list; returns the one that was.
    pub(crate) fn push_device(&self, device: *mut DEVICE_OBJECT) -> *mut DEVICE_OBJECT {
        // SAFETY: the object lives; its list is changed under the device table's lock.
        let first = unsafe { (*self.object.0).DeviceObject };
        // SAFETY: the object lives; its list is changed under the device table's lock.
        unsafe { (*self.object.0).DeviceObject = device };
        first
    }

    /// Takes a living device out of the driver's list.
    pub(crate) fn remove_device(&self, device: *mut DEVICE_OBJECT) {
        // SAFETY: the object lives; its list is changed under the device table's lock.
        let mut link = unsafe { &raw mut (*self.object.0).DeviceObject };
        loop {
            // SAFETY: the head of the list, or the link in a device of it, all of which live.
            let next = unsafe { *link };
            if next.is_null() {
                return;
            }
            // SAFETY: a device in the list lives.
            let after = unsafe { &raw mut (*next).NextDevice };
            if ptr::eq(next, device) {
                // SAFETY: a device in the list lives.
                let rest = unsafe { *after };
                // SAFETY: a device in the list lives.
                unsafe { *link = rest };
                return;
            }
            link = after;
        }
    }
}

impl Drop for DriverBody {
    fn drop(&mut self) {
        // SAFETY: from `Box::into_raw` in `new`; the driver is gone.
        drop(unsafe { Box::from_raw(self.object.0) });
        // SAFETY: from `Box::into_raw` in `new`; the driver is gone.
        drop(unsafe { Box::from_raw(self.extension.0) });
    }
}

/// The dispatch routine of every major function that a driver does not set.
unsafe extern "system" fn invalid_device_request(_device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    let status = IO_STATUS_BLOCK { Status: STATUS_INVALID_DEVICE_REQUEST, Information: 0 };
    // SAFETY: the I/O manager sent the IRP here.
    unsafe { (*irp).IoStatus = status };
    // SAFETY: the I/O manager sent the IRP here, and it is not touched again.
    unsafe { IofCompleteRequest(irp, IO_NO_INCREMENT) };
    STATUS_INVALID_DEVICE_REQUEST
}

thread_local! {
    /// Whether the thread is the one that runs a driver's `DriverEntry`.
    static IN_ENTRY: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread runs a driver's `DriverEntry`, where a driver must not wait for others.
#[must_use]
pub fn in_driver_entry() -> bool {
    IN_ENTRY.get()
}

impl Machine {
    /// Loads a driver: makes its object and calls its `DriverEntry` in a system thread.
    ///
    /// # Errors
    /// What `DriverEntry` returned; `STATUS_OBJECT_NAME_COLLISION` if a driver of this name is loaded.
    ///
    /// # Panics
    /// With the report, if a bug check ends the machine.
    pub fn load_driver(&self, name: &str, entry: DRIVER_INITIALIZE) -> Result<Driver, NamedStatus> {
        let (machine, name) = (self.clone(), name.to_owned());
        self.go_in(move || machine.load_driver_here(&name, entry).map_err(NamedStatus))
    }

    fn load_driver_here(&self, name: &str, entry: DRIVER_INITIALIZE) -> Result<Driver, NTSTATUS> {
        let body = Arc::new(DriverBody::new(name, entry)?);
        {
            let drivers = of(self);
            let mut drivers = drivers.0.lock();
            if drivers.iter().any(|driver| driver.name.eq_ignore_ascii_case(name)) {
                return Err(STATUS_OBJECT_NAME_COLLISION);
            }
            drivers.push(Arc::clone(&body));
        }
        self.registry().create_key(&key_of_service(name));
        let driver = Driver { machine: self.clone(), body };
        let body = Arc::clone(&driver.body);
        let status = driver.in_system_thread("DriverEntry", move || {
            let path: UNICODE_STRING = body.registry_path.as_raw();
            IN_ENTRY.set(true);
            // SAFETY: the entry of a driver, called as documented with its own object. The thread ends with it.
            unsafe { entry(body.object(), &raw const path) }
        });
        if NT_SUCCESS(status) {
            // Release: pairs with `accepts_opens`.
            driver.body.phase.store(LOADED, Ordering::Release);
            device::table::of(self).make_ready(&driver.body);
            Ok(driver)
        } else {
            driver.forget();
            Err(status)
        }
    }
}

/// A loaded driver. Dropping this leaves it loaded.
pub struct Driver {
    machine: Machine,
    body: Arc<DriverBody>,
}

impl Driver {
    /// The driver object.
    #[must_use]
    pub fn object(&self) -> *mut DRIVER_OBJECT {
        self.body.object()
    }

    /// The name under which the driver was loaded.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.body.name
    }

    /// Whose the driver's allocations are.
    #[must_use]
    pub fn owner(&self) -> Owner {
        self.body.owner
    }

    /// Unloads the driver: refuses new opens, waits until no device is open, calls `DriverUnload` in a system
    /// thread, and looks for what the driver left behind.
    ///
    /// A device stays open while a handle is, and while a request that its driver has not completed is on a handle that
    /// is closed. On Windows the unload then waits for ever. Here it is a bug check when
    /// [`Config::hang_limit`](crate::Config::hang_limit) is over, and names both.
    ///
    /// # Errors
    /// `STATUS_INVALID_DEVICE_REQUEST` if the driver has no `DriverUnload`: it stays loaded.
    pub fn unload(self) -> Result<(), NamedStatus> {
        let machine = self.machine.clone();
        machine.go_in(move || self.unload_here().map_err(NamedStatus))
    }

    fn unload_here(&self) -> Result<(), NTSTATUS> {
        let limit = self.machine.config().hang_limit;
        match self.unload_when_closed(limit) {
            Err(STATUS_IO_TIMEOUT) => {
                let what = format!("the unload of {}: its devices were not closed", self.body.name);
                require(Err(stuck::broken(&self.machine, &UNLOAD_STUCK, &what, limit)))
            }
            result => result,
        }
    }

    /// As [`Driver::unload`], but gives up waiting after `limit`. The driver can then still be unloaded, and
    /// accepts no opens until then.
    ///
    /// # Errors
    /// `STATUS_IO_TIMEOUT` if a device was still open, `STATUS_OBJECT_NAME_NOT_FOUND` if the driver was unloaded
    /// already, and those of [`Driver::unload`].
    pub fn unload_within(&self, limit: Duration) -> Result<(), NamedStatus> {
        let driver = Driver { machine: self.machine.clone(), body: Arc::clone(&self.body) };
        self.machine.go_in(move || driver.unload_when_closed(limit).map_err(NamedStatus))
    }

    fn unload_when_closed(&self, limit: Duration) -> Result<(), NTSTATUS> {
        // SAFETY: the object lives; the driver sets the field in `DriverEntry`, which has returned.
        let unload = unsafe { (*self.body.object()).DriverUnload };
        let unload = unload.ok_or(STATUS_INVALID_DEVICE_REQUEST)?;
        // Acquire and release: what the last user of the driver wrote is seen by `DriverUnload`.
        if self.body.phase.swap(UNLOADING, Ordering::AcqRel) == UNLOADED {
            self.body.phase.store(UNLOADED, Ordering::Release);
            return Err(STATUS_OBJECT_NAME_NOT_FOUND);
        }
        if !device::table::of(&self.machine).wait_until_closed(&self.body, limit) {
            return Err(STATUS_IO_TIMEOUT);
        }
        let body = Arc::clone(&self.body);
        // SAFETY: the driver's routine, called as documented with its own object; no device of it is open.
        self.in_system_thread("DriverUnload", move || unsafe { unload(body.object()) });
        self.body.phase.store(UNLOADED, Ordering::Release);
        self.forget();
        Ok(())
    }

    /// Calls a routine of the driver in a thread of the machine, at `PASSIVE_LEVEL`.
    fn in_system_thread<R: Send + 'static>(
        &self,
        what: &str,
        routine: impl FnOnce() -> R + Send + 'static,
    ) -> R {
        let owner = self.body.owner;
        let what = format!("{what} of {}", self.body.name);
        let (returned, done) = mpsc::sync_channel(1);
        let thread = {
            let what = what.clone();
            self.machine.spawn("system", move || {
                let result = owner.run(|| call_driver(PASSIVE_LEVEL, &what, routine));
                // The other end is there, or has been stopped by a bug check.
                let _ = returned.send(result);
            })
        };
        let limit = self.machine.config().hang_limit;
        stuck::join(thread, &done, limit).unwrap_or_else(|| {
            let what = format!("{what} did not return");
            require(Err(stuck::broken(&self.machine, &ROUTINE_STUCK, &what, limit)))
        })
    }

    /// Looks for leaks and takes the driver off the list.
    fn forget(&self) {
        self.machine.check_leaks(LeakScope::Unload(self.body.owner));
        of(&self.machine).0.lock().retain(|driver| !Arc::ptr_eq(driver, &self.body));
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("name", &self.body.name).finish_non_exhaustive()
    }
}
