//! `WskSendTo` and `WskSendMessages`: one datagram, or several to one address; with control information or without.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::net::SocketAddr;
use core::ptr::{self, NonNull};

use wsk_cmsg::Control;
use wsk_sys::{CMSGHDR, IRP, SOCKADDR, SOCKADDR_INET, ULONG, WSK_BUF, WSK_BUF_LIST};

use super::{Completion, RequestIn};
use crate::addr;
use crate::error::{Error, Result};
use crate::op::request::{FromCompletion, IoStatus, Irp, Request, Submit};
use crate::payload::{self, Payload, PayloadList};
use crate::socket::Core;
use crate::state::Bound;

/// The most control information that goes with a request, in bytes.
pub const CONTROL_INFO_MAX: usize = 256;

/// Control information that goes with a request: what a datagram is sent with, or came with.
pub type ControlInfo = Control<CONTROL_INFO_MAX>;

/// Memory for control information, aligned as WSK wants it.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub(super) struct ControlArea(pub(super) [u8; CONTROL_INFO_MAX]);

/// What must live until a send has completed; `D` describes the data.
#[derive(Clone, Copy)]
pub struct Sending<D> {
    address: SOCKADDR_INET,
    /// To the address that the socket has fixed.
    fixed: bool,
    control: ControlArea,
    /// The number of bytes of control information; zero is a null pointer.
    control_length: ULONG,
    data: D,
    /// How many bytes there are to send.
    total: usize,
}

impl<D> Sending<D> {
    fn new(socket: &Core, to: Option<SocketAddr>, data: D, total: usize) -> Result<Sending<D>> {
        let address = to.map_or(Ok(addr::UNSPECIFIED), |to| socket.encode(&to))?;
        let control = ControlArea([0; CONTROL_INFO_MAX]);
        Ok(Sending { address, fixed: to.is_none(), control, control_length: 0, data, total })
    }

    /// What both functions take beside the data: address, control information and IRP.
    fn parameters(&mut self, irp: Irp) -> (*mut SOCKADDR, ULONG, *mut CMSGHDR, *mut IRP) {
        let address = if self.fixed { ptr::null_mut() } else { (&raw mut self.address).cast() };
        let control = if self.control_length == 0 { ptr::null_mut() } else { (&raw mut self.control).cast() };
        (address, self.control_length, control, irp.as_ptr())
    }
}

/// `WskSendTo`: sends the operation's payload as one datagram.
///
/// WSK does not buffer: the operation completes when the data has been sent.
#[derive(Clone, Copy, Debug)]
#[doc(alias = "WskSendTo")]
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

impl Request for SendTo {
    /// The number of bytes sent.
    type Output = usize;
}

// SAFETY: a call that is made takes the IRP. Address, control information and the description of the data are in the
// state; the data is the payload's (`Payload`).
unsafe impl<B: Payload> Submit<B> for SendTo {
    type Target = Core;
    type State = Sending<WSK_BUF>;

    fn prepare(self, socket: &Core, buffers: &mut B) -> Result<Sending<WSK_BUF>> {
        let data = payload::checked(buffers)?;
        let total = data.Length;
        Sending::new(socket, self.0, data, total)
    }

    unsafe fn call(socket: &Core, mut state: NonNull<Sending<WSK_BUF>>, irp: Irp) -> Result {
        let (socket, dispatch) = socket.datagram()?;
        // SAFETY: a field of the socket's table, which lives as long as the socket.
        let send_to = unsafe { (*dispatch).WskSendTo }.ok_or(Error::NOT_SUPPORTED)?;
        // SAFETY: the state is this call's.
        let state = unsafe { state.as_mut() };
        let (address, length, control, irp) = state.parameters(irp);
        let data = &raw mut state.data;
        // SAFETY: the buffer is the payload's (`Payload`) and fits its MDLs, the address of the socket's family, the
        // control information aligned and as long as said; all of it lives until the IRP completes.
        unsafe { send_to(socket, data, 0, address, length, control, irp) };
        Ok(())
    }

    fn complete(state: &mut Sending<WSK_BUF>, _: &mut B, status: IoStatus) -> Result<usize> {
        status.transferred(state.total)
    }
}

impl RequestIn<Bound> for SendTo {}

/// `WskSendMessages`: sends each part of the operation's payload as a datagram, all to one destination.
///
/// If one of them cannot be sent, the operation fails; how many were sent before, WSK does not say.
///
/// WSK has the function since Windows 8; this crate needs Windows 10, version 2004, for its pool.
#[derive(Clone, Copy, Debug)]
#[doc(alias = "WskSendMessages")]
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

impl Request for SendMessages {
    /// The number of bytes sent, over all datagrams.
    type Output = usize;
}

// SAFETY: a call that is made takes the IRP. Address and control information are in the state; the list and its data are
// the payload's (`PayloadList`).
unsafe impl<B: PayloadList> Submit<B> for SendMessages {
    type Target = Core;
    type State = Sending<*mut WSK_BUF_LIST>;

    fn prepare(self, socket: &Core, buffers: &mut B) -> Result<Sending<*mut WSK_BUF_LIST>> {
        let (list, total) = payload::checked_list(buffers)?;
        Sending::new(socket, self.0, list, total)
    }

    unsafe fn call(socket: &Core, mut state: NonNull<Sending<*mut WSK_BUF_LIST>>, irp: Irp) -> Result {
        let (socket, dispatch) = socket.datagram()?;
        // SAFETY: a field of the socket's table, which lives as long as the socket. Windows before 8 has a shorter table;
        // but an image with this crate's import of ExAllocatePool2 is not loaded there.
        let send_messages = unsafe { (*dispatch).WskSendMessages }.ok_or(Error::NOT_SUPPORTED)?;
        // SAFETY: the state is this call's.
        let state = unsafe { state.as_mut() };
        let (address, length, control, irp) = state.parameters(irp);
        let list = state.data;
        // SAFETY: the list is the payload's (`PayloadList`) and fits its MDLs, the address of the socket's family, the
        // control information aligned and as long as said; all of it lives until the IRP completes.
        unsafe { send_messages(socket, list, 0, address, length, control, irp) };
        Ok(())
    }

    fn complete(state: &mut Sending<*mut WSK_BUF_LIST>, _: &mut B, status: IoStatus) -> Result<usize> {
        status.transferred(state.total)
    }
}

impl RequestIn<Bound> for SendMessages {}

/// A send with control information; made by [`SendTo::with`] and [`SendMessages::with`].
#[derive(Clone, Copy, Debug)]
pub struct WithControl<R> {
    request: R,
    control: ControlInfo,
}

impl<R: Request> Request for WithControl<R> {
    type Output = R::Output;
}

// SAFETY: the call is that of the send, whose state has the control information.
unsafe impl<B, D, R> Submit<B> for WithControl<R>
where
    R: Submit<B, Target = Core, State = Sending<D>>,
{
    type Target = Core;
    type State = Sending<D>;

    fn prepare(self, socket: &Core, buffers: &mut B) -> Result<Sending<D>> {
        let mut state = self.request.prepare(socket, buffers)?;
        let bytes = self.control.as_bytes();
        state.control.0[..bytes.len()].copy_from_slice(bytes);
        state.control_length = ULONG::try_from(bytes.len()).map_err(|_| Error::INVALID_BUFFER_SIZE)?;
        Ok(state)
    }

    unsafe fn call(socket: &Core, state: NonNull<Sending<D>>, irp: Irp) -> Result {
        // SAFETY: passed on.
        unsafe { R::call(socket, state, irp) }
    }

    fn complete(state: &mut Sending<D>, buffers: &mut B, status: IoStatus) -> Result<R::Output> {
        R::complete(state, buffers, status)
    }
}

impl<S, R: RequestIn<S>> RequestIn<S> for WithControl<R> {}

impl FromCompletion<SendTo> for Completion<'_> {
    fn from_completion(result: Result<usize>) -> Self {
        Completion::Send(result)
    }
}

impl FromCompletion<SendMessages> for Completion<'_> {
    fn from_completion(result: Result<usize>) -> Self {
        Completion::Send(result)
    }
}

impl<R: Request<Output = usize>> FromCompletion<WithControl<R>> for Completion<'_> {
    fn from_completion(result: Result<usize>) -> Self {
        Completion::Send(result)
    }
}
