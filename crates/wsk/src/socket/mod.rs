//! Datagram sockets.
//!
//! A socket is [`Unbound`] first, and [`Datagram`] once it is bound; each has the calls that WSK allows in its
//! state. [`Socket`] is the same without the state in its type, for drivers that serve requests made at run time.

mod builder;
mod core;
mod data;
pub(crate) mod immediate;

use ::core::fmt;
use ::core::net::SocketAddr;

pub use self::builder::Builder;
pub(crate) use self::core::{Category, Core};
use self::immediate::AddressList;
use crate::addr::Family;
use crate::error::{Error, Result};
use crate::event::listener::Listening;
use crate::ioctl::SocketIoctl;
use crate::irql::Passive;
use crate::op::{Abandonable, Call, Destination, FromCompletion, IntoCall, Op, Pending, blocking};
use crate::option::{GetOption, SetOption};
use crate::pool::Shared;
use crate::registration::Within;
use crate::request::bind::Bind;
use crate::request::control::{Get, Ioctl, Set};
use crate::request::local_address::LocalAddress;
use crate::request::{RequestIn, SocketRequest};
use crate::state;
use crate::time::IntoLimit;

/// A handle to a datagram socket whose state is known at run time only.
///
/// It takes every request; what WSK does with one that the socket's state forbids is mostly undocumented, so the
/// owner keeps track, with the help of [`Row::state`](crate::row::Row::state). Handles are cloned; when the last one
/// is dropped, at IRQL <= `DISPATCH_LEVEL`, the socket's close is sent and finishes on its own: pending requests are
/// cancelled, and `WskDeregister` waits for it.
#[derive(Clone, Debug)]
pub struct Socket<'r> {
    core: Shared<Core>,
    _within: Within<'r>,
}

impl<'r> Socket<'r> {
    pub(crate) fn new(core: Shared<Core>) -> Socket<'r> {
        Socket { core, _within: Within::new() }
    }

    /// The family of the socket's addresses.
    #[must_use]
    pub fn family(&self) -> Family {
        self.core.family()
    }

    /// Submits an operation; its result goes to whoever waits for it.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn submit<B, R>(&self, op: Op<B>, request: R, limit: impl IntoLimit) -> Pending<B, R::Output>
    where
        B: Send + 'static,
        R: SocketRequest<B> + Abandonable<B>,
    {
        op.submit(&*self.core, request, limit.into_limit())
    }

    /// Submits an operation; its result goes to `to`: a [`CompletionQueue`](crate::CompletionQueue) or a
    /// [`CompletionHandler`](crate::CompletionHandler). With [`UnlessDone`](crate::UnlessDone) and with a handler, a result that
    /// is there when WSK has returned is given back.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    pub fn submit_to<'q, B, R, T, D>(
        &self,
        to: &D,
        op: Op<B>,
        request: R,
        limit: impl IntoLimit,
    ) -> D::Submitted
    where
        B: Send + 'static,
        R: SocketRequest<B>,
        T: FromCompletion<R>,
        D: Destination<'q, B, R, T>,
    {
        op.submit_to(to, &*self.core, request, limit.into_limit())
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    pub(crate) fn listening(&self) -> Option<&Listening> {
        self.core.listening()
    }

    /// Makes a request and waits for its result.
    pub(crate) fn run<R: SocketRequest<()>>(&self, request: R, call: Call<'_>) -> Result<R::Output> {
        blocking::call(&*self.core, request, &mut (), call)
    }

    fn close(mut self, passive: &Passive) -> Result {
        // The states' own types do not clone their handle, so this one is the only one.
        match self.core.get_mut().and_then(Core::close) {
            Some(closing) => closing.wait(passive).0,
            None => Ok(()),
        }
    }
}

macro_rules! state_common {
    ($Type:ident, $State:ty) => {
        impl<'r> $Type<'r> {
            /// The family of the socket's addresses.
            #[must_use]
            pub fn family(&self) -> Family {
                self.0.family()
            }

            /// Sets an option, and waits.
            ///
            /// # IRQL
            /// `PASSIVE_LEVEL`
            ///
            /// # Errors
            /// What WSK gave; [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES);
            /// [`IO_TIMEOUT`](Error::IO_TIMEOUT) when the time limit passed.
            pub fn set<'p, O>(&self, value: O::Value, wait: impl IntoCall<'p>) -> Result
            where
                O: SetOption,
                Set<O>: RequestIn<$State>,
            {
                self.0.run(Set::<O>::new(value), wait.into_call())
            }

            /// Gets an option, and waits.
            ///
            /// # IRQL
            /// `PASSIVE_LEVEL`
            ///
            /// # Errors
            /// As for `set`; [`INFO_LENGTH_MISMATCH`](Error::INFO_LENGTH_MISMATCH) if the reply is not a value.
            pub fn get<'p, O>(&self, wait: impl IntoCall<'p>) -> Result<O::Value>
            where
                O: GetOption,
            {
                self.0.run(Get::<O>::new(), wait.into_call())
            }

            /// Executes an IOCTL, and waits.
            ///
            /// # IRQL
            /// `PASSIVE_LEVEL`
            ///
            /// # Errors
            /// As for `set`.
            pub fn ioctl<'p, I>(&self, input: I::Input, wait: impl IntoCall<'p>) -> Result
            where
                I: SocketIoctl,
                Ioctl<I>: RequestIn<$State>,
            {
                self.0.run(Ioctl::<I>::new(input), wait.into_call())
            }

            /// The local addresses of the socket's family: [`Socket::address_list`].
            ///
            /// # IRQL
            /// `PASSIVE_LEVEL`
            ///
            /// # Errors
            /// As for [`Socket::address_list`].
            pub fn address_list(&self, passive: &Passive) -> Result<AddressList> {
                self.0.address_list(passive)
            }

            /// Submits an operation; its result goes to whoever waits for it.
            ///
            /// # IRQL
            /// <= `DISPATCH_LEVEL`
            pub fn submit<B, R>(&self, op: Op<B>, request: R, limit: impl IntoLimit) -> Pending<B, R::Output>
            where
                B: Send + 'static,
                R: SocketRequest<B> + Abandonable<B> + RequestIn<$State>,
            {
                self.0.submit(op, request, limit)
            }

            /// Submits an operation; its result goes to `to`: see [`Socket::submit_to`].
            ///
            /// # IRQL
            /// <= `DISPATCH_LEVEL`
            pub fn submit_to<'q, B, R, T, D>(
                &self,
                to: &D,
                op: Op<B>,
                request: R,
                limit: impl IntoLimit,
            ) -> D::Submitted
            where
                B: Send + 'static,
                R: SocketRequest<B> + RequestIn<$State>,
                T: FromCompletion<R>,
                D: Destination<'q, B, R, T>,
            {
                self.0.submit_to(to, op, request, limit)
            }

            /// Closes the socket, and waits until it is closed: its address is free, every operation that was pending
            /// has been cancelled and completed, and its handler is not called any more.
            ///
            /// If lists of datagrams are [retained](crate::event::Retained), the close waits for their release first.
            ///
            /// Dropping the socket closes it as well, without waiting.
            ///
            /// # IRQL
            /// `PASSIVE_LEVEL`
            ///
            /// # Errors
            /// What WSK gave; whatever it was, the socket is gone.
            pub fn close(self, passive: &Passive) -> Result {
                self.0.close(passive)
            }
        }

        impl<'r> From<$Type<'r>> for Socket<'r> {
            fn from(socket: $Type<'r>) -> Socket<'r> {
                socket.0
            }
        }
    };
}

/// A basic socket: it takes control requests, and neither sends nor receives.
///
/// Drivers make one to ask for what there is, such as the local addresses, without a datagram socket's means. Which options
/// it has is the transport's choice; those that its row gives for datagram sockets only ([`Sockets`](crate::row::Sockets))
/// are not among them.
#[derive(Debug)]
#[doc(alias = "WSK_FLAG_BASIC_SOCKET")]
pub struct Basic<'r>(Socket<'r>);

state_common!(Basic, state::Basic);

/// A datagram socket without a local address.
#[derive(Debug)]
pub struct Unbound<'r>(Socket<'r>);

state_common!(Unbound, state::Unbound);

impl<'r> Unbound<'r> {
    pub(crate) fn as_socket(&self) -> &Socket<'r> {
        &self.0
    }

    /// Binds the socket to a local address, and waits.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// The error has the socket, still unbound, and what WSK gave:
    /// [`ADDRESS_ALREADY_EXISTS`](Error::ADDRESS_ALREADY_EXISTS) or [`ACCESS_DENIED`](Error::ACCESS_DENIED) if
    /// another socket has the address and does not share it (the page "Sharing Transport Addresses" has the table);
    /// [`INVALID_ADDRESS_COMPONENT`](Error::INVALID_ADDRESS_COMPONENT) for an address of another family.
    pub fn bind<'p>(
        self,
        address: SocketAddr,
        wait: impl IntoCall<'p>,
    ) -> Result<Datagram<'r>, BindError<'r>> {
        match self.0.run(Bind(address), wait.into_call()) {
            Ok(()) => Ok(Datagram(self.0)),
            Err(error) => Err(BindError { error, socket: self }),
        }
    }
}

/// Why a socket was not bound; and the socket, to be bound elsewhere.
///
/// `?` makes an [`Error`] of it, and closes the socket.
#[derive(Debug)]
pub struct BindError<'r> {
    error: Error,
    socket: Unbound<'r>,
}

impl<'r> BindError<'r> {
    /// What WSK gave.
    #[must_use]
    pub const fn error(&self) -> Error {
        self.error
    }

    /// The socket, which is still unbound.
    #[must_use]
    pub fn into_socket(self) -> Unbound<'r> {
        self.socket
    }
}

impl From<BindError<'_>> for Error {
    fn from(error: BindError<'_>) -> Error {
        error.error
    }
}

impl fmt::Display for BindError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl ::core::error::Error for BindError<'_> {}

/// A datagram socket that is bound to a local address.
#[derive(Debug)]
pub struct Datagram<'r>(Socket<'r>);

state_common!(Datagram, state::Bound);

impl<'r> Datagram<'r> {
    pub(crate) fn as_socket(&self) -> &Socket<'r> {
        &self.0
    }

    /// The local address, with the port that the stack chose if port 0 was asked for.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// As for [`Datagram::set`].
    pub fn local_address<'p>(&self, wait: impl IntoCall<'p>) -> Result<SocketAddr> {
        self.0.run(LocalAddress, wait.into_call())
    }
}
