//! `WskGetLocalAddress`.
#![expect(unsafe_code, reason = "a function that clients call through a C table")]

use std::sync::Arc;

use wsk_sys::{IRP, NTSTATUS, PWSK_SOCKET, SOCKADDR, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER};

use crate::call::SocketCall;
use crate::call::check;
use crate::call::sockaddr;
use crate::functions::WSK_GET_LOCAL_ADDRESS;
use crate::rules;
use crate::run::request::{Outcome, Work};

/// `WskGetLocalAddress`: the address that the socket is bound to.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
pub(crate) unsafe extern "system" fn wsk_get_local_address(
    socket: PWSK_SOCKET,
    local_address: *mut SOCKADDR,
    irp: *mut IRP,
) -> NTSTATUS {
    const WHAT: &str = WSK_GET_LOCAL_ADDRESS.name;
    check::caller(&WSK_GET_LOCAL_ADDRESS);
    rules::require(check::resident(local_address, "the local address", WHAT));
    let call = SocketCall::begin(socket, WHAT);
    let socket = Arc::clone(&call.socket);
    let used = || vec![sockaddr::used("the local address", local_address, call.socket.family)];
    let work = Work::new(move |_| {
        if local_address.is_null() {
            return Outcome::Done(STATUS_INVALID_PARAMETER, 0);
        }
        let endpoint = socket.datagram().map(|datagram| datagram.settings().endpoint.clone());
        let endpoint = endpoint.and_then(|endpoint| endpoint.ok_or(STATUS_INVALID_DEVICE_STATE));
        Outcome::from(endpoint.map(|endpoint| {
            // SAFETY: the client's buffer, not null, of the size of its family's SOCKADDR.
            unsafe { sockaddr::write(local_address, endpoint.local()) };
            0
        }))
    });
    // SAFETY: the IRP of this call.
    unsafe { call.submit(irp, WHAT, used, work) }
}
