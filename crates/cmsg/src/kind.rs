//! The levels and types of control messages, by their C names.
//!
//! A type is mostly the number of the option that asks for the message or that it stands in for; where it is not, the
//! constant says so.

/// Level of IPv4 messages.
pub const IPPROTO_IP: i32 = 0;
/// Level of UDP messages.
pub const IPPROTO_UDP: i32 = 17;
/// Level of IPv6 messages.
pub const IPPROTO_IPV6: i32 = 41;
/// Level of messages of any socket.
pub const SOL_SOCKET: i32 = 0xFFFF;

/// Options of the IPv4 header. Without data, it says that there are none.
pub const IP_OPTIONS: i32 = 1;
/// The type of service as an `INT`: ECN in the low two bits, DSCP above. Received with `IP_RECVTOS` set.
pub const IP_TOS: i32 = 3;
/// The time to live as an `INT`. Received with `IP_RECVTTL` (21, also named `IP_HOPLIMIT`) set.
pub const IP_TTL: i32 = 4;
/// `IN_PKTINFO`: destination and interface of what came in, source and interface of what goes out.
pub const IP_PKTINFO: i32 = 19;
/// The index of the interface that a datagram came in by, a `ULONG`. Received with the option of the same number set.
pub const IP_RECVIF: i32 = 24;
/// The index of the interface that a datagram arrived at first, a `ULONG`. Received with the option of the same number set.
pub const IP_ORIGINAL_ARRIVAL_IF: i32 = 47;
/// The ECN codepoint as an `INT`, 0 to 3. Received with `IP_RECVECN`, the same number, set.
pub const IP_ECN: i32 = 50;
/// Redirect records of the Windows Filtering Platform.
pub const IP_WFP_REDIRECT_RECORDS: i32 = 60;
/// `IN_RECVERR`: an ICMP error that an earlier datagram has caused.
pub const IP_RECVERR: i32 = 75;

/// Options for each hop.
pub const IPV6_HOPOPTS: i32 = 1;
/// `IN6_PKTINFO`, as [`IP_PKTINFO`].
pub const IPV6_PKTINFO: i32 = 19;
/// The hop limit as an `INT`. Received with the option of the same number set.
pub const IPV6_HOPLIMIT: i32 = 21;
/// A routing header. Without data, it says that there is none.
pub const IPV6_RTHDR: i32 = 32;
/// The traffic class as an `INT`, as [`IP_TOS`]. Received with `IPV6_RECVTCLASS` (40) set.
pub const IPV6_TCLASS: i32 = 39;
/// An interface, as [`IP_RECVIF`].
pub const IPV6_RECVIF: i32 = 24;
/// An interface, as [`IP_ORIGINAL_ARRIVAL_IF`], which is its name in C, too.
pub const IPV6_ORIGINAL_ARRIVAL_IF: i32 = 47;
/// The ECN codepoint, as [`IP_ECN`].
pub const IPV6_ECN: i32 = 50;
/// Redirect records, as [`IP_WFP_REDIRECT_RECORDS`].
pub const IPV6_WFP_REDIRECT_RECORDS: i32 = 60;
/// `IN_RECVERR`: an `ICMPv6` error that an earlier datagram has caused.
pub const IPV6_RECVERR: i32 = 75;

/// A `DWORD`: what is sent goes out as datagrams of this size, the last one smaller (UDP send offload).
pub const UDP_SEND_MSG_SIZE: i32 = 2;
/// A `DWORD`: what came in are datagrams of this size, the last one smaller, from one sender (UDP receive offload).
pub const UDP_COALESCED_INFO: i32 = 3;

/// A `UINT32`: the number by which the time stamp of what is sent is asked for (`SIO_GET_TX_TIMESTAMP`).
pub const SO_TIMESTAMP_ID: i32 = 0x300B;
