//! Datagrams that are received, and what is told of them.

use core::net::{Ipv4Addr, SocketAddr};

use nt::{Error, Result};
use readings::{
    ArrivalInterface, CoalescedRefused, CoalescedSize, CoalescedTruncated, Coalescing, ControlTruncatedBytes,
    ControlTruncatedStatus, ErrorData, ErrorFamily, ErrorReports, Question, QueuedBeforeRemote,
    ReceiveBufferZero, ReceiveControlFamily, ReceiveControlMissing, ReceiveControlOrder, ReceiveInterface,
    ReceiveNothing, ReceiveTruncated, RemoteChanged, TypeOfService,
};
use wsk_cmsg::{Control, Message};
use wsk_sys::{
    IP_ORIGINAL_ARRIVAL_IF, IP_PKTINFO, IP_RECVERR, IP_RECVIF, IP_RECVTOS, IP_RECVTTL, IP_TOS, IPPROTO_IP,
    IPPROTO_IPV6, IPPROTO_UDP, IPV6_RECVERR, MSG_CTRUNC, MSG_TRUNC, NPI_WSK_INTERFACE_ID,
    SIO_WSK_SET_REMOTE_ADDRESS, SO_RCVBUF, SOL_SOCKET, STATUS_BUFFER_OVERFLOW, STATUS_DATA_NOT_ACCEPTED,
    STATUS_SUCCESS, UDP_RECV_MAX_COALESCED_SIZE, WSK_EVENT_RECEIVE_FROM,
};

use crate::Probe;
use crate::answer::Answer;
use crate::client::{Address, CONTROL, Client, Received, Socket};
use crate::control::set;
use crate::datagrams::{arrives, fix};
use crate::events::answering;

pub(crate) const PROBES: &[(&str, Probe)] = &[
    (ReceiveTruncated::ABOUT.id, receive_truncated),
    (ReceiveControlOrder::ABOUT.id, receive_control_order),
    (ReceiveControlMissing::ABOUT.id, receive_control_missing),
    (ControlTruncatedStatus::ABOUT.id, control_truncated_status),
    (ControlTruncatedBytes::ABOUT.id, control_truncated_bytes),
    (Coalescing::ABOUT.id, coalescing),
    (CoalescedSize::ABOUT.id, coalesced_size),
    (CoalescedTruncated::ABOUT.id, coalesced_truncated),
    (CoalescedRefused::ABOUT.id, coalesced_refused),
    (ReceiveInterface::ABOUT.id, receive_interface),
    (ArrivalInterface::ABOUT.id, arrival_interface),
    (TypeOfService::ABOUT.id, type_of_service),
    (ErrorReports::ABOUT.id, error_reports),
    (ErrorData::ABOUT.id, error_data),
    (ErrorFamily::ABOUT.id, error_family),
    (ReceiveControlFamily::ABOUT.id, receive_control_family),
    (RemoteChanged::ABOUT.id, remote_changed),
    (QueuedBeforeRemote::ABOUT.id, queued_before_remote),
    (ReceiveNothing::ABOUT.id, receive_nothing),
    (ReceiveBufferZero::ABOUT.id, receive_buffer_zero),
];

/// The value of an option that is on.
const ON: [u8; 4] = 1_u32.to_ne_bytes();

/// Sends a datagram from one socket to another.
fn send(sender: &Socket<'_>, bytes: &[u8], to: &Socket<'_>) -> Result {
    nt::check(sender.send_to(bytes, Some(&mut to.local_address()?))?.status())
}

fn receive_truncated(client: &Client<'_>) -> Result<Answer> {
    let (sender, receiver) = (client.bound_socket()?, client.bound_socket()?);
    nt::check(sender.send_to(b"too long", Some(&mut receiver.local_address()?))?.status())?;
    let Received { ended, flags, data, .. } = receiver.receive_with(3, 0)?;
    let answer = match ended.status() {
        status @ (STATUS_SUCCESS | STATUS_BUFFER_OVERFLOW) if flags & MSG_TRUNC != 0 && *data == *b"too" => {
            let readings = [
                (STATUS_SUCCESS, ReceiveTruncated::Success),
                (STATUS_BUFFER_OVERFLOW, ReceiveTruncated::Overflow),
            ];
            Answer::by_status(status, &readings)
        }
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[ended.status(), flags.cast_signed()]))
}

/// A datagram with packet information and the time to live, received with room for so much control information.
fn told(client: &Client<'_>, room: usize) -> Result<Received> {
    let (sender, receiver) = (client.bound_socket()?, client.bound_socket()?);
    nt::check(set(&receiver, IPPROTO_IP, IP_PKTINFO, &ON)?)?;
    nt::check(set(&receiver, IPPROTO_IP, IP_RECVTTL, &ON)?)?;
    send(&sender, b"told", &receiver)?;
    receiver.receive_with(16, room)
}

/// Which of its messages is the first of this kind.
fn place(received: &Received, wanted: fn(&Message<'_>) -> bool) -> Option<usize> {
    let mut messages = received.control.messages();
    messages.position(|raw| raw.is_ok_and(|raw| raw.decode().is_ok_and(|message| wanted(&message))))
}

fn is_packet_info(message: &Message<'_>) -> bool {
    matches!(message, Message::PacketInfo { .. })
}

/// Which of the messages is the packet information, and which the time to live.
fn places(received: &Received) -> [Option<usize>; 2] {
    [place(received, is_packet_info), place(received, |message| matches!(message, Message::TimeToLive(_)))]
}

/// What does not come has no place.
fn receive_control_order(client: &Client<'_>) -> Result<Answer> {
    let received = told(client, CONTROL)?;
    let answer = match places(&received) {
        [Some(packet), Some(hops)] if packet < hops => Answer::followed(ReceiveControlOrder::Fixed),
        [Some(_), Some(_)] => Answer::followed(ReceiveControlOrder::Reversed),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[received.ended.status(), received.told.cast_signed()]))
}

fn receive_control_missing(client: &Client<'_>) -> Result<Answer> {
    let received = told(client, CONTROL)?;
    let answer = match (received.ended.status(), places(&received)) {
        (STATUS_SUCCESS, [Some(_), Some(_)]) => Answer::followed(ReceiveControlMissing::Present),
        (STATUS_SUCCESS, _) => Answer::followed(ReceiveControlMissing::Absent),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[received.ended.status(), received.told.cast_signed()]))
}

/// Room for one message, and four bytes of another.
const SHORT: usize = wsk_cmsg::space(4) + 4;

/// Nothing is cut of what does not come.
fn control_truncated_status(client: &Client<'_>) -> Result<Answer> {
    let Received { ended, flags, .. } = told(client, SHORT)?;
    let answer = match ended.status() {
        STATUS_SUCCESS if flags & MSG_CTRUNC != 0 => Answer::followed(ControlTruncatedStatus::Success),
        STATUS_BUFFER_OVERFLOW if flags & MSG_CTRUNC != 0 => {
            Answer::followed(ControlTruncatedStatus::Overflow)
        }
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[ended.status(), flags.cast_signed()]))
}

fn control_truncated_bytes(client: &Client<'_>) -> Result<Answer> {
    let Received { ended, flags, told, .. } = told(client, SHORT)?;
    let answer = match told as usize {
        _ if flags & MSG_CTRUNC == 0 => Answer::default(),
        0 => Answer::followed(ControlTruncatedBytes::Nothing),
        SHORT => Answer::followed(ControlTruncatedBytes::Cut),
        told if told == wsk_cmsg::space(4) => Answer::followed(ControlTruncatedBytes::Messages),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[ended.status(), flags.cast_signed(), told.cast_signed()]))
}

/// Data that was sent in segments of this size to a socket that takes them together, received with room for `capacity` bytes.
fn joined(client: &Client<'_>, bytes: &[u8], size: u32, capacity: usize) -> Result<Received> {
    let receiver = client.bound_socket()?;
    send_joined(client, bytes, size, &receiver)?;
    receiver.receive_with(capacity, CONTROL)
}

/// Sends data in segments of this size to a socket, which is to take them together.
fn send_joined(client: &Client<'_>, bytes: &[u8], size: u32, receiver: &Socket<'_>) -> Result {
    nt::check(set(receiver, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, &0xF000_u32.to_ne_bytes())?)?;
    let mut control = Control::<CONTROL>::new();
    control.push(&Message::SendMessageSize(size)).map_err(|_full| Error::BUFFER_TOO_SMALL)?;
    let sender = client.bound_socket()?;
    nt::check(sender.send_with(bytes, Some(&mut receiver.local_address()?), &control)?.status())
}

fn coalescing(client: &Client<'_>) -> Result<Answer> {
    let received = joined(client, &[0; 300], 1, 300)?;
    let answer = match received.data.len() {
        1 => Answer::followed(Coalescing::Never),
        64 => Answer::followed(Coalescing::UpTo64),
        255 => Answer::followed(Coalescing::UpTo255),
        _ => Answer::default(),
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "at most 300")]
    let length = received.data.len() as i32;
    Ok(answer.seeing(&[received.ended.status(), length]))
}

/// What comes alone has no size of its parts.
fn coalesced_size(client: &Client<'_>) -> Result<Answer> {
    let received = joined(client, b"onetwo", 3, 16)?;
    let size = place(&received, |message| *message == Message::CoalescedInfo(3)).is_some();
    let answer = match (&*received.data, size) {
        (b"onetwo", true) => Answer::followed(CoalescedSize::Told),
        (b"onetwo", false) => Answer::followed(CoalescedSize::Missing),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[received.ended.status(), received.told.cast_signed()]))
}

/// Three datagrams, and room for two and a part.
fn coalesced_truncated(client: &Client<'_>) -> Result<Answer> {
    let received = joined(client, b"onetwosix", 3, 7)?;
    let answer = match &*received.data {
        b"onetwos" if received.flags & MSG_TRUNC != 0 => Answer::followed(CoalescedTruncated::Cut),
        b"onetwo" => Answer::other::<CoalescedTruncated>("as-many-as-fit"),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[received.ended.status(), received.flags.cast_signed()]))
}

/// They are there when the event is enabled, so that it brings them together, and refuses them; then each is to come alone.
fn coalesced_refused(client: &Client<'_>) -> Result<Answer> {
    let receiver = answering(client, STATUS_DATA_NOT_ACCEPTED)?;
    send_joined(client, b"onetwo", 3, &receiver)?;
    nt::check(receiver.switch(&NPI_WSK_INTERFACE_ID, WSK_EVENT_RECEIVE_FROM))?;
    let indicated = receiver.indicated().ok_or(Error::IO_TIMEOUT)?;
    nt::check(set(&receiver, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, &[0; 4])?)?;
    let taken = receiver.receive_with(16, 0)?;
    let answer = match (indicated.length, &*taken.data) {
        (6, b"one") => Answer::followed(CoalescedRefused::Apart),
        (6, b"onetwo") => Answer::followed(CoalescedRefused::Together),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[taken.ended.status()]))
}

/// A datagram with packet information and what this option asks for, from a socket with this type of service.
fn asked(client: &Client<'_>, option: u32, class: u32) -> Result<Received> {
    let (sender, receiver) = (client.bound_socket()?, client.bound_socket()?);
    nt::check(set(&receiver, IPPROTO_IP, IP_PKTINFO, &ON)?)?;
    nt::check(set(&receiver, IPPROTO_IP, option, &ON)?)?;
    if class != 0 {
        nt::check(set(&sender, IPPROTO_IP, IP_TOS, &class.to_ne_bytes())?)?;
    }
    send(&sender, b"asked", &receiver)?;
    receiver.receive_with(16, CONTROL)
}

/// Without packet information nothing comes that an option asks for.
fn receive_interface(client: &Client<'_>) -> Result<Answer> {
    let came = asked(client, IP_RECVIF, 0)?;
    let index = place(&came, |message| matches!(message, Message::InterfaceV4(_)));
    let answer = match (index, place(&came, is_packet_info)) {
        (Some(_), _) => Answer::followed(ReceiveInterface::Index),
        (None, Some(_)) => Answer::followed(ReceiveInterface::Nothing),
        (None, None) => Answer::default(),
    };
    Ok(answer.seeing(&[came.ended.status(), came.told.cast_signed()]))
}

fn arrival_interface(client: &Client<'_>) -> Result<Answer> {
    let came = asked(client, IP_ORIGINAL_ARRIVAL_IF, 0)?;
    let index = place(&came, |message| matches!(message, Message::ArrivalInterfaceV4(_)));
    let answer = index.map_or_else(Answer::default, |_| Answer::followed(ArrivalInterface::Index));
    Ok(answer.seeing(&[came.ended.status(), came.told.cast_signed()]))
}

fn type_of_service(client: &Client<'_>) -> Result<Answer> {
    let came = asked(client, IP_RECVTOS, 0x20)?;
    let is = |wanted| place(&came, wanted).is_some();
    let answer = if is(|message| *message == Message::TypeOfService(0x20)) {
        Answer::followed(TypeOfService::Set)
    } else if is(|message| *message == Message::TypeOfService(0)) {
        Answer::followed(TypeOfService::Ignored)
    } else {
        Answer::default()
    };
    Ok(answer.seeing(&[came.ended.status(), came.told.cast_signed()]))
}

/// Sixteen bytes to a port that is closed, and what is received then; whether it is an error's.
fn error(client: &Client<'_>) -> Result<(bool, Received)> {
    let (sender, closed) = (client.bound_socket()?, client.bound_socket()?);
    nt::check(set(&sender, IPPROTO_IP, IP_RECVERR, &ON)?)?;
    let mut to = closed.local_address()?;
    drop(closed);
    nt::check(sender.send_to(b"lost on the way!", Some(&mut to))?.status())?;
    let received = sender.receive_with(32, CONTROL)?;
    let is_error = place(&received, |message| matches!(message, Message::ErrorV4(_))).is_some();
    Ok((is_error, received))
}

fn error_reports(client: &Client<'_>) -> Result<Answer> {
    let (is_error, received) = error(client)?;
    let answer = if is_error { Answer::followed(ErrorReports::Datagram) } else { Answer::default() };
    Ok(answer.seeing(&[received.ended.status(), received.told.cast_signed()]))
}

fn error_data(client: &Client<'_>) -> Result<Answer> {
    let (is_error, received) = error(client)?;
    let answer = match &*received.data {
        _ if !is_error => Answer::default(),
        b"lost on the way!" => Answer::followed(ErrorData::All),
        b"lost on " => Answer::followed(ErrorData::Eight),
        b"" => Answer::followed(ErrorData::Nothing),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[received.ended.status(), received.told.cast_signed()]))
}

/// An IPv4-mapped loopback address with the port of a socket.
fn mapped(socket: &Socket<'_>) -> Result<Address> {
    let address = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    Ok(Address::new(SocketAddr::from((address, socket.local_address()?.port()))))
}

/// A dual-stack socket asks for the errors of IPv6 only, and then for those of both, which a datagram by IPv4 has caused. What
/// is not told is told by the next that comes.
fn error_family(client: &Client<'_>) -> Result<Answer> {
    let (sender, peer) = (client.dual_stack_socket()?, client.bound_socket()?);
    let is_told = || {
        let closed = client.bound_socket()?;
        let mut to = mapped(&closed)?;
        drop(closed);
        nt::check(sender.send_to(b"lost", Some(&mut to))?.status())?;
        let port = sender.local_address()?.port();
        let mut back = Address::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        nt::check(peer.send_to(b"next", Some(&mut back))?.status())?;
        let received = sender.receive_with(32, CONTROL)?;
        if *received.data == *b"next" {
            return Ok(false);
        }
        let is_error = place(&received, |message| matches!(message, Message::ErrorV4(_))).is_some();
        sender.receive_with(32, CONTROL)?;
        Ok::<_, Error>(is_error)
    };
    nt::check(set(&sender, IPPROTO_IPV6, IPV6_RECVERR, &ON)?)?;
    let one = is_told()?;
    nt::check(set(&sender, IPPROTO_IP, IP_RECVERR, &ON)?)?;
    let answer = match (one, is_told()?) {
        (false, true) => Answer::followed(ErrorFamily::AsDatagrams),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[one.into()]))
}

/// A dual-stack socket asks by the option of IPv4, and a datagram comes by IPv4.
fn receive_control_family(client: &Client<'_>) -> Result<Answer> {
    let (receiver, sender) = (client.dual_stack_socket()?, client.bound_socket()?);
    nt::check(set(&receiver, IPPROTO_IP, IP_PKTINFO, &ON)?)?;
    let port = receiver.local_address()?.port();
    let mut to = Address::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    nt::check(sender.send_to(b"told", Some(&mut to))?.status())?;
    let came = receiver.receive_with(16, CONTROL)?;
    let local = |message: &Message<'_>| matches!(message, Message::PacketInfo { address, .. } if *address == Ipv4Addr::LOCALHOST);
    let answer = match place(&came, local) {
        Some(_) => Answer::followed(ReceiveControlFamily::OfDatagram),
        None => Answer::default(),
    };
    Ok(answer.seeing(&[came.ended.status(), came.told.cast_signed()]))
}

fn remote_changed(client: &Client<'_>) -> Result<Answer> {
    let (receiver, first, second) = (client.bound_socket()?, client.bound_socket()?, client.bound_socket()?);
    fix(&receiver, SIO_WSK_SET_REMOTE_ADDRESS, &first)?;
    send(&second, b"before", &receiver)?;
    // When this one is there, the one before it has been looked at.
    send(&first, b"between", &receiver)?;
    receiver.receive_with(16, 0)?;
    fix(&receiver, SIO_WSK_SET_REMOTE_ADDRESS, &second)?;
    send(&second, b"after", &receiver)?;
    let came = receiver.receive_with(16, 0)?;
    let answer = match &*came.data {
        b"after" => Answer::followed(RemoteChanged::Discarded),
        b"before" => Answer::other::<RemoteChanged>("received"),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[came.ended.status()]))
}

fn queued_before_remote(client: &Client<'_>) -> Result<Answer> {
    let (receiver, other, remote) = (client.bound_socket()?, client.bound_socket()?, client.bound_socket()?);
    send(&other, b"before", &receiver)?;
    // When this one is there, the one before it is queued, as far as that can be known without taking it.
    send(&other, b"elsewhere", &remote)?;
    remote.receive_with(16, 0)?;
    fix(&receiver, SIO_WSK_SET_REMOTE_ADDRESS, &remote)?;
    send(&remote, b"after", &receiver)?;
    let came = receiver.receive_with(16, 0)?;
    let answer = match &*came.data {
        b"after" => Answer::followed(QueuedBeforeRemote::Filtered),
        b"before" => Answer::other::<QueuedBeforeRemote>("received"),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[came.ended.status()]))
}

fn receive_nothing(client: &Client<'_>) -> Result<Answer> {
    let (sender, receiver) = (client.bound_socket()?, client.bound_socket()?);
    send(&sender, b"first", &receiver)?;
    send(&sender, b"second", &receiver)?;
    let nothing = receiver.receive_with(0, 0)?.ended.status();
    let came = receiver.receive_with(16, 0)?;
    let answer = match &*came.data {
        b"second" => Answer::followed(ReceiveNothing::Consumed),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[nothing, came.ended.status()]))
}

fn receive_buffer_zero(client: &Client<'_>) -> Result<Answer> {
    let (sender, receiver) = (client.bound_socket()?, client.bound_socket()?);
    let status = set(&receiver, SOL_SOCKET, SO_RCVBUF, &[0; 4])?;
    send(&sender, b"queued", &receiver)?;
    let answer = match (status, arrives(client, &receiver)?) {
        (STATUS_SUCCESS, true) => Answer::followed(ReceiveBufferZero::One),
        (STATUS_SUCCESS, false) => Answer::other::<ReceiveBufferZero>("none"),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[status]))
}
