//! `WskCloseSocket`.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use wsk_sys::{WSK_PROVIDER_BASIC_DISPATCH, WSK_SOCKET};

use crate::error::{Error, Result};
use crate::op::request::{Abandonable, IoStatus, Irp, Request, Submit};

/// `WskCloseSocket`: what the owner of a socket submits once.
///
/// # Invariants
/// The socket is open, and no call of a function of it is in progress or will be made.
#[derive(Debug)]
pub(crate) struct Close(NonNull<WSK_SOCKET>);

impl Close {
    /// # Safety
    /// The socket is open; no call of a function of it is in progress, and none will be made.
    pub(crate) const unsafe fn new(socket: NonNull<WSK_SOCKET>) -> Close {
        // INVARIANT: the caller's promise.
        Close(socket)
    }
}

impl Request for Close {
    type Output = ();
}

// SAFETY: a call that is made takes the IRP, and points to nothing.
unsafe impl<B> Submit<B> for Close {
    type Target = ();
    type State = NonNull<WSK_SOCKET>;

    fn prepare(self, (): &(), _: &mut B, state: &mut MaybeUninit<NonNull<WSK_SOCKET>>) -> Result {
        state.write(self.0);
        Ok(())
    }

    unsafe fn call((): &(), socket: NonNull<NonNull<WSK_SOCKET>>, irp: Irp) -> Result {
        // SAFETY: the state, which is this call's.
        let socket = unsafe { socket.read() }.as_ptr();
        // SAFETY: the socket is open; WSK set its dispatch table, which every category begins with this one.
        let dispatch = unsafe { (*socket).Dispatch }.cast::<WSK_PROVIDER_BASIC_DISPATCH>();
        // SAFETY: a field of the socket's table, which lives as long as the socket.
        let close = unsafe { (*dispatch).WskCloseSocket }.ok_or(Error::NOT_SUPPORTED)?;
        // SAFETY: by the type's invariant nobody calls a function of the socket now or later.
        unsafe { close(socket, irp.as_ptr()) };
        Ok(())
    }

    fn complete(_: &mut NonNull<WSK_SOCKET>, _: &mut B, status: IoStatus) -> Result {
        status.check()
    }
}

impl<B> Abandonable<B> for Close {}

#[cfg(all(test, not(loom)))]
mod tests {
    use wsk_sys::{STATUS_DEVICE_NOT_READY, STATUS_SUCCESS};

    use super::{Close, Error, IoStatus, NonNull, Submit};

    #[test]
    fn a_close_that_fails_says_so() {
        let ended = |status| {
            <Close as Submit<()>>::complete(
                &mut NonNull::dangling(),
                &mut (),
                IoStatus { status, information: 0 },
            )
        };
        assert_eq!(ended(STATUS_SUCCESS), Ok(()));
        assert_eq!(ended(STATUS_DEVICE_NOT_READY), Err(Error::DEVICE_NOT_READY));
    }
}
