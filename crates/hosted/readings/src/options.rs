//! What options do, and multicast groups.

questions! { Options;
    BooleanValue = "boolean-value": "a boolean other than 0 and 1" {
        True = "true": "true, and got back as 1",
        Kept = "kept": "true, and got back as it was set",
    }
    strict True; windows True;
    why "as in Winsock";
    evidence { UserMode("true"): "`setsockopt`: any value but zero enables", }
    probe Probe::Asked;

    ReceiveBufferDefault = "receive-buffer-default": "the default of `SO_RCVBUF`" {
        Default64K = "65536": "65536",
    }
    others { "8192": "8192", "other": "another size", }
    strict Default64K; windows Default64K;
    why "the transport's own";
    evidence { UserMode("65536"): "a report of the default and of values that are got back unchanged, after the bind too", }
    probe Probe::Asked;

    V6Only = "v6-only": "`IPV6_V6ONLY`" {
        BeforeBind = "before-bind": "an option like the documented ones, before the bind",
    }
    strict BeforeBind; windows BeforeBind;
    why "drivers set it through WSK, though WSK's pages do not name it";
    evidence { Documented("before-bind"): "the sample `echosrv` sets it before the bind; `msquic` on datagram sockets", }
    probe Probe::Asked;

    ValueRange = "value-range": "a value out of range: a hop limit above 255, a unicast one of 0, a traffic class above 255, an unknown `PMTUD_STATE` or protection level" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "the usual status";
    evidence { UserMode("invalid-parameter"): "`IPPROTO_IPV6` Socket Options: a hop limit above 255 is illegal; reports of `WSAEINVAL`", }
    probe Probe::Asked;

    ClassCongestion = "class-congestion": "a traffic class to set (`IP_TOS`, `IPV6_TCLASS`) with one of the two bits of congestion control" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        Taken = "taken": "set",
        Masked = "masked": "set without them",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "congestion control has an option of its own, and control information";
    probe Probe::Asked;

    NoInterface = "no-interface": "an interface that is not there" {
        InvalidAddress = "invalid-address": "`STATUS_INVALID_ADDRESS_COMPONENT`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    strict InvalidAddress; windows InvalidAddress;
    why "the counterpart of Winsock's `WSAEADDRNOTAVAIL`";
    evidence { UserMode("invalid-address"): "joining where no interface can be used: 10049 (dust-dds 407)", }
    probe Probe::Asked;

    DefaultHops = "default-hops": "the default hop limit of unicast (on the host's network, of what goes out if that is Linux)" {
        Default128 = "128": "128",
    }
    others { "64": "64", "other": "another number", }
    strict Default128; windows Default128;
    why "Windows' usual one";
    probe Probe::Asked;

    DefaultProtection = "default-protection": "the protection level of a socket that was given none" {
        Unspecified = "unspecified": "`PROTECTION_LEVEL_DEFAULT`, -1, which cannot be set",
        EdgeRestricted = "edge-restricted": "`PROTECTION_LEVEL_EDGERESTRICTED`",
        Unrestricted = "unrestricted": "`PROTECTION_LEVEL_UNRESTRICTED`",
    }
    strict Unspecified; windows Unspecified;
    why "the page says so of Windows 7 and later";
    evidence {
        Documented("unspecified"): "`IPV6_PROTECTION_LEVEL`, of Windows 7; unrestricted in Windows Vista, edge-restricted before",
    }
    probe Probe::Asked;

    DefaultCoverage = "default-coverage": "the default of `UDP_CHECKSUM_COVERAGE`" {
        On = "on": "1",
    }
    others { "off": "0", }
    strict On; windows On;
    why "a datagram has a checksum";
    probe Probe::Asked;

    NotAGroup = "not-a-group": "joining a group that is none, or of the other family" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        InvalidAddress = "invalid-address": "`STATUS_INVALID_ADDRESS_COMPONENT`",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "the counterpart of Winsock's `WSAEINVAL`";
    probe Probe::Asked;

    JoinedAlready = "joined-already": "joining a group that is joined already, with or without sources" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        InvalidAddress = "invalid-address": "`STATUS_INVALID_ADDRESS_COMPONENT`; `STATUS_INVALID_PARAMETER` where a source is blocked",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "what is seen of Winsock; its page says otherwise";
    evidence {
        UserMode("invalid-parameter"): "Windows 10: 10022 where an interface is joined twice (mdns-sd 47, python-zeroconf 189)",
        UserMode("invalid-address"): "Multicast Socket Option Behavior",
    }
    probe Probe::Asked;

    NotJoined = "not-joined": "leaving a group that is not joined, or blocking or dropping a source of one" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        InvalidAddress = "invalid-address": "`STATUS_INVALID_ADDRESS_COMPONENT`",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "the counterpart of `WSAEINVAL`, which Winsock's page has";
    evidence { UserMode("invalid-parameter"): "Multicast Socket Option Behavior", }
    probe Probe::Asked;

    OtherWay = "other-way": "blocking a source of a group that is joined for single sources, dropping one of a group that is joined for all" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "the counterpart of `WSAEINVAL`, which Winsock's page has";
    evidence { UserMode("invalid-parameter"): "Multicast Socket Option Behavior", }
    probe Probe::Asked;

    SourceTwice = "source-twice": "blocking a source that is blocked, dropping one that was not joined" {
        InvalidAddress = "invalid-address": "`STATUS_INVALID_ADDRESS_COMPONENT`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    strict InvalidAddress; windows InvalidAddress;
    why "the counterpart of `WSAEADDRNOTAVAIL`, which Winsock's page has";
    evidence { UserMode("invalid-address"): "Multicast Socket Option Behavior", }
    probe Probe::Asked;

    NotBlocked = "not-blocked": "unblocking a source that is not blocked" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        InvalidAddress = "invalid-address": "`STATUS_INVALID_ADDRESS_COMPONENT`",
        ByThePast = "by-the-past": "the first if it never was, the second if it is not any more",
    }
    strict InvalidParameter; windows ByThePast;
    why "the counterpart of `WSAEINVAL`, which Winsock's page has for one that never was";
    evidence { UserMode("by-the-past"): "Multicast Socket Option Behavior", }
    probe Probe::Asked;

    EarlyOptions = "early-options": "options and groups set before the bind" {
        WithBind = "with-bind": "reach the network with the bind; what it refuses then fails the bind",
    }
    strict WithBind; windows WithBind;
    why "the provider has no socket of the host before";
    evidence { UserMode("with-bind"): "`setsockopt`: not looked at by TCP/IP until the bind, which fails then", }
    probe Probe::NotAsked("which options a machine's network refuses is not known");

    FragmentForbidden = "fragment-forbidden": "a datagram that must not be fragmented, larger than the path's MTU" {
        InvalidSize = "invalid-buffer-size": "`STATUS_INVALID_BUFFER_SIZE`",
        FirstLost = "first-lost": "in memory: the first to an address is lost without an error; then the path is known, and the next fails with `STATUS_INVALID_BUFFER_SIZE`. On the host as the host has it",
    }
    strict InvalidSize; windows FirstLost;
    why "the counterpart of Winsock's `WSAEMSGSIZE`";
    evidence { UserMode("first-lost"): "WinDivert 278: errors come from the path's MTU that is known", }
    probe Probe::NotAsked("a path with a smaller MTU is not at hand, and a datagram for it would leave the machine");

    UnicastInterface = "unicast-interface": "`IP_UNICAST_IF`, `IPV6_UNICAST_IF`: an interface that does not lead to the destination (in memory; on Linux as Linux decides)" {
        Unreachable = "unreachable": "`STATUS_NETWORK_UNREACHABLE`",
        InvalidAddress = "invalid-address": "`STATUS_INVALID_ADDRESS_COMPONENT`",
        Ignored = "ignored": "the datagram goes by the route",
    }
    strict Unreachable; windows Unreachable;
    why "the page says which interface is used, not what happens to a datagram that cannot go by it";
    probe Probe::NotAsked("what leads where is the machine's");

    ArrivalInterface = "arrival-interface": "`IP_ORIGINAL_ARRIVAL_IF`, `IPV6_ORIGINAL_ARRIVAL_IF`" {
        Index = "index": "control information of that type with the interface's index, a `ULONG`",
    }
    strict Index; windows Index;
    why "`WSAMSG` lists it";
    evidence { UserMode("index"): "`WSAMSG`, for IPv4; of IPv6 only the option is documented, by the name of IPv4's, so that its message is assumed", }
    probe Probe::Asked;

    ReceiveInterface = "receive-interface": "`IP_RECVIF`, `IPV6_RECVIF`" {
        Index = "index": "control information of that type with the interface's index, a `ULONG`",
        Nothing = "nothing": "kept and reported; no control information",
    }
    strict Index; windows Index;
    why "the page says that it tells the interface, and the other one is laid out so";
    evidence { UserMode("index"): "`IPPROTO_IP` Socket Options, but for the layout", }
    probe Probe::Asked;

    NoPath = "no-path": "`IP_MTU`, `IPV6_MTU` without a fixed remote address" {
        InvalidState = "invalid-device-state": "`STATUS_INVALID_DEVICE_STATE`",
        NotConnected = "invalid-connection": "`STATUS_INVALID_CONNECTION`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    strict InvalidState; windows InvalidState;
    why "the page asks for a connected socket; a fixed remote address is the nearest to that; on hosts other than Linux `STATUS_NOT_SUPPORTED`";
    probe Probe::Asked;

    MulticastLoop = "multicast-loop": "`IP_MULTICAST_LOOP`, `IPV6_MULTICAST_LOOP`" {
        Receiver = "receiver": "in memory: the receiving socket's, for what the machine's own sockets send; on the host as the host has it, which on POSIX is the sending socket's",
    }
    others { "sender": "the sending socket's", }
    strict Receiver; windows Receiver;
    why "Winsock's page has it on the receiver";
    evidence { UserMode("receiver"): "`IPPROTO_IP` Socket Options; the page of IPv6 has the sender's wording", }
    probe Probe::NotAsked("a machine need not have multicast on its loopback interface");

    HostFilters = "host-filters": "blocked sources, `IPV6_...SOURCE_GROUP`, `IP_RECEIVE_BROADCAST`, interface lists on the host's network" {
        Linux = "linux": "where the host is Linux, the provider looks at what is told of each datagram when it takes it from the host; on Windows it does so but for sources of IPv6 groups; elsewhere kept and reported",
    }
    strict Linux; windows Linux;
    why "other hosts do not tell enough";
    probe Probe::NotAsked("of the stand-in");

    HostUserMtu = "host-user-mtu": "`IP_USER_MTU` on the host's network" {
        Bounds = "bounds": "bounds what may not be fragmented, and `IP_MTU`",
    }
    strict Bounds; windows Bounds;
    why "no host has such an option";
    probe Probe::NotAsked("of the stand-in");

    HostKept = "host-kept": "don't-fragment, `IP_MTU_DISCOVER`, `IPV6_TCLASS` and `IP_RECVERR` on hosts other than Linux" {
        Kept = "kept": "kept and reported",
    }
    strict Kept; windows Kept;
    why "no portable function sets them";
    probe Probe::NotAsked("of the stand-in");

    TypeOfService = "type-of-service": "`IP_TOS`" {
        Set = "set": "set in every datagram that has no control information for it",
        Ignored = "ignored": "kept and reported; without effect",
    }
    strict Set; windows Ignored;
    why "what the name says; `IPV6_TCLASS` likewise";
    evidence { UserMode("ignored"): "`IPPROTO_IP` Socket Options: not to be used, as Windows ignores it by default", }
    probe Probe::Asked;

    HeaderOptions = "header-options": "`IP_OPTIONS`, `IPV6_HDRINCL`" {
        Unknown = "unknown": "as an option that the provider does not know",
        Kept = "kept": "there: it is kept and reported; here it has no effect",
    }
    strict Unknown; windows Kept;
    why "Windows need not have the first; the second takes a header from the data, which no network here does";
    evidence { UserMode("kept"): "`IPPROTO_IPV6` Socket Options: `IPV6_HDRINCL` is for datagram sockets too", }
    probe Probe::Asked;

    MemoryMulticast = "memory-multicast": "multicast in memory" {
        TwoInterfaces = "two-interfaces": "two interfaces, 1 for the loopback addresses and 2 for all others; a group is joined, and multicast sent, on 2 by default; the address that a member is bound to does not matter",
    }
    strict TwoInterfaces; windows TwoInterfaces;
    why "Windows delivers to members bound to an address of the interface";
    probe Probe::NotAsked("of the stand-in");
}
