//! The options of level `IPPROTO_UDP`.

/// Hands the options of level `IPPROTO_UDP` to a macro.
#[macro_export]
macro_rules! udp_options {
    ($then:ident) => { $then! { [udp Udp udp IPPROTO_UDP Both ""]
        /// Not for IPv6, whose datagrams need one.
        #[doc(alias = "UDP_NOCHECKSUM")]
        NoChecksum = UDP_NOCHECKSUM Bool [get set] AnyTime 0 Stored Winsock, "Sends datagrams without a checksum.";
        /// In bytes, below the path's MTU; 0 switches it off. The same number is control information for one send.
        #[doc(alias = "UDP_SEND_MSG_SIZE")]
        SendMessageSize = UDP_SEND_MSG_SIZE U32 [get set] AnyTime 0 Honoured Winsock, "Splits what is sent into datagrams of this size (USO).";
        /// In bytes; 0 switches it off. Control information `UDP_COALESCED_INFO` has the size of the parts.
        #[doc(alias = "UDP_RECV_MAX_COALESCED_SIZE")]
        ReceiveMaxCoalescedSize = UDP_RECV_MAX_COALESCED_SIZE U32 [get set] AnyTime 0 Honoured Winsock, "Receives datagrams of one sender together, up to this size (URO).";
        #[doc(alias = "UDP_CHECKSUM_COVERAGE")]
        ChecksumCoverage = UDP_CHECKSUM_COVERAGE Bool [get set] AnyTime _ Stored Winsock, "Sends datagrams with a checksum over all of them.";
    } };
}
