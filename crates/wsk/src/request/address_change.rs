//! `SIO_ADDRESS_LIST_CHANGE`.
#![expect(unsafe_code, reason = "WSK's functions are C functions behind pointers")]

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use wsk_sys::WskIoctl;

use super::control::Parameters;
use super::{Completion, RequestIn};
use crate::error::Result;
use crate::irql::Passive;
use crate::op::request::{Abandonable, FromCompletion, IoStatus, Irp, Request, Submit};
use crate::row::Row;
use crate::socket::Core;

/// `SIO_ADDRESS_LIST_CHANGE`: waits until a local address of the socket's family comes or goes.
///
/// It pends without limit: give it a time limit, or keep a [`Canceller`](crate::Canceller). It tells of one change; get
/// the list again afterwards ([`address_list`](crate::Socket::address_list)), with the next wait already submitted,
/// so that no change is lost. Needs an IRP; at any time. Source: WSK's page "`SIO_ADDRESS_LIST_CHANGE`".
///
/// # IRQL
/// `PASSIVE_LEVEL`: the request borrows the proof until it is submitted.
#[doc(alias = "SIO_ADDRESS_LIST_CHANGE")]
#[derive(Clone, Copy, Debug)]
pub struct AddressListChange<'p> {
    _passive: PhantomData<&'p Passive>,
}

impl<'p> AddressListChange<'p> {
    /// What is documented of the IOCTL.
    pub const ROW: &'static Row = &wsk_requests::rows::ioctl::SIO_ADDRESS_LIST_CHANGE;

    /// A request to wait for a change.
    #[must_use]
    pub const fn new(_: &'p Passive) -> AddressListChange<'p> {
        AddressListChange { _passive: PhantomData }
    }
}

impl Request for AddressListChange<'_> {
    type Output = ();
}

// SAFETY: a call that is made takes the IRP, and points to nothing.
unsafe impl<B> Submit<B> for AddressListChange<'_> {
    type Target = Core;
    type State = ();

    fn prepare(self, _: &Core, _: &mut B, state: &mut MaybeUninit<()>) -> Result {
        state.write(());
        Ok(())
    }

    unsafe fn call(socket: &Core, _: NonNull<()>, irp: Irp) -> Result {
        // SAFETY: the request has neither input nor output. It is for PASSIVE_LEVEL, which was proven for as long as the
        // request is borrowed.
        unsafe { Parameters::new(WskIoctl, Self::ROW.kind).submit(socket, irp) }
    }

    fn complete((): &mut (), _: &mut B, status: IoStatus) -> Result {
        status.check()
    }
}

impl<B> Abandonable<B> for AddressListChange<'_> {}

impl<S> RequestIn<S> for AddressListChange<'_> {}

impl FromCompletion<AddressListChange<'_>> for Completion<'_> {
    fn from_completion(result: Result) -> Self {
        Completion::AddressChange(result)
    }
}
