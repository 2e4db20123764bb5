//! Basic sockets: the functions that every socket has, and nothing else.

use wsk_sys::WSK_PROVIDER_BASIC_DISPATCH;

use crate::call::close::wsk_close_socket;
use crate::call::control::wsk_control_socket;

pub(crate) static DISPATCH: WSK_PROVIDER_BASIC_DISPATCH = WSK_PROVIDER_BASIC_DISPATCH {
    WskControlSocket: Some(wsk_control_socket),
    WskCloseSocket: Some(wsk_close_socket),
};
