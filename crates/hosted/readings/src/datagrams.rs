//! Datagrams.

questions! { Datagrams;
    SendWithoutAddress = "send-without-address": "`WskSendTo` without an address when none is fixed" {
        InvalidState = "invalid-device-state": "`STATUS_INVALID_DEVICE_STATE`",
        InvalidConnection = "invalid-connection": "`STATUS_INVALID_CONNECTION`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    strict InvalidState; windows InvalidConnection;
    why "the call would be right in another state of the socket";
    evidence {
        UserMode("invalid-connection"): "\"Windows Sockets Error Codes\": `WSAENOTCONN`, whose text names a send without an address; `WSASendTo`: `WSAEDESTADDRREQ`",
    }
    probe Probe::Asked;

    TwoFixedAddresses = "two-fixed-addresses": "both a fixed remote address and a fixed destination" {
        Destination = "destination": "the destination is where datagrams go, the remote address filters what comes",
        Remote = "remote": "the remote address is where datagrams go, and filters what comes",
    }
    strict Destination; windows Destination;
    why "each does what its page says";
    evidence { UserMode("destination"): "`WSASendTo`: an explicit address goes before that of the connection", }
    probe Probe::Asked;

    WildcardDestination = "wildcard-destination": "the wildcard address as a destination" {
        AddressComponent = "invalid-address-component": "`STATUS_INVALID_ADDRESS_COMPONENT`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    strict AddressComponent; windows AddressComponent;
    why "the counterpart of Winsock's `WSAEADDRNOTAVAIL`";
    evidence {
        UserMode("invalid-address-component"): "`WSASendTo`; a report of the overlapped status (factor 85), others of the error (go 22811)",
    }
    probe Probe::Asked;

    PortZero = "port-zero": "port 0 as a destination" {
        AddressComponent = "invalid-address-component": "`STATUS_INVALID_ADDRESS_COMPONENT`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        Sent = "sent": "`STATUS_SUCCESS`: it is sent, and nobody can receive it",
    }
    strict AddressComponent; windows AddressComponent;
    why "as for the wildcard address";
    probe Probe::Asked;

    DatagramTooLong = "datagram-too-long": "a datagram that is too long" {
        InvalidBufferSize = "invalid-buffer-size": "`STATUS_INVALID_BUFFER_SIZE`",
        BufferOverflow = "buffer-overflow": "`STATUS_BUFFER_OVERFLOW`; nothing is sent",
    }
    strict InvalidBufferSize; windows InvalidBufferSize;
    why "the counterpart of Winsock's `WSAEMSGSIZE`";
    evidence { UserMode: "`WSASendTo`: `WSAEMSGSIZE`, which both statuses become", }
    probe Probe::Asked;

    BroadcastSend = "broadcast-send": "the broadcast address without `SO_BROADCAST`" {
        AccessDenied = "access-denied": "`STATUS_ACCESS_DENIED`",
    }
    strict AccessDenied; windows AccessDenied;
    why "the counterpart of Winsock's `WSAEACCES`";
    evidence { UserMode("access-denied"): "`WSASendTo`: `WSAEACCES`", }
    probe Probe::Asked;

    BroadcastBind = "broadcast-bind": "binding to the broadcast address without `SO_BROADCAST`" {
        AccessDenied = "access-denied": "`STATUS_ACCESS_DENIED`",
        Bound = "bound": "it is bound",
    }
    strict AccessDenied; windows AccessDenied;
    why "a client that sets the option first is right under both";
    evidence { UserMode("access-denied"): "`bind`: `WSAEACCES`", }
    probe Probe::Asked;

    SendControlInvalid = "send-control-invalid": "control information of a send: malformed, not aligned, a value out of range, a message that is for receives" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    others { "ignored": "what is wrong is left out, and the datagram sent", }
    strict InvalidParameter; windows InvalidParameter;
    why "the usual status";
    probe Probe::Asked;

    SendControlFamily = "send-control-family": "control information of a send: a message of the other family" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        Ignored = "ignored": "the message is left out, and the datagram sent",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "a client whose messages are of the family on the wire is right under both";
    evidence { Shipping: "`msquic` sends IPv4's messages to IPv4-mapped addresses", }
    probe Probe::Asked;

    SendControlPadding = "send-control-padding": "a length of control information that leaves the last message's padding out" {
        Refused = "refused": "`STATUS_INVALID_PARAMETER`",
        Taken = "taken": "as with the padding",
    }
    strict Refused; windows Refused;
    why "a client that gives the room of every message is right under both";
    evidence { Shipping("refused"): "`wireguard-nt` 19ab593: sends of IPv6 failed so", }
    probe Probe::Asked;

    SendControlEmpty = "send-control-empty": "a pointer to control information with length 0" {
        Nothing = "nothing": "none",
        Refused = "refused": "`STATUS_INVALID_PARAMETER`",
    }
    strict Nothing; windows Nothing;
    why "a client may have a buffer and nothing in it";
    probe Probe::Asked;

    SendEcnThree = "send-ecn-three": "ECN 3, \"congestion experienced\", in a send" {
        Refused = "refused": "`STATUS_INVALID_PARAMETER`",
        Sent = "sent": "it is sent so",
    }
    strict Refused; windows Refused;
    why "that congestion was met is for routers to say";
    evidence { UserMode("refused"): "\"Winsock Explicit Congestion Notification (ECN)\": `WSAEINVAL`", }
    probe Probe::Asked;

    SendControlKnown = "send-control-known": "control information of a send that pages name for it, beside packet information, hops, type of service, traffic class, ECN and the send size: `IP_OPTIONS`, `IPV6_HOPOPTS`, `IPV6_RTHDR`, redirect records, `SO_TIMESTAMP_ID`" {
        Refused = "refused": "`STATUS_NOT_SUPPORTED`; but `IP_OPTIONS` and `IPV6_RTHDR` without data are taken and change nothing",
        Ignored = "ignored": "taken, and they change nothing",
    }
    others { "followed": "the datagram has the options", }
    strict Refused; windows Ignored;
    why "\"may not be supported by all transports\"; drivers send the empty ones beside packet information";
    evidence {
        Tested("ignored"): "`win-net-test`: `SO_TIMESTAMP_ID` is taken, and numbers the datagram's time stamp",
        Shipping: "`wireguard-nt` a81c92d: the empty ones are taken, and before that it gave redirect records",
        UserMode: "`WSAMSG` lists them; `IPV6_DSTOPTS` and `IPV6_NEXTHOP`, which it lists too, have no number in a header",
    }
    probe Probe::Asked;

    SendControlUnknown = "send-control-unknown": "control information of a send of a type that no page names for it" {
        NotSupported = "not-supported": "`STATUS_NOT_SUPPORTED`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        Ignored = "ignored": "taken, and it changes nothing",
    }
    strict NotSupported; windows NotSupported;
    why "\"may not be supported by all transports\"";
    probe Probe::Asked;

    ForeignSource = "foreign-source": "packet information of a send with a source address that the socket is not bound to" {
        AddressComponent = "invalid-address-component": "`STATUS_INVALID_ADDRESS_COMPONENT`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        Ignored = "ignored": "it is sent from the socket's own address",
    }
    strict AddressComponent; windows InvalidParameter;
    why "the nearest to Winsock's `WSAEADDRNOTAVAIL`";
    evidence { UserMode("invalid-parameter"): "reports of `WSAEINVAL` (Sunshine 3043, 5443)", }
    probe Probe::Asked;

    ForeignInterface = "foreign-interface": "packet information of a send with an interface that does not lead to the destination" {
        Unreachable = "network-unreachable": "`STATUS_NETWORK_UNREACHABLE`",
        AddressComponent = "invalid-address-component": "`STATUS_INVALID_ADDRESS_COMPONENT`",
        Ignored = "ignored": "it is sent by another interface",
    }
    strict Unreachable; windows Unreachable;
    why "the nearest to Winsock's `WSAENETUNREACH`";
    evidence { Shipping: "`wireguard-nt` notes that the interface does not count with weak host sends or forwarding", }
    probe Probe::Asked;

    HostInterface = "host-interface": "an interface that a send asks for on the host's network, which is there and does not lead to the destination" {
        Host = "host": "as the host decides; Linux may take the destination to be on that link",
    }
    strict Host; windows Host;
    why "only the host knows its routes";
    probe Probe::NotAsked("of the stand-in");

    HostSendControl = "host-send-control": "control information of a send on hosts other than Linux, but for the send size" {
        NotSupported = "not-supported": "`STATUS_NOT_SUPPORTED`, nothing is sent",
    }
    strict NotSupported; windows NotSupported;
    why "no portable function sends with it, and Wine's `WSASendMsg` ignores it; to send without it would be wrong in silence";
    probe Probe::NotAsked("of the stand-in");

    SendSegments = "send-segments": "data in segments (`UDP_SEND_MSG_SIZE`)" {
        OneByOne = "one-by-one": "sent one by one by the provider; together at most one datagram's length",
    }
    strict OneByOne; windows OneByOne;
    why "offload is the network card's; the wire shows the same";
    evidence {
        Tested("one-by-one"): "`win-net-test`: over loopback, data of twice the size arrives as two datagrams",
        UserMode: "above 64 KB `WSAEMSGSIZE` (quinn 2199)",
    }
    probe Probe::Asked;

    SegmentAlone = "segment-alone": "a message with the send size for data that is no longer than one segment" {
        Sent = "sent": "it is sent as one datagram",
        Refused = "refused": "`STATUS_INVALID_PARAMETER`",
    }
    strict Sent; windows Sent;
    why "nothing is to be divided";
    evidence { UserMode: "`WSAEINVAL` on some machines, and not on others (firezone 11580)", }
    probe Probe::Asked;

    OrderOfSender = "order-of-sender": "datagrams of one sender, in calls of a `WskReceiveFromEvent` at the same time" {
        InOrder = "in-order": "one call after the other",
    }
    others { "any-order": "as the processors come", }
    strict InOrder; windows InOrder;
    why "that a path keeps its order is what receivers see";
    evidence { Shipping: "`msquic` bears calls on several processors, each with its own senders", }
    probe Probe::NotAsked("order that is kept proves nothing");

    ReceiveControlOrder = "receive-control-order": "the order of a receive's control information" {
        Fixed = "fixed": "packet information, hops, traffic class, ECN, error, size of the parts",
        Reversed = "reversed": "the other way round",
    }
    strict Fixed; windows Fixed;
    why "no order is documented; a client has to look for what it wants";
    probe Probe::Asked;

    ReceiveControlMissing = "receive-control-missing": "control information that an option asks for" {
        Present = "present": "comes with every datagram, by the options when it is delivered",
        Absent = "absent": "may be missing; errors, and the size of parts, are not",
    }
    strict Present; windows Present;
    why "the page promises it";
    evidence { Shipping: "`msquic` bears that any message is missing, as when memory is short", }
    probe Probe::Asked;

    HostReceiveControl = "host-receive-control": "control information of a receive on the host's network" {
        AsHost = "as-host": "Linux tells all of it; Winsock, as Wine has it, tells packet information, hops and the traffic class, and so the ECN bits; other hosts tell none",
    }
    strict AsHost; windows AsHost;
    why "no portable function receives it";
    probe Probe::NotAsked("of the stand-in");

    ReceiveControlFamily = "receive-control-family": "control information on a dual-stack socket" {
        OfDatagram = "of-datagram": "by the IPv4 options for what came by IPv4, with the IPv4 address as such",
    }
    strict OfDatagram; windows OfDatagram;
    why "as Winsock's page of `IP_PKTINFO` has it";
    evidence { Shipping("of-datagram"): "`msquic` reads `IPPROTO_IP` messages there", UserMode("of-datagram"): "`IP_PKTINFO`", }
    probe Probe::Asked;

    ControlTruncatedStatus = "control-truncated-status": "the status of a receive whose control information does not fit" {
        Success = "success": "`STATUS_SUCCESS`, and `MSG_CTRUNC`",
        Overflow = "overflow": "`STATUS_BUFFER_OVERFLOW`, a warning, and `MSG_CTRUNC`",
    }
    strict Success; windows Overflow;
    why "as for data";
    evidence { UserMode("overflow"): "`WSAMSG`: `WSAEMSGSIZE` and `MSG_CTRUNC`", }
    probe Probe::Asked;

    ControlTruncatedBytes = "control-truncated-bytes": "what comes of control information that does not fit" {
        Messages = "messages": "whole messages up to the first that does not fit",
        Cut = "cut": "as many bytes as there is room for, in the midst of a message",
        Nothing = "nothing": "nothing",
    }
    strict Messages; windows Messages;
    why "a client that reads half a message is wrong under any reading";
    probe Probe::Asked;

    Coalescing = "coalescing": "receive coalescing (`UDP_RECV_MAX_COALESCED_SIZE`): datagrams one after another of one sender, with the same size but for a shorter last one, not empty, neither broadcast nor multicast, and with the same header as far as the network tells" {
        UpTo64 = "up-to-64": "at most 64, and at most 65527 bytes, come together when they are received or indicated",
        UpTo255 = "up-to-255": "the same with 255",
        Never = "never": "none is joined",
    }
    strict UpTo64; windows UpTo64;
    why "the rules are those for network adapters; a transport need join nothing, but a client must bear that it does";
    evidence {
        Shipping: "64 is `msquic`'s own limit; Windows' software coalescing joins 255 (net-offloads 46, 52, 69)",
        Documented: "\"UDP Receive Segment Coalescing Offload (URO)\": the rules",
    }
    probe Probe::Asked;

    CoalescedSize = "coalesced-size": "the size of datagrams that came together" {
        Told = "told": "`UDP_COALESCED_INFO` comes with two or more",
        Missing = "missing": "nothing tells it, nor that there are several",
    }
    strict Told; windows Missing;
    why "the page of the option says that it comes";
    evidence {
        UserMode("missing"): "reports of Windows 11, version 24H2 (quinn 2041, 2071, 2092; msquic 4955; firezone 14392)",
    }
    probe Probe::Asked;

    CoalescedTruncated = "coalesced-truncated": "datagrams that came together, and do not fit the buffer" {
        Cut = "cut": "cut as any datagram, with `MSG_TRUNC` and the size of the parts",
    }
    others { "as-many-as-fit": "as many datagrams as fit", }
    strict Cut; windows Cut;
    why "together they are received as one";
    probe Probe::Asked;

    CoalescedRefused = "coalesced-refused": "datagrams that were indicated together and not accepted" {
        Apart = "apart": "single ones again",
        Together = "together": "still together, whatever the option says by then",
    }
    strict Apart; windows Apart;
    why "when they are taken the next time, the option may have changed";
    probe Probe::Asked;

    ErrorReports = "error-reports": "ICMP errors (`IP_RECVERR`, `IPV6_RECVERR`)" {
        Datagram = "datagram": "an error comes as a datagram: from the address that the failed one was sent to, and with the control information",
    }
    strict Datagram; windows Datagram;
    why "the option is in the header only; drivers that set it read an error so";
    evidence { Shipping("datagram"): "`msquic` reads it so", }
    probe Probe::Asked;

    ErrorData = "error-data": "the data of an ICMP error" {
        All = "all": "that of the failed datagram, as far as the network gives it back",
        Eight = "eight": "its first eight bytes",
        Nothing = "nothing": "none",
    }
    strict All; windows All;
    why "an ICMP message need not have room for all";
    evidence { Shipping: "`msquic` drops datagrams without data before it looks at their control information, so that there must be some", }
    probe Probe::Asked;

    ErrorFamily = "error-family": "ICMP errors on a dual-stack socket, and under a fixed remote address" {
        AsDatagrams = "as-datagrams": "by the option of the failed datagram's family; told if it was sent to the fixed address",
    }
    strict AsDatagrams; windows AsDatagrams;
    why "as for datagrams";
    evidence { Shipping("as-datagrams"): "`msquic` sets both options on a dual-stack socket, and reads both", }
    probe Probe::Asked;

    MemoryErrors = "memory-errors": "ICMP errors in memory" {
        Port = "port": "a unicast datagram that nobody is bound to receive makes the error that the port is unreachable; packet information tells the address that it was sent from",
    }
    strict Port; windows Port;
    why "one kind is enough for a client; the network in memory has no routers";
    evidence { UserMode("port"): "Windows' loopback does so at once (a test of noq, 707)", }
    probe Probe::NotAsked("of the stand-in");

    SendMessagesFails = "send-messages-fails": "`WskSendMessages`: one of several fails" {
        Fails = "fails": "the request ends with that status; those before it are sent",
        Partial = "partial": "the request succeeds with the bytes of those before it, if there are any",
    }
    others { "all-or-none": "none is sent", }
    strict Fails; windows Fails;
    why "a request has one status";
    probe Probe::Asked;

    SendMessagesIrql = "send-messages-irql": "the IRQL of `WskSendMessages`" {
        Dispatch = "dispatch": "up to `DISPATCH_LEVEL`",
    }
    strict Dispatch; windows Dispatch;
    why "as `WskSendTo`";
    evidence { Shipping("dispatch"): "`wireguard-nt` and `msquic` call it there", }
    probe Probe::NotAsked("an IRQL that is too high shows only where it stops the machine");

    ReceiveTruncated = "receive-truncated": "a datagram larger than the buffer of a receive" {
        Success = "success": "`STATUS_SUCCESS`, `MSG_TRUNC`, the bytes that fit; the rest is lost",
        Overflow = "overflow": "the same with `STATUS_BUFFER_OVERFLOW`, a warning",
    }
    others {
        "refused": "an error, and the datagram stays for the next receive",
    }
    strict Success; windows Overflow;
    why "Winsock tells both by the flag and the status; nobody has seen WSK itself, and the client takes either";
    evidence {
        UserMode("overflow"): "`WSARecvMsg`, `WSAMSG`: `WSAEMSGSIZE` and `MSG_TRUNC`; a report of the overlapped status (ponyc 5551)",
    }
    probe Probe::Asked;

    BroadcastFlag = "broadcast-flag": "`MSG_BCAST`" {
        AsHost = "as-host": "set in memory, and on Linux, where packet information gives a broadcast address away; on Windows for the limited broadcast address, and where Winsock says it; never on other hosts",
    }
    strict AsHost; windows AsHost;
    why "the other hosts do not tell";
    probe Probe::NotAsked("of the stand-in");

    RemoteChanged = "remote-changed": "datagrams of others that came under a fixed remote address which is changed before a receive" {
        Discarded = "discarded": "discarded, as far as they were read from the host's network by then",
    }
    others { "received": "received, if the address allows it by then", }
    strict Discarded; windows Discarded;
    why "the page says that they are discarded";
    probe Probe::Asked;

    QueuedBeforeRemote = "queued-before-remote": "datagrams queued before `SIO_WSK_SET_REMOTE_ADDRESS`" {
        Filtered = "filtered": "filtered when they are delivered",
    }
    others { "received": "received, whoever sent them", }
    strict Filtered; windows Filtered;
    why "the page says that datagrams of others are discarded";
    probe Probe::Asked;

    BufferBeyondMdls = "buffer-beyond-mdls": "a `WSK_BUF` beyond its MDLs, or with pages that are not locked" {
        BugCheck = "bug-check": "bug check",
    }
    strict BugCheck; windows BugCheck;
    why "Windows does not validate it, and crashes";
    evidence { Reported("bug-check"): "a comment of Wine's `driver_netio.c`", }
    probe Probe::NotAsked("it would stop the machine");

    ReceiveNothing = "receive-nothing": "a receive with a buffer of 0 bytes" {
        Consumed = "consumed": "it takes a datagram, whose bytes are lost",
    }
    strict Consumed; windows Consumed;
    why "a datagram that does not fit is cut";
    evidence { UserMode("consumed"): "a report (ponyc 5644)", }
    probe Probe::Asked;

    ReceiveBufferZero = "receive-buffer-zero": "a receive buffer (`SO_RCVBUF`) of 0 bytes" {
        One = "one": "holds one datagram",
    }
    others { "none": "only a receive that waits gets one", }
    strict One; windows One;
    why "so that a socket with a small buffer still receives";
    probe Probe::Asked;

    MappedDestination = "mapped-destination": "`IPV6_V6ONLY` on, and a mapped address as destination" {
        Unreachable = "network-unreachable": "`STATUS_NETWORK_UNREACHABLE`",
        AddressComponent = "invalid-address-component": "`STATUS_INVALID_ADDRESS_COMPONENT`",
    }
    strict Unreachable; windows AddressComponent;
    why "as hosts do";
    evidence { UserMode("invalid-address-component"): "a report of `WSAEADDRNOTAVAIL` for TCP (libwebsockets 2223)", }
    probe Probe::Asked;
}
