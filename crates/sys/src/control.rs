//! Control codes: socket options, socket IOCTLs, client control codes.
#![allow(missing_docs, reason = "each constant is documented on Microsoft's page of the same name")]

use crate::base::ULONG;

/// `WSK_CONTROL_SOCKET_TYPE`.
pub type WSK_CONTROL_SOCKET_TYPE = i32;
pub const WskSetOption: WSK_CONTROL_SOCKET_TYPE = 0;
pub const WskGetOption: WSK_CONTROL_SOCKET_TYPE = 1;
pub const WskIoctl: WSK_CONTROL_SOCKET_TYPE = 2;
pub const WskControlMax: WSK_CONTROL_SOCKET_TYPE = 3;

// Level SOL_SOCKET
pub const SO_REUSEADDR: ULONG = 0x0004;
pub const SO_KEEPALIVE: ULONG = 0x0008;
pub const SO_BROADCAST: ULONG = 0x0020;
/// `(int)(~SO_REUSEADDR)`, that is -5: as the 32 bits that `WskControlSocket` takes.
pub const SO_EXCLUSIVEADDRUSE: ULONG = !SO_REUSEADDR;
pub const SO_RCVBUF: ULONG = 0x1002;
pub const SO_CONDITIONAL_ACCEPT: ULONG = 0x3002;
/// The first option of WSK's own.
pub const WSK_SO_BASE: ULONG = 0x4000;
pub const SO_WSK_SECURITY: ULONG = WSK_SO_BASE + 1;
pub const SO_WSK_EVENT_CALLBACK: ULONG = WSK_SO_BASE + 2;

// Level IPPROTO_IPV6
pub const IPV6_V6ONLY: ULONG = 27;

pub const IOC_VOID: ULONG = 0x2000_0000;
pub const IOC_OUT: ULONG = 0x4000_0000;
pub const IOC_IN: ULONG = 0x8000_0000;
pub const IOC_INOUT: ULONG = IOC_IN | IOC_OUT;
/// The vendor field of WSK's own IOCTLs.
pub const IOC_WSK: ULONG = 0x0F00_0000;

pub const SIO_WSK_SET_REMOTE_ADDRESS: ULONG = IOC_IN | IOC_WSK | 0x1;
pub const SIO_WSK_REGISTER_EXTENSION: ULONG = IOC_INOUT | IOC_WSK | 0x2;
pub const SIO_WSK_QUERY_IDEAL_SEND_BACKLOG: ULONG = IOC_OUT | IOC_WSK | 0x3;
pub const SIO_WSK_QUERY_RECEIVE_BACKLOG: ULONG = IOC_OUT | IOC_WSK | 0x4;
pub const SIO_WSK_QUERY_INSPECT_ID: ULONG = IOC_OUT | IOC_WSK | 0x5;
pub const SIO_WSK_SET_SENDTO_ADDRESS: ULONG = IOC_IN | IOC_WSK | 0x6;
pub const SIO_WSK_SET_TCP_SILENT_MODE: ULONG = IOC_VOID | IOC_WSK | 0x7;
pub const SIO_ADDRESS_LIST_QUERY: ULONG = 0x4800_0016;
pub const SIO_ADDRESS_LIST_CHANGE: ULONG = 0x2800_0017;
pub const SIO_ADDRESS_LIST_SORT: ULONG = 0xC800_0019;

// WskControlClient
pub const WSK_TRANSPORT_LIST_QUERY: ULONG = 2;
pub const WSK_TRANSPORT_LIST_CHANGE: ULONG = 3;
pub const WSK_CACHE_SD: ULONG = 4;
pub const WSK_RELEASE_SD: ULONG = 5;
pub const WSK_TDI_DEVICENAME_MAPPING: ULONG = 6;
pub const WSK_SET_STATIC_EVENT_CALLBACKS: ULONG = 7;
pub const WSK_TDI_BEHAVIOR: ULONG = 8;

pub const WSK_EVENT_SEND_BACKLOG: ULONG = 0x0010;
pub const WSK_EVENT_RECEIVE: ULONG = 0x0040;
pub const WSK_EVENT_DISCONNECT: ULONG = 0x0080;
pub const WSK_EVENT_RECEIVE_FROM: ULONG = 0x0100;
pub const WSK_EVENT_ACCEPT: ULONG = 0x0200;
pub const WSK_EVENT_DISABLE: ULONG = 0x8000_0000;
