//! Sockets and addresses.

use core::net::{Ipv6Addr, SocketAddr};

use nt::Result;
use readings::{
    BeforeBind, BothSharing, CategoryFlags, ListeningDatagrams, OtherProtocol, PortUnreachable, Question,
    RawSocket, SecondBind, WrongFamily,
};
use wsk_sys::{
    AF_INET, IPPROTO_IP, IPPROTO_UDP, NTSTATUS, SO_EXCLUSIVEADDRUSE, SO_REUSEADDR, SOCK_DGRAM, SOCK_RAW,
    SOL_SOCKET, STATUS_ADDRESS_ALREADY_ASSOCIATED, STATUS_INVALID_ADDRESS, STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_PARAMETER, STATUS_NOT_IMPLEMENTED, STATUS_NOT_SUPPORTED, STATUS_PORT_UNREACHABLE,
    STATUS_PROTOCOL_UNREACHABLE, STATUS_SUCCESS, ULONG, USHORT, WSK_FLAG_DATAGRAM_SOCKET,
    WSK_FLAG_LISTEN_SOCKET, WskSetOption,
};

use crate::Probe;
use crate::answer::Answer;
use crate::client::{Address, Client};
use crate::datagrams::mark;

pub(crate) const PROBES: &[(&str, Probe)] = &[
    (ListeningDatagrams::ABOUT.id, listening_datagrams),
    (RawSocket::ABOUT.id, raw_socket),
    (OtherProtocol::ABOUT.id, other_protocol),
    (CategoryFlags::ABOUT.id, category_flags),
    (BothSharing::ABOUT.id, both_sharing),
    (SecondBind::ABOUT.id, second_bind),
    (WrongFamily::ABOUT.id, wrong_family),
    (BeforeBind::ABOUT.id, before_bind),
    (PortUnreachable::ABOUT.id, port_unreachable),
];

/// The tables of listening and datagram sockets have the close and the bind in the same places.
fn listening_datagrams(client: &Client<'_>) -> Result<Answer> {
    let (ended, socket) = client.socket_of(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_LISTEN_SOCKET)?;
    let Ok(socket) = socket else {
        let readings = [(STATUS_NOT_SUPPORTED, ListeningDatagrams::NotSupported)];
        return Ok(Answer::by_status(ended.status(), &readings));
    };
    let bound = socket.bind(&mut Address::loopback())?.status();
    let answer = Answer::by_status(bound, &[(STATUS_NOT_IMPLEMENTED, ListeningDatagrams::BindFails)]);
    Ok(answer.seeing(&[ended.status(), bound]))
}

/// The status of making an IPv4 socket, which is closed again.
fn made(client: &Client<'_>, kind: USHORT, protocol: ULONG, flags: ULONG) -> Result<NTSTATUS> {
    Ok(client.socket_of(AF_INET, kind, protocol, flags)?.0.status())
}

fn raw_socket(client: &Client<'_>) -> Result<Answer> {
    Ok(match made(client, SOCK_RAW, IPPROTO_IP, WSK_FLAG_DATAGRAM_SOCKET)? {
        STATUS_SUCCESS => Answer::followed(RawSocket::Made),
        status => Answer::by_status(status, &[(STATUS_NOT_SUPPORTED, RawSocket::NotSupported)]),
    })
}

fn other_protocol(client: &Client<'_>) -> Result<Answer> {
    Ok(match made(client, SOCK_DGRAM, 0, WSK_FLAG_DATAGRAM_SOCKET)? {
        STATUS_SUCCESS => Answer::other::<OtherProtocol>("default"),
        status => Answer::by_status(status, &[(STATUS_PROTOCOL_UNREACHABLE, OtherProtocol::Unreachable)]),
    })
}

fn category_flags(client: &Client<'_>) -> Result<Answer> {
    let status = made(client, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET | WSK_FLAG_LISTEN_SOCKET)?;
    let readings = [
        (STATUS_INVALID_PARAMETER, CategoryFlags::InvalidParameter),
        (STATUS_NOT_SUPPORTED, CategoryFlags::NotSupported),
    ];
    Ok(Answer::by_status(status, &readings))
}

fn both_sharing(client: &Client<'_>) -> Result<Answer> {
    let socket = client.socket()?;
    let set = |option| socket.control(WskSetOption, option, SOL_SOCKET, &mut 1_u32.to_ne_bytes(), &mut []);
    nt::check(set(SO_REUSEADDR)?.status())?;
    let readings =
        [(STATUS_INVALID_PARAMETER, BothSharing::Refused), (STATUS_SUCCESS, BothSharing::Exclusive)];
    Ok(Answer::by_status(set(SO_EXCLUSIVEADDRUSE)?.status(), &readings))
}

fn second_bind(client: &Client<'_>) -> Result<Answer> {
    let socket = client.bound_socket()?;
    let status = socket.bind(&mut Address::loopback())?.status();
    let readings = [
        (STATUS_INVALID_DEVICE_STATE, SecondBind::InvalidState),
        (STATUS_INVALID_PARAMETER, SecondBind::InvalidParameter),
        (STATUS_ADDRESS_ALREADY_ASSOCIATED, SecondBind::Associated),
    ];
    Ok(Answer::by_status(status, &readings))
}

fn wrong_family(client: &Client<'_>) -> Result<Answer> {
    let mut address = Address::new(SocketAddr::from((Ipv6Addr::LOCALHOST, 0)));
    let status = client.socket()?.bind(&mut address)?.status();
    let readings = [
        (STATUS_INVALID_PARAMETER, WrongFamily::InvalidParameter),
        (STATUS_INVALID_ADDRESS, WrongFamily::InvalidAddress),
        (STATUS_NOT_SUPPORTED, WrongFamily::NotSupported),
    ];
    Ok(Answer::by_status(status, &readings))
}

fn before_bind(client: &Client<'_>) -> Result<Answer> {
    let ended = client.socket()?.receive_with(16, 0)?.ended;
    Ok(Answer::by_status(ended.status(), &[(STATUS_INVALID_DEVICE_STATE, BeforeBind::InvalidState)]))
}

/// A port is closed that a socket had a moment ago. The receive ends by that, or by a datagram that is sent later.
fn port_unreachable(client: &Client<'_>) -> Result<Answer> {
    let (sender, closed) = (client.bound_socket()?, client.bound_socket()?);
    let mut to = closed.local_address()?;
    drop(closed);
    let ended = sender.receive_until(|call| {
        nt::check(sender.send_to(b"lost", Some(&mut to))?.status())?;
        if !call.is_done_soon(client.passive()) {
            mark(client, &sender)?;
        }
        Ok(())
    })?;
    let readings =
        [(STATUS_SUCCESS, PortUnreachable::Silent), (STATUS_PORT_UNREACHABLE, PortUnreachable::Receive)];
    Ok(Answer::by_status(ended.status(), &readings))
}
