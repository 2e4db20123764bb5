//! KMDF's types, constants and functions by their names in `wdk-sys`, whichever framework the driver is linked with, and
//! the inline initialisers of its headers.
//!
//! For what the rest of this crate does not have. Each function is called by `call_unsafe_wdf_function_binding!`.
#![allow(unused_imports, reason = "the glob offers more than this crate uses")]

#[cfg(loom)]
pub use hosted_loom::wdf::*;
#[cfg(all(feature = "hosted", not(feature = "kernel"), not(loom)))]
pub use kmdf::*;
#[cfg(feature = "kernel")]
pub use wdk_sys::*;

/// The size of a structure, for its `Size` field.
#[expect(clippy::cast_possible_truncation, reason = "KMDF's structures are smaller than 4 GiB")]
#[must_use]
pub const fn size<T>() -> ULONG {
    size_of::<T>() as ULONG
}

/// `WDF_OBJECT_ATTRIBUTES_INIT`
#[must_use]
pub fn attributes() -> WDF_OBJECT_ATTRIBUTES {
    WDF_OBJECT_ATTRIBUTES {
        Size: size::<WDF_OBJECT_ATTRIBUTES>(),
        ExecutionLevel: _WDF_EXECUTION_LEVEL::WdfExecutionLevelInheritFromParent,
        SynchronizationScope: _WDF_SYNCHRONIZATION_SCOPE::WdfSynchronizationScopeInheritFromParent,
        ..WDF_OBJECT_ATTRIBUTES::default()
    }
}

/// `WDF_DRIVER_CONFIG_INIT`, for a non-PnP driver.
#[must_use]
pub fn non_pnp_driver(unload: PFN_WDF_DRIVER_UNLOAD) -> WDF_DRIVER_CONFIG {
    WDF_DRIVER_CONFIG {
        Size: size::<WDF_DRIVER_CONFIG>(),
        EvtDriverUnload: unload,
        DriverInitFlags: _WDF_DRIVER_INIT_FLAGS::WdfDriverInitNonPnpDriver as ULONG,
        ..WDF_DRIVER_CONFIG::default()
    }
}

/// `WDF_FILEOBJECT_CONFIG_INIT`
#[must_use]
pub fn file_object(
    create: PFN_WDF_DEVICE_FILE_CREATE,
    close: PFN_WDF_FILE_CLOSE,
    cleanup: PFN_WDF_FILE_CLEANUP,
) -> WDF_FILEOBJECT_CONFIG {
    WDF_FILEOBJECT_CONFIG {
        Size: size::<WDF_FILEOBJECT_CONFIG>(),
        EvtDeviceFileCreate: create,
        EvtFileClose: close,
        EvtFileCleanup: cleanup,
        AutoForwardCleanupClose: _WDF_TRI_STATE::WdfUseDefault,
        FileObjectClass: _WDF_FILEOBJECT_CLASS::WdfFileObjectWdfCannotUseFsContexts,
    }
}

/// `WDF_IO_QUEUE_CONFIG_INIT_DEFAULT_QUEUE`, for a queue that presents every request at once.
#[must_use]
pub fn parallel_default_queue(control: PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL) -> WDF_IO_QUEUE_CONFIG {
    let mut config = WDF_IO_QUEUE_CONFIG {
        Size: size::<WDF_IO_QUEUE_CONFIG>(),
        DispatchType: _WDF_IO_QUEUE_DISPATCH_TYPE::WdfIoQueueDispatchParallel,
        PowerManaged: _WDF_TRI_STATE::WdfUseDefault,
        DefaultQueue: nt_sys::TRUE,
        EvtIoDeviceControl: control,
        ..WDF_IO_QUEUE_CONFIG::default()
    };
    config.Settings.Parallel.NumberOfPresentedRequests = ULONG::MAX;
    config
}

/// `WDF_WORKITEM_CONFIG_INIT`, without the framework's serialisation: the handler is re-entrant.
#[must_use]
pub fn work_item(handler: PFN_WDF_WORKITEM) -> WDF_WORKITEM_CONFIG {
    WDF_WORKITEM_CONFIG {
        Size: size::<WDF_WORKITEM_CONFIG>(),
        EvtWorkItemFunc: handler,
        AutomaticSerialization: nt_sys::FALSE,
    }
}

/// A `UNICODE_STRING` over constant text.
///
/// # Panics
/// The text has more than 32,767 units: at compile time, in a constant.
#[must_use]
pub const fn unicode(text: &'static [u16]) -> UNICODE_STRING {
    assert!(size_of_val(text) <= u16::MAX as usize, "longer than a UNICODE_STRING can say");
    #[expect(clippy::cast_possible_truncation, reason = "asserted above")]
    let length = size_of_val(text) as u16;
    UNICODE_STRING { Length: length, MaximumLength: length, Buffer: text.as_ptr().cast_mut() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What KMDF's headers set, and the hosted framework does not read.
    #[test]
    fn the_initialisers_set_what_those_of_the_headers_set() {
        let driver = non_pnp_driver(None);
        assert_eq!(driver.DriverInitFlags, _WDF_DRIVER_INIT_FLAGS::WdfDriverInitNonPnpDriver as ULONG);
        let queue = parallel_default_queue(None);
        assert_eq!(queue.PowerManaged, _WDF_TRI_STATE::WdfUseDefault);
    }
}
