//! Transports.

questions! { Transports;
    TransportList = "transport-list": "the list of transports" {
        UdpAndTcp = "udp-and-tcp": "UDP and TCP over IPv4 and IPv6, though sockets are made for UDP only",
        Unspecified = "unspecified-family": "UDP and TCP once more, with the family `AF_UNSPEC`",
    }
    strict UdpAndTcp; windows UdpAndTcp;
    why "what a client finds on Windows among others";
    evidence { Shipping: "`wireguard-nt` takes `AF_UNSPEC` for both families, so that there may be such entries", }
    probe Probe::Asked;

    TransportProvider = "transport-provider": "the identifier of their provider" {
        Own = "own": "one of the hosted provider's own",
    }
    strict Own; windows Own;
    why "Windows' is not documented";
    probe Probe::NotAsked("of the stand-in");

    TransportsChange = "transports-change": "when they change" {
        ByTest = "by-test": "when a test changes them (`Netio::change_transports`)",
    }
    strict ByTest; windows ByTest;
    why "on Windows when a transport is loaded or unloaded";
    evidence { Documented: "`WSK_TRANSPORT_LIST_CHANGE`: when a transport comes or goes", }
    probe Probe::NotAsked("of the stand-in");

    NoTransport = "no-transport": "a datagram socket of a family without such a transport" {
        NotSupported = "not-supported": "`STATUS_NOT_SUPPORTED`",
    }
    strict NotSupported; windows NotSupported;
    why "as for a family that does not exist";
    probe Probe::NotAsked("no client can take a transport away");

    ChangeAtDeregister = "change-at-deregister": "`WSK_TRANSPORT_LIST_CHANGE` at `WskDeregister`" {
        First = "first": "cancelled before anything is waited for",
    }
    strict First; windows First;
    why "documented that it is cancelled, but for the order";
    evidence { Documented("first"): "`WSK_TRANSPORT_LIST_CHANGE`: it is cancelled", }
    probe Probe::NotAsked("its client is gone then");

    ListWithoutSize = "list-without-size": "`WSK_TRANSPORT_LIST_QUERY` without `OutputSizeReturned`" {
        InvalidParameter = "invalid-parameter": "`STATUS_INVALID_PARAMETER`",
        Taken = "taken": "the list is written, if it fits",
    }
    strict InvalidParameter; windows InvalidParameter;
    why "it is required";
    probe Probe::NotAsked("a null pointer could stop the machine");

    TdiBehavior = "tdi-behavior": "`WSK_TDI_BEHAVIOR`" {
        NoEffect = "no-effect": "taken before the first socket, and without effect; later `STATUS_INVALID_DEVICE_STATE`",
    }
    strict NoEffect; windows NoEffect;
    why "there is no TDI here";
    evidence { Shipping("no-effect"): "`msquic`, `wireguard-nt`: it matters where TDI filters are; its failure is ignored", }
    probe Probe::NotAsked("no effect can be seen");
}
