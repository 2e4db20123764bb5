//! The structures that a control-device driver passes to the framework.
//!
//! As in `wdk_sys`, `Default` is all zeroes, which is not what the C initialisers put there: a driver fills in
//! `Size`, and for [`WDF_OBJECT_ATTRIBUTES`] the level and scope, itself.
#![expect(unsafe_code, reason = "structures of zeroes")]
#![allow(missing_docs, reason = "the fields are those of the C structure that the type's page names")]

use core::ffi::c_char;

use wsk_sys::{BOOLEAN, LONGLONG, PVOID, UCHAR, ULONG, USHORT};

use super::{
    PFN_GET_UNIQUE_CONTEXT_TYPE, PFN_WDF_DEVICE_FILE_CREATE, PFN_WDF_DPC, PFN_WDF_DRIVER_DEVICE_ADD,
    PFN_WDF_DRIVER_UNLOAD, PFN_WDF_FILE_CLEANUP, PFN_WDF_FILE_CLOSE, PFN_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE,
    PFN_WDF_IO_QUEUE_IO_DEFAULT, PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL,
    PFN_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL, PFN_WDF_IO_QUEUE_IO_READ, PFN_WDF_IO_QUEUE_IO_RESUME,
    PFN_WDF_IO_QUEUE_IO_STOP, PFN_WDF_IO_QUEUE_IO_WRITE, PFN_WDF_OBJECT_CONTEXT_CLEANUP,
    PFN_WDF_OBJECT_CONTEXT_DESTROY, PFN_WDF_TIMER, PFN_WDF_WORKITEM, WDF_EXECUTION_LEVEL,
    WDF_FILEOBJECT_CLASS, WDF_IO_QUEUE_DISPATCH_TYPE, WDF_REQUEST_TYPE, WDF_SYNCHRONIZATION_SCOPE,
    WDF_TRI_STATE, WDFDRIVER, WDFOBJECT,
};

/// `Default` as bindgen derives it for a type with pointers or unions: all bytes zero.
macro_rules! zeroed {
    ($($name:ident, $alias:ident, $pointer:ident;)*) => {$(
        impl Default for $name {
            fn default() -> Self {
                // SAFETY: every field is an integer, a nullable pointer or an `Option` of a function pointer, or a
                // union of such; all of them have a value of zero bytes.
                unsafe { core::mem::zeroed() }
            }
        }
        pub type $alias = $name;
        pub type $pointer = *mut $name;
    )*};
}

zeroed! {
    _WDF_DRIVER_GLOBALS, WDF_DRIVER_GLOBALS, PWDF_DRIVER_GLOBALS;
    _WDF_DRIVER_CONFIG, WDF_DRIVER_CONFIG, PWDF_DRIVER_CONFIG;
    _WDF_OBJECT_ATTRIBUTES, WDF_OBJECT_ATTRIBUTES, PWDF_OBJECT_ATTRIBUTES;
    _WDF_OBJECT_CONTEXT_TYPE_INFO, WDF_OBJECT_CONTEXT_TYPE_INFO, PWDF_OBJECT_CONTEXT_TYPE_INFO;
    _WDF_FILEOBJECT_CONFIG, WDF_FILEOBJECT_CONFIG, PWDF_FILEOBJECT_CONFIG;
    _WDF_IO_QUEUE_CONFIG, WDF_IO_QUEUE_CONFIG, PWDF_IO_QUEUE_CONFIG;
    _WDF_WORKITEM_CONFIG, WDF_WORKITEM_CONFIG, PWDF_WORKITEM_CONFIG;
    _WDF_DPC_CONFIG, WDF_DPC_CONFIG, PWDF_DPC_CONFIG;
    _WDF_TIMER_CONFIG, WDF_TIMER_CONFIG, PWDF_TIMER_CONFIG;
    _WDF_REQUEST_PARAMETERS, WDF_REQUEST_PARAMETERS, PWDF_REQUEST_PARAMETERS;
    _WDF_BIND_INFO, WDF_BIND_INFO, PWDF_BIND_INFO;
    _WDF_DRIVER_VERSION_AVAILABLE_PARAMS, WDF_DRIVER_VERSION_AVAILABLE_PARAMS, PWDF_DRIVER_VERSION_AVAILABLE_PARAMS;
}
pub type PCWDF_OBJECT_CONTEXT_TYPE_INFO = *const _WDF_OBJECT_CONTEXT_TYPE_INFO;

/// A question for a version of the framework.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _WDF_DRIVER_VERSION_AVAILABLE_PARAMS {
    pub Size: ULONG,
    pub MajorVersion: ULONG,
    pub MinorVersion: ULONG,
}

/// What every framework function gets as its first argument.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _WDF_DRIVER_GLOBALS {
    pub Driver: WDFDRIVER,
    pub DriverFlags: ULONG,
    pub DriverTag: ULONG,
    pub DriverName: [c_char; 32],
    pub DisplaceDriverUnload: BOOLEAN,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _WDF_DRIVER_CONFIG {
    pub Size: ULONG,
    pub EvtDriverDeviceAdd: PFN_WDF_DRIVER_DEVICE_ADD,
    pub EvtDriverUnload: PFN_WDF_DRIVER_UNLOAD,
    pub DriverInitFlags: ULONG,
    pub DriverPoolTag: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _WDF_OBJECT_ATTRIBUTES {
    pub Size: ULONG,
    pub EvtCleanupCallback: PFN_WDF_OBJECT_CONTEXT_CLEANUP,
    pub EvtDestroyCallback: PFN_WDF_OBJECT_CONTEXT_DESTROY,
    pub ExecutionLevel: WDF_EXECUTION_LEVEL,
    pub SynchronizationScope: WDF_SYNCHRONIZATION_SCOPE,
    pub ParentObject: WDFOBJECT,
    pub ContextSizeOverride: usize,
    pub ContextTypeInfo: PCWDF_OBJECT_CONTEXT_TYPE_INFO,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _WDF_OBJECT_CONTEXT_TYPE_INFO {
    pub Size: ULONG,
    pub ContextName: *const c_char,
    pub ContextSize: usize,
    pub UniqueType: PCWDF_OBJECT_CONTEXT_TYPE_INFO,
    pub EvtDriverGetUniqueContextType: PFN_GET_UNIQUE_CONTEXT_TYPE,
}

/// `EvtFileClose` stands before `EvtFileCleanup`, as in C.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _WDF_FILEOBJECT_CONFIG {
    pub Size: ULONG,
    pub EvtDeviceFileCreate: PFN_WDF_DEVICE_FILE_CREATE,
    pub EvtFileClose: PFN_WDF_FILE_CLOSE,
    pub EvtFileCleanup: PFN_WDF_FILE_CLEANUP,
    pub AutoForwardCleanupClose: WDF_TRI_STATE,
    pub FileObjectClass: WDF_FILEOBJECT_CLASS,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _WDF_IO_QUEUE_CONFIG {
    pub Size: ULONG,
    pub DispatchType: WDF_IO_QUEUE_DISPATCH_TYPE,
    pub PowerManaged: WDF_TRI_STATE,
    pub AllowZeroLengthRequests: BOOLEAN,
    pub DefaultQueue: BOOLEAN,
    pub EvtIoDefault: PFN_WDF_IO_QUEUE_IO_DEFAULT,
    pub EvtIoRead: PFN_WDF_IO_QUEUE_IO_READ,
    pub EvtIoWrite: PFN_WDF_IO_QUEUE_IO_WRITE,
    pub EvtIoDeviceControl: PFN_WDF_IO_QUEUE_IO_DEVICE_CONTROL,
    pub EvtIoInternalDeviceControl: PFN_WDF_IO_QUEUE_IO_INTERNAL_DEVICE_CONTROL,
    pub EvtIoStop: PFN_WDF_IO_QUEUE_IO_STOP,
    pub EvtIoResume: PFN_WDF_IO_QUEUE_IO_RESUME,
    pub EvtIoCanceledOnQueue: PFN_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE,
    pub Settings: _WDF_IO_QUEUE_CONFIG__bindgen_ty_1,
    pub Driver: WDFDRIVER,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _WDF_IO_QUEUE_CONFIG__bindgen_ty_1 {
    pub Parallel: _WDF_IO_QUEUE_CONFIG__bindgen_ty_1__bindgen_ty_1,
}

impl core::fmt::Debug for _WDF_IO_QUEUE_CONFIG__bindgen_ty_1 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Settings")
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct _WDF_IO_QUEUE_CONFIG__bindgen_ty_1__bindgen_ty_1 {
    pub NumberOfPresentedRequests: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _WDF_WORKITEM_CONFIG {
    pub Size: ULONG,
    pub EvtWorkItemFunc: PFN_WDF_WORKITEM,
    pub AutomaticSerialization: BOOLEAN,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _WDF_DPC_CONFIG {
    pub Size: ULONG,
    pub EvtDpcFunc: PFN_WDF_DPC,
    pub AutomaticSerialization: BOOLEAN,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _WDF_TIMER_CONFIG {
    pub Size: ULONG,
    pub EvtTimerFunc: PFN_WDF_TIMER,
    /// In milliseconds; 0 for a timer that fires once.
    pub Period: ULONG,
    pub AutomaticSerialization: BOOLEAN,
    pub TolerableDelay: ULONG,
    pub __bindgen_padding_0: u32,
    pub UseHighResolutionTimer: BOOLEAN,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _WDF_REQUEST_PARAMETERS {
    /// Here 16 bits wide, unlike everywhere else.
    pub Size: USHORT,
    pub MinorFunction: UCHAR,
    pub Type: WDF_REQUEST_TYPE,
    pub Parameters: _WDF_REQUEST_PARAMETERS__bindgen_ty_1,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union _WDF_REQUEST_PARAMETERS__bindgen_ty_1 {
    pub Create: _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_1,
    pub Read: _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_2,
    pub Write: _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_3,
    pub DeviceIoControl: _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_4,
    pub Others: _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_5,
}

impl core::fmt::Debug for _WDF_REQUEST_PARAMETERS__bindgen_ty_1 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Parameters")
    }
}

/// `Parameters.Create`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_1 {
    pub SecurityContext: PVOID,
    pub Options: ULONG,
    pub __bindgen_padding_0: u32,
    pub FileAttributes: USHORT,
    pub ShareAccess: USHORT,
    pub __bindgen_padding_1: u32,
    pub EaLength: ULONG,
}

/// `Parameters.Read`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_2 {
    pub Length: usize,
    pub Key: ULONG,
    pub __bindgen_padding_0: u32,
    pub DeviceOffset: LONGLONG,
}

/// `Parameters.Write`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_3 {
    pub Length: usize,
    pub Key: ULONG,
    pub __bindgen_padding_0: u32,
    pub DeviceOffset: LONGLONG,
}

/// `Parameters.DeviceIoControl`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_4 {
    pub OutputBufferLength: usize,
    pub InputBufferLength: usize,
    pub IoControlCode: ULONG,
    pub __bindgen_padding_0: u32,
    pub Type3InputBuffer: PVOID,
}

/// `Parameters.Others`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _WDF_REQUEST_PARAMETERS__bindgen_ty_1__bindgen_ty_5 {
    pub Arg1: PVOID,
    pub Arg2: PVOID,
    pub IoControlCode: ULONG,
    pub __bindgen_padding_0: u32,
    pub Arg4: PVOID,
}

/// What a driver's start-up stub tells the loader.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct _WDF_BIND_INFO {
    pub Size: ULONG,
    /// `L"KmdfLibrary"`.
    pub Component: *mut u16,
    pub Version: _WDF_VERSION,
    pub FuncCount: ULONG,
    /// Where the address of the function table is to be stored.
    pub FuncTable: *mut super::WDFFUNC,
    /// The loader's own.
    pub Module: PVOID,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct _WDF_VERSION {
    pub Major: ULONG,
    pub Minor: ULONG,
    pub Build: ULONG,
}
