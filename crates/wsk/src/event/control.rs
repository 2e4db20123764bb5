//! Enabling and disabling the event of a socket.
#![expect(unsafe_code, reason = "the request carries a pointer")]

use wsk_sys::{
    NPI_WSK_INTERFACE_ID, SO_WSK_EVENT_CALLBACK, SOL_SOCKET, ULONG, WSK_EVENT_CALLBACK_CONTROL,
    WSK_EVENT_DISABLE, WSK_EVENT_RECEIVE_FROM, WskSetOption,
};

use core::ptr::NonNull;

use super::ReceiveHandler;
use super::listener::Listening;
use crate::addr::Family;
use crate::call::Operation;
use crate::error::{Error, Result};
use crate::immediate::{self, Immediate};
use crate::irql::Wait;
use crate::op::arguments::{Arguments, CONTROL_MAX};
use crate::request::{Request, RequestIn, sealed};
use crate::socket::{Datagram, Socket, Unbound};
use crate::state::Bound;

const SIZE: usize = size_of::<WSK_EVENT_CALLBACK_CONTROL>();

/// The value of `SO_WSK_EVENT_CALLBACK`.
fn value(mask: ULONG) -> WSK_EVENT_CALLBACK_CONTROL {
    WSK_EVENT_CALLBACK_CONTROL { NpiId: &raw const NPI_WSK_INTERFACE_ID, EventMask: mask }
}

/// How disabling the event without an IRP succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disabled {
    /// The handler is not called any more.
    Now,
    /// `STATUS_EVENT_PENDING`: calls of the handler have not returned, and nobody will say when they have. No new ones
    /// come.
    Soon,
}

/// `WskControlSocket` with `SO_WSK_EVENT_CALLBACK` and an IRP: disables the event.
///
/// The operation completes when the last call of the handler has returned; so it is not waited for there.
#[derive(Clone, Copy, Debug)]
#[doc(alias = "SO_WSK_EVENT_CALLBACK")]
pub struct DisableReceive;

impl<B> Request<B> for DisableReceive {
    type Output = ();

    fn output(_: usize, _: &Arguments) -> Result {
        Ok(())
    }
}

impl<B> sealed::Request<B> for DisableReceive {
    fn prepare(self, _: Family, arguments: &mut Arguments, _: &B) -> Result<Operation> {
        const { assert!(SIZE <= CONTROL_MAX) };
        let input = (&raw mut arguments.input).cast::<WSK_EVENT_CALLBACK_CONTROL>();
        // SAFETY: the input is as large as the value, and aligned for any.
        unsafe { input.write(value(WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE)) };
        Ok(Operation::Control {
            kind: WskSetOption,
            code: SO_WSK_EVENT_CALLBACK,
            level: SOL_SOCKET,
            input: SIZE,
            output: 0,
        })
    }
}

impl RequestIn<Bound> for DisableReceive {}

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
        let input = value(mask);
        let request = immediate::Request {
            kind: WskSetOption,
            code: SO_WSK_EVENT_CALLBACK,
            level: SOL_SOCKET,
            input_size: SIZE,
            input: (&raw const input).cast(),
            output_size: 0,
            output: core::ptr::null_mut(),
        };
        let socket = NonNull::new(self.raw()).ok_or(Error::FILE_CLOSED)?;
        // SAFETY: this handle keeps the socket. The input is this frame's and of the request's type; the identifier that
        // it points to is constant. It may be made at any IRQL <= DISPATCH_LEVEL.
        let (status, _) = unsafe { immediate::control(socket, &request, false) }?;
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
    pub fn disable_receive<'p>(&self, wait: impl Into<Wait<'p>>) -> Result {
        let socket = self.as_socket();
        if socket.listening().is_some_and(Listening::is_static) {
            return Err(Error::INVALID_DEVICE_REQUEST);
        }
        socket.run(DisableReceive, wait.into())
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
