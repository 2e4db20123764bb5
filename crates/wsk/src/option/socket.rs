//! The options of level `SOL_SOCKET`.

use super::socket_options;

socket_options! {
    /// Another socket that asks for the same address is refused, even if it is willing to share.
    /// Default: off. Source: the page "`SO_EXCLUSIVEADDRUSE`"; what is refused and how, "Sharing Transport Addresses".
    #[doc(alias = "SO_EXCLUSIVEADDRUSE")]
    ExclusiveAddressUse = SOL_SOCKET / SO_EXCLUSIVEADDRUSE: bool, [get, set], BeforeBind, Both,
        "Uses the local address exclusively.";

    /// Another socket that is willing to share as well gets the same address.
    /// Default: off. Source: the page "`SO_REUSEADDR`"; the outcome for each pair, "Sharing Transport Addresses".
    #[doc(alias = "SO_REUSEADDR")]
    ReuseAddress = SOL_SOCKET / SO_REUSEADDR: bool, [get, set], BeforeBind, Both,
        "Shares the local address with other sockets that share it.";

    /// Default: off. Not meaningful for IPv6, which has no broadcast. Source: the page "`SO_BROADCAST`".
    #[doc(alias = "SO_BROADCAST")]
    Broadcast = SOL_SOCKET / SO_BROADCAST: bool, [get, set], AnyTime, Both,
        "Allows sending to broadcast addresses.";

    /// In bytes. The default depends on the transport, and some transports may not support the option. Source:
    /// the page "`SO_RCVBUF`".
    #[doc(alias = "SO_RCVBUF")]
    ReceiveBuffer = SOL_SOCKET / SO_RCVBUF: u32, [get, set], AnyTime, Both,
        "Sets the size of the transport's receive buffer.";
}
