//! A request: its IRP and whose it is, what it does when it runs, and what it is while it waits.
#![expect(unsafe_code, reason = "takes the IRPs of clients over; work has pointers to their buffers")]

use std::sync::Arc;

use wsk_sys::{IRP, NTSTATUS, STATUS_SUCCESS};

use crate::platform::{self, Used};
use crate::provider::{Provider, State};
use crate::rules::{Broken, Failure};
use crate::run::irp::Irp;

/// Whose request it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// The number of the registration.
    pub(crate) client: u64,
    /// The number of the socket, if it is one on a socket.
    pub(crate) socket: Option<u64>,
}

/// A request that is not completed. Completing it takes the value.
#[derive(Debug)]
#[must_use = "the client waits for its IRP"]
pub(crate) struct Request {
    pub(crate) irp: Irp,
    pub(crate) target: Target,
    /// Some of the memory that it uses is on the stack of the client's routine that has sent it.
    pub(super) on_stack: bool,
}

impl Request {
    /// Takes over the IRP of a call, which reports name as `name`, and takes note of the memory that it uses.
    ///
    /// # Errors
    /// Some of the memory is freed already.
    ///
    /// # Safety
    /// The client has just passed the IRP to a WSK function, and `check::irp` found nothing wrong with it.
    pub(crate) unsafe fn take(
        irp: *mut IRP,
        target: Target,
        name: &str,
        used: impl FnOnce() -> Vec<Used>,
    ) -> Result<Request, Broken> {
        platform::sent(irp, name);
        let on_stack = platform::in_flight(irp, name, used)?;
        // SAFETY: this function's contract.
        let irp = unsafe { Irp::take(irp) };
        Ok(Request { irp, target, on_stack })
    }
}

/// What a request does when it runs.
pub(crate) struct Work {
    run: Run,
    /// Whether the client ends it by deregistering.
    pub(super) ends_with_client: bool,
}

type Run = Box<dyn FnOnce(&Arc<Provider>) -> Outcome>;

// SAFETY: what is not `Send` in it are pointers to buffers of the client, who keeps them valid, at any address and for
// any thread, until the IRP completes.
unsafe impl Send for Work {}

impl Work {
    pub(crate) fn new(work: impl FnOnce(&Arc<Provider>) -> Outcome + 'static) -> Work {
        Work { run: Box::new(work), ends_with_client: false }
    }

    /// That of a request which the client ends by deregistering.
    pub(crate) fn ending_with_client(work: impl FnOnce(&Arc<Provider>) -> Outcome + 'static) -> Work {
        Work { ends_with_client: true, ..Work::new(work) }
    }

    /// That of a request which ends with a status, and does nothing.
    pub(crate) fn refuse(status: NTSTATUS) -> Work {
        Work::new(move |_| Outcome::Done(status, 0))
    }

    pub(super) fn run(self, provider: &Arc<Provider>) -> Outcome {
        (self.run)(provider)
    }
}

/// What came of running a request.
pub(crate) enum Outcome {
    /// It is done, with this status and `Information`.
    Done(NTSTATUS, usize),
    /// It waits.
    Waits(Box<dyn Parked>),
    /// Its client has broken a rule.
    Broken(Broken),
}

impl Outcome {
    pub(crate) fn waits(parked: impl Parked + 'static) -> Outcome {
        Outcome::Waits(Box::new(parked))
    }
}

impl<F: Into<Failure>> From<Result<usize, F>> for Outcome {
    fn from(result: Result<usize, F>) -> Outcome {
        result.map(|information| (STATUS_SUCCESS, information)).into()
    }
}

impl<F: Into<Failure>> From<Result<(NTSTATUS, usize), F>> for Outcome {
    fn from(result: Result<(NTSTATUS, usize), F>) -> Outcome {
        match result.map_err(Into::into) {
            Ok((status, information)) => Outcome::Done(status, information),
            Err(Failure::Status(status)) => Outcome::Done(status, 0),
            Err(Failure::Broken(broken)) => Outcome::Broken(broken),
        }
    }
}

/// A request that waits, as it is seen by those who complete it, cancel it, or close its socket.
///
/// Both functions are called under the lock of the state, the first under the cancel spin lock too.
pub(crate) trait Parked: Send {
    /// Lets the request wait, under this number; or says with which status it ends instead.
    ///
    /// # Errors
    /// The status, `STATUS_SUCCESS` among them: what it waits for is there.
    fn park(&mut self, provider: &Provider, state: &mut State, number: u64) -> Result<(), NTSTATUS>;

    /// The request waits no longer: it was taken to be completed.
    fn unpark(&mut self, state: &mut State, number: u64);

    /// Whether the client ends it by deregistering.
    fn ends_with_client(&self) -> bool {
        false
    }
}

/// A request that waits, and can be cancelled.
pub(crate) struct Waiting {
    pub(crate) request: Request,
    pub(crate) parked: Box<dyn Parked>,
}
