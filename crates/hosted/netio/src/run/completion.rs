//! How requests run and how their IRPs complete: at once, or on the provider's own thread, or there in random order; or
//! each in one of these ways.
//!
//! Off the caller's stack, a request *runs* late, not only its completion: it reads the client's buffers when the call
//! has long returned, and until it runs it can be cancelled without effect. A client that lets its buffers go when the
//! call returns `STATUS_PENDING` is found out.
#![expect(unsafe_code, reason = "takes the cancel spin lock, changes the IRQL")]

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::MutexGuard;
use readings::IrpCancelledBefore;
use wsk_sys::{
    DISPATCH_LEVEL, IoAcquireCancelSpinLock, IoReleaseCancelSpinLock, KIRQL, KeLowerIrql, KfRaiseIrql,
    NTSTATUS, STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING,
};

use crate::platform::{self, Owner};
use crate::provider::{Provider, State};
use crate::run::cancel;
use crate::run::hold::Queued;
use crate::run::request::{Outcome, Parked, Request, Target, Waiting, Work};

/// How long a request does not run that uses memory on the stack of the routine that has sent it.
const STACK_DELAY: Duration = Duration::from_millis(5);

thread_local! {
    /// How many completion routines of WSK requests the thread is in.
    static IN_ROUTINE: Cell<usize> = const { Cell::new(0) };
}

/// Whether the thread is inside the completion routine of a WSK request.
pub(crate) fn in_completion_routine() -> bool {
    IN_ROUTINE.get() != 0
}

/// The cancel spin lock, held.
struct CancelLock(KIRQL);

impl CancelLock {
    fn acquire() -> CancelLock {
        let mut irql = 0;
        // SAFETY: the level goes to a local; the lock is released when the guard is dropped.
        unsafe { IoAcquireCancelSpinLock(&raw mut irql) };
        CancelLock(irql)
    }
}

impl Drop for CancelLock {
    fn drop(&mut self) {
        // SAFETY: acquired by `acquire`, which stored the level.
        unsafe { IoReleaseCancelSpinLock(self.0) };
    }
}

impl Provider {
    /// Takes a request: runs it, or has it run. Its IRP completes exactly once, whatever happens.
    ///
    /// `what` is the WSK function, which is a fault point. Returns what that function returns.
    pub(crate) fn submit(self: &Arc<Self>, request: Request, what: &'static str, work: Work) -> NTSTATUS {
        self.lock().count(request.target, 1);
        let work = if platform::fault(what) {
            Work::refuse(STATUS_INSUFFICIENT_RESOURCES)
        } else if self.follows(IrpCancelledBefore::Cancelled) && request.irp.is_cancelled() {
            Work::refuse(STATUS_CANCELLED)
        } else {
            work
        };
        if self.engine.runs_in_call() && !self.lock().holds.contains(&what) {
            return match self.perform(request, work) {
                Some((request, status, information)) => {
                    self.complete(request, status, information);
                    status
                }
                None => STATUS_PENDING,
            };
        }
        request.irp.mark_pending();
        // A client that leaves its stack meanwhile has the time to be found out.
        let delay = if request.on_stack { STACK_DELAY } else { Duration::ZERO };
        match self.park(request, Box::new(Queued { ends_with_client: work.ends_with_client })) {
            Ok(number) => self.queue(number, what, work, delay),
            Err((request, status)) => self.complete_later(request, status),
        }
        STATUS_PENDING
    }

    /// Runs a request. Returns how it is to be completed, unless it waits.
    fn perform(self: &Arc<Self>, request: Request, work: Work) -> Option<(Request, NTSTATUS, usize)> {
        match work.run(self) {
            Outcome::Done(status, information) => Some((request, status, information)),
            Outcome::Broken(broken) => platform::violation(&broken),
            Outcome::Waits(parked) => {
                self.park(request, parked).err().map(|(request, status)| (request, status, 0))
            }
        }
    }

    /// Makes a request one that waits, which can be cancelled. Returns its number.
    ///
    /// # Errors
    /// The request, and the status to complete it with: it is cancelled already, or need not wait.
    fn park(&self, request: Request, mut parked: Box<dyn Parked>) -> Result<u64, (Request, NTSTATUS)> {
        let cancel_lock = CancelLock::acquire();
        let mut state = self.lock();
        let number = state.number();
        if let Err(status) = parked.park(self, &mut state, number) {
            return Err((request, status));
        }
        let irp = &request.irp;
        irp.set_tag(number);
        irp.set_cancel_routine(Some(cancel::routine));
        if irp.is_cancelled() {
            irp.set_cancel_routine(None);
            parked.unpark(&mut state, number);
            return Err((request, STATUS_CANCELLED));
        }
        irp.mark_pending();
        state.insert(number, Waiting { request, parked });
        drop(state);
        drop(cancel_lock);
        Ok(number)
    }

    /// Runs a request that waited for its turn, on the provider's thread, unless it was cancelled.
    pub(super) fn run(self: &Arc<Self>, number: u64, work: Work) {
        let Some(request) = self.lock().claim(number) else { return };
        if let Some((request, status, information)) = self.perform(request, work) {
            self.complete_at_dispatch(request, status, information);
        }
    }

    /// Ends requests on the provider's thread; those that somebody cancels at the moment are passed over.
    pub(crate) fn end_all(
        &self,
        mut state: MutexGuard<'_, State>,
        requests: impl IntoIterator<Item = u64>,
        status: NTSTATUS,
    ) {
        let ended: Vec<_> = requests.into_iter().filter_map(|number| state.claim(number)).collect();
        drop(state);
        for request in ended {
            self.complete_later(request, status);
        }
    }

    /// Has a request completed on the provider's thread.
    pub(crate) fn complete_later(&self, request: Request, status: NTSTATUS) {
        self.engine.schedule(move |provider| provider.complete_at_dispatch(request, status, 0));
    }

    /// Completes a request from the provider's thread.
    pub(crate) fn complete_at_dispatch(
        self: &Arc<Self>,
        request: Request,
        status: NTSTATUS,
        information: usize,
    ) {
        // SAFETY: the provider's thread runs at PASSIVE_LEVEL, so this raises.
        let irql = unsafe { KfRaiseIrql(DISPATCH_LEVEL) };
        self.complete(request, status, information);
        // SAFETY: back to the level before.
        unsafe { KeLowerIrql(irql) };
    }

    /// Completes a request at the current IRQL, and lets a close go on that waited for it.
    pub(crate) fn complete(self: &Arc<Self>, request: Request, status: NTSTATUS, information: usize) {
        debug_assert_ne!(status, STATUS_PENDING);
        let Request { irp, target, .. } = request;
        // The completion routine is the client's.
        let owner =
            self.lock().registrations.get(&target.client).map_or(Owner::SYSTEM, |client| client.owner);
        IN_ROUTINE.set(IN_ROUTINE.get() + 1);
        platform::on_behalf_of(owner, || irp.complete(status, information));
        IN_ROUTINE.set(IN_ROUTINE.get() - 1);
        self.finished(self.lock(), target);
    }

    /// A request, or a call of a callback, has come to its end.
    pub(crate) fn finished(&self, mut state: MutexGuard<'_, State>, target: Target) {
        state.count(target, -1);
        let entry = target.socket.and_then(|socket| state.sockets.get_mut(&socket));
        let close = entry.filter(|entry| entry.in_flight == 0).and_then(|entry| entry.close.take());
        drop(state);
        if let Some(close) = close {
            self.engine.schedule(close);
        }
        self.notify();
    }
}

impl State {
    /// Counts a request that has come or gone.
    pub(crate) fn count(&mut self, target: Target, change: isize) {
        if let Some(registration) = self.registrations.get_mut(&target.client) {
            registration.in_flight = registration.in_flight.saturating_add_signed(change);
        }
        if let Some(entry) = target.socket.and_then(|socket| self.sockets.get_mut(&socket)) {
            entry.in_flight = entry.in_flight.saturating_add_signed(change);
        }
    }
}
