//! The dispatch tables of sockets.

use wsk_sys::{WSK_PROVIDER_BASIC_DISPATCH, WSK_PROVIDER_DATAGRAM_DISPATCH};

use crate::call::bind::wsk_bind;
use crate::call::close::wsk_close_socket;
use crate::call::control::wsk_control_socket;
use crate::call::local_address::wsk_get_local_address;
use crate::call::receive::wsk_receive_from;
use crate::call::release::wsk_release;
use crate::call::send::{wsk_send_messages, wsk_send_to};

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
