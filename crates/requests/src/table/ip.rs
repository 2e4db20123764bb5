//! The options of level `IPPROTO_IP`.

/// Hands the options of level `IPPROTO_IP` to a macro.
#[macro_export]
macro_rules! ip_options {
    ($then:ident) => { $then! { [ip Ip ip IPPROTO_IP V4 ""]
        /// The bytes of the options as they go on the wire; none clears them.
        #[doc(alias = "IP_OPTIONS")]
        HeaderOptions = IP_OPTIONS IpOptions [get set] AnyTime _ Refused Winsock, "Sets the options of the IPv4 header of outgoing datagrams.";
        /// Winsock's page advises against it: Windows ignores the value unless an administrator allows it, and has
        /// control information for single datagrams.
        #[doc(alias = "IP_TOS")]
        TypeOfService = IP_TOS U32 [get set] AnyTime 0 Honoured Winsock, "Sets the type of service of outgoing datagrams.";
        /// The number of routers that a datagram may pass.
        #[doc(alias = "IP_TTL")]
        TimeToLive = IP_TTL U32 [get set] AnyTime _ Honoured Winsock, "Sets the time to live of outgoing unicast datagrams.";
        /// By one of its addresses, or by its index; got as an index. Without it the route decides.
        #[doc(alias = "IP_MULTICAST_IF")]
        MulticastInterface = IP_MULTICAST_IF MulticastInterface [get set] AnyTime 0 Honoured Winsock, "Sets the interface of outgoing multicast datagrams.";
        /// 1 keeps them in the local network.
        #[doc(alias = "IP_MULTICAST_TTL")]
        MulticastTimeToLive = IP_MULTICAST_TTL U32 [get set] AnyTime 1 Honoured Winsock, "Sets the time to live of outgoing multicast datagrams.";
        /// On Windows it is the receiving socket's option, where POSIX has it on the sending one.
        #[doc(alias = "IP_MULTICAST_LOOP")]
        MulticastLoopback = IP_MULTICAST_LOOP Bool [get set] AnyTime 1 Honoured Winsock, "Receives multicast datagrams that this machine has sent.";
        #[doc(alias = "IP_ADD_MEMBERSHIP")]
        AddMembership = IP_ADD_MEMBERSHIP Membership [set] AnyTime _ Honoured Winsock, "Joins a multicast group.";
        #[doc(alias = "IP_DROP_MEMBERSHIP")]
        DropMembership = IP_DROP_MEMBERSHIP Membership [set] AnyTime _ Honoured Winsock, "Leaves a multicast group.";
        /// A datagram larger than the path's MTU is refused instead.
        #[doc(alias = "IP_DONTFRAGMENT")]
        DontFragment = IP_DONTFRAGMENT Bool [get set] AnyTime 0 Linux Winsock, "Forbids the fragmentation of outgoing datagrams.";
        #[doc(alias = "IP_ADD_SOURCE_MEMBERSHIP")]
        AddSourceMembership = IP_ADD_SOURCE_MEMBERSHIP SourceMembership [set] AnyTime _ Honoured Winsock, "Joins a multicast group for what one source sends.";
        #[doc(alias = "IP_DROP_SOURCE_MEMBERSHIP")]
        DropSourceMembership = IP_DROP_SOURCE_MEMBERSHIP SourceMembership [set] AnyTime _ Honoured Winsock, "Leaves a multicast group that was joined for one source.";
        #[doc(alias = "IP_BLOCK_SOURCE")]
        BlockSource = IP_BLOCK_SOURCE SourceMembership [set] AnyTime _ Linux Winsock, "Drops what one source sends to a multicast group that was joined.";
        #[doc(alias = "IP_UNBLOCK_SOURCE")]
        UnblockSource = IP_UNBLOCK_SOURCE SourceMembership [set] AnyTime _ Linux Winsock, "Accepts again what a blocked source sends to a multicast group.";
        /// As control information `IP_PKTINFO` of each datagram.
        #[doc(alias = "IP_PKTINFO")]
        PacketInformation = IP_PKTINFO Bool [get set] AnyTime 0 Linux Winsock, "Reports the local address and the interface of received datagrams.";
        /// As control information `IP_TTL` of each datagram. The number is also that of `IP_HOPLIMIT`.
        #[doc(alias = "IP_HOPLIMIT")]
        #[doc(alias = "IP_RECVTTL")]
        ReceiveTimeToLive = IP_RECVTTL Bool [get set] AnyTime 0 Linux Winsock, "Reports the time to live of received datagrams.";
        #[doc(alias = "IP_RECEIVE_BROADCAST")]
        ReceiveBroadcast = IP_RECEIVE_BROADCAST Bool [get set] AnyTime 1 Linux Winsock, "Receives broadcast datagrams.";
        /// Which peers the socket is for; it decides about address translators on the way.
        /// Until one is set, it is `PROTECTION_LEVEL_DEFAULT`, which cannot be set.
        #[doc(alias = "IP_PROTECTION_LEVEL")]
        Protection = IP_PROTECTION_LEVEL Protection [get set] AnyTime _ Stored Winsock, "Sets the scope that the socket is for.";
        /// As control information `IP_RECVIF` of each datagram.
        #[doc(alias = "IP_RECVIF")]
        ReceiveInterface = IP_RECVIF Bool [get set] AnyTime 0 Stored Winsock, "Reports the interface of received datagrams.";
        /// The list is empty at first: so is what the socket receives then.
        #[doc(alias = "IP_IFLIST")]
        InterfaceList = IP_IFLIST Bool [get set] AnyTime 0 Linux Winsock, "Receives only on the interfaces of the socket's list.";
        #[doc(alias = "IP_ADD_IFLIST")]
        AddInterface = IP_ADD_IFLIST Index [set] AnyTime _ Linux Winsock, "Adds an interface to the socket's list.";
        #[doc(alias = "IP_DEL_IFLIST")]
        DeleteInterface = IP_DEL_IFLIST Index [set] AnyTime _ Linux Winsock, "Takes an interface from the socket's list.";
        #[doc(alias = "IP_GET_IFLIST")]
        Interfaces = IP_GET_IFLIST Indexes [get] AnyTime _ Linux Winsock, "Gets the socket's list of interfaces.";
        /// 0 lets the route decide.
        #[doc(alias = "IP_UNICAST_IF")]
        UnicastInterface = IP_UNICAST_IF NetworkIndex [get set] AnyTime 0 Linux Winsock, "Sets the interface of outgoing unicast datagrams.";
        /// As control information `IP_TOS` of each datagram.
        #[doc(alias = "IP_RECVTOS")]
        ReceiveTypeOfService = IP_RECVTOS Bool [get set] AnyTime 0 Linux Winsock, "Reports the type of service of received datagrams.";
        /// As control information of each datagram that was forwarded inside the machine.
        #[doc(alias = "IP_ORIGINAL_ARRIVAL_IF")]
        OriginalArrivalInterface = IP_ORIGINAL_ARRIVAL_IF Bool [get set] AnyTime 0 Stored Winsock, "Reports the interface where received datagrams first arrived.";
        /// As control information `IP_ECN` of each datagram.
        #[doc(alias = "IP_ECN")]
        #[doc(alias = "IP_RECVECN")]
        ReceiveCongestion = IP_RECVECN Bool [get set] AnyTime 0 Linux Winsock, "Reports the congestion marks of received datagrams.";
        /// How the path's MTU is found, and whether datagrams may be fragmented.
        #[doc(alias = "IP_MTU_DISCOVER")]
        MtuDiscovery = IP_MTU_DISCOVER MtuDiscovery [get set] AnyTime 0 Linux Winsock, "Sets how the path's MTU is discovered.";
        /// Of a socket that is connected, or here: that has a fixed remote address.
        #[doc(alias = "IP_MTU")]
        Mtu = IP_MTU U32 [get] AnyTime _ Linux Winsock, "Gets the MTU of the path to the fixed remote address.";
        /// As control information `IP_RECVERR` of a datagram of its own, from where the one in question was sent to.
        #[doc(alias = "IP_RECVERR")]
        ReceiveErrors = IP_RECVERR Bool [get set] AnyTime 0 Linux Header, "Reports the ICMP errors that earlier datagrams caused.";
        /// An upper bound; the default is none.
        #[doc(alias = "IP_USER_MTU")]
        UserMtu = IP_USER_MTU U32 [get set] AnyTime 0xFFFF_FFFF Honoured Winsock, "Bounds the MTU of the path.";
    } };
}

/// Hands the options of level `IPPROTO_IP` to a macro whose names another level has too.
#[macro_export]
macro_rules! ip_group_options {
    ($then:ident) => { $then! { [ip_group IpGroup ip IPPROTO_IP V4 "IPPROTO_IP/"]
        #[doc(alias = "MCAST_JOIN_GROUP")]
        JoinGroup = MCAST_JOIN_GROUP Group [set] AnyTime _ Honoured Header, "Joins a multicast group.";
        #[doc(alias = "MCAST_LEAVE_GROUP")]
        LeaveGroup = MCAST_LEAVE_GROUP Group [set] AnyTime _ Honoured Header, "Leaves a multicast group.";
        #[doc(alias = "MCAST_BLOCK_SOURCE")]
        BlockGroupSource = MCAST_BLOCK_SOURCE GroupSource [set] AnyTime _ Linux Header, "Drops what one source sends to a multicast group that was joined.";
        #[doc(alias = "MCAST_UNBLOCK_SOURCE")]
        UnblockGroupSource = MCAST_UNBLOCK_SOURCE GroupSource [set] AnyTime _ Linux Header, "Accepts again what a blocked source sends to a multicast group.";
        #[doc(alias = "MCAST_JOIN_SOURCE_GROUP")]
        JoinSourceGroup = MCAST_JOIN_SOURCE_GROUP GroupSource [set] AnyTime _ Honoured Header, "Joins a multicast group for what one source sends.";
        #[doc(alias = "MCAST_LEAVE_SOURCE_GROUP")]
        LeaveSourceGroup = MCAST_LEAVE_SOURCE_GROUP GroupSource [set] AnyTime _ Honoured Header, "Leaves a multicast group that was joined for one source.";
    } };
}
