//! The options of level `IPPROTO_IPV6`.
//!
//! WSK's pages do not describe them: the transport underneath takes them, as Winsock's pages say. Every known
//! driver passes an IRP.

use super::socket_options;

socket_options! {
    /// Default: on. Off, the socket serves IPv4 too, with IPv4-mapped addresses everywhere. Source: the page
    /// "`IPPROTO_IPV6` Socket Options" of Winsock.
    #[doc(alias = "IPV6_V6ONLY")]
    V6Only = IPPROTO_IPV6 / IPV6_V6ONLY: bool, [get, set], BeforeBind, V6,
        "Restricts an IPv6 socket to IPv6.";
}
