//! What a queue gives: a finished operation, its result, and what it has made.
#![expect(unsafe_code, reason = "the arguments of an operation that has landed are its owner's")]

use core::net::SocketAddr;
use core::ptr;

use wsk_sys::WSK_SOCKET;

use super::Op;
use super::arguments::{Arguments, Yield};
use crate::addr;
use crate::error::Result;
use crate::pool::Shared;
use crate::receive;
use crate::registration::Within;
use crate::security::{Cached, SecurityDescriptor};
use crate::socket::{Core, Socket};

/// A finished operation and its result.
#[must_use = "a finished operation carries its result"]
#[derive(Debug)]
pub struct Completion<'r, B: Send + 'static> {
    op: Op<B>,
    result: Result<usize>,
    /// The socket that a creation made.
    socket: Option<Shared<Core>>,
    /// The security descriptor that was got.
    security: Option<Shared<Cached>>,
    _within: Within<'r>,
}

impl<'r, B: Send + 'static> Completion<'r, B> {
    /// Takes the socket that a creation made, and releases the provider that made it.
    ///
    /// # Safety
    /// `result` is that of the operation's last flight, and what the operation holds is of a registration that is borrowed
    /// for as long as `'r`.
    pub(super) unsafe fn new(op: Op<B>, mut result: Result<usize>) -> Completion<'r, B> {
        // SAFETY: the operation has landed, so its arguments are the owner's, which this function is.
        let arguments = unsafe { &mut *op.header().arguments.get() };
        drop(arguments.provider.take());
        let security = arguments.security.take().and_then(|flying| {
            let landed = result;
            // A kernel address, which is nobody's business.
            result = result.map(|_| 0);
            // SAFETY: the operation has landed, with this result.
            unsafe { flying.land(landed, arguments) }
        });
        let mut socket = arguments.socket.take();
        if let Some(core) = &mut socket {
            if let (Ok(information), Some(core)) = (result, core.get_mut()) {
                let raw = ptr::with_exposed_provenance_mut::<WSK_SOCKET>(information);
                // SAFETY: a successful WskSocket puts the new socket in IoStatus.Information.
                unsafe { core.adopt(raw) };
            }
            // A kernel address, which is nobody's business.
            result = result.map(|_| 0);
        }
        Completion { op, result, socket: socket.filter(|_| result.is_ok()), security, _within: Within::new() }
    }

    /// The result: the number of bytes that were sent, received or put out, which is no more than there was room for;
    /// zero for a request that transfers none.
    ///
    /// # Errors
    /// What WSK gave. [`CANCELLED`](crate::Error::CANCELLED) after a cancel,
    /// [`IO_TIMEOUT`](crate::Error::IO_TIMEOUT) when the time limit passed.
    pub const fn result(&self) -> Result<usize> {
        self.result
    }

    fn arguments(&self) -> &Arguments {
        // SAFETY: the operation has landed, so its arguments are the owner's.
        unsafe { &*self.op.header().arguments.get() }
    }

    /// The output of a successful control request; empty after any other.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        let arguments = self.arguments();
        match (arguments.yielded(), self.result) {
            (Yield::Value, Ok(length)) => arguments.output.0.get(..length).unwrap_or_default(),
            _ => &[],
        }
    }

    /// The address that a local-address request yielded, or the sender of a received datagram; none after any other
    /// request, and after one that failed.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let arguments = self.arguments();
        match arguments.yielded() {
            Yield::Address | Yield::Datagram => addr::decode(&arguments.address),
            Yield::Nothing | Yield::Value => None,
        }
    }

    /// The control information of a received datagram, which WSK has written: yet to be checked. Empty after any other
    /// request.
    #[must_use]
    pub fn control(&self) -> &[u8] {
        let arguments = self.arguments();
        if arguments.yielded() == Yield::Datagram { receive::control(arguments) } else { &[] }
    }

    /// The flags of a received datagram; see [`Received::flags`](crate::Received::flags). Zero after any other request.
    #[must_use]
    pub fn flags(&self) -> u32 {
        let arguments = self.arguments();
        if arguments.yielded() == Yield::Datagram { arguments.control_flags } else { 0 }
    }

    /// The socket that a creation made. Not taken, it is closed when the completion is dropped or the operation taken out
    /// of it.
    pub fn take_socket(&mut self) -> Option<Socket<'r>> {
        self.socket.take().map(Socket::new)
    }

    /// The security descriptor that a request got. Not taken, it is released with the completion.
    pub fn take_security(&mut self) -> Option<SecurityDescriptor<'r>> {
        self.security.take().map(Socket::adopt_security)
    }

    /// The operation, ready for another flight.
    #[must_use]
    pub fn into_op(self) -> Op<B> {
        self.op
    }

    /// The operation's buffers.
    #[must_use]
    pub fn buffers(&self) -> &B {
        self.op.buffers()
    }

    /// The operation's buffers, to change.
    #[must_use]
    pub fn buffers_mut(&mut self) -> &mut B {
        self.op.buffers_mut()
    }
}
