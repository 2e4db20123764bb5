//! `WskBind`.
#![expect(unsafe_code, reason = "a function that clients call through a C table")]

use core::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use readings::{BroadcastBind, SecondBind};
use wsk_requests::rows;
use wsk_sys::{
    IRP, NTSTATUS, PWSK_SOCKET, SOCKADDR, STATUS_ACCESS_DENIED, STATUS_ADDRESS_ALREADY_ASSOCIATED,
    STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_NOT_IMPLEMENTED, ULONG,
};

use crate::call::SocketCall;
use crate::call::check;
use crate::call::sockaddr;
use crate::functions::WSK_BIND;
use crate::net::address::{Family, canonical};
use crate::net::bind_table::Binding;
use crate::net::guard::Guard;
use crate::net::no_network::NoNetwork;
use crate::provider::Provider;
use crate::run::request::{Outcome, Work};
use crate::socket::{Body, Options, Socket};

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
    const WHAT: &str = WSK_BIND.name;
    check::caller(&WSK_BIND);
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
    check::flags(provider, flags)?;
    if matches!(socket.body, Body::Listening) {
        return Err(STATUS_NOT_IMPLEMENTED);
    }
    // SAFETY: this function's contract.
    let address = unsafe { sockaddr::read(provider, local_address, socket.family) }?;
    let datagram = socket.datagram()?;
    // Options do not change meanwhile.
    let options = socket.options();
    // Held over the bind, so that of two binds one comes second.
    let mut settings = datagram.settings();
    if settings.endpoint.is_some() {
        return Err(match provider.reading() {
            SecondBind::InvalidState => STATUS_INVALID_DEVICE_STATE,
            SecondBind::InvalidParameter => STATUS_INVALID_PARAMETER,
            SecondBind::Associated => STATUS_ADDRESS_ALREADY_ASSOCIATED,
        });
    }
    if datagram.raw {
        settings.endpoint = Some(Arc::new(NoNetwork(address)));
        return Ok(());
    }
    let Options { values, groups, .. } = &*options;
    if canonical(address).ip() == IpAddr::V4(Ipv4Addr::BROADCAST)
        && !values.flag(&rows::socket::SO_BROADCAST)
        && provider.reading::<BroadcastBind>() == BroadcastBind::AccessDenied
    {
        return Err(STATUS_ACCESS_DENIED);
    }
    let dual = socket.family == Family::V6 && !values.v6_only();
    let guard = Guard::new(datagram.who, settings.security.as_deref());
    let binding = Binding { address, dual, share: values.share(), guard };
    let network = &provider.config.network;
    settings.endpoint = Some(network.bind(&provider.poller, binding, values, groups, &datagram.inbox)?);
    Ok(())
}
