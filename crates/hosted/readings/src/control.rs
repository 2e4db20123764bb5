//! Control requests: which there are, their buffers, and the IOCTLs. What options do is in `options`.

questions! { Control;
    LateOption = "late-option": "an option for the time before the bind, set after it" {
        InvalidState = "invalid-device-state": "`STATUS_INVALID_DEVICE_STATE`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        NoEffect = "no-effect": "`STATUS_SUCCESS`, and nothing changes",
    }
    strict InvalidState; windows InvalidState;
    why "documented for `WskGetLocalAddress` in the opposite case; a set in vain should not look like one";
    evidence { UserMode("no-effect"): "`bind`: the sharing options have no effect when they are set later; no error is named", }
    probe Probe::Asked;

    UnknownRequest = "unknown-request": "an option or IOCTL that the provider does not know" {
        NotSupported = "not-supported": "`STATUS_NOT_SUPPORTED`, the IRP completed",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`, the IRP completed",
        InvalidRequest = "invalid-device-request": "`STATUS_INVALID_DEVICE_REQUEST`, the IRP completed",
    }
    strict NotSupported; windows InvalidParameter;
    why "documented for `SIO_WSK_REGISTER_EXTENSION`";
    evidence {
        Tested("invalid-parameter"): "`win-net-test`, `UDP_SEND_MSG_SIZE` on a build without it: what becomes `WSAEINVAL`, as this status and `STATUS_INVALID_DEVICE_REQUEST` do, and `STATUS_NOT_SUPPORTED` does not",
    }
    probe Probe::Asked;

    ForeignRequest = "foreign-request": "an option or IOCTL that this kind or family of socket, or this direction, does not have" {
        InvalidRequest = "invalid-device-request": "`STATUS_INVALID_DEVICE_REQUEST`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        NotSupported = "not-supported": "`STATUS_NOT_SUPPORTED`",
    }
    strict InvalidRequest; windows InvalidRequest;
    why "documented for `SIO_WSK_QUERY_INSPECT_ID`";
    evidence { UserMode: "`setsockopt`: `WSAENOPROTOOPT`, which no status becomes", }
    probe Probe::Asked;

    BasicSocketOptions = "basic-socket-options": "the options of a basic socket" {
        Transport = "of-the-transport": "those of UDP, IPv4 and IPv6 are there, and kept; of `SOL_SOCKET` none is",
    }
    strict Transport; windows Transport;
    why "drivers ask a basic socket what the transport can do";
    evidence { Shipping("of-the-transport"): "`msquic` asks a basic socket by `SIO_QUERY_RSS_SCALABILITY_INFO`", }
    probe Probe::NotAsked("a transport has many options, and which of them are there depends on the build");

    BasicSocketCall = "basic-socket-call": "a datagram function called on a basic socket" {
        InvalidRequest = "invalid-device-request": "`STATUS_INVALID_DEVICE_REQUEST`",
    }
    strict InvalidRequest; windows InvalidRequest;
    why "its table has no such function; as for an option that the kind does not have";
    probe Probe::NotAsked("a function of another table could stop the machine");

    RequestType = "request-type": "a request type beyond `WskIoctl`" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        NotSupported = "not-supported": "`STATUS_NOT_SUPPORTED`",
        InvalidRequest = "invalid-device-request": "`STATUS_INVALID_DEVICE_REQUEST`",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "the usual status";
    probe Probe::NotAsked("a type that there is not could stop the machine");

    ShortValue = "short-value": "a value to set that is too short, room for one that is too small" {
        BufferTooSmall = "buffer-too-small": "`STATUS_BUFFER_TOO_SMALL`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        LengthMismatch = "info-length-mismatch": "`STATUS_INFO_LENGTH_MISMATCH`",
    }
    strict BufferTooSmall; windows BufferTooSmall;
    why "what the name says";
    evidence { UserMode: "`setsockopt`: `WSAEFAULT`, which no status becomes", }
    probe Probe::Asked;

    LongValue = "long-value": "a value to set that is too long" {
        InvalidSize = "invalid-buffer-size": "`STATUS_INVALID_BUFFER_SIZE`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        Ignored = "ignored": "what there is too much is not looked at",
    }
    strict InvalidSize; windows InvalidSize;
    why "what the name says";
    probe Probe::Asked;

    ByteBoolean = "byte-boolean": "a boolean of one byte" {
        Refused = "refused": "too short, for a set and a get",
        Taken = "taken": "a set takes one byte or four; a get writes one byte, however much room there is, and `Information` is 1",
    }
    strict Refused; windows Taken;
    why "the pages have four bytes; who gives four, zeroed before a get, is right in both cases";
    evidence { Shipping("taken"): "`usbip-win2`, `wsk_cpp.cpp`, for `SO_KEEPALIVE`; that others are the same is assumed", }
    probe Probe::Asked;

    UnusedBuffer = "unused-buffer": "an output buffer for a set, an input buffer for a get" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        Ignored = "ignored": "it is not looked at",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "an unused buffer is null with size 0";
    probe Probe::Asked;

    HalfBuffer = "half-buffer": "a buffer's size without a pointer, a pointer without a size" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    others { "access-violation": "the size is taken at its word, and the machine stops", }
    strict InvalidParameter; windows InvalidParameter;
    why "the usual status";
    probe Probe::NotAsked("it could stop the machine");

    OutputSizeReturned = "output-size-returned": "`OutputSizeReturned`" {
        WithoutIrp = "without-irp": "written by requests without an IRP, with the size of the output or of what was needed; ignored with an IRP",
    }
    others { "always": "written with an IRP as well", }
    strict WithoutIrp; windows WithoutIrp;
    why "with an IRP the size is in `IoStatus.Information`";
    evidence { Shipping: "`msquic` passes it with an IRP, without harm", }
    probe Probe::NotAsked("nothing says when it would be written");

    FixedAddress = "fixed-address": "a fixed address whose size or family is not that of the socket" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        InvalidAddress = "invalid-address": "`STATUS_INVALID_ADDRESS_COMPONENT`",
        LargerTaken = "larger-taken": "a buffer that is larger than the address is taken; otherwise `STATUS_INVALID_PARAMETER`",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "the page asks for the socket's own";
    probe Probe::Asked;

    StackOptions = "stack-options": "`IPPROTO_IP` options of an IPv6 socket" {
        DualStack = "dual-stack": "there if `IPV6_V6ONLY` is off, else as an option that the family does not have",
        Always = "always": "there",
    }
    strict DualStack; windows DualStack;
    why "drivers set them on dual-stack sockets";
    evidence {
        Shipping: "`msquic` sets them on dual-stack sockets",
        UserMode: "they fail with `WSAEINVAL` where there is no IPv4",
    }
    probe Probe::Asked;

    DualStackAddresses = "dual-stack-addresses": "the local addresses of a dual-stack socket (`SIO_ADDRESS_LIST_QUERY`)" {
        Family = "family": "its IPv6 addresses",
        Mapped = "mapped": "those, and the IPv4 addresses, mapped",
    }
    strict Family; windows Family;
    why "the page says those of the socket's family";
    probe Probe::Asked;

    HostAddressChange = "host-address-change": "`SIO_ADDRESS_LIST_CHANGE` on the host's network" {
        Polled = "polled": "the host's addresses are looked at twice a second while a request waits; a change of any of them ends it",
    }
    strict Polled; windows Polled;
    why "no portable function tells of changes; the page says that the list may have changed";
    probe Probe::NotAsked("of the stand-in");

    SortPolicy = "sort-policy": "the order of `SIO_ADDRESS_LIST_SORT`" {
        Rfc6724 = "rfc-6724": "that of RFC 6724, section 6, with its default policy",
        Rfc3484 = "rfc-3484": "the same with the default policy of RFC 3484",
    }
    strict Rfc6724; windows Rfc6724;
    why "the later one of the two, whose policy `netsh interface ipv6 show prefixpolicies` shows on Windows; with or without an IRP, on a socket of any family";
    evidence { UserMode("rfc-3484"): "`SIO_ADDRESS_LIST_SORT` names RFC 3484 and the table of policies", }
    probe Probe::NotAsked("what can be reached is the machine's");

    SortUnreachable = "sort-unreachable": "the same: an address that cannot be reached from any of this machine's" {
        LeftOut = "left-out": "left out",
        Last = "last": "sorted behind the others",
    }
    strict LeftOut; windows LeftOut;
    why "the list may become shorter";
    evidence { UserMode("left-out"): "Using `SIO_ADDRESS_LIST_SORT`: the list may become shorter", }
    probe Probe::NotAsked("what can be reached is the machine's");

    SortScope = "sort-scope": "the same: the scope of a link-local address that says none" {
        Kept = "kept": "none",
        Filled = "filled": "that of the link by which it is reached",
    }
    strict Kept; windows Filled;
    why "the addresses come back as they were given";
    evidence { UserMode("filled"): "Using `SIO_ADDRESS_LIST_SORT`: scopes are filled in", }
    probe Probe::NotAsked("which links there are is the machine's");

    SortUntold = "sort-untold": "the same: what the network does not tell" {
        Undecided = "undecided": "no address is deprecated, temporary or a home address, and the prefix of an IPv4 network has any length",
    }
    strict Undecided; windows Undecided;
    why "as if these rules of the RFC did not decide";
    probe Probe::NotAsked("of the stand-in");

    SortList = "sort-list": "the same: a list that is shorter than it says, or addresses other than `SOCKADDR_IN6`" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "the usual status";
    probe Probe::NotAsked("pointers that lead nowhere could stop the machine");

    SortRoom = "sort-room": "the same: too little room" {
        Overflow = "buffer-overflow": "`STATUS_BUFFER_OVERFLOW` with the size that is needed",
        TooSmall = "buffer-too-small": "`STATUS_BUFFER_TOO_SMALL`, without a size",
    }
    strict Overflow; windows Overflow;
    why "as for `SIO_ADDRESS_LIST_QUERY`";
    evidence { UserMode: "`WSAEFAULT`, with the size", }
    probe Probe::NotAsked("what can be reached is the machine's");

    TdiMapping = "tdi-mapping": "`WskControlClient` with `WSK_TDI_DEVICENAME_MAPPING`, or a code that nobody knows" {
        NotSupported = "not-supported": "`STATUS_NOT_SUPPORTED`",
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        InvalidRequest = "invalid-device-request": "`STATUS_INVALID_DEVICE_REQUEST`",
    }
    strict NotSupported; windows NotSupported;
    why "its page: TDI is not supported after Windows Vista; the status is not documented";
    probe Probe::NotAsked("the buffers of that request are not documented any more; it could stop the machine");
}
