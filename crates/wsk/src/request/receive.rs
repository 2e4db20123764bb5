//! `WskReceiveFrom`: a datagram, and what comes with it.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::mem::MaybeUninit;
use core::net::SocketAddr;
use core::ptr::NonNull;

use wsk_sys::{MSG_CTRUNC, MSG_TRUNC, SOCKADDR_INET, STATUS_BUFFER_OVERFLOW, STATUS_SUCCESS, ULONG, WSK_BUF};

use super::received::{Received, ReceivedControl};
use super::send::{CONTROL_INFO_MAX, Controlled};
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

/// What must live until a receive has completed.
pub(crate) type Receiving = Controlled<Head>;

/// What it is beside the control information.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Head {
    buffer: WSK_BUF,
    /// How much control information there is room for, then how much there is.
    control_length: ULONG,
    control_flags: ULONG,
    address: SOCKADDR_INET,
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

    fn complete_to(
        state: &mut Receiving,
        buffers: &mut B,
        status: IoStatus,
        to: &mut MaybeUninit<Result<Received>>,
    ) {
        WithRoom::complete_to(state, buffers, status, to);
    }

    unsafe fn wipe(state: &mut MaybeUninit<Receiving>) {
        // SAFETY: passed on.
        unsafe { Receiving::wipe(state) };
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
        let head = Head {
            address: addr::UNSPECIFIED,
            control_length: room,
            control_flags: 0,
            buffer: payload::checked_room(buffers)?,
        };
        Receiving::begin(state, head).room.zeros(self.0);
        Ok(())
    }

    unsafe fn call(socket: &Core, mut state: NonNull<Receiving>, irp: Irp) -> Result {
        let (socket, dispatch) = socket.datagram()?;
        // SAFETY: a field of the socket's table, which lives as long as the socket.
        let receive_from = unsafe { (*dispatch).WskReceiveFrom }.ok_or(Error::NOT_SUPPORTED)?;
        // SAFETY: the state is this call's.
        let state = unsafe { state.as_mut() };
        let (head, control) = (&mut state.head, state.room.as_mut_ptr());
        let (buffer, address) = (&raw mut head.buffer, &raw mut head.address);
        let (length, flags) = (&raw mut head.control_length, &raw mut head.control_flags);
        // SAFETY: the buffer is the payload's (`Payload`) and fits its MDLs, the address has room for either family, and
        // the control information as much as its length says; all of it lives until the IRP completes. Without a
        // length, WSK would ignore the flags as well.
        unsafe {
            receive_from(socket, buffer, 0, address.cast(), length, control.cast(), flags, irp.as_ptr())
        };
        Ok(())
    }

    fn complete(state: &mut Receiving, buffers: &mut B, status: IoStatus) -> Result<Received> {
        let mut result = MaybeUninit::uninit();
        <Self as Submit<B>>::complete_to(state, buffers, status, &mut result);
        // SAFETY: written just now.
        unsafe { result.assume_init() }
    }

    fn complete_to(
        state: &mut Receiving,
        buffers: &mut B,
        status: IoStatus,
        to: &mut MaybeUninit<Result<Received>>,
    ) {
        match end(&mut state.head, status) {
            Err(error) => _ = to.write(Err(error)),
            Ok((length, from)) => {
                buffers.set_received(length);
                let (flags, control) = (state.head.control_flags, ReceivedControl::none());
                let result = to.write(Ok(Received { length, from, flags, control }));
                state.room.truncate(state.head.control_length as usize);
                if let Ok(received) = result {
                    received.control.take(&state.room);
                }
            }
        }
    }

    unsafe fn wipe(state: &mut MaybeUninit<Receiving>) {
        // SAFETY: passed on.
        unsafe { Receiving::wipe(state) };
    }
}

/// Length and sender of what a receive has brought.
///
/// What did not fit may be told by the warning `STATUS_BUFFER_OVERFLOW`, as AFD tells it in user mode: what fits is there, so
/// it is a success. The flags say what was cut; without one it is the data.
#[expect(
    clippy::inline_always,
    reason = "an address that is moved is written in parts and read as a whole, which waits"
)]
#[inline(always)]
fn end(head: &mut Head, mut status: IoStatus) -> Result<(usize, SocketAddr)> {
    if status.status == STATUS_BUFFER_OVERFLOW {
        status.status = STATUS_SUCCESS;
        if head.control_flags & (MSG_TRUNC | MSG_CTRUNC) == 0 {
            head.control_flags |= MSG_TRUNC;
        }
    }
    let length = status.transferred(head.buffer.Length)?;
    Ok((length, addr::decode(&head.address).ok_or(Error::INVALID_ADDRESS_COMPONENT)?))
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
    use super::{CONTROL_INFO_MAX, ReceiveFrom};

    #[test]
    fn there_is_no_more_room_for_control_information_than_there_is() {
        let rooms = [0, 16, CONTROL_INFO_MAX, usize::MAX].map(|room| ReceiveFrom.with_room(room).0);
        assert_eq!(rooms, [0, 16, CONTROL_INFO_MAX, CONTROL_INFO_MAX]);
    }
}
