//! `WskReceiveFrom`: a datagram, and what comes with it.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::mem::MaybeUninit;
use core::net::SocketAddr;
use core::ptr::NonNull;

use wsk_sys::{
    MSG_BCAST, MSG_CTRUNC, MSG_MCAST, MSG_TRUNC, SOCKADDR_INET, STATUS_BUFFER_OVERFLOW, STATUS_SUCCESS,
    ULONG, WSK_BUF,
};

use super::send::{CONTROL_INFO_MAX, ControlArea, ControlInfo};
use super::{Completion, RequestIn};
use crate::addr;
use crate::error::{Error, Result};
use crate::op::request::{Abandonable, FromCompletion, IoStatus, Irp, Request, Submit};
use crate::payload::{self, Payload};
use crate::socket::Core;
use crate::state::Bound;

/// `WskReceiveFrom`: receives one datagram into the room of the operation's [`Payload`], whose data it then is.
///
/// There is room for [`CONTROL_INFO_MAX`] bytes of control information, which comes if the socket has an option set
/// that asks for it. Options that are not set bring none.
#[derive(Clone, Copy, Debug)]
#[doc(alias = "WskReceiveFrom")]
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

/// What must live until a receive has completed.
#[derive(Clone, Copy)]
pub struct Receiving {
    address: SOCKADDR_INET,
    control: ControlArea,
    /// How much control information there is room for, then how much there is.
    control_length: ULONG,
    control_flags: ULONG,
    buffer: WSK_BUF,
}

impl Request for ReceiveFrom {
    type Output = Received;
}

// SAFETY: it is the request with all of the room.
unsafe impl<B: Payload> Submit<B> for ReceiveFrom {
    type Target = Core;
    type State = Receiving;

    fn prepare(self, socket: &Core, buffers: &mut B, state: &mut MaybeUninit<Receiving>) -> Result {
        self.with_room(CONTROL_INFO_MAX).prepare(socket, buffers, state)
    }

    unsafe fn call(socket: &Core, state: NonNull<Receiving>, irp: Irp) -> Result {
        // SAFETY: passed on.
        unsafe { <WithRoom as Submit<B>>::call(socket, state, irp) }
    }

    fn complete(state: &mut Receiving, buffers: &mut B, status: IoStatus) -> Result<Received> {
        WithRoom::complete(state, buffers, status)
    }
}

impl<B: Payload> Abandonable<B> for ReceiveFrom {}

impl RequestIn<Bound> for ReceiveFrom {}

impl Request for WithRoom {
    type Output = Received;
}

// SAFETY: a call that is made takes the IRP. Address, control information, flags and the description of the buffer are in
// the state; the buffer's memory is the payload's (`Payload`).
unsafe impl<B: Payload> Submit<B> for WithRoom {
    type Target = Core;
    type State = Receiving;

    fn prepare(self, _: &Core, buffers: &mut B, state: &mut MaybeUninit<Receiving>) -> Result {
        // However it ends, what was in the buffers before is not what it received.
        buffers.set_received(0);
        #[expect(clippy::cast_possible_truncation, reason = "the room is at most 256 bytes")]
        let room = self.0 as ULONG;
        let state = state.write(Receiving {
            address: addr::UNSPECIFIED,
            control: ControlArea::empty(),
            control_length: room,
            control_flags: 0,
            buffer: payload::checked_room(buffers)?,
        });
        state.control.zeros(self.0);
        Ok(())
    }

    unsafe fn call(socket: &Core, mut state: NonNull<Receiving>, irp: Irp) -> Result {
        let (socket, dispatch) = socket.datagram()?;
        // SAFETY: a field of the socket's table, which lives as long as the socket.
        let receive_from = unsafe { (*dispatch).WskReceiveFrom }.ok_or(Error::NOT_SUPPORTED)?;
        // SAFETY: the state is this call's.
        let state = unsafe { state.as_mut() };
        let (buffer, address) = (&raw mut state.buffer, &raw mut state.address);
        let (control, length) = (state.control.as_mut_ptr(), &raw mut state.control_length);
        let flags = &raw mut state.control_flags;
        // SAFETY: the buffer is the payload's (`Payload`) and fits its MDLs, the address has room for either family, and
        // the control information as much as its length says; all of it lives until the IRP completes. Without a
        // length, WSK would ignore the flags as well.
        unsafe {
            receive_from(socket, buffer, 0, address.cast(), length, control.cast(), flags, irp.as_ptr())
        };
        Ok(())
    }

    /// What did not fit may be told by the warning `STATUS_BUFFER_OVERFLOW`, as AFD tells it in user mode: what fits is
    /// there, so it is a success. The flags say what was cut; without one it is the data.
    fn complete(state: &mut Receiving, buffers: &mut B, mut status: IoStatus) -> Result<Received> {
        if status.status == STATUS_BUFFER_OVERFLOW {
            status.status = STATUS_SUCCESS;
            if state.control_flags & (MSG_TRUNC | MSG_CTRUNC) == 0 {
                state.control_flags |= MSG_TRUNC;
            }
        }
        let length = status.transferred(state.buffer.Length)?;
        let from = addr::decode(&state.address).ok_or(Error::INVALID_ADDRESS_COMPONENT)?;
        buffers.set_received(length);
        state.control.truncate(state.control_length as usize);
        let control = ControlInfo::copied(state.control.as_slice()).unwrap_or_default();
        Ok(Received { length, from, flags: state.control_flags, control })
    }
}

impl<B: Payload> Abandonable<B> for WithRoom {}

impl RequestIn<Bound> for WithRoom {}

impl FromCompletion<ReceiveFrom> for Completion<'_> {
    fn from_completion(result: Result<Received>) -> Self {
        Completion::Receive(result)
    }
}

impl FromCompletion<WithRoom> for Completion<'_> {
    fn from_completion(result: Result<Received>) -> Self {
        Completion::Receive(result)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{
        CONTROL_INFO_MAX, ControlInfo, MSG_BCAST, MSG_CTRUNC, MSG_MCAST, MSG_TRUNC, ReceiveFrom, Received,
    };

    #[test]
    fn each_flag_has_its_method() {
        let told = |flags| {
            let from = "127.0.0.1:7".parse().unwrap();
            let one = Received { length: 0, from, flags, control: ControlInfo::default() };
            [one.is_truncated(), one.is_control_truncated(), one.is_broadcast(), one.is_multicast()]
        };
        assert_eq!(told(0), [false; 4]);
        assert_eq!(told(MSG_TRUNC), [true, false, false, false]);
        assert_eq!(told(MSG_CTRUNC), [false, true, false, false]);
        assert_eq!(told(MSG_BCAST), [false, false, true, false]);
        assert_eq!(told(MSG_MCAST), [false, false, false, true]);
    }

    #[test]
    fn there_is_no_more_room_for_control_information_than_there_is() {
        let rooms = [0, 16, CONTROL_INFO_MAX, usize::MAX].map(|room| ReceiveFrom.with_room(room).0);
        assert_eq!(rooms, [0, 16, CONTROL_INFO_MAX, CONTROL_INFO_MAX]);
    }
}
