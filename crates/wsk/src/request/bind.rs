//! `WskBind`.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::mem::MaybeUninit;
use core::net::SocketAddr;
use core::ptr::NonNull;

use wsk_sys::SOCKADDR_INET;

use super::{Completion, RequestIn};
use crate::error::{Error, Result};
use crate::op::request::{Abandonable, FromCompletion, IoStatus, Irp, Request, Submit};
use crate::socket::Core;
use crate::state::Unbound;

/// `WskBind`: assigns the local transport address.
///
/// The wildcard address receives on every local address; port 0 lets the stack choose one.
#[derive(Clone, Copy, Debug)]
#[doc(alias = "WskBind")]
pub struct Bind(pub SocketAddr);

impl Request for Bind {
    type Output = ();
}

// SAFETY: a call that is made takes the IRP; the address, which is the state, is all that it points to.
unsafe impl<B> Submit<B> for Bind {
    type Target = Core;
    type State = SOCKADDR_INET;

    fn prepare(self, socket: &Core, _: &mut B, state: &mut MaybeUninit<SOCKADDR_INET>) -> Result {
        state.write(socket.encode(&self.0)?);
        Ok(())
    }

    unsafe fn call(socket: &Core, address: NonNull<SOCKADDR_INET>, irp: Irp) -> Result {
        let (socket, dispatch) = socket.datagram()?;
        // SAFETY: a field of the socket's table, which lives as long as the socket.
        let bind = unsafe { (*dispatch).WskBind }.ok_or(Error::NOT_SUPPORTED)?;
        // SAFETY: the address is of the socket's family and lives until the IRP completes.
        unsafe { bind(socket, address.as_ptr().cast(), 0, irp.as_ptr()) };
        Ok(())
    }

    fn complete(_: &mut SOCKADDR_INET, _: &mut B, status: IoStatus) -> Result {
        status.check()
    }
}

impl<B> Abandonable<B> for Bind {}

// WSK takes a bind once: `Datagram` has no `bind`, and a second one does not compile.
impl RequestIn<Unbound> for Bind {}

impl FromCompletion<Bind> for Completion<'_> {
    fn from_completion(result: Result) -> Self {
        Completion::Bind(result)
    }
}
