//! `WSK_TRANSPORT_LIST_CHANGE`, the only request of `WskControlClient` that takes an IRP.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

use wsk_sys::WSK_TRANSPORT_LIST_CHANGE;

use super::Completion;
use crate::error::{Error, Result};
use crate::op::request::{Abandonable, FromCompletion, IoStatus, Irp, Request, Submit};
use crate::provider::Captured;

/// `WSK_TRANSPORT_LIST_CHANGE`: waits until a transport comes or goes.
///
/// It pends without limit: give it a time limit, or keep a [`Canceller`](crate::Canceller). It tells of one change; get
/// the list again afterwards, with the next wait already submitted, so that no change is lost. `WskDeregister`, the
/// drop of the [`Registration`](crate::Registration), ends it with [`CANCELLED`](Error::CANCELLED), so it keeps neither
/// registration nor provider. Source: WSK's page of the same name.
#[doc(alias = "WSK_TRANSPORT_LIST_CHANGE")]
#[derive(Clone, Copy, Debug)]
pub struct TransportListChange;

impl Request for TransportListChange {
    type Output = ();
}

// SAFETY: a call that is made takes the IRP, and points to nothing.
unsafe impl<B> Submit<B> for TransportListChange {
    type Target = Captured;
    type State = ();

    fn prepare(self, _: &Captured, _: &mut B, state: &mut MaybeUninit<()>) -> Result {
        state.write(());
        Ok(())
    }

    unsafe fn call(captured: &Captured, _: NonNull<()>, irp: Irp) -> Result {
        let npi = captured.npi();
        // SAFETY: the provider is captured, so its dispatch table is valid. Only this field is read: the table is shorter in
        // older versions of Windows.
        let control = unsafe { (*npi.Dispatch).WskControlClient }.ok_or(Error::NOT_SUPPORTED)?;
        let (code, none, size) = (WSK_TRANSPORT_LIST_CHANGE, ptr::null_mut(), ptr::null_mut());
        // SAFETY: the client is the captured provider's; the request has neither input nor output.
        unsafe { control(npi.Client, code, 0, none, 0, none, size, irp.as_ptr()) };
        Ok(())
    }

    fn complete((): &mut (), _: &mut B, status: IoStatus) -> Result {
        status.check()
    }
}

impl<B> Abandonable<B> for TransportListChange {}

impl FromCompletion<TransportListChange> for Completion<'_> {
    fn from_completion(result: Result) -> Self {
        Completion::TransportChange(result)
    }
}
