//! `WskBind` and `WskGetLocalAddress`.
#![expect(unsafe_code, reason = "functions that clients call through a C table")]

use std::sync::Arc;

use wsk_sys::{
    IRP, NTSTATUS, PWSK_SOCKET, SOCKADDR, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, ULONG,
};

use crate::call::check;
use crate::call::security::Guard;
use crate::net::Endpoint;
use crate::net::address::{self, Family};
use crate::net::bind_table::Binding;
use crate::provider::Provider;
use crate::run::completion::{Outcome, Work};
use crate::socket::{Socket, SocketCall};

/// `WskBind`: binds the socket to a local address.
///
/// The address is read when the request runs. n/d: a client that keeps it until completion is right in any case.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
pub(crate) unsafe extern "system" fn wsk_bind(
    socket: PWSK_SOCKET,
    local_address: *mut SOCKADDR,
    flags: ULONG,
    irp: *mut IRP,
) -> NTSTATUS {
    const WHAT: &str = "WskBind";
    check::caller(WHAT);
    let call = SocketCall::begin(socket, WHAT);
    let socket = Arc::clone(&call.socket);
    let used = || vec![address::used("the local address", local_address, call.socket.family)];
    let work = Work::new(move |provider| {
        // SAFETY: the client's address, valid until the request is completed.
        let bound = unsafe { bind(provider, &socket, local_address, flags) };
        Outcome::from(bound.map(|()| 0))
    });
    // SAFETY: the IRP of this call.
    unsafe { call.submit(irp, WHAT, used, work) }
}

/// # Safety
/// `local_address` is null or the client's address.
unsafe fn bind(
    provider: &Provider,
    socket: &Socket,
    local_address: *const SOCKADDR,
    flags: ULONG,
) -> Result<(), NTSTATUS> {
    // Flags are reserved. n/d: the status
    if flags != 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: this function's contract.
    let address = unsafe { address::read(local_address, socket.family) }?;
    // Held over the bind, so that of two binds one comes second.
    let mut settings = socket.settings();
    // n/d
    if settings.endpoint.is_some() {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    let values = &settings.values;
    let dual = socket.family == Family::V6 && !values.v6_only();
    let guard = Guard::new(socket.who, settings.security.as_deref());
    let binding = Binding { address, dual, share: values.share(), guard };
    let endpoint = Endpoint::bind(provider, binding, values, &settings.groups, &socket.inbox)?;
    settings.endpoint = Some(Arc::new(endpoint));
    Ok(())
}

/// `WskGetLocalAddress`: the address that the socket is bound to.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
pub(crate) unsafe extern "system" fn wsk_get_local_address(
    socket: PWSK_SOCKET,
    local_address: *mut SOCKADDR,
    irp: *mut IRP,
) -> NTSTATUS {
    const WHAT: &str = "WskGetLocalAddress";
    check::caller(WHAT);
    let call = SocketCall::begin(socket, WHAT);
    let socket = Arc::clone(&call.socket);
    let used = || vec![address::used("the local address", local_address, call.socket.family)];
    let work = Work::new(move |_| {
        if local_address.is_null() {
            return Outcome::Done(STATUS_INVALID_PARAMETER, 0);
        }
        let local = socket.settings().endpoint.as_ref().map(|endpoint| endpoint.local());
        Outcome::from(local.ok_or(STATUS_INVALID_DEVICE_STATE).map(|local| {
            // SAFETY: the client's buffer, not null, of the size of its family's SOCKADDR.
            unsafe { address::write(local_address, local) };
            0
        }))
    });
    // SAFETY: the IRP of this call.
    unsafe { call.submit(irp, WHAT, used, work) }
}
