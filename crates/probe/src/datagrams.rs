//! Datagrams.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nt::{Error, Result};
use readings::{
    BroadcastBind, BroadcastSend, DatagramTooLong, ForeignInterface, ForeignSource, MappedDestination,
    PortZero, Question, SegmentAlone, SendControlEmpty, SendControlFamily, SendControlInvalid,
    SendControlKnown, SendControlPadding, SendControlUnknown, SendEcnThree, SendMessagesFails, SendSegments,
    SendWithoutAddress, TwoFixedAddresses, WildcardDestination,
};
use wsk_cmsg::kind::{SO_TIMESTAMP_ID, SOL_SOCKET};
use wsk_cmsg::{Control, Message};
use wsk_sys::{
    NTSTATUS, SIO_WSK_SET_REMOTE_ADDRESS, SIO_WSK_SET_SENDTO_ADDRESS, STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW, STATUS_INVALID_ADDRESS_COMPONENT, STATUS_INVALID_BUFFER_SIZE,
    STATUS_INVALID_CONNECTION, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER,
    STATUS_NETWORK_UNREACHABLE, STATUS_NOT_SUPPORTED, STATUS_SUCCESS, ULONG, WskIoctl,
};

use crate::Probe;
use crate::answer::Answer;
use crate::client::{Address, CONTROL, Client, Socket};

pub(crate) const PROBES: &[(&str, Probe)] = &[
    (SendWithoutAddress::ABOUT.id, send_without_address),
    (TwoFixedAddresses::ABOUT.id, two_fixed_addresses),
    (WildcardDestination::ABOUT.id, wildcard_destination),
    (PortZero::ABOUT.id, port_zero),
    (DatagramTooLong::ABOUT.id, datagram_too_long),
    (BroadcastSend::ABOUT.id, broadcast_send),
    (BroadcastBind::ABOUT.id, broadcast_bind),
    (SendControlFamily::ABOUT.id, send_control_family),
    (SendControlInvalid::ABOUT.id, send_control_invalid),
    (SendControlPadding::ABOUT.id, send_control_padding),
    (SendControlEmpty::ABOUT.id, send_control_empty),
    (SendEcnThree::ABOUT.id, send_ecn_three),
    (SendControlKnown::ABOUT.id, send_control_known),
    (SendControlUnknown::ABOUT.id, send_control_unknown),
    (ForeignSource::ABOUT.id, foreign_source),
    (ForeignInterface::ABOUT.id, foreign_interface),
    (SendSegments::ABOUT.id, send_segments),
    (SendMessagesFails::ABOUT.id, send_messages_fails),
    (SegmentAlone::ABOUT.id, segment_alone),
    (MappedDestination::ABOUT.id, mapped_destination),
];

/// The port of "discard", where a datagram does no harm.
const DISCARD: u16 = 9;

/// How a datagram to an address ends, over IPv4 from the loopback address.
fn sent(client: &Client<'_>, to: Option<(Ipv4Addr, u16)>) -> Result<NTSTATUS> {
    let mut to = to.map(|to| Address::new(SocketAddr::from(to)));
    Ok(client.bound_socket()?.send_to(b"x", to.as_mut())?.status())
}

fn send_without_address(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_INVALID_DEVICE_STATE, SendWithoutAddress::InvalidState),
        (STATUS_INVALID_CONNECTION, SendWithoutAddress::InvalidConnection),
        (STATUS_INVALID_PARAMETER, SendWithoutAddress::InvalidParameter),
    ];
    Ok(Answer::by_status(sent(client, None)?, &readings))
}

/// Fixes an address of a socket, by this request, to that of another.
pub(crate) fn fix(socket: &Socket<'_>, code: ULONG, to: &Socket<'_>) -> Result {
    let mut address = to.local_address()?;
    nt::check(socket.control(WskIoctl, code, 0, address.as_v4(), &mut [])?.status())
}

/// What comes last to a socket of which it is asked whether something has come.
const MARK: &[u8] = b"the mark";

/// Sends the mark to a socket.
pub(crate) fn mark(client: &Client<'_>, socket: &Socket<'_>) -> Result {
    nt::check(client.bound_socket()?.send_to(MARK, Some(&mut socket.local_address()?))?.status())
}

/// Whether a datagram has come to a socket, which was sent before: it is received before the mark, on a loopback interface.
pub(crate) fn arrives(client: &Client<'_>, socket: &Socket<'_>) -> Result<bool> {
    mark(client, socket)?;
    let received = socket.receive_with(16, 0)?;
    Ok(received.ended.status() == STATUS_SUCCESS && *received.data != *MARK)
}

fn two_fixed_addresses(client: &Client<'_>) -> Result<Answer> {
    let (sender, remote, destination) =
        (client.bound_socket()?, client.bound_socket()?, client.bound_socket()?);
    fix(&sender, SIO_WSK_SET_REMOTE_ADDRESS, &remote)?;
    fix(&sender, SIO_WSK_SET_SENDTO_ADDRESS, &destination)?;
    let status = sender.send_to(b"x", None)?.status();
    let answer = match (arrives(client, &destination)?, arrives(client, &remote)?) {
        (true, false) => Answer::followed(TwoFixedAddresses::Destination),
        (false, true) => Answer::followed(TwoFixedAddresses::Remote),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[status]))
}

fn wildcard_destination(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_INVALID_ADDRESS_COMPONENT, WildcardDestination::AddressComponent),
        (STATUS_INVALID_PARAMETER, WildcardDestination::InvalidParameter),
    ];
    Ok(Answer::by_status(sent(client, Some((Ipv4Addr::UNSPECIFIED, DISCARD)))?, &readings))
}

fn port_zero(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_INVALID_ADDRESS_COMPONENT, PortZero::AddressComponent),
        (STATUS_INVALID_PARAMETER, PortZero::InvalidParameter),
        (STATUS_SUCCESS, PortZero::Sent),
    ];
    Ok(Answer::by_status(sent(client, Some((Ipv4Addr::LOCALHOST, 0)))?, &readings))
}

/// One byte more than the length fields of IPv4 and UDP can say.
static LONG: [u8; 65_508] = [0; 65_508];

fn datagram_too_long(client: &Client<'_>) -> Result<Answer> {
    let mut to = Address::new(SocketAddr::from((Ipv4Addr::LOCALHOST, DISCARD)));
    let status = client.bound_socket()?.send_to(&LONG, Some(&mut to))?.status();
    let readings = [
        (STATUS_INVALID_BUFFER_SIZE, DatagramTooLong::InvalidBufferSize),
        (STATUS_BUFFER_OVERFLOW, DatagramTooLong::BufferOverflow),
    ];
    Ok(Answer::by_status(status, &readings))
}

fn broadcast_send(client: &Client<'_>) -> Result<Answer> {
    let status = sent(client, Some((Ipv4Addr::BROADCAST, DISCARD)))?;
    Ok(Answer::by_status(status, &[(STATUS_ACCESS_DENIED, BroadcastSend::AccessDenied)]))
}

fn broadcast_bind(client: &Client<'_>) -> Result<Answer> {
    let mut everyone = Address::new(SocketAddr::from((Ipv4Addr::BROADCAST, 0)));
    let status = client.socket()?.bind(&mut everyone)?.status();
    let readings =
        [(STATUS_ACCESS_DENIED, BroadcastBind::AccessDenied), (STATUS_SUCCESS, BroadcastBind::Bound)];
    Ok(Answer::by_status(status, &readings))
}

/// How a datagram with this control information ends, from one socket of the loopback address to another.
fn sent_with(client: &Client<'_>, message: &Message<'_>) -> Result<NTSTATUS> {
    let (sender, receiver) = (client.bound_socket()?, client.bound_socket()?);
    let mut control = Control::<CONTROL>::new();
    control.push(message).map_err(|_full| Error::BUFFER_TOO_SMALL)?;
    Ok(sender.send_with(b"x", Some(&mut receiver.local_address()?), &control)?.status())
}

fn send_control_family(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_INVALID_PARAMETER, SendControlFamily::InvalidParameter),
        (STATUS_SUCCESS, SendControlFamily::Ignored),
    ];
    Ok(Answer::by_status(sent_with(client, &Message::HopLimit(3))?, &readings))
}

/// A value out of range, and a message that is for receives. What is malformed could stop the machine.
fn send_control_invalid(client: &Client<'_>) -> Result<Answer> {
    let seen =
        [sent_with(client, &Message::TimeToLive(256))?, sent_with(client, &Message::CoalescedInfo(1))?];
    let answer = match seen {
        [STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER] => {
            Answer::followed(SendControlInvalid::InvalidParameter)
        }
        [STATUS_SUCCESS, STATUS_SUCCESS] => Answer::other::<SendControlInvalid>("ignored"),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&seen))
}

/// How a datagram ends with the first bytes of a message as control information.
fn sent_first(client: &Client<'_>, length: usize) -> Result<NTSTATUS> {
    let (sender, receiver) = (client.bound_socket()?, client.bound_socket()?);
    let mut control = Control::<CONTROL>::new();
    control.push(&Message::TimeToLive(3)).map_err(|_full| Error::BUFFER_TOO_SMALL)?;
    let first = &control.as_bytes()[..length];
    Ok(sender.send_raw(b"x", Some(&mut receiver.local_address()?), Some(first))?.status())
}

fn send_control_padding(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_INVALID_PARAMETER, SendControlPadding::Refused),
        (STATUS_SUCCESS, SendControlPadding::Taken),
    ];
    Ok(Answer::by_status(sent_first(client, wsk_cmsg::length(4))?, &readings))
}

fn send_control_empty(client: &Client<'_>) -> Result<Answer> {
    let readings =
        [(STATUS_SUCCESS, SendControlEmpty::Nothing), (STATUS_INVALID_PARAMETER, SendControlEmpty::Refused)];
    Ok(Answer::by_status(sent_first(client, 0)?, &readings))
}

fn send_ecn_three(client: &Client<'_>) -> Result<Answer> {
    let readings = [(STATUS_INVALID_PARAMETER, SendEcnThree::Refused), (STATUS_SUCCESS, SendEcnThree::Sent)];
    Ok(Answer::by_status(sent_with(client, &Message::EcnV4(3))?, &readings))
}

fn send_control_known(client: &Client<'_>) -> Result<Answer> {
    let stamp = Message::Other { level: SOL_SOCKET, kind: SO_TIMESTAMP_ID, data: &[7, 0, 0, 0] };
    let readings =
        [(STATUS_NOT_SUPPORTED, SendControlKnown::Refused), (STATUS_SUCCESS, SendControlKnown::Ignored)];
    Ok(Answer::by_status(sent_with(client, &stamp)?, &readings))
}

fn send_control_unknown(client: &Client<'_>) -> Result<Answer> {
    let unknown = Message::Other { level: SOL_SOCKET, kind: 0x7777, data: &[0; 4] };
    let readings = [
        (STATUS_NOT_SUPPORTED, SendControlUnknown::NotSupported),
        (STATUS_INVALID_PARAMETER, SendControlUnknown::InvalidParameter),
        (STATUS_SUCCESS, SendControlUnknown::Ignored),
    ];
    Ok(Answer::by_status(sent_with(client, &unknown)?, &readings))
}

fn foreign_source(client: &Client<'_>) -> Result<Answer> {
    let packet = Message::PacketInfo { address: Ipv4Addr::new(127, 0, 0, 2).into(), interface: 0 };
    let readings = [
        (STATUS_INVALID_ADDRESS_COMPONENT, ForeignSource::AddressComponent),
        (STATUS_INVALID_PARAMETER, ForeignSource::InvalidParameter),
        (STATUS_SUCCESS, ForeignSource::Ignored),
    ];
    Ok(Answer::by_status(sent_with(client, &packet)?, &readings))
}

fn foreign_interface(client: &Client<'_>) -> Result<Answer> {
    // No machine has so many.
    let packet = Message::PacketInfo { address: Ipv4Addr::UNSPECIFIED.into(), interface: 0x7FFF_FFFF };
    let readings = [
        (STATUS_NETWORK_UNREACHABLE, ForeignInterface::Unreachable),
        (STATUS_INVALID_ADDRESS_COMPONENT, ForeignInterface::AddressComponent),
        (STATUS_SUCCESS, ForeignInterface::Ignored),
    ];
    Ok(Answer::by_status(sent_with(client, &packet)?, &readings))
}

/// Two segments.
fn send_segments(client: &Client<'_>) -> Result<Answer> {
    let (sender, receiver) = (client.bound_socket()?, client.bound_socket()?);
    let mut control = Control::<CONTROL>::new();
    control.push(&Message::SendMessageSize(3)).map_err(|_full| Error::BUFFER_TOO_SMALL)?;
    let sent = sender.send_with(b"onetwo", Some(&mut receiver.local_address()?), &control)?;
    nt::check(sent.status())?;
    let (first, second) = (receiver.receive_with(16, 0)?, receiver.receive_with(16, 0)?);
    let answer = match (&*first.data, &*second.data) {
        (b"one", b"two") => Answer::followed(SendSegments::OneByOne),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[first.ended.status(), second.ended.status()]))
}

fn send_messages_fails(client: &Client<'_>) -> Result<Answer> {
    let (sender, receiver) = (client.bound_socket()?, client.bound_socket()?);
    let ended = sender.send_two([b"first", &LONG], &mut receiver.local_address()?)?;
    let status = ended.status();
    let answer = match (status, ended.information(), arrives(client, &receiver)?) {
        (STATUS_SUCCESS, 5, true) => Answer::followed(SendMessagesFails::Partial),
        (STATUS_SUCCESS, ..) => Answer::default(),
        (_, _, true) => Answer::followed(SendMessagesFails::Fails),
        (_, _, false) => Answer::other::<SendMessagesFails>("all-or-none"),
    };
    Ok(answer.seeing(&[status]))
}

fn segment_alone(client: &Client<'_>) -> Result<Answer> {
    let readings = [(STATUS_SUCCESS, SegmentAlone::Sent), (STATUS_INVALID_PARAMETER, SegmentAlone::Refused)];
    Ok(Answer::by_status(sent_with(client, &Message::SendMessageSize(100))?, &readings))
}

fn mapped_destination(client: &Client<'_>) -> Result<Answer> {
    let socket = client.socket_v6()?;
    let mut local = Address::new(SocketAddr::from((Ipv6Addr::LOCALHOST, 0)));
    nt::check(socket.bind(&mut local)?.status())?;
    let mapped: IpAddr = Ipv4Addr::LOCALHOST.to_ipv6_mapped().into();
    let status = socket.send_to(b"x", Some(&mut Address::new(SocketAddr::new(mapped, DISCARD))))?.status();
    let readings = [
        (STATUS_NETWORK_UNREACHABLE, MappedDestination::Unreachable),
        (STATUS_INVALID_ADDRESS_COMPONENT, MappedDestination::AddressComponent),
    ];
    Ok(Answer::by_status(status, &readings))
}
