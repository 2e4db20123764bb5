//! A client: one driver that is bound to the framework.
#![expect(unsafe_code, reason = "the driver's globals are shared with it by address")]

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ffi::c_char;

use parking_lot::Mutex;

#[cfg(feature = "hosted")]
use wsk_sys::DRIVER_UNLOAD;
use wsk_sys::{DRIVER_OBJECT, ULONG};

use crate::kernel::shared::Shared;
use crate::object::Object;
use crate::object::handles::handles;
use crate::platform;
use crate::rules;
use crate::types::{
    PWDF_DRIVER_GLOBALS, WDF_DRIVER_GLOBALS, WDF_EXECUTION_LEVEL, WDF_SYNCHRONIZATION_SCOPE, WDFDRIVER,
};

/// The framework's own pool tag, `FxDr`.
const FRAMEWORK_TAG: ULONG = u32::from_le_bytes(*b"FxDr");

/// One bound driver.
///
/// # Invariants
/// `globals` came from `Box::into_raw` and is freed when the client is dropped.
pub(crate) struct Client {
    globals: Shared<PWDF_DRIVER_GLOBALS>,
    driver_object: Shared<*mut DRIVER_OBJECT>,
    service: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The handle of the driver's WDFDRIVER, once it is created.
    driver: usize,
    /// What its devices inherit.
    level: WDF_EXECUTION_LEVEL,
    scope: WDF_SYNCHRONIZATION_SCOPE,
    /// Whether `DriverEntry` runs.
    entering: bool,
    /// The unload routine that the start-up stub displaced.
    #[cfg(feature = "hosted")]
    displaced: Option<DRIVER_UNLOAD>,
}

impl Client {
    /// A client with fresh globals.
    pub(crate) fn new(driver_object: *mut DRIVER_OBJECT, service: String) -> Client {
        let mut globals = WDF_DRIVER_GLOBALS { DriverTag: FRAMEWORK_TAG, ..WDF_DRIVER_GLOBALS::default() };
        // The last character stays zero.
        let room = globals.DriverName.len() - 1;
        for (slot, byte) in globals.DriverName[..room].iter_mut().zip(service.bytes()) {
            *slot = c_char::from_ne_bytes([byte]);
        }
        // INVARIANT: from `Box::into_raw`.
        let globals = Shared(Box::into_raw(Box::new(globals)));
        Client { globals, driver_object: Shared(driver_object), service, state: Mutex::default() }
    }

    /// What the driver passes to every function.
    pub(crate) fn globals(&self) -> PWDF_DRIVER_GLOBALS {
        self.globals.0
    }

    pub(crate) fn driver_object(&self) -> *mut DRIVER_OBJECT {
        self.driver_object.0
    }

    /// The name of the driver's service.
    pub(crate) fn service(&self) -> &str {
        &self.service
    }

    /// The tag of the driver's pool blocks.
    pub(crate) fn tag(&self) -> ULONG {
        // SAFETY: by the type's invariant the globals live; the driver reads them only.
        unsafe { (*self.globals.0).DriverTag }
    }

    /// Records the created WDFDRIVER in the globals.
    pub(crate) fn publish(&self, driver: WDFDRIVER, flags: ULONG, tag: Option<ULONG>, displace: bool) {
        let globals = self.globals.0;
        // SAFETY: by the type's invariant the globals live; `DriverEntry`, which is calling, is their only user.
        unsafe { (*globals).Driver = driver };
        // SAFETY: by the type's invariant the globals live; `DriverEntry`, which is calling, is their only user.
        let old = unsafe { (*globals).DriverFlags };
        // SAFETY: by the type's invariant the globals live; `DriverEntry`, which is calling, is their only user.
        unsafe { (*globals).DriverFlags = old | flags };
        // SAFETY: by the type's invariant the globals live; `DriverEntry`, which is calling, is their only user.
        unsafe { (*globals).DriverTag = tag.unwrap_or(FRAMEWORK_TAG) };
        // SAFETY: by the type's invariant the globals live; `DriverEntry`, which is calling, is their only user.
        unsafe { (*globals).DisplaceDriverUnload = u8::from(displace) };
    }

    pub(crate) fn set_entering(&self, entering: bool) {
        self.state.lock().entering = entering;
    }

    pub(crate) fn is_entering(&self) -> bool {
        self.state.lock().entering
    }

    /// The driver's WDFDRIVER, if there is one.
    pub(crate) fn driver(&self) -> Option<Arc<Object>> {
        handles().find(self.state.lock().driver)
    }

    /// The execution level and synchronisation scope that the driver's devices inherit.
    pub(crate) fn inherited(&self) -> (WDF_EXECUTION_LEVEL, WDF_SYNCHRONIZATION_SCOPE) {
        let state = self.state.lock();
        (state.level, state.scope)
    }

    /// Notes the driver's WDFDRIVER, and what its devices inherit.
    pub(crate) fn set_driver(
        &self,
        driver: &Object,
        level: WDF_EXECUTION_LEVEL,
        scope: WDF_SYNCHRONIZATION_SCOPE,
    ) {
        let mut state = self.state.lock();
        (state.driver, state.level, state.scope) = (driver.handle(), level, scope);
    }
}

/// For the start-up stub.
#[cfg(feature = "hosted")]
impl Client {
    /// Whether the stub is to put its unload routine before the framework's.
    pub(crate) fn displaces_unload(&self) -> bool {
        // SAFETY: by the type's invariant the globals live, and `DriverEntry` has returned.
        unsafe { (*self.globals.0).DisplaceDriverUnload != 0 }
    }

    pub(crate) fn set_displaced(&self, unload: Option<DRIVER_UNLOAD>) {
        self.state.lock().displaced = unload;
    }

    pub(crate) fn displaced(&self) -> Option<DRIVER_UNLOAD> {
        self.state.lock().displaced
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: by the type's invariant this is the box that `new` made, and nobody finds the client any more.
        drop(unsafe { Box::from_raw(self.globals.0) });
    }
}

/// The drivers that are bound on one machine.
#[derive(Default)]
pub(crate) struct Clients(Mutex<Vec<Arc<Client>>>);

/// The clients of the calling thread's machine.
pub(crate) fn clients() -> Arc<Clients> {
    platform::state()
}

impl Clients {
    pub(crate) fn add(&self, client: Arc<Client>) {
        self.0.lock().push(client);
    }

    pub(crate) fn remove(&self, client: &Arc<Client>) {
        self.0.lock().retain(|other| !Arc::ptr_eq(other, client));
    }

    /// The client with these globals; for null, the only one there is.
    pub(crate) fn of_globals(&self, globals: PWDF_DRIVER_GLOBALS) -> Option<Arc<Client>> {
        let clients = self.0.lock();
        match clients.as_slice() {
            [only] if globals.is_null() => Some(Arc::clone(only)),
            clients => clients.iter().find(|client| client.globals() == globals).cloned(),
        }
    }

    /// The client with this driver object.
    pub(crate) fn of_driver(&self, driver: *const DRIVER_OBJECT) -> Option<Arc<Client>> {
        let clients = self.0.lock();
        clients.iter().find(|client| core::ptr::eq(client.driver_object(), driver)).cloned()
    }
}

/// The client that calls `function` with these globals.
pub(crate) fn calling(function: &'static str, globals: PWDF_DRIVER_GLOBALS) -> Arc<Client> {
    clients().of_globals(globals).unwrap_or_else(|| {
        platform::violation(
            &rules::INVALID_HANDLE,
            format!(
                "{function} was called with driver globals {:#x}, which no loaded driver has; a machine with several \
                 framework drivers knows the caller only inside a callback of the framework's",
                globals.addr()
            ),
        )
    })
}
