//! A client: one driver that is bound to the framework.
#![expect(unsafe_code, reason = "the driver's globals are shared with it by address")]

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::ffi::c_char;

#[cfg(feature = "hosted")]
use wsk_sys::DRIVER_UNLOAD;
use wsk_sys::{DRIVER_OBJECT, ULONG};

use crate::kernel::lock::Lock;
use crate::kernel::shared::Shared;
use crate::object::Object;
use crate::platform::{self, framework};
use crate::rules;
use crate::types::{PWDF_DRIVER_GLOBALS, WDF_DRIVER_GLOBALS, WDFDRIVER};

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
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    /// The driver's WDFDRIVER, once it is created.
    driver: Option<Arc<Object>>,
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
        Client { globals, driver_object: Shared(driver_object), service, state: Lock::default() }
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
        // SAFETY: as above.
        let old = unsafe { (*globals).DriverFlags };
        // SAFETY: as above.
        unsafe { (*globals).DriverFlags = old | flags };
        // SAFETY: as above.
        unsafe { (*globals).DriverTag = tag.unwrap_or(FRAMEWORK_TAG) };
        // SAFETY: as above.
        unsafe { (*globals).DisplaceDriverUnload = u8::from(displace) };
    }

    pub(crate) fn set_entering(&self, entering: bool) {
        self.state.lock().entering = entering;
    }

    pub(crate) fn is_entering(&self) -> bool {
        self.state.lock().entering
    }

    pub(crate) fn driver(&self) -> Option<Arc<Object>> {
        self.state.lock().driver.clone()
    }

    pub(crate) fn set_driver(&self, driver: Option<Arc<Object>>) {
        let old = core::mem::replace(&mut self.state.lock().driver, driver);
        drop(old);
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

/// The client that calls `function` with these globals.
pub(crate) fn calling(function: &'static str, globals: PWDF_DRIVER_GLOBALS) -> Arc<Client> {
    framework().client(globals.addr()).unwrap_or_else(|| {
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
