//! WSK structures, dispatch tables and callbacks.
#![allow(missing_docs, reason = "the fields are those of the C structure that the type's page names")]

use crate::control::WSK_CONTROL_SOCKET_TYPE;
use crate::sockaddr::{ADDRESS_FAMILY, CMSGHDR, SOCKADDR};
use nt_sys::IRP;
use nt_sys::KSPIN_LOCK;
use nt_sys::MDL;
use nt_sys::{GUID, NTSTATUS, PEPROCESS, PETHREAD, PSECURITY_DESCRIPTOR, PVOID, SIZE_T, ULONG, USHORT};

/// `NPI_WSK_INTERFACE_ID`.
pub static NPI_WSK_INTERFACE_ID: GUID = GUID {
    Data1: 0x2227_E803,
    Data2: 0x8D8B,
    Data3: 0x11D4,
    Data4: [0xAB, 0xAD, 0x00, 0x90, 0x27, 0x71, 0x9E, 0x09],
};

/// `WSK_NO_WAIT`: a capture fails at once if the provider is not ready.
pub const WSK_NO_WAIT: ULONG = 0;
/// `WSK_INFINITE_WAIT`: a capture waits for the provider. Not in `DriverEntry`.
pub const WSK_INFINITE_WAIT: ULONG = 0xFFFF_FFFF;

pub const WSK_FLAG_BASIC_SOCKET: ULONG = 0x0;
pub const WSK_FLAG_LISTEN_SOCKET: ULONG = 0x1;
pub const WSK_FLAG_CONNECTION_SOCKET: ULONG = 0x2;
pub const WSK_FLAG_DATAGRAM_SOCKET: ULONG = 0x4;
pub const WSK_FLAG_STREAM_SOCKET: ULONG = 0x8;
/// A flag of the event callbacks: the call is at `DISPATCH_LEVEL` exactly.
pub const WSK_FLAG_AT_DISPATCH_LEVEL: ULONG = 0x8;

/// A WSK version (a macro of `wsk.h`).
#[must_use]
pub const fn MAKE_WSK_VERSION(major: u8, minor: u8) -> USHORT {
    ((major as USHORT) << 8) | minor as USHORT
}

/// The provider's side of a registration; opaque.
#[repr(C)]
#[derive(Debug)]
pub struct WSK_CLIENT {
    _opaque: [u8; 0],
}
pub type PWSK_CLIENT = *mut WSK_CLIENT;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSK_CLIENT_NPI {
    pub ClientContext: PVOID,
    pub Dispatch: *const WSK_CLIENT_DISPATCH,
}

/// `PFN_WSK_CLIENT_EVENT`; no event is defined today.
pub type PFN_WSK_CLIENT_EVENT = unsafe extern "system" fn(
    ClientContext: PVOID,
    EventType: ULONG,
    Information: PVOID,
    InformationLength: SIZE_T,
) -> NTSTATUS;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSK_CLIENT_DISPATCH {
    pub Version: USHORT,
    /// Zero.
    pub Reserved: USHORT,
    pub WskClientEvent: Option<PFN_WSK_CLIENT_EVENT>,
}

/// A registration's state, which belongs to WSK. It must not move.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSK_REGISTRATION {
    pub ReservedRegistrationState: u64,
    pub ReservedRegistrationContext: PVOID,
    pub ReservedRegistrationLock: KSPIN_LOCK,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSK_PROVIDER_NPI {
    pub Client: PWSK_CLIENT,
    pub Dispatch: *const WSK_PROVIDER_DISPATCH,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WSK_PROVIDER_CHARACTERISTICS {
    pub HighestVersion: USHORT,
    pub LowestVersion: USHORT,
}

/// A socket. WSK allocates and frees it; `Dispatch` points to the table of the socket's category.
#[repr(C)]
#[derive(Debug)]
pub struct WSK_SOCKET {
    pub Dispatch: *const core::ffi::c_void,
}
pub type PWSK_SOCKET = *mut WSK_SOCKET;

/// A piece of a chain of MDLs: `Offset` lies in the first, `Length` counts over the chain.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSK_BUF {
    pub Mdl: *mut MDL,
    pub Offset: ULONG,
    pub Length: SIZE_T,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSK_BUF_LIST {
    pub Next: *mut WSK_BUF_LIST,
    pub Buffer: WSK_BUF,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSK_DATAGRAM_INDICATION {
    pub Next: *mut WSK_DATAGRAM_INDICATION,
    pub Buffer: WSK_BUF,
    pub ControlInfo: *mut CMSGHDR,
    pub ControlInfoLength: ULONG,
    pub RemoteAddress: *mut SOCKADDR,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSK_EVENT_CALLBACK_CONTROL {
    pub NpiId: *const GUID,
    pub EventMask: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSK_EXTENSION_CONTROL_IN {
    pub NpiId: *const GUID,
    pub ClientContext: PVOID,
    pub ClientDispatch: *const core::ffi::c_void,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSK_EXTENSION_CONTROL_OUT {
    pub ProviderContext: PVOID,
    pub ProviderDispatch: *const core::ffi::c_void,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WSK_TRANSPORT {
    pub Version: USHORT,
    pub SocketType: USHORT,
    pub Protocol: ULONG,
    pub AddressFamily: ADDRESS_FAMILY,
    pub ProviderId: GUID,
}

/// `PFN_WSK_RECEIVE_FROM_EVENT`: called at IRQL <= `DISPATCH_LEVEL`.
pub type PFN_WSK_RECEIVE_FROM_EVENT = unsafe extern "system" fn(
    SocketContext: PVOID,
    Flags: ULONG,
    DataIndication: *mut WSK_DATAGRAM_INDICATION,
) -> NTSTATUS;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSK_CLIENT_DATAGRAM_DISPATCH {
    pub WskReceiveFromEvent: Option<PFN_WSK_RECEIVE_FROM_EVENT>,
}

pub type PFN_WSK_SOCKET = unsafe extern "system" fn(
    Client: PWSK_CLIENT,
    AddressFamily: ADDRESS_FAMILY,
    SocketType: USHORT,
    Protocol: ULONG,
    Flags: ULONG,
    SocketContext: PVOID,
    Dispatch: *const core::ffi::c_void,
    OwningProcess: PEPROCESS,
    OwningThread: PETHREAD,
    SecurityDescriptor: PSECURITY_DESCRIPTOR,
    Irp: *mut IRP,
) -> NTSTATUS;

pub type PFN_WSK_CONTROL_CLIENT = unsafe extern "system" fn(
    Client: PWSK_CLIENT,
    ControlCode: ULONG,
    InputSize: SIZE_T,
    InputBuffer: PVOID,
    OutputSize: SIZE_T,
    OutputBuffer: PVOID,
    OutputSizeReturned: *mut SIZE_T,
    Irp: *mut IRP,
) -> NTSTATUS;

/// `OutputSizeReturned` points to a `SIZE_T`; some of Microsoft's pages say `ULONG`, which would be overrun.
pub type PFN_WSK_CONTROL_SOCKET = unsafe extern "system" fn(
    Socket: PWSK_SOCKET,
    RequestType: WSK_CONTROL_SOCKET_TYPE,
    ControlCode: ULONG,
    Level: ULONG,
    InputSize: SIZE_T,
    InputBuffer: PVOID,
    OutputSize: SIZE_T,
    OutputBuffer: PVOID,
    OutputSizeReturned: *mut SIZE_T,
    Irp: *mut IRP,
) -> NTSTATUS;

pub type PFN_WSK_CLOSE_SOCKET = unsafe extern "system" fn(Socket: PWSK_SOCKET, Irp: *mut IRP) -> NTSTATUS;

pub type PFN_WSK_BIND = unsafe extern "system" fn(
    Socket: PWSK_SOCKET,
    LocalAddress: *mut SOCKADDR,
    Flags: ULONG,
    Irp: *mut IRP,
) -> NTSTATUS;

pub type PFN_WSK_SEND_TO = unsafe extern "system" fn(
    Socket: PWSK_SOCKET,
    Buffer: *mut WSK_BUF,
    Flags: ULONG,
    RemoteAddress: *mut SOCKADDR,
    ControlInfoLength: ULONG,
    ControlInfo: *mut CMSGHDR,
    Irp: *mut IRP,
) -> NTSTATUS;

pub type PFN_WSK_SEND_MESSAGES = unsafe extern "system" fn(
    Socket: PWSK_SOCKET,
    BufferList: *mut WSK_BUF_LIST,
    Flags: ULONG,
    RemoteAddress: *mut SOCKADDR,
    ControlInfoLength: ULONG,
    ControlInfo: *mut CMSGHDR,
    Irp: *mut IRP,
) -> NTSTATUS;

pub type PFN_WSK_RECEIVE_FROM = unsafe extern "system" fn(
    Socket: PWSK_SOCKET,
    Buffer: *mut WSK_BUF,
    Flags: ULONG,
    RemoteAddress: *mut SOCKADDR,
    ControlLength: *mut ULONG,
    ControlInfo: *mut CMSGHDR,
    ControlFlags: *mut ULONG,
    Irp: *mut IRP,
) -> NTSTATUS;

pub type PFN_WSK_RELEASE_DATAGRAM_INDICATION_LIST = unsafe extern "system" fn(
    Socket: PWSK_SOCKET,
    DatagramIndication: *mut WSK_DATAGRAM_INDICATION,
) -> NTSTATUS;

pub type PFN_WSK_GET_LOCAL_ADDRESS =
    unsafe extern "system" fn(Socket: PWSK_SOCKET, LocalAddress: *mut SOCKADDR, Irp: *mut IRP) -> NTSTATUS;

/// The provider's functions. The last three are for names, since Windows 7, and unused here.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSK_PROVIDER_DISPATCH {
    /// The provider's version; its minor part may be higher than the client's.
    pub Version: USHORT,
    pub Reserved: USHORT,
    pub WskSocket: Option<PFN_WSK_SOCKET>,
    pub WskSocketConnect: PVOID,
    pub WskControlClient: Option<PFN_WSK_CONTROL_CLIENT>,
    pub WskGetAddressInfo: PVOID,
    pub WskFreeAddressInfo: PVOID,
    pub WskGetNameInfo: PVOID,
}

/// The functions of every category of socket: the beginning of each category's table.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSK_PROVIDER_BASIC_DISPATCH {
    pub WskControlSocket: Option<PFN_WSK_CONTROL_SOCKET>,
    pub WskCloseSocket: Option<PFN_WSK_CLOSE_SOCKET>,
}

/// The functions of a datagram socket.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WSK_PROVIDER_DATAGRAM_DISPATCH {
    pub Basic: WSK_PROVIDER_BASIC_DISPATCH,
    pub WskBind: Option<PFN_WSK_BIND>,
    pub WskSendTo: Option<PFN_WSK_SEND_TO>,
    pub WskReceiveFrom: Option<PFN_WSK_RECEIVE_FROM>,
    pub WskRelease: Option<PFN_WSK_RELEASE_DATAGRAM_INDICATION_LIST>,
    pub WskGetLocalAddress: Option<PFN_WSK_GET_LOCAL_ADDRESS>,
    /// Windows 8 and later: before, the table ends above this field.
    pub WskSendMessages: Option<PFN_WSK_SEND_MESSAGES>,
}
