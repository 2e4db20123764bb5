//! Enabling and disabling the event of a socket.
#![expect(unsafe_code, reason = "the request carries a pointer")]

use wsk_sys::{ULONG, WSK_EVENT_DISABLE, WSK_EVENT_RECEIVE_FROM};

use super::ReceiveHandler;
use super::listener::Listening;
use crate::error::{Error, Result};
use crate::op::IntoCall;
use crate::request::disable_receive::{self, DisableReceive};
use crate::socket::immediate::{self, Immediate};
use crate::socket::{Datagram, Socket, Unbound};

/// How disabling the event without an IRP succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disabled {
    /// The handler is not called any more.
    Now,
    /// `STATUS_EVENT_PENDING`: calls of the handler have not returned, and nobody will say when they have. No new ones
    /// come.
    Soon,
}

impl Socket<'_> {
    /// Has WSK call the socket's handler from now on: [`Datagram::enable_receive`].
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// As for [`Datagram::enable_receive`]; what WSK makes of it before the bind is not documented.
    #[doc(alias = "SO_WSK_EVENT_CALLBACK")]
    pub fn enable_receive(&self) -> Result {
        match self.listening() {
            // Without a function to be called, what WSK does is not documented; and static events stay as they are.
            None => Err(Error::INVALID_DEVICE_REQUEST),
            Some(listening) if listening.is_static() => Err(Error::INVALID_DEVICE_REQUEST),
            Some(_) => self.event(WSK_EVENT_RECEIVE_FROM).map(drop),
        }
    }

    /// Has WSK call the socket's handler no more, without waiting for calls in progress:
    /// [`Datagram::disable_receive_soon`].
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// As for [`Socket::enable_receive`].
    #[doc(alias = "WSK_EVENT_DISABLE")]
    pub fn disable_receive_soon(&self) -> Result<Disabled> {
        if self.listening().is_some_and(Listening::is_static) {
            return Err(Error::INVALID_DEVICE_REQUEST);
        }
        match self.event(WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE)? {
            Immediate::Done => Ok(Disabled::Now),
            Immediate::EventPending => Ok(Disabled::Soon),
        }
    }

    /// The handler that the socket was made with, if it is of this type.
    #[must_use]
    pub fn handler<H: ReceiveHandler>(&self) -> Option<&H> {
        self.listening()?.handler()
    }

    fn event(&self, mask: ULONG) -> Result<Immediate> {
        let input = disable_receive::value(mask);
        let parameters = disable_receive::parameters(&raw const input);
        // SAFETY: the input is this frame's and of the request's type; the identifier that it points to is constant. It
        // may be made at any IRQL <= DISPATCH_LEVEL.
        let (status, _) = unsafe { immediate::control(self.core().open()?, &parameters, false) }?;
        Immediate::of(status)
    }
}

impl Unbound<'_> {
    /// The handler that the socket was made with, if it is of this type.
    #[must_use]
    pub fn handler<H: ReceiveHandler>(&self) -> Option<&H> {
        self.as_socket().handler()
    }
}

impl Datagram<'_> {
    /// The handler that the socket was made with, if it is of this type.
    #[must_use]
    pub fn handler<H: ReceiveHandler>(&self) -> Option<&H> {
        self.as_socket().handler()
    }

    /// Has WSK call the socket's handler from now on, with what was buffered before first
    /// (`SO_WSK_EVENT_CALLBACK`, without an IRP).
    ///
    /// To be called again after the handler has [refused](super::Indication::refuse), and from the handler, too.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// [`INVALID_DEVICE_REQUEST`](Error::INVALID_DEVICE_REQUEST): the socket has no handler, or its events are static.
    /// What WSK gave.
    pub fn enable_receive(&self) -> Result {
        self.as_socket().enable_receive()
    }

    /// Has WSK call the socket's handler no more, and waits until the last call of it has returned.
    ///
    /// This, and nothing less, guarantees that it is not called. Not to be called from the handler, nor while the
    /// handler waits for something that this thread does.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// As for [`Datagram::enable_receive`]; [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES);
    /// [`IO_TIMEOUT`](Error::IO_TIMEOUT) when the time limit passed.
    pub fn disable_receive<'p>(&self, wait: impl IntoCall<'p>) -> Result {
        let socket = self.as_socket();
        if socket.listening().is_some_and(Listening::is_static) {
            return Err(Error::INVALID_DEVICE_REQUEST);
        }
        socket.run(DisableReceive, wait.into_call())
    }

    /// Has WSK call the socket's handler no more, but does not wait for calls in progress.
    ///
    /// # IRQL
    /// <= `DISPATCH_LEVEL`
    ///
    /// # Errors
    /// As for [`Datagram::enable_receive`].
    pub fn disable_receive_soon(&self) -> Result<Disabled> {
        self.as_socket().disable_receive_soon()
    }
}
