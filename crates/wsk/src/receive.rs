//! The request that receives a datagram, and what comes with it.

use core::net::SocketAddr;

use wsk_sys::{MSG_BCAST, MSG_CTRUNC, MSG_MCAST, MSG_TRUNC};

use crate::addr::{self, Family};
use crate::call::Operation;
use crate::error::{Error, Result};
use crate::op::arguments::Arguments;
use crate::op::payload::{self, Payload};
use crate::request::{Request, RequestIn, sealed};
use crate::send::{CONTROL_INFO_MAX, ControlInfo};
use crate::state::Bound;

/// `WskReceiveFrom`: receives one datagram into the room of the operation's [`Payload`], whose data it then is.
///
/// There is room for [`CONTROL_INFO_MAX`] bytes of control information, which comes if the socket has an option set
/// that asks for it. Options that are not set bring none.
#[derive(Clone, Copy, Debug)]
pub struct ReceiveFrom;

impl ReceiveFrom {
    /// Receives with less room for control information: WSK cuts off what does not fit, and says so by `MSG_CTRUNC`.
    /// More than [`CONTROL_INFO_MAX`] is that much.
    #[must_use]
    pub const fn with_room(self, room: usize) -> WithRoom {
        WithRoom(if room < CONTROL_INFO_MAX { room } else { CONTROL_INFO_MAX })
    }
}

/// A receive with less room for control information; made by [`ReceiveFrom::with_room`].
#[derive(Clone, Copy, Debug)]
pub struct WithRoom(usize);

/// A received datagram; its data is in the operation's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The number of bytes received: at most as many as the payload has room for, and as many as it has data now.
    pub length: usize,
    /// The sender.
    pub from: SocketAddr,
    /// `MSG_TRUNC`, `MSG_CTRUNC`, `MSG_BCAST`, `MSG_MCAST`; the methods of this type read them.
    pub flags: u32,
    /// The control information. WSK has written it, so its messages are yet to be checked.
    pub control: ControlInfo,
}

impl Received {
    /// `MSG_TRUNC`: the datagram was larger than the payload, and the rest is lost.
    #[doc(alias = "MSG_TRUNC")]
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.flags & MSG_TRUNC != 0
    }

    /// `MSG_CTRUNC`: there was more control information than room.
    #[doc(alias = "MSG_CTRUNC")]
    #[must_use]
    pub const fn is_control_truncated(&self) -> bool {
        self.flags & MSG_CTRUNC != 0
    }

    /// `MSG_BCAST`: it was sent to a broadcast address.
    #[doc(alias = "MSG_BCAST")]
    #[must_use]
    pub const fn is_broadcast(&self) -> bool {
        self.flags & MSG_BCAST != 0
    }

    /// `MSG_MCAST`: it was sent to a multicast group.
    #[doc(alias = "MSG_MCAST")]
    #[must_use]
    pub const fn is_multicast(&self) -> bool {
        self.flags & MSG_MCAST != 0
    }
}

impl<B: Payload> Request<B> for ReceiveFrom {
    type Output = Received;

    fn output(information: usize, arguments: &Arguments) -> Result<Received> {
        let from = addr::decode(&arguments.address).ok_or(Error::INVALID_ADDRESS_COMPONENT)?;
        Ok(Received {
            length: information,
            from,
            flags: arguments.control_flags,
            control: ControlInfo::copied(control(arguments)).unwrap_or_default(),
        })
    }
}

impl<B: Payload> sealed::Request<B> for ReceiveFrom {
    fn prepare(self, family: Family, arguments: &mut Arguments, buffers: &B) -> Result<Operation> {
        sealed::Request::prepare(self.with_room(CONTROL_INFO_MAX), family, arguments, buffers)
    }

    fn landed(buffers: &mut B, length: usize) {
        buffers.set_received(length);
    }
}

impl RequestIn<Bound> for ReceiveFrom {}

impl<B: Payload> Request<B> for WithRoom {
    type Output = Received;

    fn output(information: usize, arguments: &Arguments) -> Result<Received> {
        <ReceiveFrom as Request<B>>::output(information, arguments)
    }
}

impl<B: Payload> sealed::Request<B> for WithRoom {
    fn prepare(self, _: Family, arguments: &mut Arguments, buffers: &B) -> Result<Operation> {
        arguments.address = Arguments::new().address;
        arguments.buffer = payload::checked_room(buffers)?;
        #[expect(clippy::cast_possible_truncation, reason = "the room is at most 256 bytes")]
        let room = self.0 as u32;
        arguments.control_length = room;
        arguments.control_flags = 0;
        Ok(Operation::ReceiveFrom)
    }

    fn landed(buffers: &mut B, length: usize) {
        buffers.set_received(length);
    }
}

impl RequestIn<Bound> for WithRoom {}

/// The control information that came with a received datagram: what the flight has yielded.
pub(crate) fn control(arguments: &Arguments) -> &[u8] {
    &arguments.output.0[..(arguments.control_length as usize).min(CONTROL_INFO_MAX)]
}
