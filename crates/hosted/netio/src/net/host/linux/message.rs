//! Datagrams with their control information, as Linux tells and takes it, and its queue of errors.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsRawFd;

use mio::net::UdpSocket;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, RecvMsg, SockaddrStorage, recvmsg, sendmsg,
};
use wsk_cmsg::ReceiveError;

use crate::net::address::canonical;
use crate::net::control_info::Overrides;
use crate::net::host::linux::many;
use crate::net::inbox::{Datagram, Header};

/// The largest datagram there is.
const LARGEST: usize = 0x1_0000;
/// More than all control messages of a datagram take.
const CONTROL: usize = 512;

/// The protocols that ICMP errors come by.
const ICMP: u32 = 1;
const ICMPV6: u32 = 58;

/// The buffers that datagrams are received in.
#[derive(Debug)]
pub(crate) struct Reader {
    data: Vec<u8>,
    control: Vec<u8>,
}

/// What `recvmsg` yields.
struct Received {
    length: usize,
    from: SocketAddr,
    messages: Vec<ControlMessageOwned>,
}

impl Reader {
    pub(crate) fn new() -> Reader {
        Reader { data: vec![0; LARGEST], control: vec![0; CONTROL] }
    }

    /// Receives a datagram, with all that Linux tells of it.
    ///
    /// # Errors
    /// `WouldBlock`: there is none.
    pub(crate) fn receive(&mut self, socket: &UdpSocket) -> io::Result<Datagram> {
        let received = self.read(socket, MsgFlags::empty())?;
        let (header, broadcast) = header(&received.messages);
        let bytes = self.data[..received.length].to_vec();
        Ok(Datagram { from: received.from, broadcast, bytes, header })
    }

    /// Takes an error from the socket's queue, as the datagram that tells a client of it; none if it is not of the kind
    /// that one is told of.
    ///
    /// # Errors
    /// `WouldBlock`: there is none.
    pub(crate) fn error(&mut self, socket: &UdpSocket) -> io::Result<Option<Datagram>> {
        let received = self.read(socket, MsgFlags::MSG_ERRQUEUE)?;
        let Some(error) = received.messages.iter().find_map(icmp_error) else { return Ok(None) };
        // Beside it are messages about the packet that brought the error, not the datagram that caused it.
        let (Header { to, interface, .. }, _) = header(&received.messages);
        let header = Header { to, interface, error: Some(error), ..Header::default() };
        let bytes = self.data[..received.length].to_vec();
        Ok(Some(Datagram { from: received.from, broadcast: false, bytes, header }))
    }

    fn read(&mut self, socket: &UdpSocket, flags: MsgFlags) -> io::Result<Received> {
        let mut parts = [IoSliceMut::new(&mut self.data)];
        let received: RecvMsg<'_, '_, SockaddrStorage> =
            recvmsg(socket.as_raw_fd(), &mut parts, Some(&mut self.control), flags)?;
        let from = received.address.as_ref().and_then(address).ok_or(io::ErrorKind::InvalidData)?;
        let messages = received.cmsgs().map(Iterator::collect).unwrap_or_default();
        Ok(Received { length: received.bytes, from, messages })
    }
}

fn address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|address| SocketAddr::from(*address));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| SocketAddr::from(*address)))
}

/// What the messages say, and whether the datagram was sent to a broadcast address.
fn header(messages: &[ControlMessageOwned]) -> (Header, bool) {
    let (mut header, mut broadcast) = (Header::default(), false);
    for message in messages {
        match *message {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                let to = Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes());
                // What an answer would come from: the same, unless that was nobody's own address.
                let answer = Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes());
                broadcast =
                    to.is_broadcast() || !(answer.is_unspecified() || to.is_multicast() || answer == to);
                header.to = Some(to.into());
                header.interface = info.ipi_ifindex.try_into().unwrap_or(0);
            }
            // A dual-stack socket gets this for IPv4 too, where the above says more.
            ControlMessageOwned::Ipv6PacketInfo(info) if header.to.is_none() => {
                header.to = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).to_canonical());
                header.interface = info.ipi6_ifindex;
            }
            ControlMessageOwned::Ipv4Ttl(hops) | ControlMessageOwned::Ipv6HopLimit(hops) => {
                header.hops = hops.try_into().ok();
            }
            ControlMessageOwned::Ipv4Tos(class) => header.traffic_class = Some(class),
            ControlMessageOwned::Ipv6TClass(class) => header.traffic_class = class.try_into().ok(),
            _ => {}
        }
    }
    (header, broadcast)
}

/// The error, if it came by ICMP. Linux also queues its own refusals, which the send has been told of.
fn icmp_error(message: &ControlMessageOwned) -> Option<ReceiveError> {
    let (ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _)) = message
    else {
        return None;
    };
    let protocol = match error.ee_origin {
        libc::SO_EE_ORIGIN_ICMP => ICMP,
        libc::SO_EE_ORIGIN_ICMP6 => ICMPV6,
        _ => return None,
    };
    Some(ReceiveError { protocol, info: error.ee_info, kind: error.ee_type, code: error.ee_code })
}

/// Sends the first of some datagrams, from a socket bound to `local`, as `overrides` say, or several of them: with one call
/// those without control information. Returns how many that were.
///
/// # Errors
/// `AddrNotAvailable`: the source address is not the socket's. `NetworkUnreachable`: there is no such interface. And
/// what Linux says otherwise.
pub(crate) fn send(
    socket: &UdpSocket,
    local: SocketAddr,
    datagrams: &[&[u8]],
    to: SocketAddr,
    overrides: &Overrides,
) -> io::Result<usize> {
    let Some(bytes) = datagrams.first() else { return Ok(0) };
    if !overrides.concern_the_network() {
        return if datagrams.len() == 1 {
            socket.send_to(bytes, to).map(|_| 1)
        } else {
            many::send(socket, datagrams, to)
        };
    }
    let own = canonical(local).ip();
    let foreign = |source: IpAddr| !own.is_unspecified() && own != source;
    if overrides.source.is_some_and(foreign) {
        return Err(io::ErrorKind::AddrNotAvailable.into());
    }
    let result = if canonical(to).is_ipv4() {
        send_v4(socket, bytes, to, overrides)
    } else {
        send_v6(socket, bytes, to, overrides)
    };
    result.map(|()| 1).map_err(|error| match error {
        // It has several names for this, and these for other things.
        Errno::EINVAL | Errno::ENETUNREACH if overrides.source.is_some_and(is_nobodys) => {
            io::ErrorKind::AddrNotAvailable.into()
        }
        Errno::ENODEV | Errno::ENXIO => io::ErrorKind::NetworkUnreachable.into(),
        error => error.into(),
    })
}

/// Whether an address is not this machine's.
fn is_nobodys(address: IpAddr) -> bool {
    std::net::UdpSocket::bind((address, 0))
        .is_err_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
}

fn send_v4(socket: &UdpSocket, bytes: &[u8], to: SocketAddr, overrides: &Overrides) -> nix::Result<()> {
    let source = match overrides.source {
        Some(IpAddr::V4(source)) => source,
        _ => Ipv4Addr::UNSPECIFIED,
    };
    let packet = libc::in_pktinfo {
        ipi_ifindex: overrides.interface.try_into().unwrap_or(libc::c_int::MAX),
        ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(source.octets()) },
        ipi_addr: libc::in_addr { s_addr: 0 },
    };
    let hops = overrides.hops.map(i32::from);
    let mut messages = vec![ControlMessage::Ipv4PacketInfo(&packet)];
    messages.extend(hops.as_ref().map(ControlMessage::Ipv4Ttl));
    messages.extend(overrides.traffic_class.as_ref().map(ControlMessage::Ipv4Tos));
    send_with(socket, bytes, to, &messages)
}

fn send_v6(socket: &UdpSocket, bytes: &[u8], to: SocketAddr, overrides: &Overrides) -> nix::Result<()> {
    let source = match overrides.source {
        Some(IpAddr::V6(source)) => source,
        _ => Ipv6Addr::UNSPECIFIED,
    };
    let packet = libc::in6_pktinfo {
        ipi6_addr: libc::in6_addr { s6_addr: source.octets() },
        ipi6_ifindex: overrides.interface,
    };
    let (hops, class) = (overrides.hops.map(i32::from), overrides.traffic_class.map(i32::from));
    let mut messages = vec![ControlMessage::Ipv6PacketInfo(&packet)];
    messages.extend(hops.as_ref().map(ControlMessage::Ipv6HopLimit));
    messages.extend(class.as_ref().map(ControlMessage::Ipv6TClass));
    send_with(socket, bytes, to, &messages)
}

fn send_with(
    socket: &UdpSocket,
    bytes: &[u8],
    to: SocketAddr,
    messages: &[ControlMessage<'_>],
) -> nix::Result<()> {
    let to = SockaddrStorage::from(to);
    sendmsg(socket.as_raw_fd(), &[IoSlice::new(bytes)], messages, MsgFlags::empty(), Some(&to)).map(drop)
}
