//! How requests run and how their IRPs complete: at once, or on the provider's own thread, or there in random order.
//!
//! Off the caller's stack, a request *runs* late, not only its completion: it reads the client's buffers when the call
//! has long returned, and until it runs it can be cancelled without effect. A client that lets its buffers go when the
//! call returns `STATUS_PENDING` is found out.
#![expect(unsafe_code, reason = "takes the cancel spin lock, changes the IRQL")]

use std::cell::Cell;
use std::sync::{Arc, MutexGuard};

use wsk_sys::{
    DISPATCH_LEVEL, IoAcquireCancelSpinLock, IoReleaseCancelSpinLock, KIRQL, KeLowerIrql, KfRaiseIrql,
    NTSTATUS, STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING, STATUS_SUCCESS,
};

use crate::call::receive::Slot;
use crate::net::inbox::Datagram;
use crate::platform::{self, Owner};
use crate::provider::{Provider, State};
use crate::run::cancel;
use crate::run::engine::Job;
use crate::run::irp::Irp;
use crate::socket::Socket;
use crate::socket::dead::DEAD;

thread_local! {
    /// How many completion routines of WSK requests the thread is in.
    static IN_ROUTINE: Cell<usize> = const { Cell::new(0) };
}

/// Whether the thread is inside the completion routine of a WSK request.
pub(crate) fn in_completion_routine() -> bool {
    IN_ROUTINE.get() != 0
}

/// Whose request it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// The number of the registration.
    pub(crate) client: u64,
    /// The number of the socket, if it is one on a socket.
    pub(crate) socket: Option<u64>,
}

/// What a request does, and how it ended.
pub(crate) struct Work {
    run: Run,
    /// Whether the client ends it by deregistering.
    ends_with_client: bool,
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

    fn run(self, provider: &Arc<Provider>) -> Outcome {
        (self.run)(provider)
    }
}

/// How a request ended.
pub(crate) enum Outcome {
    /// With this status and `Information`.
    Done(NTSTATUS, usize),
    /// Not yet: it waits for a datagram.
    Receive(Slot),
    /// It waits for a change of the local addresses.
    AddressChange(Arc<Socket>),
    /// It waits for a change of the transports.
    TransportChange,
    /// The callback of this socket is turned off; it waits for the calls of it to return.
    Disable(u64),
}

impl From<Result<usize, NTSTATUS>> for Outcome {
    fn from(result: Result<usize, NTSTATUS>) -> Outcome {
        match result {
            Ok(information) => Outcome::Done(STATUS_SUCCESS, information),
            Err(status) => Outcome::Done(status, 0),
        }
    }
}

/// A request that can be cancelled.
pub(crate) struct Request {
    pub(crate) irp: Irp,
    pub(crate) target: Target,
    pub(crate) stage: Stage,
}

/// What a request waits for.
pub(crate) enum Stage {
    /// Its turn.
    Queued(Work),
    /// A datagram.
    Receiving(Slot),
    /// The return of the calls of a callback.
    Disabling,
    /// A change of the local addresses.
    AddressChange,
    /// A change of the transports.
    TransportChange,
}

impl Stage {
    /// Whether the client ends it by deregistering.
    pub(crate) fn ends_with_client(&self) -> bool {
        match self {
            Stage::Queued(work) => work.ends_with_client,
            Stage::TransportChange => true,
            Stage::Receiving(_) | Stage::Disabling | Stage::AddressChange => false,
        }
    }
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
    pub(crate) fn submit(
        self: &Arc<Self>,
        irp: Irp,
        target: Target,
        what: &'static str,
        work: Work,
    ) -> NTSTATUS {
        self.lock().count(target, 1);
        let work = if platform::fault(what) {
            Work::new(|_| Outcome::Done(STATUS_INSUFFICIENT_RESOURCES, 0))
        } else {
            work
        };
        if self.lock().holds.contains(&what) {
            return self.keep(irp, target, what, work);
        }
        if self.engine.is_inline() {
            return match work.run(self) {
                Outcome::Done(status, information) => {
                    self.complete(irp, target, status, information);
                    status
                }
                Outcome::Receive(slot) => match self.receive(irp, target, slot, true) {
                    Some((status, information)) => {
                        self.complete(irp, target, status, information);
                        status
                    }
                    None => STATUS_PENDING,
                },
                Outcome::AddressChange(socket) => match self.await_change(irp, target, &socket, true) {
                    Some(status) => {
                        self.complete(irp, target, status, 0);
                        status
                    }
                    None => STATUS_PENDING,
                },
                Outcome::TransportChange => match self.await_transport_change(irp, target, true) {
                    Some(status) => {
                        self.complete(irp, target, status, 0);
                        status
                    }
                    None => STATUS_PENDING,
                },
                Outcome::Disable(socket) => match self.disable(irp, target, socket, true) {
                    Some(status) => {
                        self.complete(irp, target, status, 0);
                        status
                    }
                    None => STATUS_PENDING,
                },
            };
        }
        let queued = self.enter_queued(Request { irp, target, stage: Stage::Queued(work) });
        self.engine.schedule(match queued {
            Some(request) => Job::Run(request),
            None => Job::Complete(irp, target, STATUS_CANCELLED),
        });
        STATUS_PENDING
    }

    /// Marks a request pending, and makes it one that can be cancelled; none if it is cancelled already.
    pub(crate) fn enter_queued(&self, request: Request) -> Option<u64> {
        request.irp.mark_pending();
        let cancel_lock = CancelLock::acquire();
        let queued = self.lock().enter(request);
        drop(cancel_lock);
        queued
    }

    /// Runs a request whose turn has come, on the provider's thread.
    pub(crate) fn run(self: &Arc<Self>, request: u64) {
        let claimed = self.lock().claim(request);
        let Some(Request { irp, target, stage: Stage::Queued(work) }) = claimed else {
            // Cancelled.
            return;
        };
        let outcome = match work.run(self) {
            Outcome::Done(status, information) => Some((status, information)),
            Outcome::Receive(slot) => self.receive(irp, target, slot, false),
            Outcome::AddressChange(socket) => {
                self.await_change(irp, target, &socket, false).map(|status| (status, 0))
            }
            Outcome::TransportChange => {
                self.await_transport_change(irp, target, false).map(|status| (status, 0))
            }
            Outcome::Disable(socket) => self.disable(irp, target, socket, false).map(|status| (status, 0)),
        };
        if let Some((status, information)) = outcome {
            self.complete_at_dispatch(irp, target, status, information);
        }
    }

    /// Receives at once what is there, or lets the request wait. Returns how it ended, if it did.
    fn receive(&self, irp: Irp, target: Target, slot: Slot, mark: bool) -> Option<(NTSTATUS, usize)> {
        let remote = slot.socket.remote();
        let cancel_lock = CancelLock::acquire();
        let mut state = self.lock();
        let socket = slot.socket.number;
        // A socket with a request in flight, which this one is, is not released.
        let Some(entry) = state.sockets.get(&socket).filter(|entry| !entry.closing) else {
            return Some((STATUS_CANCELLED, 0));
        };
        if slot.socket.is_dead() {
            return Some((DEAD, 0));
        }
        // Those that wait already come first.
        if entry.receives.is_empty()
            && let Some(datagram) = slot.socket.inbox.pop(remote)
        {
            drop(state);
            drop(cancel_lock);
            return Some(slot.fill(&datagram, self.config.truncation));
        }
        if mark {
            irp.mark_pending();
        }
        let Some(request) = state.enter(Request { irp, target, stage: Stage::Receiving(slot) }) else {
            return Some((STATUS_CANCELLED, 0));
        };
        if let Some(entry) = state.sockets.get_mut(&socket) {
            entry.receives.push_back(request);
        }
        None
    }

    /// Makes a request one that waits for a change, unless `enter` has a status for it. Returns
    /// how it ended, if it did.
    pub(crate) fn enter_waiting(
        &self,
        irp: Irp,
        target: Target,
        stage: Stage,
        mark: bool,
        enter: impl FnOnce(&mut State, u64) -> Option<NTSTATUS>,
    ) -> Option<NTSTATUS> {
        let cancel_lock = CancelLock::acquire();
        let mut state = self.lock();
        if mark {
            irp.mark_pending();
        }
        let Some(request) = state.enter(Request { irp, target, stage }) else {
            return Some(STATUS_CANCELLED);
        };
        let refused = enter(&mut state, request);
        if refused.is_some() {
            // Nobody can have claimed it under the two locks.
            let _ = state.claim(request);
        }
        drop(state);
        drop(cancel_lock);
        refused
    }

    /// Ends requests on the provider's thread; those that somebody cancels at the moment are passed over.
    pub(crate) fn end_all(
        &self,
        mut state: MutexGuard<'_, State>,
        requests: impl IntoIterator<Item = u64>,
        status: NTSTATUS,
    ) {
        let ended: Vec<_> = requests.into_iter().filter_map(|request| state.claim(request)).collect();
        drop(state);
        for request in ended {
            self.engine.schedule(Job::Complete(request.irp, request.target, status));
        }
    }

    /// Turns a callback off, at once, and lets the request wait until no call of it is left. Returns how it ended, if
    /// it did.
    fn disable(&self, irp: Irp, target: Target, socket: u64, mark: bool) -> Option<NTSTATUS> {
        let cancel_lock = CancelLock::acquire();
        let mut state = self.lock();
        match state.disable_event(socket) {
            Ok(true) => return Some(STATUS_SUCCESS),
            Ok(false) => {}
            Err(status) => return Some(status),
        }
        if mark {
            irp.mark_pending();
        }
        // Cancelled, the callback is off all the same. n/d
        let Some(request) = state.enter(Request { irp, target, stage: Stage::Disabling }) else {
            return Some(STATUS_CANCELLED);
        };
        if let Some(entry) = state.sockets.get_mut(&socket) {
            entry.events.disables.push(request);
        }
        drop(state);
        drop(cancel_lock);
        None
    }

    /// Gives a socket's datagrams to its waiting requests, and what is left to its callback, on the provider's thread.
    pub(crate) fn match_receives(self: &Arc<Self>, socket: u64) {
        while let Some((irp, target, slot, datagram)) = self.match_one(socket) {
            let (status, information) = slot.fill(&datagram, self.config.truncation);
            self.complete_at_dispatch(irp, target, status, information);
        }
        self.indicate(socket);
    }

    fn match_one(&self, number: u64) -> Option<(Irp, Target, Slot, Datagram)> {
        let socket = Arc::clone(&self.lock().sockets.get(&number)?.socket);
        let remote = socket.remote();
        let mut state = self.lock();
        loop {
            let entry = state.sockets.get_mut(&number).filter(|entry| !entry.closing)?;
            if entry.receives.is_empty() || !socket.inbox.has(remote) {
                return None;
            }
            let request = entry.receives.pop_front()?;
            // A request that is being cancelled at this moment is passed over.
            if let Some(Request { irp, target, stage: Stage::Receiving(slot) }) = state.claim(request) {
                // Datagrams are only taken under the state's lock, so it is still there.
                let datagram = socket.inbox.pop(remote)?;
                return Some((irp, target, slot, datagram));
            }
        }
    }

    /// Completes an IRP from the provider's thread.
    pub(crate) fn complete_at_dispatch(
        self: &Arc<Self>,
        irp: Irp,
        target: Target,
        status: NTSTATUS,
        information: usize,
    ) {
        // SAFETY: the provider's thread runs at PASSIVE_LEVEL, so this raises.
        let irql = unsafe { KfRaiseIrql(DISPATCH_LEVEL) };
        self.complete(irp, target, status, information);
        // SAFETY: back to the level before.
        unsafe { KeLowerIrql(irql) };
    }

    /// Completes an IRP at the current IRQL, and lets a close go on that waited for it.
    pub(crate) fn complete(self: &Arc<Self>, irp: Irp, target: Target, status: NTSTATUS, information: usize) {
        debug_assert_ne!(status, STATUS_PENDING);
        // The completion routine is the client's.
        let owner =
            self.lock().registrations.get(&target.client).map_or(Owner::SYSTEM, |client| client.owner);
        IN_ROUTINE.set(IN_ROUTINE.get() + 1);
        platform::on_behalf_of(owner, || irp.complete(status, information));
        IN_ROUTINE.set(IN_ROUTINE.get() - 1);
        let mut state = self.lock();
        state.count(target, -1);
        let close = target.socket.and_then(|socket| state.last_request_done(socket));
        drop(state);
        if let Some(job) = close {
            self.engine.schedule(job);
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

    /// Makes a request one that can be cancelled; none if it is cancelled already, and then the caller completes it.
    ///
    /// To be called under the cancel spin lock.
    fn enter(&mut self, request: Request) -> Option<u64> {
        let (irp, number) = (request.irp, self.number());
        irp.set_tag(number);
        irp.set_cancel_routine(Some(cancel::routine));
        if irp.is_cancelled() {
            irp.set_cancel_routine(None);
            return None;
        }
        self.put(number, request);
        Some(number)
    }

    /// What is to be done if the socket is being closed and this was its last request.
    pub(crate) fn last_request_done(&mut self, socket: u64) -> Option<Job> {
        let entry = self.sockets.get_mut(&socket)?;
        if entry.in_flight != 0 {
            return None;
        }
        Some(Job::Close(socket, entry.close.take()?))
    }
}
