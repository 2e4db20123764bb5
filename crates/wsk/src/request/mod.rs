//! What can be requested: one file for each request, which prepares it, makes its call of WSK, has what must live until
//! the IRP has completed, and reads the result.

pub(crate) mod address_change;
pub(crate) mod bind;
pub(crate) mod close;
pub(crate) mod control;
pub(crate) mod create;
pub(crate) mod disable_receive;
pub(crate) mod local_address;
pub(crate) mod receive;
pub(crate) mod received;
pub(crate) mod room;
pub(crate) mod security;
pub(crate) mod send;
pub(crate) mod transport_change;
pub(crate) mod wait;

use core::net::SocketAddr;

use control::{Output, untyped};
use received::Received;

use crate::error::{Error, Result};
use crate::ioctl::SocketIoctl;
use crate::op::Submit;
use crate::op::handler::AtDispatch;
use crate::option::{GetOption, SetOption};
use crate::security::SecurityDescriptor;
use crate::socket::{Core, Socket};

/// What an operation with the buffers `B` can be submitted for with a socket.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be requested with the buffers `{B}`",
    note = "a datagram is sent from and received into a `Payload`, and several are sent from a `PayloadList`"
)]
pub trait SocketRequest<B>: Submit<B, Target = Core> {}

impl<B, R: Submit<B, Target = Core>> SocketRequest<B> for R {}

/// A request that may be made of a socket in the state `S`.
///
/// `S` is a type of [`state`](crate::state).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be requested of a socket in the state `{S}`",
    note = "some options can be set before the socket is bound only, some requests made afterwards only"
)]
pub trait RequestIn<S> {}

/// Requests whose result may be taken and dropped in a completion routine: all but those that make a socket, or have a
/// security descriptor.
macro_rules! at_dispatch {
    ($([$($generics:tt)*] $Request:ty;)*) => {$(
        impl<$($generics)*> AtDispatch for $Request {}
    )*};
}

at_dispatch! {
    [] address_change::AddressListChange<'_>;
    [] bind::Bind;
    [] untyped::Control<'_>;
    [O: GetOption] control::Get<O>;
    [O: SetOption] control::Set<O>;
    [I: SocketIoctl] control::Ioctl<I>;
    [] disable_receive::DisableReceive;
    [] local_address::LocalAddress;
    [] receive::ReceiveFrom;
    [] receive::WithRoom;
    [] send::SendTo;
    [] send::SendMessages;
    [R: AtDispatch] send::WithControl<R>;
    [] transport_change::TransportListChange;
    [] wait::WaitRequest<'_>;
}

/// The result of a request that has completed, and which request it was.
///
/// This is what a [`CompletionQueue`](crate::CompletionQueue) for any request gives.
///
/// # Errors
/// Of each result: what WSK gave. [`CANCELLED`](crate::Error::CANCELLED) after a cancel,
/// [`IO_TIMEOUT`](crate::Error::IO_TIMEOUT) when the time limit passed.
#[must_use = "a completion is the result of a request"]
#[derive(Debug)]
pub enum Completion<'r> {
    /// Of [`Create`](crate::Create): the socket. Not taken, it is closed when this is dropped.
    Create(Result<Socket<'r>>),
    /// Of [`Bind`](crate::Bind).
    Bind(Result),
    /// Of [`LocalAddress`](crate::LocalAddress).
    LocalAddress(Result<SocketAddr>),
    /// Of [`Control`](crate::Control), [`Set`](crate::Set) and [`Ioctl`](crate::Ioctl). [`Output::value`] reads what was got.
    Control(Result<Output>),
    /// Of [`SendTo`](crate::SendTo) and [`SendMessages`](crate::SendMessages): the number of bytes sent.
    Send(Result<usize>),
    /// Of [`ReceiveFrom`](crate::ReceiveFrom).
    Receive(Result<Received>),
    /// Of [`SetSecurity`](crate::SetSecurity).
    SetSecurity(Result),
    /// Of [`GetSecurity`](crate::GetSecurity). Not taken, the descriptor is released when this is dropped.
    GetSecurity(Result<SecurityDescriptor<'r>>),
    /// Of [`TransportListChange`](crate::TransportListChange).
    TransportChange(Result),
    /// Of [`AddressListChange`](crate::AddressListChange).
    AddressChange(Result),
    /// Of [`DisableReceive`](crate::DisableReceive).
    DisableReceive(Result),
    /// Of [`Waiters`](crate::Waiters).
    Wait(Result),
}

impl Completion<'_> {
    /// Why the request failed; none, if it succeeded.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        match self {
            Completion::Create(result) => result.as_ref().err().copied(),
            Completion::LocalAddress(result) => result.err(),
            Completion::Control(result) => result.err(),
            Completion::Send(result) => result.err(),
            Completion::Receive(result) => result.err(),
            Completion::GetSecurity(result) => result.as_ref().err().copied(),
            Completion::Bind(result)
            | Completion::SetSecurity(result)
            | Completion::TransportChange(result)
            | Completion::AddressChange(result)
            | Completion::DisableReceive(result)
            | Completion::Wait(result) => result.err(),
        }
    }
}
