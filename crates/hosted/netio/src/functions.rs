//! The functions of WSK and their limits: the highest IRQL at which the page of each lets a client call it.
//!
//! The one table of these limits: a function checks its caller with its row. `WskControlSocket` has a limit for each
//! request besides, which is in the row of that request in `wsk_requests`. What WSK calls has a row of its own, in
//! [`ROUTINES`]: there the level is the highest at which the client is called.

use wsk_sys::{
    DISPATCH_LEVEL, KIRQL, PASSIVE_LEVEL, SIO_LOOPBACK_FAST_PATH, SIO_QUERY_WFP_CONNECTION_REDIRECT_CONTEXT,
    SIO_QUERY_WFP_CONNECTION_REDIRECT_RECORDS, SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS, ULONG,
};

/// A function, or a routine of the client's, and the highest IRQL of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name in C.
    pub name: &'static str,
    /// The highest IRQL of a call.
    pub irql: KIRQL,
    /// Where that is written: the title of Microsoft's page, or what was chosen where no page says it.
    pub source: &'static str,
}

/// Declares rows: a constant for each, and the list of all.
macro_rules! rows {
    ($(#[$doc:meta])* $list:ident; $($constant:ident = $name:literal, $irql:expr, $source:literal;)*) => {
        $(pub(crate) const $constant: Function = Function { name: $name, irql: $irql, source: $source };)*

        $(#[$doc])*
        pub const $list: &[Function] = &[$($constant),*];
    };
}

rows! {
    /// Every function that a client can call.
    FUNCTIONS;
    WSK_REGISTER = "WskRegister", PASSIVE_LEVEL, "WskRegister function";
    WSK_DEREGISTER = "WskDeregister", PASSIVE_LEVEL, "WskDeregister function";
    WSK_CAPTURE_PROVIDER_NPI = "WskCaptureProviderNPI", PASSIVE_LEVEL, "WskCaptureProviderNPI function";
    WSK_CAPTURE_WITHOUT_WAIT = "WskCaptureProviderNPI with WSK_NO_WAIT", DISPATCH_LEVEL, "WskCaptureProviderNPI function, remarks";
    WSK_RELEASE_PROVIDER_NPI = "WskReleaseProviderNPI", DISPATCH_LEVEL, "WskReleaseProviderNPI function";
    WSK_QUERY_PROVIDER_CHARACTERISTICS = "WskQueryProviderCharacteristics", DISPATCH_LEVEL, "WskQueryProviderCharacteristics function";
    WSK_SOCKET = "WskSocket", DISPATCH_LEVEL, "PFN_WSK_SOCKET callback function";
    WSK_SOCKET_CONNECT = "WskSocketConnect", DISPATCH_LEVEL, "PFN_WSK_SOCKET_CONNECT callback function";
    WSK_CONTROL_CLIENT = "WskControlClient", DISPATCH_LEVEL, "PFN_WSK_CONTROL_CLIENT callback function";
    WSK_GET_ADDRESS_INFO = "WskGetAddressInfo", PASSIVE_LEVEL, "PFN_WSK_GET_ADDRESS_INFO callback function";
    WSK_FREE_ADDRESS_INFO = "WskFreeAddressInfo", PASSIVE_LEVEL, "PFN_WSK_FREE_ADDRESS_INFO callback function";
    WSK_GET_NAME_INFO = "WskGetNameInfo", PASSIVE_LEVEL, "PFN_WSK_GET_NAME_INFO callback function";
    WSK_CONTROL_SOCKET = "WskControlSocket", DISPATCH_LEVEL, "PFN_WSK_CONTROL_SOCKET callback function";
    WSK_CLOSE_SOCKET = "WskCloseSocket", DISPATCH_LEVEL, "PFN_WSK_CLOSE_SOCKET callback function";
    WSK_BIND = "WskBind", DISPATCH_LEVEL, "PFN_WSK_BIND callback function";
    WSK_SEND_TO = "WskSendTo", DISPATCH_LEVEL, "PFN_WSK_SEND_TO callback function";
    WSK_SEND_MESSAGES = "WskSendMessages", DISPATCH_LEVEL, "n/d: its page has no level; as WskSendTo, by which drivers call it";
    WSK_RECEIVE_FROM = "WskReceiveFrom", DISPATCH_LEVEL, "PFN_WSK_RECEIVE_FROM callback function";
    WSK_RELEASE = "WskRelease", DISPATCH_LEVEL, "PFN_WSK_RELEASE_DATAGRAM_INDICATION_LIST callback function";
    WSK_GET_LOCAL_ADDRESS = "WskGetLocalAddress", DISPATCH_LEVEL, "PFN_WSK_GET_LOCAL_ADDRESS callback function";
}

/// The IOCTLs of connections whose own pages say `PASSIVE_LEVEL`, though that of `WskControlSocket` does not list them among its
/// exceptions. They have no row in `wsk_requests`: the sockets here refuse them, after the level was looked at.
pub const PASSIVE_IOCTLS: &[ULONG] = &[
    SIO_LOOPBACK_FAST_PATH,
    SIO_QUERY_WFP_CONNECTION_REDIRECT_CONTEXT,
    SIO_QUERY_WFP_CONNECTION_REDIRECT_RECORDS,
    SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS,
];

rows! {
    /// Every routine of a client's that WSK calls. `WskClientEvent` is never called: no event is defined.
    ROUTINES;
    WSK_RECEIVE_FROM_EVENT = "WskReceiveFromEvent", DISPATCH_LEVEL, "PFN_WSK_RECEIVE_FROM_EVENT callback function";
    IO_COMPLETION = "IoCompletion", DISPATCH_LEVEL, "IO_COMPLETION_ROUTINE callback function";
}
