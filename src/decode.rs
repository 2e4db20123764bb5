//! What a request asks for, read from its bytes. No unsafe code and no effects: text in, meaning or refusal out.

use core::net::SocketAddr;
use core::time::Duration;

use wsk::row::{Row, ValueKind};
use wsk::{CONTROL_MAX, Control, Error, Family, Result};
use wskdrv_abi::address::{self, AddressError};
use wskdrv_abi::{
    Create, IOCTL_WSKDRV_BIND, IOCTL_WSKDRV_CREATE, IOCTL_WSKDRV_GET_OPTION, IOCTL_WSKDRV_IOCTL,
    IOCTL_WSKDRV_LOCAL_ADDRESS, IOCTL_WSKDRV_PROVIDER, IOCTL_WSKDRV_RAW_CONTROL, IOCTL_WSKDRV_RECEIVE,
    IOCTL_WSKDRV_SEND, IOCTL_WSKDRV_SET_OPTION, IOCTL_WSKDRV_STATISTICS, IOCTL_WSKDRV_VERSION, IoctlRequest,
    NO_TIMEOUT, OptionRequest, RawRequest, Received, Send, Timed,
};
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// A request, understood.
#[derive(Debug)]
pub(crate) enum Demand<'a> {
    /// Which driver and contract this is.
    Version,
    /// What the driver has counted.
    Statistics,
    /// Which WSK versions the provider offers.
    Provider,
    /// An operation on the handle's socket, with its time limit.
    Operation(Operation<'a>, Option<Duration>),
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
    /// Send the output buffer's bytes, to an address or to the fixed one.
    Send(Option<SocketAddr>),
    /// Receive into the output buffer, after its head.
    Receive,
}

/// Reads a request.
///
/// # Errors
/// The driver's refusals, as `wskdrv_abi` lists them.
pub(crate) fn decode(code: u32, input: &[u8], output: usize) -> Result<Demand<'_>> {
    match code {
        IOCTL_WSKDRV_VERSION => nothing(input).map(|()| Demand::Version),
        IOCTL_WSKDRV_STATISTICS => nothing(input).map(|()| Demand::Statistics),
        IOCTL_WSKDRV_PROVIDER => nothing(input).map(|()| Demand::Provider),
        IOCTL_WSKDRV_CREATE => create(input),
        IOCTL_WSKDRV_BIND => bind(input),
        IOCTL_WSKDRV_LOCAL_ADDRESS => local_address(input),
        IOCTL_WSKDRV_GET_OPTION => get_option(input, output),
        IOCTL_WSKDRV_SET_OPTION => set_option(input),
        IOCTL_WSKDRV_IOCTL => ioctl(input),
        IOCTL_WSKDRV_RAW_CONTROL => raw_control(input, output),
        IOCTL_WSKDRV_SEND => send(input),
        IOCTL_WSKDRV_RECEIVE => receive(input, output),
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

fn local_address(input: &[u8]) -> Result<Demand<'_>> {
    let request: Timed = whole(input)?;
    zero(request.reserved)?;
    operation(Operation::LocalAddress, request.timeout_ms)
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
    set(row, value, request.timeout_ms)
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

fn send(input: &[u8]) -> Result<Demand<'_>> {
    let (request, rest) = head::<Send>(input)?;
    zero(request.flags)?;
    let to = if rest.is_empty() { None } else { Some(socket_address(rest)?) };
    operation(Operation::Send(to), request.timeout_ms)
}

fn receive(input: &[u8], output: usize) -> Result<Demand<'_>> {
    let request: Timed = whole(input)?;
    zero(request.reserved)?;
    room(output, size_of::<Received>())?;
    operation(Operation::Receive, request.timeout_ms)
}

#[expect(clippy::unnecessary_wraps, reason = "the last step of functions that fail before it")]
fn operation(operation: Operation<'_>, timeout_ms: u32) -> Result<Demand<'_>> {
    let timeout = (timeout_ms != NO_TIMEOUT).then(|| Duration::from_millis(timeout_ms.into()));
    Ok(Demand::Operation(operation, timeout))
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

fn nothing(rest: &[u8]) -> Result {
    if rest.is_empty() { Ok(()) } else { Err(Error::INVALID_BUFFER_SIZE) }
}

fn zero(reserved: u32) -> Result {
    if reserved == 0 { Ok(()) } else { Err(Error::INVALID_PARAMETER) }
}

fn room(output: usize, needed: usize) -> Result {
    if output >= needed { Ok(()) } else { Err(Error::BUFFER_TOO_SMALL) }
}

fn socket_address(bytes: &[u8]) -> Result<SocketAddr> {
    address::decode(bytes).map_err(|error| match error {
        // Not even a family.
        AddressError::Length { family: 0, .. } => Error::BUFFER_TOO_SMALL,
        AddressError::Length { .. } | AddressError::Family(_) => Error::INVALID_PARAMETER,
    })
}
