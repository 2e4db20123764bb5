//! Sockets and addresses.

questions! { Sockets;
    AbsentSocket = "absent-socket": "a family, type or category that the provider has not" {
        NotSupported = "not-supported": "`STATUS_NOT_SUPPORTED`",
    }
    strict NotSupported; windows NotSupported;
    why "the provider of Windows has more of them";
    probe Probe::NotAsked("of the stand-in: which ones it has not");

    ListeningDatagrams = "listening-datagrams": "a UDP socket of the category `WSK_FLAG_LISTEN_SOCKET`" {
        NotSupported = "not-supported": "`WskSocket` ends with `STATUS_NOT_SUPPORTED`",
        BindFails = "bind-fails": "the socket is made, and its bind ends with `STATUS_NOT_IMPLEMENTED`",
    }
    strict NotSupported; windows BindFails;
    why "a mistake is seen where it is made";
    evidence { Tested("bind-fails"): "Wine's `driver_netio.c`", }
    probe Probe::Asked;

    RawSocket = "raw-socket": "a datagram socket of the type `SOCK_RAW`" {
        NotSupported = "not-supported": "`STATUS_NOT_SUPPORTED`",
        Made = "made": "with `IPPROTO_IP`, it is made and can be bound; here nothing comes to it, and a send ends with `STATUS_NOT_SUPPORTED`, as a network of UDP sockets has no packets to give it",
    }
    strict NotSupported; windows Made;
    why "a network of UDP sockets has none";
    evidence { Tested("made"): "`win-net-test`: `SockBasicRaw`, in kernel mode", }
    probe Probe::Asked;

    OtherProtocol = "other-protocol": "a protocol that is not the one of the type, such as 0" {
        Unreachable = "protocol-unreachable": "`STATUS_PROTOCOL_UNREACHABLE`",
    }
    others { "default": "0 is the type's own protocol", }
    strict Unreachable; windows Unreachable;
    why "drivers report it of Windows; a type has no default protocol";
    evidence { Reported("protocol-unreachable"): "drivers that gave 0 for the protocol", }
    probe Probe::Asked;

    NamesAndConnections = "names-and-connections": "`WskSocketConnect`, `WskGetAddressInfo`, `WskGetNameInfo`" {
        NotSupported = "not-supported": "the IRP ends with `STATUS_NOT_SUPPORTED`; `WskFreeAddressInfo` does nothing",
    }
    strict NotSupported; windows NotSupported;
    why "there are neither connections nor names here; a supplied IRP is always completed";
    probe Probe::NotAsked("of the stand-in");

    CategoryFlags = "category-flags": "more than one category flag" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        NotSupported = "not-supported": "`STATUS_NOT_SUPPORTED`",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "the page asks for exactly one";
    probe Probe::Asked;

    SharingCheck = "sharing-check": "`CHECK` in the table of shared addresses" {
        ReadWrite = "read-write": "the first socket's descriptor is asked whether the second one's identity may read and write (`FILE_READ_DATA`, `FILE_WRITE_DATA`); if not, `STATUS_ACCESS_DENIED`",
    }
    others { "other-access": "it is asked for other access", }
    strict ReadWrite; windows ReadWrite;
    why "the page names the check, not the access that is asked for";
    evidence { Documented: "\"Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE\": the cells, and success for the same user; not the access", }
    probe Probe::NotAsked("it needs two users");

    SeveralInTheWay = "several-in-the-way": "several sockets in the way of a bind" {
        Oldest = "oldest": "each has to allow it; the status is that of the oldest that does not",
    }
    others { "another": "the status is that of another", }
    strict Oldest; windows Oldest;
    why "the table speaks of two";
    probe Probe::NotAsked("it needs sockets of several users");

    BothSharing = "both-sharing": "setting one of `SO_EXCLUSIVEADDRUSE` and `SO_REUSEADDR` while the other is set" {
        Refused = "refused": "`STATUS_INVALID_PARAMETER`",
        Exclusive = "exclusive": "both are set, and the address is exclusive",
    }
    strict Refused; windows Refused;
    why "Winsock refuses the second, in either order";
    evidence { UserMode("refused"): "`WSAEINVAL`: `libtorrent` 1981, `Reticulum` 278, `mongoose` 1550; the check may be `mswsock`'s", }
    probe Probe::Asked;

    DualStackSharing = "dual-stack-sharing": "an IPv6 socket with `IPV6_V6ONLY` off, in the table of shared addresses" {
        Both = "both": "takes part for both families",
    }
    strict Both; windows Both;
    why "it receives what is sent to either";
    evidence { Documented("both"): "\"Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE\": every check must pass in both", }
    probe Probe::NotAsked("documented");

    ForeignAddress = "foreign-address": "an address of the host that belongs to another process" {
        AlreadyExists = "already-exists": "`STATUS_ADDRESS_ALREADY_EXISTS`",
    }
    strict AlreadyExists; windows AlreadyExists;
    why "the status for an address in use";
    evidence { Shipping("already-exists"): "`wireguard-nt` tries again on exactly this status", }
    probe Probe::NotAsked("it needs another process");

    SecondBind = "second-bind": "a second `WskBind`" {
        InvalidState = "invalid-device-state": "`STATUS_INVALID_DEVICE_STATE`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        Associated = "already-associated": "`STATUS_ADDRESS_ALREADY_ASSOCIATED`",
    }
    strict InvalidState; windows InvalidState;
    why "no way to bind anew is described";
    evidence { UserMode: "`bind`: `WSAEINVAL`, which all three become", }
    probe Probe::Asked;

    WrongFamily = "wrong-family": "an address of the wrong family, or none" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        InvalidAddress = "invalid-address": "`STATUS_INVALID_ADDRESS`",
        NotSupported = "not-supported": "`STATUS_NOT_SUPPORTED`",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "the usual status";
    evidence { UserMode: "`bind`: `WSAEFAULT`; `WSASendTo`: `WSAEAFNOSUPPORT`; both check a length that WSK has not", }
    probe Probe::Asked;

    BeforeBind = "before-bind": "send, receive or fixed address before the bind" {
        InvalidState = "invalid-device-state": "`STATUS_INVALID_DEVICE_STATE`",
    }
    strict InvalidState; windows InvalidState;
    why "documented for `WskGetLocalAddress` in that state";
    evidence {
        Tested("invalid-device-state"): "Wine's `driver_netio.c`: `WskConnect` before the bind",
        UserMode: "`recv`: `WSAEINVAL`",
    }
    probe Probe::Asked;

    SharedReceiver = "shared-receiver": "a datagram for an address that several sockets share" {
        Last = "last": "in memory: the socket bound last; host: as the host decides",
    }
    strict Last; windows Last;
    why "Windows calls it indeterminate";
    evidence { Documented: "\"Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE\": indeterminate; multicast goes to every member", }
    probe Probe::NotAsked("what is seen once says nothing");

    HostErrors = "host-errors": "errors of the host" {
        Counterpart = "counterpart": "the status that Winsock has for the same error",
    }
    strict Counterpart; windows Counterpart;
    why "the nearest thing to a rule";
    evidence { Shipping("counterpart"): "`win-net-test`: its table of the statuses and their errors", }
    probe Probe::NotAsked("of the stand-in");

    PortUnreachable = "port-unreachable": "a port that an ICMP error, for what an unconnected socket has sent, says is unreachable" {
        Silent = "silent": "no later request fails by it; who wants to know has `IP_RECVERR`",
        Receive = "receive": "without that option, the receive that waits, or else the next one, ends once with `STATUS_PORT_UNREACHABLE` (in memory, and where the host is Linux; others do not tell it)",
    }
    strict Silent; windows Silent;
    why "the datagram it is about was sent; WSK has no option to switch it off, as user mode has";
    evidence { UserMode("receive"): "`SIO_UDP_CONNRESET`, which is on by default: `libuv` 5242, `noq` 707 with a test", Shipping: "`msquic` sets `IP_RECVERR` instead", }
    probe Probe::Asked;
}
