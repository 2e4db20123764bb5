//! The dispatch tables of sockets, and `WskRelease`.
#![expect(unsafe_code, reason = "functions that clients call through a C table")]

use wsk_sys::{
    NTSTATUS, PWSK_SOCKET, STATUS_INVALID_PARAMETER, WSK_DATAGRAM_INDICATION, WSK_PROVIDER_BASIC_DISPATCH,
    WSK_PROVIDER_DATAGRAM_DISPATCH,
};

use crate::bind::{wsk_bind, wsk_get_local_address};
use crate::check;
use crate::close::wsk_close_socket;
use crate::control::wsk_control_socket;
use crate::receive::wsk_receive_from;
use crate::send::{wsk_send_messages, wsk_send_to};
use crate::socket::SocketCall;

/// The functions of a basic socket.
pub(crate) static BASIC: WSK_PROVIDER_BASIC_DISPATCH = WSK_PROVIDER_BASIC_DISPATCH {
    WskControlSocket: Some(wsk_control_socket),
    WskCloseSocket: Some(wsk_close_socket),
};

/// The functions of a datagram socket.
pub(crate) static DATAGRAM: WSK_PROVIDER_DATAGRAM_DISPATCH = WSK_PROVIDER_DATAGRAM_DISPATCH {
    Basic: BASIC,
    WskBind: Some(wsk_bind),
    WskSendTo: Some(wsk_send_to),
    WskReceiveFrom: Some(wsk_receive_from),
    WskRelease: Some(wsk_release),
    WskGetLocalAddress: Some(wsk_get_local_address),
    WskSendMessages: Some(wsk_send_messages),
};

/// `WskRelease`: gives retained indications back. The event callback is not supported, so there are none.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
unsafe extern "system" fn wsk_release(
    socket: PWSK_SOCKET,
    _datagram_indication: *mut WSK_DATAGRAM_INDICATION,
) -> NTSTATUS {
    const WHAT: &str = "WskRelease";
    check::caller(WHAT);
    drop(SocketCall::begin(socket, WHAT));
    STATUS_INVALID_PARAMETER
}
