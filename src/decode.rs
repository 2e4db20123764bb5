//! What a request asks for, read from its bytes. No unsafe code and no effects: text in, meaning or refusal out.

use core::net::SocketAddr;
use core::time::Duration;

use wsk::row::{Row, ValueKind};
use wsk::{CONTROL_MAX, Control, Error, Family, Result};
use wsk_sys::{SIO_ADDRESS_LIST_CHANGE, SIO_ADDRESS_LIST_QUERY, SIO_ADDRESS_LIST_SORT};
use wskdrv_abi::address::{self, AddressError};
use wskdrv_abi::{
    Create, DISABLE_AND_WAIT, DISABLE_SOON, Datagrams, DisableReceive, Disabled, EnableReceive,
    IOCTL_WSKDRV_BIND, IOCTL_WSKDRV_CREATE, IOCTL_WSKDRV_DISABLE_RECEIVE, IOCTL_WSKDRV_DRAIN,
    IOCTL_WSKDRV_ENABLE_RECEIVE, IOCTL_WSKDRV_GET_OPTION, IOCTL_WSKDRV_GET_SECURITY, IOCTL_WSKDRV_IOCTL,
    IOCTL_WSKDRV_LOCAL_ADDRESS, IOCTL_WSKDRV_PROVIDER, IOCTL_WSKDRV_RAW_CONTROL, IOCTL_WSKDRV_RECEIVE,
    IOCTL_WSKDRV_SEND, IOCTL_WSKDRV_SET_OPTION, IOCTL_WSKDRV_SET_SECURITY, IOCTL_WSKDRV_STATISTICS,
    IOCTL_WSKDRV_TRANSPORT_CHANGE, IOCTL_WSKDRV_TRANSPORTS, IOCTL_WSKDRV_VERSION, IoctlRequest, NO_TIMEOUT,
    OptionRequest, RawRequest, Receive, Received, SECURITY_MAX, Timed,
};
use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::many::{self, Send};

/// A request, understood.
#[derive(Debug)]
pub(crate) enum Demand<'a> {
    /// What is done in the call.
    Now(Immediate<'a>),
    /// An operation on the handle's socket, with its time limit.
    Operation(Operation<'a>, Option<Duration>),
    /// Receive into the output buffer: an operation for each datagram, with one time limit for all.
    Receive(Receive, Option<Duration>),
}

/// What is done in the call: no IRP goes with it.
#[derive(Debug)]
pub(crate) enum Immediate<'a> {
    /// Tell which driver and contract this is.
    Version,
    /// Tell what the driver has counted.
    Statistics,
    /// Tell which WSK versions the provider offers.
    Provider,
    /// Tell which transports there are.
    Transports,
    /// Tell the local addresses.
    AddressList,
    /// Sort these addresses.
    SortAddresses(&'a [u8]),
    /// Enable the receive event, with a queue of so many bytes.
    EnableReceive(usize),
    /// Disable the receive event, without waiting for calls of it.
    DisableReceiveSoon,
}

/// An operation on the handle's socket.
#[derive(Debug)]
pub(crate) enum Operation<'a> {
    /// Make the socket.
    Create(Family),
    /// Bind it.
    Bind(SocketAddr),
    /// Tell where it is bound.
    LocalAddress,
    /// Control it.
    Control {
        /// The request.
        control: Control<'a>,
        /// The row whose state rule applies; none for a get, which changes nothing, and for a raw request.
        rule: Option<&'static Row>,
        /// The address that it carries.
        address: Option<SocketAddr>,
    },
    /// Wait for a change of the local addresses.
    AddressListChange,
    /// Wait for a change of the transports.
    TransportChange,
    /// Set the security descriptor to these bytes.
    SetSecurity(&'a [u8]),
    /// Get the security descriptor.
    GetSecurity,
    /// Send the output buffer's bytes as datagrams.
    Send(Send<'a>),
    /// Disable the receive event, and wait until no call of it is left.
    DisableReceive,
    /// Take datagrams out of the queue.
    Drain,
}

/// Reads a request.
///
/// # Errors
/// The driver's refusals, as `wskdrv_abi` lists them.
pub(crate) fn decode(code: u32, input: &[u8], output: usize) -> Result<Demand<'_>> {
    match code {
        IOCTL_WSKDRV_VERSION => nothing(input).map(|()| Demand::Now(Immediate::Version)),
        IOCTL_WSKDRV_STATISTICS => nothing(input).map(|()| Demand::Now(Immediate::Statistics)),
        IOCTL_WSKDRV_PROVIDER => nothing(input).map(|()| Demand::Now(Immediate::Provider)),
        IOCTL_WSKDRV_CREATE => create(input),
        IOCTL_WSKDRV_BIND => bind(input),
        IOCTL_WSKDRV_LOCAL_ADDRESS => timed(input, Operation::LocalAddress),
        IOCTL_WSKDRV_GET_OPTION => get_option(input, output),
        IOCTL_WSKDRV_SET_OPTION => set_option(input),
        IOCTL_WSKDRV_IOCTL => ioctl(input),
        IOCTL_WSKDRV_RAW_CONTROL => raw_control(input, output),
        IOCTL_WSKDRV_SEND => send(input, output),
        IOCTL_WSKDRV_RECEIVE => receive(input, output),
        IOCTL_WSKDRV_ENABLE_RECEIVE => enable_receive(input),
        IOCTL_WSKDRV_DISABLE_RECEIVE => disable_receive(input, output),
        IOCTL_WSKDRV_DRAIN => drain(input, output),
        IOCTL_WSKDRV_TRANSPORTS => nothing(input).map(|()| Demand::Now(Immediate::Transports)),
        IOCTL_WSKDRV_TRANSPORT_CHANGE => timed(input, Operation::TransportChange),
        IOCTL_WSKDRV_SET_SECURITY => set_security(input),
        IOCTL_WSKDRV_GET_SECURITY => timed(input, Operation::GetSecurity),
        _ => Err(Error::INVALID_DEVICE_REQUEST),
    }
}

fn create(input: &[u8]) -> Result<Demand<'_>> {
    let request: Create = whole(input)?;
    zero(request.reserved.into())?;
    let family = Family::from_number(request.family).ok_or(Error::INVALID_PARAMETER)?;
    operation(Operation::Create(family), request.timeout_ms)
}

fn bind(input: &[u8]) -> Result<Demand<'_>> {
    let (request, rest) = head::<Timed>(input)?;
    zero(request.reserved)?;
    operation(Operation::Bind(socket_address(rest)?), request.timeout_ms)
}

/// A request that has nothing to say but its time limit.
fn timed<'a>(input: &'a [u8], what: Operation<'a>) -> Result<Demand<'a>> {
    let request: Timed = whole(input)?;
    zero(request.reserved)?;
    operation(what, request.timeout_ms)
}

fn set_security(input: &[u8]) -> Result<Demand<'_>> {
    let (request, descriptor) = head::<Timed>(input)?;
    zero(request.reserved)?;
    if descriptor.is_empty() {
        return Err(Error::BUFFER_TOO_SMALL);
    }
    if descriptor.len() > SECURITY_MAX {
        return Err(Error::INVALID_BUFFER_SIZE);
    }
    operation(Operation::SetSecurity(descriptor), request.timeout_ms)
}

fn get_option(input: &[u8], output: usize) -> Result<Demand<'_>> {
    let request: OptionRequest = whole(input)?;
    zero(request.reserved)?;
    let row = Row::option(request.level, request.name).ok_or(Error::NOT_SUPPORTED)?;
    let control = Control::get(row)?;
    room(output, control.output())?;
    operation(Operation::Control { control, rule: None, address: None }, request.timeout_ms)
}

fn set_option(input: &[u8]) -> Result<Demand<'_>> {
    let (request, value) = head::<OptionRequest>(input)?;
    zero(request.reserved)?;
    let row = Row::option(request.level, request.name).ok_or(Error::NOT_SUPPORTED)?;
    set(row, value, request.timeout_ms)
}

fn ioctl(input: &[u8]) -> Result<Demand<'_>> {
    let (request, value) = head::<IoctlRequest>(input)?;
    let row = Row::ioctl(request.code).ok_or(Error::NOT_SUPPORTED)?;
    match request.code {
        SIO_ADDRESS_LIST_QUERY => {
            nothing(value)?;
            Ok(Demand::Now(Immediate::AddressList))
        }
        SIO_ADDRESS_LIST_CHANGE => {
            nothing(value)?;
            operation(Operation::AddressListChange, request.timeout_ms)
        }
        SIO_ADDRESS_LIST_SORT => Ok(Demand::Now(Immediate::SortAddresses(value))),
        _ => set(row, value, request.timeout_ms),
    }
}

/// A set of an option, or an IOCTL with input.
fn set<'a>(row: &'static Row, value: &'a [u8], timeout_ms: u32) -> Result<Demand<'a>> {
    let address = match row.value {
        ValueKind::Address if !value.is_empty() => Some(socket_address(value)?),
        _ => None,
    };
    let control = Control::set(row, value)?;
    operation(Operation::Control { control, rule: Some(row), address }, timeout_ms)
}

fn raw_control(input: &[u8], output: usize) -> Result<Demand<'_>> {
    let (request, value) = head::<RawRequest>(input)?;
    let kind = i32::try_from(request.request_type).map_err(|_| Error::INVALID_PARAMETER)?;
    let control = Control::raw(kind, request.code, request.level, value, output.min(CONTROL_MAX))?;
    operation(Operation::Control { control, rule: None, address: None }, request.timeout_ms)
}

fn send(input: &[u8], output: usize) -> Result<Demand<'_>> {
    let (request, rest) = head::<wskdrv_abi::Send>(input)?;
    zero(request.flags)?;
    zero(request.reserved)?;
    let send = many::decode(&request, rest, output)?;
    operation(Operation::Send(send), request.timeout_ms)
}

fn receive(input: &[u8], output: usize) -> Result<Demand<'_>> {
    let request: Receive = whole(input)?;
    room(output, request.size().ok_or(Error::INVALID_PARAMETER)?)?;
    Ok(Demand::Receive(request, limit(request.timeout_ms)))
}

fn enable_receive(input: &[u8]) -> Result<Demand<'_>> {
    let request: EnableReceive = whole(input)?;
    zero(request.reserved)?;
    if !request.is_valid() {
        return Err(Error::INVALID_PARAMETER);
    }
    Ok(Demand::Now(Immediate::EnableReceive(request.capacity as usize)))
}

fn disable_receive(input: &[u8], output: usize) -> Result<Demand<'_>> {
    let request: DisableReceive = whole(input)?;
    room(output, size_of::<Disabled>())?;
    match request.form {
        DISABLE_AND_WAIT => operation(Operation::DisableReceive, request.timeout_ms),
        DISABLE_SOON => Ok(Demand::Now(Immediate::DisableReceiveSoon)),
        _ => Err(Error::INVALID_PARAMETER),
    }
}

fn drain(input: &[u8], output: usize) -> Result<Demand<'_>> {
    let request: Timed = whole(input)?;
    zero(request.reserved)?;
    room(output, size_of::<Datagrams>() + size_of::<Received>())?;
    operation(Operation::Drain, request.timeout_ms)
}

#[expect(clippy::unnecessary_wraps, reason = "the last step of functions that fail before it")]
fn operation(operation: Operation<'_>, timeout_ms: u32) -> Result<Demand<'_>> {
    Ok(Demand::Operation(operation, limit(timeout_ms)))
}

/// A request's time limit.
fn limit(timeout_ms: u32) -> Option<Duration> {
    (timeout_ms != NO_TIMEOUT).then(|| Duration::from_millis(timeout_ms.into()))
}

/// The head of the input, and what follows it.
fn head<T: FromBytes + KnownLayout + Immutable>(input: &[u8]) -> Result<(T, &[u8])> {
    T::read_from_prefix(input).map_err(|_| Error::BUFFER_TOO_SMALL)
}

/// The input, which must be a head and no more.
fn whole<T: FromBytes + KnownLayout + Immutable>(input: &[u8]) -> Result<T> {
    let (head, rest) = head(input)?;
    nothing(rest).map(|()| head)
}

pub(crate) fn nothing(rest: &[u8]) -> Result {
    if rest.is_empty() { Ok(()) } else { Err(Error::INVALID_BUFFER_SIZE) }
}

fn zero(reserved: u32) -> Result {
    if reserved == 0 { Ok(()) } else { Err(Error::INVALID_PARAMETER) }
}

fn room(output: usize, needed: usize) -> Result {
    if output >= needed { Ok(()) } else { Err(Error::BUFFER_TOO_SMALL) }
}

pub(crate) fn socket_address(bytes: &[u8]) -> Result<SocketAddr> {
    address::decode(bytes).map_err(|error| match error {
        // Not even a family.
        AddressError::Length { family: 0, .. } => Error::BUFFER_TOO_SMALL,
        AddressError::Length { .. } | AddressError::Family(_) => Error::INVALID_PARAMETER,
    })
}
