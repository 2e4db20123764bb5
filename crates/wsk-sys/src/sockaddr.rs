//! Socket addresses, address families and levels, control information.
//!
//! Ports and addresses are in network byte order, as everywhere in Winsock.
#![allow(missing_docs, reason = "the fields are those of the C structure that the type's page names")]

use nt_sys::{LONG, SIZE_T, ULONG, USHORT};

pub type ADDRESS_FAMILY = USHORT;

pub const AF_UNSPEC: ADDRESS_FAMILY = 0;
pub const AF_INET: ADDRESS_FAMILY = 2;
pub const AF_INET6: ADDRESS_FAMILY = 23;

pub const SOCK_STREAM: USHORT = 1;
pub const SOCK_DGRAM: USHORT = 2;
pub const SOCK_RAW: USHORT = 3;

pub const IPPROTO_IP: ULONG = 0;
pub const IPPROTO_TCP: ULONG = 6;
pub const IPPROTO_UDP: ULONG = 17;
pub const IPPROTO_IPV6: ULONG = 41;
/// The level of the options that belong to the socket itself.
pub const SOL_SOCKET: ULONG = 0xFFFF;

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SOCKADDR {
    pub sa_family: ADDRESS_FAMILY,
    pub sa_data: [u8; 14],
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SOCKADDR_IN {
    pub sin_family: ADDRESS_FAMILY,
    pub sin_port: USHORT,
    /// An `IN_ADDR`, in network byte order.
    pub sin_addr: ULONG,
    pub sin_zero: [u8; 8],
}

#[repr(C, align(4))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SOCKADDR_IN6 {
    pub sin6_family: ADDRESS_FAMILY,
    pub sin6_port: USHORT,
    pub sin6_flowinfo: ULONG,
    pub sin6_addr: [u8; 16],
    pub sin6_scope_id: ULONG,
}

/// An address of either family; the first field of each variant tells which.
#[repr(C)]
#[derive(Clone, Copy)]
pub union SOCKADDR_INET {
    pub Ipv4: SOCKADDR_IN,
    pub Ipv6: SOCKADDR_IN6,
    pub si_family: ADDRESS_FAMILY,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[expect(clippy::pub_underscore_fields, reason = "the fields bear their C names")]
pub struct SOCKADDR_STORAGE {
    pub ss_family: ADDRESS_FAMILY,
    pub __ss_pad1: [u8; 6],
    pub __ss_align: i64,
    pub __ss_pad2: [u8; 112],
}

/// The head of one item of control information (`WSACMSGHDR`); its data follows, aligned to eight bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct CMSGHDR {
    /// Of the head and the data, without padding at the end.
    pub cmsg_len: SIZE_T,
    pub cmsg_level: LONG,
    pub cmsg_type: LONG,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct IN_PKTINFO {
    pub ipi_addr: ULONG,
    pub ipi_ifindex: ULONG,
}

#[repr(C, align(4))]
#[derive(Clone, Copy, Debug, Default)]
pub struct IN6_PKTINFO {
    pub ipi6_addr: [u8; 16],
    pub ipi6_ifindex: ULONG,
}

/// `IN_ADDR`s in network byte order.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct IP_MREQ {
    pub imr_multiaddr: ULONG,
    pub imr_interface: ULONG,
}

/// `IN_ADDR`s in network byte order.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct IP_MREQ_SOURCE {
    pub imr_multiaddr: ULONG,
    pub imr_sourceaddr: ULONG,
    pub imr_interface: ULONG,
}

#[repr(C, align(4))]
#[derive(Clone, Copy, Debug, Default)]
pub struct IPV6_MREQ {
    pub ipv6mr_multiaddr: [u8; 16],
    pub ipv6mr_interface: ULONG,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GROUP_REQ {
    pub gr_interface: ULONG,
    pub gr_group: SOCKADDR_STORAGE,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GROUP_SOURCE_REQ {
    pub gsr_interface: ULONG,
    pub gsr_group: SOCKADDR_STORAGE,
    pub gsr_source: SOCKADDR_STORAGE,
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SOCKET_ADDRESS {
    pub lpSockaddr: *mut SOCKADDR,
    pub iSockaddrLength: LONG,
}

/// A list of addresses; `Address` has `iAddressCount` entries.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SOCKET_ADDRESS_LIST {
    pub iAddressCount: LONG,
    pub Address: [SOCKET_ADDRESS; 1],
}

pub const MSG_TRUNC: ULONG = 0x0100;
pub const MSG_CTRUNC: ULONG = 0x0200;
pub const MSG_BCAST: ULONG = 0x0400;
pub const MSG_MCAST: ULONG = 0x0800;
