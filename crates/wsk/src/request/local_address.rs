//! `WskGetLocalAddress`.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::mem::MaybeUninit;
use core::net::SocketAddr;
use core::ptr::NonNull;

use wsk_sys::SOCKADDR_INET;

use super::{Completion, RequestIn};
use crate::addr;
use crate::error::{Error, Result};
use crate::op::request::{Abandonable, FromCompletion, IoStatus, Irp, Request, Submit};
use crate::socket::Core;
use crate::state::Bound;

/// `WskGetLocalAddress`: asks for the address that the socket is bound to.
#[derive(Clone, Copy, Debug)]
#[doc(alias = "WskGetLocalAddress")]
pub struct LocalAddress;

impl Request for LocalAddress {
    type Output = SocketAddr;
}

// SAFETY: a call that is made takes the IRP; the address, which is the state, is all that it points to.
unsafe impl<B> Submit<B> for LocalAddress {
    type Target = Core;
    type State = SOCKADDR_INET;

    fn prepare(self, _: &Core, _: &mut B, state: &mut MaybeUninit<SOCKADDR_INET>) -> Result {
        state.write(addr::UNSPECIFIED);
        Ok(())
    }

    unsafe fn call(socket: &Core, address: NonNull<SOCKADDR_INET>, irp: Irp) -> Result {
        let (socket, dispatch) = socket.datagram()?;
        // SAFETY: a field of the socket's table, which lives as long as the socket.
        let local_address = unsafe { (*dispatch).WskGetLocalAddress }.ok_or(Error::NOT_SUPPORTED)?;
        // SAFETY: the address has room for either family and lives until the IRP completes.
        unsafe { local_address(socket, address.as_ptr().cast(), irp.as_ptr()) };
        Ok(())
    }

    fn complete(address: &mut SOCKADDR_INET, _: &mut B, status: IoStatus) -> Result<SocketAddr> {
        status.check()?;
        addr::decode(address).ok_or(Error::INVALID_ADDRESS_COMPONENT)
    }
}

impl<B> Abandonable<B> for LocalAddress {}

impl RequestIn<Bound> for LocalAddress {}

impl FromCompletion<LocalAddress> for Completion<'_> {
    fn from_completion(result: Result<SocketAddr>) -> Self {
        Completion::LocalAddress(result)
    }
}
