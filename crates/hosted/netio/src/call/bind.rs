//! `WskBind`.
#![expect(unsafe_code, reason = "a function that clients call through a C table")]

use std::sync::Arc;

use wsk_sys::{
    IRP, NTSTATUS, PWSK_SOCKET, SOCKADDR, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, ULONG,
};

use crate::call::SocketCall;
use crate::call::check;
use crate::call::sockaddr;
use crate::net::address::Family;
use crate::net::bind_table::Binding;
use crate::net::guard::Guard;
use crate::provider::Provider;
use crate::run::request::{Outcome, Work};
use crate::socket::{Options, Socket};

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
    let used = || vec![sockaddr::used("the local address", local_address, call.socket.family)];
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
    let address = unsafe { sockaddr::read(local_address, socket.family) }?;
    let datagram = socket.datagram()?;
    // Options do not change meanwhile.
    let options = socket.options();
    // Held over the bind, so that of two binds one comes second.
    let mut settings = datagram.settings();
    // n/d
    if settings.endpoint.is_some() {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    let Options { values, groups } = &*options;
    let dual = socket.family == Family::V6 && !values.v6_only();
    let guard = Guard::new(datagram.who, settings.security.as_deref());
    let binding = Binding { address, dual, share: values.share(), guard };
    let network = &provider.config.network;
    settings.endpoint = Some(network.bind(&provider.poller, binding, values, groups, &datagram.inbox)?);
    Ok(())
}
