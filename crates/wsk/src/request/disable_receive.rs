//! `SO_WSK_EVENT_CALLBACK` with an IRP: disables the event of datagrams.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use wsk_sys::{
    NPI_WSK_INTERFACE_ID, SO_WSK_EVENT_CALLBACK, SOL_SOCKET, ULONG, WSK_EVENT_CALLBACK_CONTROL,
    WSK_EVENT_DISABLE, WSK_EVENT_RECEIVE_FROM, WskSetOption,
};

use super::control::Parameters;
use super::{Completion, RequestIn};
use crate::error::Result;
use crate::op::request::{Abandonable, FromCompletion, IoStatus, Irp, Request, Submit};
use crate::row::Kind;
use crate::socket::Core;
use crate::state::Bound;

/// The value of `SO_WSK_EVENT_CALLBACK`.
pub(crate) fn value(mask: ULONG) -> WSK_EVENT_CALLBACK_CONTROL {
    WSK_EVENT_CALLBACK_CONTROL { NpiId: &raw const NPI_WSK_INTERFACE_ID, EventMask: mask }
}

/// What sets `SO_WSK_EVENT_CALLBACK` to a value.
pub(crate) const fn parameters(value: *const WSK_EVENT_CALLBACK_CONTROL) -> Parameters {
    let option = Kind::Option { level: SOL_SOCKET, name: SO_WSK_EVENT_CALLBACK };
    Parameters::new(WskSetOption, option).input(value.cast(), size_of::<WSK_EVENT_CALLBACK_CONTROL>())
}

/// `WskControlSocket` with `SO_WSK_EVENT_CALLBACK` and an IRP: disables the event.
///
/// The operation completes when the last call of the handler has returned; so it is not waited for there.
#[derive(Clone, Copy, Debug)]
#[doc(alias = "SO_WSK_EVENT_CALLBACK")]
pub struct DisableReceive;

impl Request for DisableReceive {
    type Output = ();
}

// SAFETY: a call that is made takes the IRP; the value is the state, and the identifier that it points to is constant.
unsafe impl<B> Submit<B> for DisableReceive {
    type Target = Core;
    type State = WSK_EVENT_CALLBACK_CONTROL;

    fn prepare(self, _: &Core, _: &mut B, state: &mut MaybeUninit<WSK_EVENT_CALLBACK_CONTROL>) -> Result {
        state.write(value(WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE));
        Ok(())
    }

    unsafe fn call(socket: &Core, value: NonNull<WSK_EVENT_CALLBACK_CONTROL>, irp: Irp) -> Result {
        // SAFETY: the value lives until the IRP completes, and what it points to longer.
        unsafe { parameters(value.as_ptr()).submit(socket, irp) }
    }

    fn complete(_: &mut WSK_EVENT_CALLBACK_CONTROL, _: &mut B, status: IoStatus) -> Result {
        status.check()
    }
}

impl<B> Abandonable<B> for DisableReceive {}

impl RequestIn<Bound> for DisableReceive {}

impl FromCompletion<DisableReceive> for Completion<'_> {
    fn from_completion(result: Result) -> Self {
        Completion::DisableReceive(result)
    }
}
