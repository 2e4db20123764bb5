//! What Linux tells a socket of the datagrams that come, and lets it say of those that it sends.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};

use super::Arrived;

/// More than all control messages of a datagram take.
const CONTROL: usize = 512;

fn is_v6(socket: &UdpSocket) -> io::Result<bool> {
    Ok(socket.local_addr()?.is_ipv6())
}

/// Has the socket told of what comes.
pub(super) fn watch(socket: &UdpSocket) -> io::Result<()> {
    if is_v6(socket)? {
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        setsockopt(socket, sockopt::Ipv6RecvHopLimit, &true)?;
        setsockopt(socket, sockopt::Ipv6RecvTClass, &true)?;
    } else {
        setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?;
        setsockopt(socket, sockopt::Ipv4RecvTtl, &true)?;
        setsockopt(socket, sockopt::IpRecvTos, &true)?;
    }
    Ok(())
}

pub(super) fn mark(socket: &UdpSocket, hops: u8, class: u8) -> io::Result<()> {
    let (hops, class) = (hops.into(), class.into());
    if is_v6(socket)? {
        setsockopt(socket, sockopt::Ipv6Ttl, &hops)?;
        setsockopt(socket, sockopt::Ipv6TClass, &class)?;
    } else {
        setsockopt(socket, sockopt::Ipv4Ttl, &hops)?;
        setsockopt(socket, sockopt::Ipv4Tos, &class)?;
    }
    Ok(())
}

pub(super) fn receive(socket: &UdpSocket) -> io::Result<Arrived> {
    let (mut data, mut control) = (vec![0; 65536], vec![0; CONTROL]);
    let mut parts = [IoSliceMut::new(&mut data)];
    let received =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty())?;
    let from = received.address.as_ref().and_then(address);
    let (mut place, mut hops, mut class) = (None, None, None);
    for message in received.cmsgs()? {
        match message {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                let to = Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes());
                place = Some((IpAddr::V4(to), info.ipi_ifindex.unsigned_abs()));
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                let to = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                place = Some((IpAddr::V6(to), info.ipi6_ifindex));
            }
            ControlMessageOwned::Ipv4Ttl(told) | ControlMessageOwned::Ipv6HopLimit(told) => {
                hops = told.try_into().ok();
            }
            ControlMessageOwned::Ipv4Tos(told) => class = Some(told),
            ControlMessageOwned::Ipv6TClass(told) => class = told.try_into().ok(),
            _ => {}
        }
    }
    let length = received.bytes;
    let (Some(from), Some((to, interface)), Some(hops), Some(traffic_class)) = (from, place, hops, class)
    else {
        return Err(io::Error::new(ErrorKind::InvalidData, "the system has not told how a datagram came"));
    };
    data.truncate(length);
    Ok(Arrived { data, from, to, interface, hops, traffic_class })
}

fn address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|address| SocketAddr::from(*address));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| SocketAddr::from(*address)))
}
