//! Sends and receives that wait.
#![expect(unsafe_code, reason = "a payload that is borrowed keeps another one's promise")]

use core::net::SocketAddr;
use core::ptr;

use wsk_sys::WSK_BUF;

use super::Datagram;
use crate::error::Result;
use crate::op::{Call, IntoCall, blocking};
use crate::payload::Payload;
use crate::request::receive::ReceiveFrom;
use crate::request::received::Received;
use crate::request::send::SendTo;

/// A payload that is borrowed by a call that waits, to be sent.
struct ToSend<'b, P>(&'b P);

// SAFETY: the payload's own promise, for as long as it is borrowed: the call returns when the operation has completed.
unsafe impl<P: Payload> Payload for ToSend<'_, P> {
    fn buffer(&self) -> WSK_BUF {
        self.0.buffer()
    }

    fn room(&self) -> WSK_BUF {
        // Nothing is received into it.
        WSK_BUF { Mdl: ptr::null_mut(), Offset: 0, Length: 0 }
    }

    fn set_received(&mut self, _: usize) {}
}

/// A payload that is borrowed by a call that waits, to be received into.
struct ToReceive<'b, P>(&'b mut P);

// SAFETY: the payload's own promise, for as long as it is borrowed: the call returns when the operation has completed.
unsafe impl<P: Payload> Payload for ToReceive<'_, P> {
    fn buffer(&self) -> WSK_BUF {
        self.0.buffer()
    }

    fn room(&self) -> WSK_BUF {
        self.0.room()
    }

    fn set_received(&mut self, length: usize) {
        self.0.set_received(length);
    }
}

impl Datagram<'_> {
    /// Sends a payload as one datagram, and waits until it is sent. Gives the number of bytes.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// What WSK gave; [`INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES);
    /// [`INVALID_ADDRESS_COMPONENT`](crate::Error::INVALID_ADDRESS_COMPONENT): an address of another family;
    /// [`INVALID_BUFFER_SIZE`](crate::Error::INVALID_BUFFER_SIZE): the payload does not fit its MDLs;
    /// [`IO_TIMEOUT`](crate::Error::IO_TIMEOUT) when the time limit passed.
    #[doc(alias = "WskSendTo")]
    pub fn send_to<'p, P: Payload>(
        &self,
        payload: &P,
        to: SocketAddr,
        wait: impl IntoCall<'p>,
    ) -> Result<usize> {
        self.send_request(payload, SendTo(Some(to)), wait.into_call())
    }

    /// Sends a payload as one datagram to the address that [`SetRemoteAddress`](crate::ioctl::SetRemoteAddress) or
    /// [`SetSendToAddress`](crate::ioctl::SetSendToAddress) has fixed, and waits: [`Datagram::send_to`].
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// As for [`Datagram::send_to`].
    pub fn send<'p, P: Payload>(&self, payload: &P, wait: impl IntoCall<'p>) -> Result<usize> {
        self.send_request(payload, SendTo(None), wait.into_call())
    }

    /// Receives a datagram into the payload's room, and waits for it. Afterwards the payload is the datagram, or nothing, if
    /// there was an error.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// What WSK gave; [`INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES);
    /// [`INVALID_BUFFER_SIZE`](crate::Error::INVALID_BUFFER_SIZE): the room does not fit its MDLs;
    /// [`IO_TIMEOUT`](crate::Error::IO_TIMEOUT) when the time limit passed.
    #[doc(alias = "WskReceiveFrom")]
    pub fn receive_from<'p, P: Payload>(&self, payload: &mut P, wait: impl IntoCall<'p>) -> Result<Received> {
        blocking::call(self.as_socket().core(), ReceiveFrom, &mut ToReceive(payload), wait.into_call())
    }

    /// Receives a datagram whose sender is known, as [`SetRemoteAddress`](crate::ioctl::SetRemoteAddress) lets only those of
    /// one address through, or does not matter: [`Datagram::receive_from`]. Gives the number of bytes.
    ///
    /// # IRQL
    /// `PASSIVE_LEVEL`
    ///
    /// # Errors
    /// As for [`Datagram::receive_from`].
    pub fn receive<'p, P: Payload>(&self, payload: &mut P, wait: impl IntoCall<'p>) -> Result<usize> {
        self.receive_from(payload, wait).map(|received| received.length)
    }

    fn send_request<P: Payload>(&self, payload: &P, request: SendTo, call: Call<'_>) -> Result<usize> {
        blocking::call(self.as_socket().core(), request, &mut ToSend(payload), call)
    }
}
