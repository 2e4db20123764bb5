//! The requests that send datagrams: one, or several to one address; with control information or without.

use core::net::SocketAddr;

use wsk_cmsg::Control;

use crate::addr::Family;
use crate::call::Operation;
use crate::error::Result;
use crate::op::CONTROL_MAX;
use crate::op::arguments::Arguments;
use crate::op::payload::{self, Payload, PayloadList};
use crate::request::{Request, RequestIn, put_address, sealed};
use crate::state::Bound;

/// The most control information that goes with a request, in bytes.
pub const CONTROL_INFO_MAX: usize = 256;

const _: () =
    assert!(CONTROL_INFO_MAX <= CONTROL_MAX, "control information travels in the operation's values");

/// Control information that goes with a request: what a datagram is sent with, or came with.
pub type ControlInfo = Control<CONTROL_INFO_MAX>;

/// `WskSendTo`: sends the operation's payload as one datagram.
///
/// WSK does not buffer: the operation completes when the data has been sent.
#[derive(Clone, Copy, Debug)]
pub struct SendTo(
    /// The destination; `None` for the one fixed by
    /// [`SetRemoteAddress`](crate::ioctl::SetRemoteAddress) or [`SetSendToAddress`](crate::ioctl::SetSendToAddress).
    pub Option<SocketAddr>,
);

impl SendTo {
    /// Sends with control information, of which WSK gets a copy.
    #[must_use]
    pub const fn with(self, control: ControlInfo) -> WithControl<SendTo> {
        WithControl { request: self, control }
    }
}

impl<B: Payload> Request<B> for SendTo {
    /// The number of bytes sent.
    type Output = usize;

    fn output(information: usize, _: &Arguments) -> Result<usize> {
        Ok(information)
    }
}

impl<B: Payload> sealed::Request<B> for SendTo {
    fn prepare(self, family: Family, arguments: &mut Arguments, buffers: &B) -> Result<Operation> {
        if let Some(to) = &self.0 {
            put_address(to, family, arguments)?;
        }
        arguments.buffer = payload::checked(buffers)?;
        Ok(Operation::SendTo { fixed: self.0.is_none(), control: 0 })
    }
}

impl RequestIn<Bound> for SendTo {}

/// `WskSendMessages`: sends each part of the operation's payload as a datagram, all to one destination.
///
/// If one of them cannot be sent, the operation fails; how many were sent before, WSK does not say.
///
/// WSK has the function since Windows 8; this crate needs Windows 10, version 2004, for its pool.
#[derive(Clone, Copy, Debug)]
pub struct SendMessages(
    /// The destination, as for [`SendTo`].
    pub Option<SocketAddr>,
);

impl SendMessages {
    /// Sends with control information, the same for each datagram, of which WSK gets a copy.
    #[must_use]
    pub const fn with(self, control: ControlInfo) -> WithControl<SendMessages> {
        WithControl { request: self, control }
    }
}

impl<B: PayloadList> Request<B> for SendMessages {
    /// The number of bytes sent, over all datagrams.
    type Output = usize;

    fn output(information: usize, _: &Arguments) -> Result<usize> {
        Ok(information)
    }
}

impl<B: PayloadList> sealed::Request<B> for SendMessages {
    fn prepare(self, family: Family, arguments: &mut Arguments, buffers: &B) -> Result<Operation> {
        if let Some(to) = &self.0 {
            put_address(to, family, arguments)?;
        }
        arguments.list = payload::checked_list(buffers)?;
        Ok(Operation::SendMessages { fixed: self.0.is_none(), control: 0 })
    }
}

impl RequestIn<Bound> for SendMessages {}

/// A send with control information; made by [`SendTo::with`] and [`SendMessages::with`].
#[derive(Clone, Copy, Debug)]
pub struct WithControl<R> {
    request: R,
    control: ControlInfo,
}

impl<B, R: Request<B>> Request<B> for WithControl<R> {
    type Output = R::Output;

    fn output(information: usize, arguments: &Arguments) -> Result<R::Output> {
        R::output(information, arguments)
    }
}

impl<B, R: Request<B>> sealed::Request<B> for WithControl<R> {
    fn prepare(self, family: Family, arguments: &mut Arguments, buffers: &B) -> Result<Operation> {
        let operation = self.request.prepare(family, arguments, buffers)?;
        let bytes = self.control.as_bytes();
        arguments.input.0[..bytes.len()].copy_from_slice(bytes);
        Ok(operation.with_control(bytes.len()))
    }
}

impl<S, R: RequestIn<S>> RequestIn<S> for WithControl<R> {}
