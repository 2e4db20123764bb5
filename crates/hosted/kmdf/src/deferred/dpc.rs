//! Deferred procedure calls: a callback at `DISPATCH_LEVEL`.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver, and use a kernel DPC")]

use alloc::sync::Arc;

use wsk_sys::{
    BOOLEAN, DISPATCH_LEVEL, FALSE, KeFlushQueuedDpcs, NTSTATUS, PASSIVE_LEVEL, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
};

use crate::deferred::work_item::{parent_handle, surroundings};
use crate::object::args::{at_most, read_sized, required, store};
use crate::object::attributes::{self, Allowed};
use crate::object::callback;
use crate::object::kernel_dpc::KernelDpc;
use crate::object::kind::Kind;
use crate::object::lookup;
use crate::object::serial::Serial;
use crate::object::{self, Body, Family, Kinded, Object};
use crate::status::STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL;
use crate::types::{
    PKDPC, PWDF_DPC_CONFIG, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, WDFDPC, WDFDPC__, WDFOBJECT,
};

/// The body of a WDFDPC.
pub(crate) struct Dpc {
    function: unsafe extern "C" fn(*mut WDFDPC__),
    serial: Option<Arc<Serial>>,
    dpc: KernelDpc,
}

impl Body for Dpc {
    fn kind(&self) -> Kind {
        Kind::Dpc
    }

    fn needs_passive(&self) -> bool {
        true
    }

    fn dispose(&self, _object: &Arc<Object>) {
        self.dpc.retire();
    }

    fn work(&self, object: &Arc<Object>) {
        Serial::with(self.serial.as_deref(), || {
            callback::call(object.client(), "EvtDpcFunc", object.handle(), || {
                // SAFETY: the driver's callback; deletion waits for it.
                unsafe { (self.function)(object.as_handle()) };
            });
        });
    }
}

impl Kinded for Dpc {
    const KIND: Kind = Kind::Dpc;
}

/// Makes a DPC for a device or something under it.
///
/// # IRQL
/// <= `DISPATCH_LEVEL`
///
/// # Errors
/// `STATUS_INFO_LENGTH_MISMATCH`, `STATUS_INVALID_PARAMETER` without a function, `STATUS_WDF_PARENT_NOT_SPECIFIED`,
/// `STATUS_INVALID_DEVICE_REQUEST` for a parent under no device, `STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL` for one
/// serialised at passive level, `STATUS_INSUFFICIENT_RESOURCES`, and what the attributes are refused with.
pub unsafe extern "C" fn WdfDpcCreate(
    _globals: PWDF_DRIVER_GLOBALS,
    Config: PWDF_DPC_CONFIG,
    Attributes: PWDF_OBJECT_ATTRIBUTES,
    Dpc: *mut WDFDPC,
) -> NTSTATUS {
    const NAME: &str = "WdfDpcCreate";
    at_most(NAME, DISPATCH_LEVEL);
    required(NAME, "Config", Config);
    required(NAME, "Attributes", Attributes);
    required(NAME, "Dpc", Dpc);
    // SAFETY: the driver's configuration; zero bytes are a valid one.
    let config = match unsafe { read_sized(Config, &[0x18]) } {
        Ok(config) => config,
        Err(status) => return status,
    };
    let Some(function) = config.EvtDpcFunc else { return STATUS_INVALID_PARAMETER };
    // SAFETY: the driver passes attributes.
    let attributes = match unsafe { attributes::read(Attributes, Allowed::CHILD) } {
        Ok(attributes) => attributes,
        Err(status) => return status,
    };
    let parent =
        lookup::object::<core::ffi::c_void>(NAME, core::ptr::without_provenance_mut(attributes.parent));
    let created = surroundings(&parent, config.AutomaticSerialization != 0).and_then(|(_, serial)| {
        if serial.as_ref().is_some_and(|serial| serial.is_passive()) {
            return Err(STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL);
        }
        let dpc = KernelDpc::new();
        object::create(
            NAME,
            parent.client(),
            Family::Child(&parent),
            &attributes,
            self::Dpc { function, serial, dpc },
        )
    });
    let dpc = match created {
        Ok(dpc) => dpc,
        Err(status) => return status,
    };
    dpc.dpc.initialize(dpc.object());
    // SAFETY: the driver's variable.
    unsafe { store(Dpc, dpc.as_handle()) };
    STATUS_SUCCESS
}

/// Queues a DPC. Whether it was not queued before.
///
/// # IRQL
/// <= `DISPATCH_LEVEL` here; any on Windows
pub unsafe extern "C" fn WdfDpcEnqueue(_globals: PWDF_DRIVER_GLOBALS, Dpc: WDFDPC) -> BOOLEAN {
    let dpc = lookup::typed::<self::Dpc, _>("WdfDpcEnqueue", Dpc);
    dpc.dpc.insert()
}

/// Takes a DPC out of its queue, and if asked waits for a run that has begun. Whether it was queued.
///
/// # IRQL
/// `PASSIVE_LEVEL` if it waits
pub unsafe extern "C" fn WdfDpcCancel(_globals: PWDF_DRIVER_GLOBALS, Dpc: WDFDPC, Wait: BOOLEAN) -> BOOLEAN {
    const NAME: &str = "WdfDpcCancel";
    let dpc = lookup::typed::<self::Dpc, _>(NAME, Dpc);
    let was_queued = dpc.dpc.remove();
    if Wait != FALSE {
        at_most(NAME, PASSIVE_LEVEL);
        // SAFETY: waits at passive level.
        unsafe { KeFlushQueuedDpcs() };
    }
    was_queued
}

/// The parent of a DPC.
///
/// # IRQL
/// <= `DISPATCH_LEVEL` here; any on Windows
pub unsafe extern "C" fn WdfDpcGetParentObject(_globals: PWDF_DRIVER_GLOBALS, Dpc: WDFDPC) -> WDFOBJECT {
    parent_handle(lookup::typed::<self::Dpc, _>("WdfDpcGetParentObject", Dpc).object())
}

/// The kernel's DPC.
///
/// # IRQL
/// <= `DISPATCH_LEVEL` here; any on Windows
pub unsafe extern "C" fn WdfDpcWdmGetDpc(_globals: PWDF_DRIVER_GLOBALS, Dpc: WDFDPC) -> PKDPC {
    lookup::typed::<self::Dpc, _>("WdfDpcWdmGetDpc", Dpc).dpc.as_ptr()
}
