//! Listening sockets over UDP: what is not refused when it is made, and cannot be bound.

use core::ffi::c_void;
use core::ptr;

use wsk_sys::{PFN_WSK_BIND, PFN_WSK_GET_LOCAL_ADDRESS, WSK_PROVIDER_BASIC_DISPATCH};

use crate::call::bind::wsk_bind;
use crate::call::local_address::wsk_get_local_address;
use crate::socket::basic;

/// `WSK_PROVIDER_LISTEN_DISPATCH`
#[repr(C)]
#[expect(non_snake_case, reason = "the fields bear their C names")]
pub(crate) struct Dispatch {
    Basic: WSK_PROVIDER_BASIC_DISPATCH,
    WskBind: Option<PFN_WSK_BIND>,
    /// Of connections, which do not come to a socket that is not bound.
    WskAccept: *const c_void,
    WskInspectComplete: *const c_void,
    WskGetLocalAddress: Option<PFN_WSK_GET_LOCAL_ADDRESS>,
}

// SAFETY: the table is never written, and its pointers are those of functions, or null.
unsafe impl Sync for Dispatch {}

pub(crate) static DISPATCH: Dispatch = Dispatch {
    Basic: basic::DISPATCH,
    WskBind: Some(wsk_bind),
    WskAccept: ptr::null(),
    WskInspectComplete: ptr::null(),
    WskGetLocalAddress: Some(wsk_get_local_address),
};
