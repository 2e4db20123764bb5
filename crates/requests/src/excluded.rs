//! The requests that are in the documentation, and do not apply here.

use wsk_sys::{IPPROTO_IP, IPPROTO_IPV6, SOL_SOCKET, ULONG};

use crate::row::Kind;

/// A request that is no row, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excluded {
    /// The C name.
    pub name: &'static str,
    /// The numbers.
    pub kind: Kind,
    /// The reason.
    pub reason: &'static str,
}

const fn option(level: ULONG, name: ULONG, c_name: &'static str, reason: &'static str) -> Excluded {
    Excluded { name: c_name, kind: Kind::Option { level, name }, reason }
}

const fn ioctl(code: ULONG, c_name: &'static str, reason: &'static str) -> Excluded {
    Excluded { name: c_name, kind: Kind::Ioctl { code }, reason }
}

const STREAM: &str = "listening and connection sockets only";
const CONNECTION: &str = "connection sockets only";
const TCP: &str = "TCP only";
const RAW: &str = "raw sockets only";
const CONTROL: &str = "control information only, no option";
const WINSOCK: &str = "Winsock's; no page of WSK names it, and no known WSK driver sets it";
const RECVERR: &str = "Winsock's; drivers set `IP_RECVERR` and `IPV6_RECVERR` for the same purpose";

/// Every documented request that neither datagram sockets, nor basic sockets, nor clients have.
pub const EXCLUDED: &[Excluded] = &[
    option(SOL_SOCKET, wsk_sys::SO_KEEPALIVE, "SO_KEEPALIVE", STREAM),
    option(SOL_SOCKET, wsk_sys::SO_CONDITIONAL_ACCEPT, "SO_CONDITIONAL_ACCEPT", "listening sockets only"),
    option(SOL_SOCKET, 0x1001, "SO_SNDBUF", WINSOCK),
    option(SOL_SOCKET, 0x1005, "SO_SNDTIMEO", "Winsock's; every request has a time limit of its own here"),
    option(SOL_SOCKET, 0x1006, "SO_RCVTIMEO", "Winsock's; every request has a time limit of its own here"),
    option(SOL_SOCKET, 0x1007, "SO_ERROR", WINSOCK),
    option(SOL_SOCKET, 0x1008, "SO_TYPE", WINSOCK),
    option(SOL_SOCKET, 0x3004, "SO_COMPARTMENT_ID", WINSOCK),
    option(SOL_SOCKET, 0x3005, "SO_RANDOMIZE_PORT", WINSOCK),
    option(SOL_SOCKET, 0x3006, "SO_PORT_SCALABILITY", WINSOCK),
    option(SOL_SOCKET, 0x3007, "SO_REUSE_UNICASTPORT", WINSOCK),
    option(SOL_SOCKET, 0x3008, "SO_REUSE_MULTICASTPORT", WINSOCK),
    option(IPPROTO_IP, wsk_sys::IP_HDRINCL, "IP_HDRINCL", RAW),
    option(IPPROTO_IP, wsk_sys::IP_WFP_REDIRECT_RECORDS, "IP_WFP_REDIRECT_RECORDS", CONTROL),
    option(IPPROTO_IP, wsk_sys::IP_WFP_REDIRECT_CONTEXT, "IP_WFP_REDIRECT_CONTEXT", CONTROL),
    option(IPPROTO_IPV6, wsk_sys::IPV6_WFP_REDIRECT_RECORDS, "IPV6_WFP_REDIRECT_RECORDS", CONTROL),
    option(IPPROTO_IPV6, wsk_sys::IPV6_WFP_REDIRECT_CONTEXT, "IPV6_WFP_REDIRECT_CONTEXT", CONTROL),
    ioctl(wsk_sys::SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, "SIO_WSK_QUERY_IDEAL_SEND_BACKLOG", CONNECTION),
    ioctl(wsk_sys::SIO_WSK_QUERY_RECEIVE_BACKLOG, "SIO_WSK_QUERY_RECEIVE_BACKLOG", CONNECTION),
    ioctl(wsk_sys::SIO_WSK_QUERY_INSPECT_ID, "SIO_WSK_QUERY_INSPECT_ID", CONNECTION),
    ioctl(wsk_sys::SIO_WSK_SET_TCP_SILENT_MODE, "SIO_WSK_SET_TCP_SILENT_MODE", TCP),
    ioctl(wsk_sys::SIO_LOOPBACK_FAST_PATH, "SIO_LOOPBACK_FAST_PATH", TCP),
    ioctl(
        wsk_sys::SIO_QUERY_WFP_CONNECTION_REDIRECT_RECORDS,
        "SIO_QUERY_WFP_CONNECTION_REDIRECT_RECORDS",
        TCP,
    ),
    ioctl(
        wsk_sys::SIO_QUERY_WFP_CONNECTION_REDIRECT_CONTEXT,
        "SIO_QUERY_WFP_CONNECTION_REDIRECT_CONTEXT",
        TCP,
    ),
    ioctl(wsk_sys::SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS, "SIO_SET_WFP_CONNECTION_REDIRECT_RECORDS", TCP),
    ioctl(0x5800_00D2, "SIO_QUERY_RSS_SCALABILITY_INFO", TCP),
    ioctl(0x9800_000C, "SIO_UDP_CONNRESET", RECVERR),
    ioctl(0x9800_000F, "SIO_UDP_NETRESET", RECVERR),
];
