//! The options of level `IPPROTO_IPV6`.

/// Hands the options of level `IPPROTO_IPV6` to a macro.
#[macro_export]
macro_rules! ipv6_options {
    ($then:ident) => { $then! { [ipv6 Ipv6 ipv6 IPPROTO_IPV6 V6 ""]
        /// Winsock's page has it for datagram sockets too, where the IPv4 option is for raw ones.
        #[doc(alias = "IPV6_HDRINCL")]
        HeaderIncluded = IPV6_HDRINCL Bool [get set] AnyTime 0 Refused Winsock, "Takes the IPv6 header from the data that is sent.";
        /// At most 255.
        #[doc(alias = "IPV6_UNICAST_HOPS")]
        UnicastHops = IPV6_UNICAST_HOPS U32 [get set] AnyTime _ Honoured Winsock, "Sets the hop limit of outgoing unicast datagrams.";
        /// 0 lets the route decide.
        #[doc(alias = "IPV6_MULTICAST_IF")]
        MulticastInterface = IPV6_MULTICAST_IF Index [get set] AnyTime 0 Honoured Winsock, "Sets the interface of outgoing multicast datagrams.";
        /// At most 255; 1 keeps them in the local network.
        #[doc(alias = "IPV6_MULTICAST_HOPS")]
        MulticastHops = IPV6_MULTICAST_HOPS U32 [get set] AnyTime 1 Honoured Winsock, "Sets the hop limit of outgoing multicast datagrams.";
        /// On Windows it is the receiving socket's option, where POSIX has it on the sending one.
        #[doc(alias = "IPV6_MULTICAST_LOOP")]
        MulticastLoopback = IPV6_MULTICAST_LOOP Bool [get set] AnyTime 1 Honoured Winsock, "Receives multicast datagrams that this machine has sent.";
        #[doc(alias = "IPV6_ADD_MEMBERSHIP")]
        #[doc(alias = "IPV6_JOIN_GROUP")]
        JoinMembership = IPV6_JOIN_GROUP MembershipV6 [set] AnyTime _ Honoured Winsock, "Joins a multicast group.";
        #[doc(alias = "IPV6_DROP_MEMBERSHIP")]
        #[doc(alias = "IPV6_LEAVE_GROUP")]
        LeaveMembership = IPV6_LEAVE_GROUP MembershipV6 [set] AnyTime _ Honoured Winsock, "Leaves a multicast group.";
        /// A datagram larger than the path's MTU is refused instead.
        #[doc(alias = "IPV6_DONTFRAG")]
        DontFragment = IPV6_DONTFRAG Bool [get set] AnyTime 0 Linux Header, "Forbids the fragmentation of outgoing datagrams.";
        /// As control information `IPV6_PKTINFO` of each datagram.
        #[doc(alias = "IPV6_PKTINFO")]
        PacketInformation = IPV6_PKTINFO Bool [get set] AnyTime 0 Linux Winsock, "Reports the local address and the interface of received datagrams.";
        /// As control information `IPV6_HOPLIMIT` of each datagram.
        #[doc(alias = "IPV6_HOPLIMIT")]
        ReceiveHopLimit = IPV6_HOPLIMIT Bool [get set] AnyTime 0 Linux Winsock, "Reports the hop limit of received datagrams.";
        /// Which peers the socket is for; it decides about address translators on the way.
        /// Until one is set, it is `PROTECTION_LEVEL_DEFAULT`, which cannot be set.
        #[doc(alias = "IPV6_PROTECTION_LEVEL")]
        Protection = IPV6_PROTECTION_LEVEL Protection [get set] AnyTime _ Stored Winsock, "Sets the scope that the socket is for.";
        /// As control information `IPV6_RECVIF` of each datagram.
        #[doc(alias = "IPV6_RECVIF")]
        ReceiveInterface = IPV6_RECVIF Bool [get set] AnyTime 0 Stored Winsock, "Reports the interface of received datagrams.";
        /// Off, the socket serves IPv4 too, with IPv4-mapped addresses everywhere.
        #[doc(alias = "IPV6_V6ONLY")]
        V6Only = IPV6_V6ONLY Bool [get set] BeforeBind 1 Honoured Winsock, "Restricts an IPv6 socket to IPv6.";
        /// The list is empty at first: so is what the socket receives then.
        #[doc(alias = "IPV6_IFLIST")]
        InterfaceList = IPV6_IFLIST Bool [get set] AnyTime 0 Linux Header, "Receives only on the interfaces of the socket's list.";
        #[doc(alias = "IPV6_ADD_IFLIST")]
        AddInterface = IPV6_ADD_IFLIST Index [set] AnyTime _ Linux Header, "Adds an interface to the socket's list.";
        #[doc(alias = "IPV6_DEL_IFLIST")]
        DeleteInterface = IPV6_DEL_IFLIST Index [set] AnyTime _ Linux Header, "Takes an interface from the socket's list.";
        #[doc(alias = "IPV6_GET_IFLIST")]
        Interfaces = IPV6_GET_IFLIST Indexes [get] AnyTime _ Linux Header, "Gets the socket's list of interfaces.";
        /// 0 lets the route decide.
        #[doc(alias = "IPV6_UNICAST_IF")]
        UnicastInterface = IPV6_UNICAST_IF Index [get set] AnyTime 0 Linux Winsock, "Sets the interface of outgoing unicast datagrams.";
        /// A driver that is known to set it has IPv6 sockets only; Winsock has control information for it.
        #[doc(alias = "IPV6_TCLASS")]
        TrafficClass = IPV6_TCLASS U32 [get set] AnyTime 0 Linux Winsock, "Sets the traffic class of outgoing datagrams.";
        /// As control information `IPV6_TCLASS` of each datagram.
        #[doc(alias = "IPV6_RECVTCLASS")]
        ReceiveTrafficClass = IPV6_RECVTCLASS Bool [get set] AnyTime 0 Linux Winsock, "Reports the traffic class of received datagrams.";
        /// As control information of each datagram that was forwarded inside the machine. Microsoft's page of IPv6's options
        /// has it by the name of IPv4's.
        #[doc(alias = "IP_ORIGINAL_ARRIVAL_IF")]
        #[doc(alias = "IPV6_ORIGINAL_ARRIVAL_IF")]
        OriginalArrivalInterface = IPV6_ORIGINAL_ARRIVAL_IF Bool [get set] AnyTime 0 Stored Winsock, "Reports the interface where received datagrams first arrived.";
        /// As control information `IPV6_ECN` of each datagram.
        #[doc(alias = "IPV6_ECN")]
        #[doc(alias = "IPV6_RECVECN")]
        ReceiveCongestion = IPV6_RECVECN Bool [get set] AnyTime 0 Linux Winsock, "Reports the congestion marks of received datagrams.";
        /// How the path's MTU is found, and whether datagrams may be fragmented.
        #[doc(alias = "IPV6_MTU_DISCOVER")]
        MtuDiscovery = IPV6_MTU_DISCOVER MtuDiscovery [get set] AnyTime 0 Linux Winsock, "Sets how the path's MTU is discovered.";
        /// Of a socket that is connected, or here: that has a fixed remote address.
        #[doc(alias = "IPV6_MTU")]
        Mtu = IPV6_MTU U32 [get] AnyTime _ Linux Winsock, "Gets the MTU of the path to the fixed remote address.";
        /// As control information `IPV6_RECVERR` of a datagram of its own, from where the one in question was sent to.
        #[doc(alias = "IPV6_RECVERR")]
        ReceiveErrors = IPV6_RECVERR Bool [get set] AnyTime 0 Linux Header, "Reports the ICMP errors that earlier datagrams caused.";
        /// An upper bound; the default is none.
        #[doc(alias = "IPV6_USER_MTU")]
        UserMtu = IPV6_USER_MTU U32 [get set] AnyTime 0xFFFF_FFFF Honoured Winsock, "Bounds the MTU of the path.";
    } };
}

/// Hands the options of level `IPPROTO_IPV6` to a macro whose names another level has too.
#[macro_export]
macro_rules! ipv6_group_options {
    ($then:ident) => { $then! { [ipv6_group Ipv6Group ipv6 IPPROTO_IPV6 V6 "IPPROTO_IPV6/"]
        #[doc(alias = "MCAST_JOIN_GROUP")]
        JoinGroup = MCAST_JOIN_GROUP Group [set] AnyTime _ Honoured Header, "Joins a multicast group.";
        #[doc(alias = "MCAST_LEAVE_GROUP")]
        LeaveGroup = MCAST_LEAVE_GROUP Group [set] AnyTime _ Honoured Header, "Leaves a multicast group.";
        #[doc(alias = "MCAST_BLOCK_SOURCE")]
        BlockGroupSource = MCAST_BLOCK_SOURCE GroupSource [set] AnyTime _ Linux Header, "Drops what one source sends to a multicast group that was joined.";
        #[doc(alias = "MCAST_UNBLOCK_SOURCE")]
        UnblockGroupSource = MCAST_UNBLOCK_SOURCE GroupSource [set] AnyTime _ Linux Header, "Accepts again what a blocked source sends to a multicast group.";
        #[doc(alias = "MCAST_JOIN_SOURCE_GROUP")]
        JoinSourceGroup = MCAST_JOIN_SOURCE_GROUP GroupSource [set] AnyTime _ Linux Header, "Joins a multicast group for what one source sends.";
        #[doc(alias = "MCAST_LEAVE_SOURCE_GROUP")]
        LeaveSourceGroup = MCAST_LEAVE_SOURCE_GROUP GroupSource [set] AnyTime _ Linux Header, "Leaves a multicast group that was joined for one source.";
    } };
}
