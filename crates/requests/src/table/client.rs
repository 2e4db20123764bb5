//! The requests of the client as a whole, `WskControlClient`.

/// Hands the client's requests to a macro, in rows of other columns than an option's:
///
/// ```text
/// Type = C_NAME Input Output State Irp Hosted "handled by", "What it does.";
/// ```
#[macro_export]
macro_rules! client_requests {
    ($then:ident) => { $then! {
        /// `STATUS_BUFFER_OVERFLOW` comes with the size that is needed.
        TransportListQuery = WSK_TRANSPORT_LIST_QUERY Nothing Transports AnyTime Null Honoured "Provider::transports", "Gets the transports that sockets can be made for.";
        /// It pends until a transport comes or goes; `WskDeregister` cancels it.
        TransportListChange = WSK_TRANSPORT_LIST_CHANGE Nothing Nothing AnyTime Required Honoured "TransportListChange", "Waits for a change of the list of transports.";
        /// What it gives goes to `WskSocket` or `SO_WSK_SECURITY`, and is released once.
        CacheSecurity = WSK_CACHE_SD SecurityDescriptor SecurityDescriptor AnyTime Null Honoured "SecurityDescriptor", "Has WSK cache a security descriptor.";
        ReleaseSecurity = WSK_RELEASE_SD SecurityDescriptor Nothing AnyTime Null Honoured "SecurityDescriptor", "Releases a cached security descriptor.";
        /// For clients of transports that have TDI devices only; the page says that TDI is not supported after Windows Vista.
        TdiDeviceNameMapping = WSK_TDI_DEVICENAME_MAPPING TdiMap Nothing BeforeBind Null Refused _, "Maps transports to the names of TDI devices.";
        /// They can be neither disabled nor enabled again for a socket.
        StaticEventCallbacks = WSK_SET_STATIC_EVENT_CALLBACKS EventCallback Nothing BeforeBind Null Honoured "event", "Enables event callbacks for every socket of the client, for good.";
        /// It matters where a driver that filters TDI is installed: WSK then goes through TDI for it, and control
        /// information such as `IP_PKTINFO` does not come through. Deprecated; drivers ignore its failure.
        TdiBehavior = WSK_TDI_BEHAVIOR U32 Nothing BeforeBind Null Stored "Provider::bypass_tdi", "Has WSK go past TDI filters, through which no control information comes.";
    } };
}
