//! Control requests: which there are, and their buffers.

use nt::Result;
use readings::{
    ByteBoolean, DualStackAddresses, FixedAddress, ForeignRequest, LateOption, LongValue, Question,
    ShortValue, StackOptions, UnknownRequest, UnusedBuffer,
};
use wsk_sys::{
    AF_INET, IP_TTL, IPPROTO_IP, IPPROTO_IPV6, IPV6_V6ONLY, NTSTATUS, SIO_ADDRESS_LIST_QUERY,
    SIO_WSK_SET_SENDTO_ADDRESS, SO_BROADCAST, SO_RCVBUF, SO_REUSEADDR, SOL_SOCKET, STATUS_BUFFER_TOO_SMALL,
    STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_ADDRESS_COMPONENT, STATUS_INVALID_BUFFER_SIZE,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED, STATUS_SUCCESS, ULONG, WskGetOption, WskIoctl, WskSetOption,
};

use crate::Probe;
use crate::answer::Answer;
use crate::client::{Client, Socket};

pub(crate) const PROBES: &[(&str, Probe)] = &[
    (LateOption::ABOUT.id, late_option),
    (UnknownRequest::ABOUT.id, unknown_request),
    (ForeignRequest::ABOUT.id, foreign_request),
    (ShortValue::ABOUT.id, short_value),
    (LongValue::ABOUT.id, long_value),
    (ByteBoolean::ABOUT.id, byte_boolean),
    (UnusedBuffer::ABOUT.id, unused_buffer),
    (FixedAddress::ABOUT.id, fixed_address),
    (StackOptions::ABOUT.id, stack_options),
    (DualStackAddresses::ABOUT.id, dual_stack_addresses),
];

/// Sets an option; the status.
pub(crate) fn set(socket: &Socket<'_>, level: ULONG, name: ULONG, value: &[u8]) -> Result<NTSTATUS> {
    let mut copy = [0; 16];
    let copy = &mut copy[..value.len()];
    copy.copy_from_slice(value);
    Ok(socket.control(WskSetOption, name, level, copy, &mut [])?.status())
}

/// Gets an option of four bytes: the status, and the value.
pub(crate) fn get(socket: &Socket<'_>, level: ULONG, name: ULONG) -> Result<(NTSTATUS, ULONG)> {
    let mut value = [0; 4];
    let ended = socket.control(WskGetOption, name, level, &mut [], &mut value)?;
    Ok((ended.status(), ULONG::from_ne_bytes(value)))
}

fn late_option(client: &Client<'_>) -> Result<Answer> {
    let status = set(&client.bound_socket()?, SOL_SOCKET, SO_REUSEADDR, &[1, 0, 0, 0])?;
    let readings = [
        (STATUS_INVALID_DEVICE_STATE, LateOption::InvalidState),
        (STATUS_INVALID_PARAMETER, LateOption::InvalidParameter),
        (STATUS_SUCCESS, LateOption::NoEffect),
    ];
    Ok(Answer::by_status(status, &readings))
}

/// The status for an option that nobody knows.
pub(crate) fn unknown(client: &Client<'_>) -> Result<NTSTATUS> {
    set(&client.socket()?, IPPROTO_IP, 0x7777, &[0; 4])
}

fn unknown_request(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_NOT_SUPPORTED, UnknownRequest::NotSupported),
        (STATUS_INVALID_PARAMETER, UnknownRequest::InvalidParameter),
        (STATUS_INVALID_DEVICE_REQUEST, UnknownRequest::InvalidRequest),
    ];
    Ok(Answer::by_status(unknown(client)?, &readings))
}

fn foreign_request(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_INVALID_DEVICE_REQUEST, ForeignRequest::InvalidRequest),
        (STATUS_INVALID_PARAMETER, ForeignRequest::InvalidParameter),
        (STATUS_NOT_SUPPORTED, ForeignRequest::NotSupported),
    ];
    let status = set(&client.socket()?, IPPROTO_IPV6, IPV6_V6ONLY, &[0; 4])?;
    Ok(Answer::by_status(status, &readings))
}

fn short_value(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_BUFFER_TOO_SMALL, ShortValue::BufferTooSmall),
        (STATUS_INVALID_PARAMETER, ShortValue::InvalidParameter),
        (STATUS_INFO_LENGTH_MISMATCH, ShortValue::LengthMismatch),
    ];
    Ok(Answer::by_status(set(&client.socket()?, SOL_SOCKET, SO_RCVBUF, &[0, 0x40, 0])?, &readings))
}

fn long_value(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_INVALID_BUFFER_SIZE, LongValue::InvalidSize),
        (STATUS_INVALID_PARAMETER, LongValue::InvalidParameter),
        (STATUS_SUCCESS, LongValue::Ignored),
    ];
    let status = set(&client.socket()?, SOL_SOCKET, SO_RCVBUF, &[0, 0x40, 0, 0, 0, 0, 0, 0])?;
    Ok(Answer::by_status(status, &readings))
}

fn byte_boolean(client: &Client<'_>) -> Result<Answer> {
    let socket = client.socket()?;
    let taken = set(&socket, SOL_SOCKET, SO_BROADCAST, &[1])?;
    let mut value = [0; 4];
    let got = socket.control(WskGetOption, SO_BROADCAST, SOL_SOCKET, &mut [], &mut value)?;
    let answer = match (nt::check(taken).is_ok(), got.information()) {
        (true, 1) => Answer::followed(ByteBoolean::Taken),
        (false, 4) => Answer::followed(ByteBoolean::Refused),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[taken, got.status(), NTSTATUS::from(value[0])]))
}

fn unused_buffer(client: &Client<'_>) -> Result<Answer> {
    let readings =
        [(STATUS_INVALID_PARAMETER, UnusedBuffer::InvalidParameter), (STATUS_SUCCESS, UnusedBuffer::Ignored)];
    let socket = client.socket()?;
    let ended = socket.control(WskGetOption, SO_BROADCAST, SOL_SOCKET, &mut [0; 4], &mut [0; 4])?;
    Ok(Answer::by_status(ended.status(), &readings))
}

fn fixed_address(client: &Client<'_>) -> Result<Answer> {
    let readings = [
        (STATUS_INVALID_PARAMETER, FixedAddress::InvalidParameter),
        (STATUS_INVALID_ADDRESS_COMPONENT, FixedAddress::InvalidAddress),
        (STATUS_SUCCESS, FixedAddress::LargerTaken),
    ];
    let mut address = [0; 28];
    let [family, port, ip] = [AF_INET.to_ne_bytes(), 9_u16.to_be_bytes(), [127, 0]];
    address[..6].copy_from_slice([family, port, ip].as_flattened());
    address[7] = 1;
    let socket = client.bound_socket()?;
    let ended = socket.control(WskIoctl, SIO_WSK_SET_SENDTO_ADDRESS, 0, &mut address, &mut [])?;
    Ok(Answer::by_status(ended.status(), &readings))
}

fn stack_options(client: &Client<'_>) -> Result<Answer> {
    let socket = client.socket_v6()?;
    let only = set(&socket, IPPROTO_IP, IP_TTL, &[9, 0, 0, 0])?;
    nt::check(set(&socket, IPPROTO_IPV6, IPV6_V6ONLY, &[0; 4])?)?;
    let dual = set(&socket, IPPROTO_IP, IP_TTL, &[9, 0, 0, 0])?;
    let answer = match (nt::check(only).is_ok(), nt::check(dual).is_ok()) {
        (false, true) => Answer::followed(StackOptions::DualStack),
        (true, true) => Answer::followed(StackOptions::Always),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[only, dual]))
}

fn dual_stack_addresses(client: &Client<'_>) -> Result<Answer> {
    let socket = client.socket_v6()?;
    // What is asked is how large the list is.
    let (first, only) = socket.ioctl_without_irp(SIO_ADDRESS_LIST_QUERY, &mut []);
    nt::check(set(&socket, IPPROTO_IPV6, IPV6_V6ONLY, &[0; 4])?)?;
    let (second, dual) = socket.ioctl_without_irp(SIO_ADDRESS_LIST_QUERY, &mut []);
    let answer = match only.cmp(&dual) {
        core::cmp::Ordering::Equal if only != 0 => Answer::followed(DualStackAddresses::Family),
        core::cmp::Ordering::Less => Answer::followed(DualStackAddresses::Mapped),
        _ => Answer::default(),
    };
    Ok(answer.seeing(&[first, second]))
}
