//! Deferred procedure calls: a callback at `DISPATCH_LEVEL`.
#![expect(unsafe_code, reason = "the functions get raw pointers from the driver, and use a kernel DPC")]

use alloc::sync::Arc;

use wsk_sys::{
    BOOLEAN, DISPATCH_LEVEL, FALSE, KeFlushQueuedDpcs, NTSTATUS, PASSIVE_LEVEL, STATUS_INVALID_PARAMETER,
};

use crate::deferred::{Surroundings, parent_handle, surroundings};
use crate::object::args::{at_most, read_sized, required, status, store};
use crate::object::attributes::{self, Allowed};
use crate::object::callback;
use crate::object::callback_lock::CallbackLock;
use crate::object::kernel_dpc::KernelDpc;
use crate::object::kind::Kind;
use crate::object::lookup;
use crate::object::{self, Body, Family, Kinded, Object};
use crate::rules::Broken;
use crate::types::{
    PKDPC, PWDF_DPC_CONFIG, PWDF_DRIVER_GLOBALS, PWDF_OBJECT_ATTRIBUTES, WDFDPC, WDFDPC__, WDFOBJECT,
};

/// The body of a WDFDPC.
pub(crate) struct Dpc {
    function: unsafe extern "C" fn(*mut WDFDPC__),
    lock: Option<Arc<CallbackLock>>,
    dpc: KernelDpc,
}

impl Body for Dpc {
    fn needs_passive(&self) -> bool {
        true
    }

    fn dispose(&self, _object: &Arc<Object>) -> Result<(), Broken> {
        self.dpc.retire();
        Ok(())
    }

    fn work(&self, object: &Arc<Object>) {
        CallbackLock::with(self.lock.as_deref(), || {
            callback::call(object, "EvtDpcFunc", || {
                // SAFETY: the driver's callback; deletion waits for it.
                unsafe { (self.function)(object.as_handle()) };
            });
        });
    }
}

impl Kinded for Dpc {
    type Handle = WDFDPC__;
    const KIND: &'static Kind = &Kind::new("WDFDPC");
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
    status(|| {
        // SAFETY: the driver's configuration; zero bytes are a valid one.
        let config = unsafe { read_sized(Config, &[0x18]) }?;
        let function = config.EvtDpcFunc.ok_or(STATUS_INVALID_PARAMETER)?;
        // SAFETY: the driver passes attributes.
        let attributes = unsafe { attributes::read(Attributes, Allowed::CHILD) }?;
        let Surroundings { parent, lock, .. } =
            surroundings(NAME, &attributes, config.AutomaticSerialization, false)?;
        let body = self::Dpc { function, lock, dpc: KernelDpc::new() };
        let dpc = object::create(NAME, parent.client(), Family::Child(&parent), &attributes, body)?;
        dpc.dpc.initialize(dpc.object());
        // SAFETY: the driver's variable.
        unsafe { store(Dpc, dpc.as_handle()) };
        Ok(())
    })
}

/// Queues a DPC. Whether it was not queued before.
///
/// # IRQL
/// <= `DISPATCH_LEVEL` here; any on Windows
pub unsafe extern "C" fn WdfDpcEnqueue(_globals: PWDF_DRIVER_GLOBALS, Dpc: WDFDPC) -> BOOLEAN {
    let dpc = lookup::typed::<self::Dpc>("WdfDpcEnqueue", Dpc);
    dpc.dpc.insert()
}

/// Takes a DPC out of its queue, and if asked waits for a run that has begun. Whether it was queued.
///
/// # IRQL
/// `PASSIVE_LEVEL` if it waits
pub unsafe extern "C" fn WdfDpcCancel(_globals: PWDF_DRIVER_GLOBALS, Dpc: WDFDPC, Wait: BOOLEAN) -> BOOLEAN {
    const NAME: &str = "WdfDpcCancel";
    let dpc = lookup::typed::<self::Dpc>(NAME, Dpc);
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
    parent_handle(lookup::typed::<self::Dpc>("WdfDpcGetParentObject", Dpc).object())
}

/// The kernel's DPC.
///
/// # IRQL
/// <= `DISPATCH_LEVEL` here; any on Windows
pub unsafe extern "C" fn WdfDpcWdmGetDpc(_globals: PWDF_DRIVER_GLOBALS, Dpc: WDFDPC) -> PKDPC {
    lookup::typed::<self::Dpc>("WdfDpcWdmGetDpc", Dpc).dpc.as_ptr()
}
