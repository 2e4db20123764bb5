//! The framework's enumerations, each a module of constants as `wdk_sys` has them.

macro_rules! enums {
    ($($(#[$attribute:meta])* $tag:ident, $alias:ident { $($name:ident = $value:expr,)* })*) => {$(
        $(#[$attribute])*
        pub mod $tag {
            /// The C type of the enumeration.
            pub type Type = ::core::ffi::c_int;
            $(
                #[doc = concat!("`", stringify!($name), "`.")]
                pub const $name: Type = $value;
            )*
        }
        $(#[$attribute])*
        pub type $alias = $tag::Type;
    )*};
}

enums! {
    /// Where an object's callbacks may run.
    _WDF_EXECUTION_LEVEL, WDF_EXECUTION_LEVEL {
        WdfExecutionLevelInvalid = 0,
        WdfExecutionLevelInheritFromParent = 1,
        WdfExecutionLevelPassive = 2,
        WdfExecutionLevelDispatch = 3,
    }
    /// Which callbacks exclude one another.
    _WDF_SYNCHRONIZATION_SCOPE, WDF_SYNCHRONIZATION_SCOPE {
        WdfSynchronizationScopeInvalid = 0,
        WdfSynchronizationScopeInheritFromParent = 1,
        WdfSynchronizationScopeDevice = 2,
        WdfSynchronizationScopeQueue = 3,
        WdfSynchronizationScopeNone = 4,
    }
    /// A truth value with a default.
    _WDF_TRI_STATE, WDF_TRI_STATE {
        WdfFalse = 0,
        WdfTrue = 1,
        WdfUseDefault = 2,
    }
    /// How a queue hands out its requests.
    _WDF_IO_QUEUE_DISPATCH_TYPE, WDF_IO_QUEUE_DISPATCH_TYPE {
        WdfIoQueueDispatchInvalid = 0,
        WdfIoQueueDispatchSequential = 1,
        WdfIoQueueDispatchParallel = 2,
        WdfIoQueueDispatchManual = 3,
        WdfIoQueueDispatchMax = 4,
    }
    /// The bits of a queue's state.
    _WDF_IO_QUEUE_STATE, WDF_IO_QUEUE_STATE {
        WdfIoQueueAcceptRequests = 0x1,
        WdfIoQueueDispatchRequests = 0x2,
        WdfIoQueueNoRequests = 0x4,
        WdfIoQueueDriverNoRequests = 0x8,
        WdfIoQueuePnpHeld = 0x10,
    }
    /// How a device gets the buffers of reads and writes.
    _WDF_DEVICE_IO_TYPE, WDF_DEVICE_IO_TYPE {
        WdfDeviceIoUndefined = 0,
        WdfDeviceIoNeither = 1,
        WdfDeviceIoBuffered = 2,
        WdfDeviceIoDirect = 3,
        WdfDeviceIoBufferedOrDirect = 4,
        WdfDeviceIoMaximum = 5,
    }
    /// Whether and where the framework may keep its file object.
    _WDF_FILEOBJECT_CLASS, WDF_FILEOBJECT_CLASS {
        WdfFileObjectInvalid = 0,
        WdfFileObjectNotRequired = 1,
        WdfFileObjectWdfCanUseFsContext = 2,
        WdfFileObjectWdfCanUseFsContext2 = 3,
        WdfFileObjectWdfCannotUseFsContexts = 4,
        WdfFileObjectCanBeOptional = -0x8000_0000,
    }
    /// What kind of driver this is.
    _WDF_DRIVER_INIT_FLAGS, WDF_DRIVER_INIT_FLAGS {
        WdfDriverInitNonPnpDriver = 0x1,
        WdfDriverInitNoDispatchOverride = 0x2,
        WdfVerifyOn = 0x4,
        WdfVerifierOn = 0x8,
        WdfDriverInitCompanion = 0x10,
    }
    /// When a control device is told that the system goes down.
    _WDF_DEVICE_SHUTDOWN_FLAGS, WDF_DEVICE_SHUTDOWN_FLAGS {
        WdfDeviceShutdown = 0x1,
        WdfDeviceLastChanceShutdown = 0x2,
    }
    /// The kind of a request: its IRP's major function code.
    _WDF_REQUEST_TYPE, WDF_REQUEST_TYPE {
        WdfRequestTypeCreate = 0x0,
        WdfRequestTypeCreateNamedPipe = 0x1,
        WdfRequestTypeClose = 0x2,
        WdfRequestTypeRead = 0x3,
        WdfRequestTypeWrite = 0x4,
        WdfRequestTypeQueryInformation = 0x5,
        WdfRequestTypeSetInformation = 0x6,
        WdfRequestTypeQueryEA = 0x7,
        WdfRequestTypeSetEA = 0x8,
        WdfRequestTypeFlushBuffers = 0x9,
        WdfRequestTypeQueryVolumeInformation = 0xa,
        WdfRequestTypeSetVolumeInformation = 0xb,
        WdfRequestTypeDirectoryControl = 0xc,
        WdfRequestTypeFileSystemControl = 0xd,
        WdfRequestTypeDeviceControl = 0xe,
        WdfRequestTypeDeviceControlInternal = 0xf,
        WdfRequestTypeShutdown = 0x10,
        WdfRequestTypeLockControl = 0x11,
        WdfRequestTypeCleanup = 0x12,
    }
    /// The pools of `WdfMemoryCreate`.
    _POOL_TYPE, POOL_TYPE {
        NonPagedPool = 0,
        PagedPool = 1,
        NonPagedPoolNx = 512,
    }
}
