//! The messages that have a meaning: what is in the data of each type.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::{Fault, Malformed};
use crate::kind::{
    IP_ECN, IP_ORIGINAL_ARRIVAL_IF, IP_PKTINFO, IP_RECVERR, IP_RECVIF, IP_TOS, IP_TTL, IPPROTO_IP,
    IPPROTO_IPV6, IPPROTO_UDP, IPV6_ECN, IPV6_HOPLIMIT, IPV6_ORIGINAL_ARRIVAL_IF, IPV6_PKTINFO, IPV6_RECVERR,
    IPV6_RECVIF, IPV6_TCLASS, UDP_COALESCED_INFO, UDP_SEND_MSG_SIZE,
};
use crate::parse::Raw;

/// A control message with a meaning.
///
/// On a dual-stack socket both families' messages occur; the address of a [`Message::PacketInfo`] says which it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message<'a> {
    /// `IN_PKTINFO` or `IN6_PKTINFO`. Received: the address that the datagram was sent to, and the interface it came
    /// in by. Sent: the source address and the interface to send by; the unspecified address and 0 leave the choice
    /// to the stack.
    #[doc(alias = "IP_PKTINFO")]
    #[doc(alias = "IPV6_PKTINFO")]
    PacketInfo {
        /// The local address, of the family of the message.
        address: IpAddr,
        /// The interface's index.
        interface: u32,
    },
    /// The IPv4 time to live.
    #[doc(alias = "IP_TTL")]
    TimeToLive(i32),
    /// The IPv6 hop limit.
    #[doc(alias = "IPV6_HOPLIMIT")]
    HopLimit(i32),
    /// The IPv4 type of service: DSCP in the upper six bits, ECN in the lower two.
    #[doc(alias = "IP_TOS")]
    TypeOfService(i32),
    /// The IPv6 traffic class, as [`Message::TypeOfService`].
    #[doc(alias = "IPV6_TCLASS")]
    TrafficClass(i32),
    /// The ECN codepoint of IPv4, 0 to 3.
    #[doc(alias = "IP_ECN")]
    EcnV4(i32),
    /// The ECN codepoint of IPv6, 0 to 3.
    #[doc(alias = "IPV6_ECN")]
    EcnV6(i32),
    /// The index of the interface that an IPv4 datagram came in by.
    #[doc(alias = "IP_RECVIF")]
    InterfaceV4(u32),
    /// The index of the interface that an IPv6 datagram came in by.
    #[doc(alias = "IPV6_RECVIF")]
    InterfaceV6(u32),
    /// The index of the interface that an IPv4 datagram arrived at first, before it was forwarded in the machine.
    #[doc(alias = "IP_ORIGINAL_ARRIVAL_IF")]
    ArrivalInterfaceV4(u32),
    /// The index of the interface that an IPv6 datagram arrived at first, before it was forwarded in the machine.
    #[doc(alias = "IPV6_ORIGINAL_ARRIVAL_IF")]
    ArrivalInterfaceV6(u32),
    /// An ICMP error that an earlier datagram has caused.
    #[doc(alias = "IP_RECVERR")]
    ErrorV4(ReceiveError),
    /// An `ICMPv6` error that an earlier datagram has caused.
    #[doc(alias = "IPV6_RECVERR")]
    ErrorV6(ReceiveError),
    /// Send the data as datagrams of this size, the last one smaller.
    #[doc(alias = "UDP_SEND_MSG_SIZE")]
    SendMessageSize(u32),
    /// The data is that of datagrams of this size, the last one smaller, all from one sender.
    #[doc(alias = "UDP_COALESCED_INFO")]
    CoalescedInfo(u32),
    /// A message of another type.
    Other {
        /// `cmsg_level`
        level: i32,
        /// `cmsg_type`
        kind: i32,
        /// The data.
        data: &'a [u8],
    },
}

/// `IN_RECVERR`: what an ICMP message reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveError {
    /// `IPPROTO_ICMP` (1) or `IPPROTO_ICMPV6` (58).
    pub protocol: u32,
    /// The MTU, if the message said that a datagram was too large.
    pub info: u32,
    /// The ICMP type.
    pub kind: u8,
    /// The ICMP code.
    pub code: u8,
}

impl<'a> Raw<'a> {
    /// What the message means; [`Message::Other`] if its type is none that this crate knows.
    ///
    /// # Errors
    /// [`Fault::Data`]: the data has not the size that data of this type has.
    pub fn decode(&self) -> Result<Message<'a>, Malformed> {
        Ok(match (self.level, self.kind) {
            (IPPROTO_IP, IP_PKTINFO) => {
                let [a, b, c, d, interface @ ..] = self.sized::<8>()?;
                let address = Ipv4Addr::new(a, b, c, d).into();
                Message::PacketInfo { address, interface: u32::from_ne_bytes(interface) }
            }
            (IPPROTO_IPV6, IPV6_PKTINFO) => {
                let [address @ .., a, b, c, d] = self.sized::<20>()?;
                let address: [u8; 16] = address;
                let address = Ipv6Addr::from(address).into();
                Message::PacketInfo { address, interface: u32::from_ne_bytes([a, b, c, d]) }
            }
            (IPPROTO_IP, IP_TTL) => Message::TimeToLive(self.int()?),
            (IPPROTO_IPV6, IPV6_HOPLIMIT) => Message::HopLimit(self.int()?),
            (IPPROTO_IP, IP_TOS) => Message::TypeOfService(self.int()?),
            (IPPROTO_IPV6, IPV6_TCLASS) => Message::TrafficClass(self.int()?),
            (IPPROTO_IP, IP_ECN) => Message::EcnV4(self.int()?),
            (IPPROTO_IPV6, IPV6_ECN) => Message::EcnV6(self.int()?),
            (IPPROTO_IP, IP_RECVIF) => Message::InterfaceV4(self.dword()?),
            (IPPROTO_IPV6, IPV6_RECVIF) => Message::InterfaceV6(self.dword()?),
            (IPPROTO_IP, IP_ORIGINAL_ARRIVAL_IF) => Message::ArrivalInterfaceV4(self.dword()?),
            (IPPROTO_IPV6, IPV6_ORIGINAL_ARRIVAL_IF) => Message::ArrivalInterfaceV6(self.dword()?),
            (IPPROTO_IP, IP_RECVERR) => Message::ErrorV4(self.receive_error()?),
            (IPPROTO_IPV6, IPV6_RECVERR) => Message::ErrorV6(self.receive_error()?),
            (IPPROTO_UDP, UDP_SEND_MSG_SIZE) => Message::SendMessageSize(self.dword()?),
            (IPPROTO_UDP, UDP_COALESCED_INFO) => Message::CoalescedInfo(self.dword()?),
            (level, kind) => Message::Other { level, kind, data: self.data },
        })
    }

    fn int(&self) -> Result<i32, Malformed> {
        self.sized().map(i32::from_ne_bytes)
    }

    fn dword(&self) -> Result<u32, Malformed> {
        self.sized().map(u32::from_ne_bytes)
    }

    fn receive_error(&self) -> Result<ReceiveError, Malformed> {
        // The structure ends with two bytes of padding.
        let data = self.sized::<12>()?;
        let dword = |at: usize| u32::from_ne_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]]);
        Ok(ReceiveError { protocol: dword(0), info: dword(4), kind: data[8], code: data[9] })
    }

    fn sized<const N: usize>(&self) -> Result<[u8; N], Malformed> {
        let (found, expected) = (self.data.len(), N);
        let fault = Fault::Data { level: self.level, kind: self.kind, found, expected };
        self.data.try_into().map_err(|_| Malformed { offset: self.offset, fault })
    }
}

/// The largest data of a message that is not [`Message::Other`]: that of `IN6_PKTINFO`.
const LARGEST: usize = 20;

/// The data of a message in its own bytes.
pub(crate) struct Encoded<'a> {
    pub(crate) level: i32,
    pub(crate) kind: i32,
    own: [u8; LARGEST],
    own_length: usize,
    other: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// The data: one of the two parts is empty.
    pub(crate) fn data(&self) -> &[u8] {
        if self.other.is_empty() { &self.own[..self.own_length] } else { self.other }
    }

    fn new(level: i32, kind: i32, parts: &[&[u8]]) -> Encoded<'a> {
        let mut encoded = Encoded { level, kind, own: [0; LARGEST], own_length: 0, other: &[] };
        for byte in parts.iter().copied().flatten() {
            encoded.own[encoded.own_length] = *byte;
            encoded.own_length += 1;
        }
        encoded
    }

    fn int(level: i32, kind: i32, value: i32) -> Encoded<'a> {
        Encoded::new(level, kind, &[&value.to_ne_bytes()])
    }

    fn error(level: i32, kind: i32, error: ReceiveError) -> Encoded<'a> {
        let tail = [error.kind, error.code, 0, 0];
        Encoded::new(level, kind, &[&error.protocol.to_ne_bytes(), &error.info.to_ne_bytes(), &tail])
    }
}

impl<'a> Message<'a> {
    pub(crate) fn encode(&self) -> Encoded<'a> {
        match *self {
            Message::PacketInfo { address: IpAddr::V4(address), interface } => {
                Encoded::new(IPPROTO_IP, IP_PKTINFO, &[&address.octets(), &interface.to_ne_bytes()])
            }
            Message::PacketInfo { address: IpAddr::V6(address), interface } => {
                Encoded::new(IPPROTO_IPV6, IPV6_PKTINFO, &[&address.octets(), &interface.to_ne_bytes()])
            }
            Message::TimeToLive(value) => Encoded::int(IPPROTO_IP, IP_TTL, value),
            Message::HopLimit(value) => Encoded::int(IPPROTO_IPV6, IPV6_HOPLIMIT, value),
            Message::TypeOfService(value) => Encoded::int(IPPROTO_IP, IP_TOS, value),
            Message::TrafficClass(value) => Encoded::int(IPPROTO_IPV6, IPV6_TCLASS, value),
            Message::EcnV4(value) => Encoded::int(IPPROTO_IP, IP_ECN, value),
            Message::EcnV6(value) => Encoded::int(IPPROTO_IPV6, IPV6_ECN, value),
            Message::InterfaceV4(index) => Encoded::new(IPPROTO_IP, IP_RECVIF, &[&index.to_ne_bytes()]),
            Message::InterfaceV6(index) => Encoded::new(IPPROTO_IPV6, IPV6_RECVIF, &[&index.to_ne_bytes()]),
            Message::ArrivalInterfaceV4(index) => {
                Encoded::new(IPPROTO_IP, IP_ORIGINAL_ARRIVAL_IF, &[&index.to_ne_bytes()])
            }
            Message::ArrivalInterfaceV6(index) => {
                Encoded::new(IPPROTO_IPV6, IPV6_ORIGINAL_ARRIVAL_IF, &[&index.to_ne_bytes()])
            }
            Message::ErrorV4(error) => Encoded::error(IPPROTO_IP, IP_RECVERR, error),
            Message::ErrorV6(error) => Encoded::error(IPPROTO_IPV6, IPV6_RECVERR, error),
            Message::SendMessageSize(size) => {
                Encoded::new(IPPROTO_UDP, UDP_SEND_MSG_SIZE, &[&size.to_ne_bytes()])
            }
            Message::CoalescedInfo(size) => {
                Encoded::new(IPPROTO_UDP, UDP_COALESCED_INFO, &[&size.to_ne_bytes()])
            }
            Message::Other { level, kind, data } => Encoded { other: data, ..Encoded::new(level, kind, &[]) },
        }
    }
}
