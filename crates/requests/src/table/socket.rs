//! The options of level `SOL_SOCKET`.

/// Hands the options of level `SOL_SOCKET` to a macro: those that are values.
#[macro_export]
macro_rules! socket_options {
    ($then:ident) => { $then! { [socket Socket socket SOL_SOCKET Both ""]
        /// Another socket that is willing to share as well gets the same address; the page "Sharing Transport
        /// Addresses" has the outcome for each pair.
        #[doc(alias = "SO_REUSEADDR")]
        ReuseAddress = SO_REUSEADDR Bool [get set] BeforeBind 0 Honoured Wsk, "Shares the local address with other sockets that share it.";
        /// Another socket that asks for the same address is refused, even if it is willing to share; the page
        /// "Sharing Transport Addresses" says with which status.
        #[doc(alias = "SO_EXCLUSIVEADDRUSE")]
        ExclusiveAddressUse = SO_EXCLUSIVEADDRUSE Bool [get set] BeforeBind 0 Honoured Wsk, "Uses the local address exclusively.";
        /// Not meaningful for IPv6, which has no broadcast.
        #[doc(alias = "SO_BROADCAST")]
        Broadcast = SO_BROADCAST Bool [get set] AnyTime 0 Honoured Wsk, "Allows sending to broadcast addresses.";
        /// In bytes. The default depends on the transport, and some transports may not support the option.
        #[doc(alias = "SO_RCVBUF")]
        ReceiveBuffer = SO_RCVBUF U32 [get set] AnyTime _ Honoured Wsk, "Sets the size of the transport's receive buffer.";
    } };
}

/// Hands the options of level `SOL_SOCKET` to a macro whose values are pointers, or that no IRP goes with.
///
/// The columns are those of [`socket_options`](crate::socket_options), with the rule for the IRP and what handles the
/// option, or `_`.
#[macro_export]
macro_rules! pointer_options {
    ($then:ident) => { $then! { [pointer Pointer pointer SOL_SOCKET Both ""]
        /// The descriptor comes from `WSK_CACHE_SD`, or, got, goes to `WSK_RELEASE_SD`.
        #[doc(alias = "SO_WSK_SECURITY")]
        Security = SO_WSK_SECURITY SecurityDescriptor [get set] BeforeBind _ Honoured Wsk Required "Unbound::set_security", "Sets the security descriptor that decides who may share the local address.";
        /// Enabled without an IRP; disabled with one, which completes when the last call of the callback has returned, or
        /// without, and then `STATUS_EVENT_PENDING` says that calls are still in progress.
        #[doc(alias = "SO_WSK_EVENT_CALLBACK")]
        EventCallback = SO_WSK_EVENT_CALLBACK EventCallback [set] AfterBind _ Honoured Wsk Either "event", "Enables or disables the socket's event callbacks.";
    } };
}
