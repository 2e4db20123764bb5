//! `WskSendTo` and `WskSendMessages`: one datagram, or several to one address; with control information or without.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::mem::MaybeUninit;
use core::net::SocketAddr;
use core::ptr::{self, NonNull};

use wsk_cmsg::Control;
use wsk_sys::{CMSGHDR, IRP, SOCKADDR, SOCKADDR_INET, ULONG, WSK_BUF, WSK_BUF_LIST};

use super::room::Headed;
use super::{Completion, RequestIn};
use crate::addr;
use crate::error::{Error, Result};
use crate::op::request::{Abandonable, FromCompletion, IoStatus, Irp, Request, Submit};
use crate::payload::{self, Payload, PayloadList};
use crate::socket::Core;
use crate::state::Bound;

/// The most control information that goes with a request, in bytes.
pub const CONTROL_INFO_MAX: usize = 256;

/// Control information that goes with a request: what a datagram is sent with, or came with.
pub type ControlInfo = Control<CONTROL_INFO_MAX>;

/// A state with memory for control information, aligned as WSK wants it.
pub(super) type Controlled<H> = Headed<H, CONTROL_INFO_MAX>;

/// What must live until a send has completed; `D` describes the data. No bytes of control information are a null pointer.
pub(crate) type Sending<D> = Controlled<Head<D>>;

/// What it is beside the control information.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Head<D> {
    data: D,
    /// How many bytes there are to send.
    total: usize,
    address: SOCKADDR_INET,
    /// To the address that the socket has fixed.
    fixed: bool,
}

impl<D> Sending<D> {
    #[inline]
    fn prepare(
        place: &mut MaybeUninit<Sending<D>>,
        socket: &Core,
        to: Option<SocketAddr>,
        (data, total): (D, usize),
    ) -> Result {
        let address = to.map_or(Ok(addr::UNSPECIFIED), |to| socket.encode(&to))?;
        Sending::begin(place, Head { address, fixed: to.is_none(), data, total });
        Ok(())
    }

    /// What both functions take beside the data: address, control information and IRP.
    fn parameters(&mut self, irp: Irp) -> (*mut SOCKADDR, ULONG, *mut CMSGHDR, *mut IRP) {
        let address = if self.head.fixed { ptr::null_mut() } else { (&raw mut self.head.address).cast() };
        let length = self.room.len();
        let control = if length == 0 { ptr::null_mut() } else { self.room.as_mut_ptr().cast() };
        #[expect(clippy::cast_possible_truncation, reason = "at most 256 bytes")]
        let length = length as ULONG;
        (address, length, control, irp.as_ptr())
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

    fn prepare(self, socket: &Core, buffers: &mut B, state: &mut MaybeUninit<Sending<WSK_BUF>>) -> Result {
        let data = payload::checked(buffers)?;
        Sending::prepare(state, socket, self.0, (data, data.Length))
    }

    unsafe fn call(socket: &Core, mut state: NonNull<Sending<WSK_BUF>>, irp: Irp) -> Result {
        let (socket, dispatch) = socket.datagram()?;
        // SAFETY: a field of the socket's table, which lives as long as the socket.
        let send_to = unsafe { (*dispatch).WskSendTo }.ok_or(Error::NOT_SUPPORTED)?;
        // SAFETY: the state is this call's.
        let state = unsafe { state.as_mut() };
        let (address, length, control, irp) = state.parameters(irp);
        let data = &raw mut state.head.data;
        // SAFETY: the buffer is the payload's (`Payload`) and fits its MDLs, the address of the socket's family, the
        // control information aligned and as long as said; all of it lives until the IRP completes.
        unsafe { send_to(socket, data, 0, address, length, control, irp) };
        Ok(())
    }

    fn complete(state: &mut Sending<WSK_BUF>, _: &mut B, status: IoStatus) -> Result<usize> {
        status.transferred(state.head.total)
    }

    unsafe fn wipe(state: &mut MaybeUninit<Sending<WSK_BUF>>) {
        // SAFETY: passed on.
        unsafe { Sending::wipe(state) };
    }
}

impl<B: Payload> Abandonable<B> for SendTo {}

impl RequestIn<Bound> for SendTo {}

/// `WskSendMessages`: sends each part of the operation's payload as a datagram, all to one destination.
///
/// If one of them cannot be sent, the operation fails, and how many were sent before, WSK does not say; or it gives the bytes of
/// those before it, fewer than there are. Which, is not documented.
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

    fn prepare(
        self,
        socket: &Core,
        buffers: &mut B,
        state: &mut MaybeUninit<Sending<*mut WSK_BUF_LIST>>,
    ) -> Result {
        Sending::prepare(state, socket, self.0, payload::checked_list(buffers)?)
    }

    unsafe fn call(socket: &Core, mut state: NonNull<Sending<*mut WSK_BUF_LIST>>, irp: Irp) -> Result {
        let (socket, dispatch) = socket.datagram()?;
        // SAFETY: a field of the socket's table, which lives as long as the socket. Windows before 8 has a shorter table;
        // but an image with this crate's import of ExAllocatePool2 is not loaded there.
        let send_messages = unsafe { (*dispatch).WskSendMessages }.ok_or(Error::NOT_SUPPORTED)?;
        // SAFETY: the state is this call's.
        let state = unsafe { state.as_mut() };
        let (address, length, control, irp) = state.parameters(irp);
        let list = state.head.data;
        // SAFETY: the list is the payload's (`PayloadList`) and fits its MDLs, the address of the socket's family, the
        // control information aligned and as long as said; all of it lives until the IRP completes.
        unsafe { send_messages(socket, list, 0, address, length, control, irp) };
        Ok(())
    }

    fn complete(state: &mut Sending<*mut WSK_BUF_LIST>, _: &mut B, status: IoStatus) -> Result<usize> {
        status.transferred(state.head.total)
    }

    unsafe fn wipe(state: &mut MaybeUninit<Sending<*mut WSK_BUF_LIST>>) {
        // SAFETY: passed on.
        unsafe { Sending::wipe(state) };
    }
}

impl<B: PayloadList> Abandonable<B> for SendMessages {}

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

    fn prepare(self, socket: &Core, buffers: &mut B, state: &mut MaybeUninit<Sending<D>>) -> Result {
        self.request.prepare(socket, buffers, state)?;
        // SAFETY: the request has prepared its state, as it promises.
        let state = unsafe { state.assume_init_mut() };
        let bytes = self.control.as_bytes();
        state.room.zeros(bytes.len()).copy_from_slice(bytes);
        Ok(())
    }

    unsafe fn call(socket: &Core, state: NonNull<Sending<D>>, irp: Irp) -> Result {
        // SAFETY: passed on.
        unsafe { R::call(socket, state, irp) }
    }

    fn complete(state: &mut Sending<D>, buffers: &mut B, status: IoStatus) -> Result<R::Output> {
        R::complete(state, buffers, status)
    }

    unsafe fn wipe(state: &mut MaybeUninit<Sending<D>>) {
        // SAFETY: passed on.
        unsafe { R::wipe(state) };
    }
}

impl<B, D: Copy + 'static, R> Abandonable<B> for WithControl<R> where
    R: Submit<B, Target = Core, State = Sending<D>>
{
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
