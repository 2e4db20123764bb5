//! The functions of `WSK_PROVIDER_DISPATCH` that this provider has and does not serve: connections, and names.
//!
//! A client that calls one is refused as it is by any other: its IRP is completed, with `STATUS_NOT_SUPPORTED`. n/d
#![expect(unsafe_code, reason = "functions that clients call through a C table")]

use wsk_sys::{
    GUID, IRP, NTSTATUS, PEPROCESS, PETHREAD, PSECURITY_DESCRIPTOR, PUNICODE_STRING, PVOID, PWSK_CLIENT,
    SOCKADDR, STATUS_NOT_SUPPORTED, ULONG, USHORT,
};

use crate::call::check;
use crate::client::{self, Call};
use crate::functions::{
    Function, WSK_FREE_ADDRESS_INFO, WSK_GET_ADDRESS_INFO, WSK_GET_NAME_INFO, WSK_SOCKET_CONNECT,
};
use crate::run::request::Work;

/// `PFN_WSK_SOCKET_CONNECT`
pub(crate) type SocketConnect = unsafe extern "system" fn(
    PWSK_CLIENT,
    USHORT,
    ULONG,
    *mut SOCKADDR,
    *mut SOCKADDR,
    ULONG,
    PVOID,
    *const core::ffi::c_void,
    PEPROCESS,
    PETHREAD,
    PSECURITY_DESCRIPTOR,
    *mut IRP,
) -> NTSTATUS;

/// `PFN_WSK_GET_ADDRESS_INFO`
pub(crate) type GetAddressInfo = unsafe extern "system" fn(
    PWSK_CLIENT,
    PUNICODE_STRING,
    PUNICODE_STRING,
    ULONG,
    *mut GUID,
    PVOID,
    *mut PVOID,
    PEPROCESS,
    PETHREAD,
    *mut IRP,
) -> NTSTATUS;

/// `PFN_WSK_FREE_ADDRESS_INFO`
pub(crate) type FreeAddressInfo = unsafe extern "system" fn(PWSK_CLIENT, PVOID);

/// `PFN_WSK_GET_NAME_INFO`
pub(crate) type GetNameInfo = unsafe extern "system" fn(
    PWSK_CLIENT,
    *mut SOCKADDR,
    ULONG,
    PUNICODE_STRING,
    PUNICODE_STRING,
    ULONG,
    PEPROCESS,
    PETHREAD,
    *mut IRP,
) -> NTSTATUS;

/// `WskSocketConnect`
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
pub(crate) unsafe extern "system" fn wsk_socket_connect(
    client: PWSK_CLIENT,
    _socket_type: USHORT,
    _protocol: ULONG,
    _local_address: *mut SOCKADDR,
    _remote_address: *mut SOCKADDR,
    _flags: ULONG,
    _socket_context: PVOID,
    _dispatch: *const core::ffi::c_void,
    _owning_process: PEPROCESS,
    _owning_thread: PETHREAD,
    _security_descriptor: PSECURITY_DESCRIPTOR,
    irp: *mut IRP,
) -> NTSTATUS {
    // SAFETY: the client's IRP.
    unsafe { submit(client, irp, &WSK_SOCKET_CONNECT) }
}

/// `WskGetAddressInfo`
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub(crate) unsafe extern "system" fn wsk_get_address_info(
    client: PWSK_CLIENT,
    _node_name: PUNICODE_STRING,
    _service_name: PUNICODE_STRING,
    _name_space: ULONG,
    _provider: *mut GUID,
    _hints: PVOID,
    _result: *mut PVOID,
    _owning_process: PEPROCESS,
    _owning_thread: PETHREAD,
    irp: *mut IRP,
) -> NTSTATUS {
    // SAFETY: the client's IRP.
    unsafe { submit(client, irp, &WSK_GET_ADDRESS_INFO) }
}

/// `WskFreeAddressInfo`: nothing, as no list was ever handed out.
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub(crate) unsafe extern "system" fn wsk_free_address_info(client: PWSK_CLIENT, _address_info: PVOID) {
    check::caller(&WSK_FREE_ADDRESS_INFO);
    let _ = Call::begin(client, WSK_FREE_ADDRESS_INFO.name);
}

/// `WskGetNameInfo`
///
/// # IRQL
/// `PASSIVE_LEVEL`
pub(crate) unsafe extern "system" fn wsk_get_name_info(
    client: PWSK_CLIENT,
    _address: *mut SOCKADDR,
    _address_length: ULONG,
    _node_name: PUNICODE_STRING,
    _service_name: PUNICODE_STRING,
    _flags: ULONG,
    _owning_process: PEPROCESS,
    _owning_thread: PETHREAD,
    irp: *mut IRP,
) -> NTSTATUS {
    // SAFETY: the client's IRP.
    unsafe { submit(client, irp, &WSK_GET_NAME_INFO) }
}

/// Takes the IRP of a call, and ends it with `STATUS_NOT_SUPPORTED`.
///
/// # Safety
/// The client has passed `irp` to `function`.
unsafe fn submit(client: PWSK_CLIENT, irp: *mut IRP, function: &'static Function) -> NTSTATUS {
    check::caller(function);
    // SAFETY: this function's contract.
    unsafe { client::submit(client, irp, function.name, Vec::new, |_| Work::refuse(STATUS_NOT_SUPPORTED)) }
}
