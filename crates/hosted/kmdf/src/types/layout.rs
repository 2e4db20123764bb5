//! The layout of every structure, asserted at compile time. The numbers are those of 64-bit Windows.

macro_rules! layouts {
    ($($name:ident = $size:literal { $($($field:ident).+ = $offset:literal),* $(,)? })*) => {$(
        #[cfg(target_pointer_width = "64")]
        const _: () = {
            assert!(core::mem::size_of::<super::$name>() == $size, stringify!($name));
            $(assert!(
                core::mem::offset_of!(super::$name, $($field).+) == $offset,
                concat!(stringify!($name), ".", stringify!($($field).+)),
            );)*
        };
    )*};
}

layouts! {
    _WDF_DRIVER_GLOBALS = 0x38 {
        Driver = 0, DriverFlags = 8, DriverTag = 0xC, DriverName = 0x10, DisplaceDriverUnload = 0x30,
    }
    _WDF_DRIVER_CONFIG = 0x20 {
        Size = 0, EvtDriverDeviceAdd = 8, EvtDriverUnload = 0x10, DriverInitFlags = 0x18, DriverPoolTag = 0x1C,
    }
    _WDF_OBJECT_ATTRIBUTES = 0x38 {
        Size = 0, EvtCleanupCallback = 8, EvtDestroyCallback = 0x10, ExecutionLevel = 0x18,
        SynchronizationScope = 0x1C, ParentObject = 0x20, ContextSizeOverride = 0x28, ContextTypeInfo = 0x30,
    }
    _WDF_OBJECT_CONTEXT_TYPE_INFO = 0x28 {
        Size = 0, ContextName = 8, ContextSize = 0x10, UniqueType = 0x18, EvtDriverGetUniqueContextType = 0x20,
    }
    _WDF_FILEOBJECT_CONFIG = 0x28 {
        Size = 0, EvtDeviceFileCreate = 8, EvtFileClose = 0x10, EvtFileCleanup = 0x18,
        AutoForwardCleanupClose = 0x20, FileObjectClass = 0x24,
    }
    _WDF_IO_QUEUE_CONFIG = 0x60 {
        Size = 0, DispatchType = 4, PowerManaged = 8, AllowZeroLengthRequests = 0xC, DefaultQueue = 0xD,
        EvtIoDefault = 0x10, EvtIoRead = 0x18, EvtIoWrite = 0x20, EvtIoDeviceControl = 0x28,
        EvtIoInternalDeviceControl = 0x30, EvtIoStop = 0x38, EvtIoResume = 0x40, EvtIoCanceledOnQueue = 0x48,
        Settings = 0x50, Driver = 0x58,
    }
    _WDF_WORKITEM_CONFIG = 0x18 { Size = 0, EvtWorkItemFunc = 8, AutomaticSerialization = 0x10 }
    _WDF_DPC_CONFIG = 0x18 { Size = 0, EvtDpcFunc = 8, AutomaticSerialization = 0x10 }
    _WDF_TIMER_CONFIG = 0x28 {
        Size = 0, EvtTimerFunc = 8, Period = 0x10, AutomaticSerialization = 0x14, TolerableDelay = 0x18,
        UseHighResolutionTimer = 0x20,
    }
    _WDF_REQUEST_PARAMETERS = 0x28 {
        Size = 0, MinorFunction = 2, Type = 4, Parameters = 8, Parameters.Create.SecurityContext = 8,
        Parameters.Create.Options = 0x10, Parameters.Create.FileAttributes = 0x18,
        Parameters.Create.ShareAccess = 0x1A, Parameters.Create.EaLength = 0x20, Parameters.Read.Length = 8,
        Parameters.Read.Key = 0x10, Parameters.Read.DeviceOffset = 0x18, Parameters.Write.Length = 8,
        Parameters.Write.Key = 0x10, Parameters.Write.DeviceOffset = 0x18,
        Parameters.DeviceIoControl.OutputBufferLength = 8, Parameters.DeviceIoControl.InputBufferLength = 0x10,
        Parameters.DeviceIoControl.IoControlCode = 0x18, Parameters.DeviceIoControl.Type3InputBuffer = 0x20,
        Parameters.Others.Arg1 = 8, Parameters.Others.Arg2 = 0x10, Parameters.Others.IoControlCode = 0x18,
        Parameters.Others.Arg4 = 0x20,
    }
    _WDF_DRIVER_VERSION_AVAILABLE_PARAMS = 0xC { Size = 0, MajorVersion = 4, MinorVersion = 8 }
    _WDF_PNPPOWER_EVENT_CALLBACKS = 0x90 {
        Size = 0, EvtDeviceD0Entry = 8, EvtDeviceD0EntryPostInterruptsEnabled = 0x10, EvtDeviceD0Exit = 0x18,
        EvtDeviceD0ExitPreInterruptsDisabled = 0x20, EvtDevicePrepareHardware = 0x28,
        EvtDeviceReleaseHardware = 0x30, EvtDeviceSelfManagedIoCleanup = 0x38,
        EvtDeviceSelfManagedIoFlush = 0x40, EvtDeviceSelfManagedIoInit = 0x48,
        EvtDeviceSelfManagedIoSuspend = 0x50, EvtDeviceSelfManagedIoRestart = 0x58,
        EvtDeviceSurpriseRemoval = 0x60, EvtDeviceQueryRemove = 0x68, EvtDeviceQueryStop = 0x70,
        EvtDeviceUsageNotification = 0x78, EvtDeviceRelationsQuery = 0x80, EvtDeviceUsageNotificationEx = 0x88,
    }
    _WDF_BIND_INFO = 0x30 {
        Size = 0, Component = 8, Version.Major = 0x10, Version.Minor = 0x14, Version.Build = 0x18,
        FuncCount = 0x1C, FuncTable = 0x20, Module = 0x28,
    }
}
