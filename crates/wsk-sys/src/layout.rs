//! The layout of every structure of this crate, asserted at compile time; see [`nt_sys::layout`].

#[allow(clippy::wildcard_imports, reason = "the table has every structure")]
use crate::*;

nt_sys::layouts! {
    SOCKADDR = 16 { sa_family = 0, sa_data = 2 }
    SOCKADDR_IN = 16 { sin_family = 0, sin_port = 2, sin_addr = 4, sin_zero = 8 }
    SOCKADDR_IN6 = 28 { sin6_family = 0, sin6_port = 2, sin6_flowinfo = 4, sin6_addr = 8, sin6_scope_id = 24 }
    SOCKADDR_INET = 28 { Ipv4 = 0, Ipv6 = 0, si_family = 0 }
    SOCKADDR_STORAGE = 128 { ss_family = 0, __ss_pad1 = 2, __ss_align = 8, __ss_pad2 = 16 }
    CMSGHDR = 16 { cmsg_len = 0, cmsg_level = 8, cmsg_type = 12 }
    IN_PKTINFO = 8 { ipi_addr = 0, ipi_ifindex = 4 }
    IN6_PKTINFO = 20 { ipi6_addr = 0, ipi6_ifindex = 16 }
    IP_MREQ = 8 { imr_multiaddr = 0, imr_interface = 4 }
    IP_MREQ_SOURCE = 12 { imr_multiaddr = 0, imr_sourceaddr = 4, imr_interface = 8 }
    IPV6_MREQ = 20 { ipv6mr_multiaddr = 0, ipv6mr_interface = 16 }
    GROUP_REQ = 136 { gr_interface = 0, gr_group = 8 }
    GROUP_SOURCE_REQ = 264 { gsr_interface = 0, gsr_group = 8, gsr_source = 136 }
    SOCKET_ADDRESS = 16 { lpSockaddr = 0, iSockaddrLength = 8 }
    SOCKET_ADDRESS_LIST = 24 { iAddressCount = 0, Address = 8 }
    WSK_CLIENT_NPI = 16 { ClientContext = 0, Dispatch = 8 }
    WSK_CLIENT_DISPATCH = 16 { Version = 0, Reserved = 2, WskClientEvent = 8 }
    WSK_REGISTRATION = 24 {
        ReservedRegistrationState = 0, ReservedRegistrationContext = 8, ReservedRegistrationLock = 16,
    }
    WSK_PROVIDER_NPI = 16 { Client = 0, Dispatch = 8 }
    WSK_PROVIDER_CHARACTERISTICS = 4 { HighestVersion = 0, LowestVersion = 2 }
    WSK_PROVIDER_DISPATCH = 56 {
        Version = 0, Reserved = 2, WskSocket = 8, WskSocketConnect = 16, WskControlClient = 24,
        WskGetAddressInfo = 32, WskFreeAddressInfo = 40, WskGetNameInfo = 48,
    }
    WSK_SOCKET = 8 { Dispatch = 0 }
    WSK_PROVIDER_BASIC_DISPATCH = 16 { WskControlSocket = 0, WskCloseSocket = 8 }
    WSK_PROVIDER_DATAGRAM_DISPATCH = 64 {
        Basic.WskControlSocket = 0, Basic.WskCloseSocket = 8, WskBind = 16, WskSendTo = 24, WskReceiveFrom = 32,
        WskRelease = 40, WskGetLocalAddress = 48, WskSendMessages = 56,
    }
    WSK_CLIENT_DATAGRAM_DISPATCH = 8 { WskReceiveFromEvent = 0 }
    WSK_DATAGRAM_INDICATION = 56 {
        Next = 0, Buffer = 8, ControlInfo = 32, ControlInfoLength = 40, RemoteAddress = 48,
    }
    WSK_BUF = 24 { Mdl = 0, Offset = 8, Length = 16 }
    WSK_BUF_LIST = 32 { Next = 0, Buffer = 8 }
    WSK_EVENT_CALLBACK_CONTROL = 16 { NpiId = 0, EventMask = 8 }
    WSK_EXTENSION_CONTROL_IN = 24 { NpiId = 0, ClientContext = 8, ClientDispatch = 16 }
    WSK_EXTENSION_CONTROL_OUT = 16 { ProviderContext = 0, ProviderDispatch = 8 }
    WSK_TRANSPORT = 28 { Version = 0, SocketType = 2, Protocol = 4, AddressFamily = 8, ProviderId = 12 }
}
