//! A handle: its socket, and the socket's state.
//!
//! ```text
//!             create            bind
//!  NoSocket ─────────▶ Creating ────▶ Unbound ─────▶ Binding ────▶ Bound
//!     ▲                   │              ▲              │
//!     └────── failed ─────┘              └─── failed ───┘           any ── cleanup ──▶ Closed
//! ```
#![expect(unsafe_code, reason = "the framework hands out handles and contexts as raw pointers")]

use nt::SpinLock;
use wsk::{Canceller, Error, Op, Result, Socket};
use wsk_sys::STATUS_SUCCESS;
use wskdrv_abi::{PENDING_MAX, RECEIVE_MAX};

use crate::context::{Context, ContextType, context};
use crate::device;
use crate::driver::Driver;
use crate::inbox::Inbox;
use crate::job::Job;
use crate::wdf::{WDFDEVICE, WDFFILEOBJECT, WDFREQUEST};
use crate::wdf_request::Request;

/// A handle: the context of the framework's file object.
#[derive(Debug)]
pub(crate) struct File {
    driver: &'static Driver,
    inner: SpinLock<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: State,
    /// Of the request that waits for a change of the transports, which no socket's close would end.
    watch: Option<Canceller>,
    /// Operations that have served requests of this handle and can serve others.
    spare: [Option<Op<Job>>; SPARES],
    /// The number of operations that requests of this handle have.
    taken: usize,
}

/// The most operations that a handle keeps: as many as one request takes.
const SPARES: usize = RECEIVE_MAX;

#[derive(Debug)]
enum State {
    NoSocket,
    Creating(Canceller),
    Unbound(Socket<'static>),
    Binding(Socket<'static>),
    Bound(Socket<'static>),
    Closed,
}

impl State {
    /// Why a request that needs another state is refused in this one.
    const fn refusal(&self) -> Error {
        match self {
            State::Closed => Error::FILE_CLOSED,
            _ => Error::INVALID_DEVICE_STATE,
        }
    }
}

static TYPE: ContextType = ContextType::new::<File>(c"wskdrv::File", &TYPE);

impl Context for File {
    const TYPE: &'static ContextType = &TYPE;
}

impl File {
    /// The handle of a framework file object.
    ///
    /// # Safety
    /// `file` is a file object of this driver's device, after its `EvtDeviceFileCreate` and before its
    /// `EvtFileClose`; the reference is not used after that.
    pub(crate) unsafe fn of<'f>(file: WDFFILEOBJECT) -> &'f File {
        // SAFETY: the file object exists, by the caller's promise.
        let file = unsafe { context::<File>(file.cast()) };
        // SAFETY: `evt_create` has written the context, which has the lifetime of the file object.
        unsafe { &*file }
    }

    /// Begins the creation of the socket.
    pub(crate) fn begin_create(&self, canceller: Canceller) -> Result {
        self.inner.with(|inner| {
            if !matches!(inner.state, State::NoSocket) {
                return Err(inner.state.refusal());
            }
            inner.state = State::Creating(canceller);
            Ok(())
        })
    }

    /// Ends the creation: with the socket, or without one.
    ///
    /// Gives the status of a creation that was overtaken by the close of the handle; then the socket is closed.
    pub(crate) fn end_create(&self, socket: Option<Socket<'static>>) -> Result {
        let next = socket.map_or(State::NoSocket, State::Unbound);
        // What is replaced is dropped outside the lock: it may send a close.
        let (result, _replaced) = self.inner.with(|inner| {
            if matches!(inner.state, State::Closed) {
                return (Err(Error::CANCELLED), next);
            }
            if matches!(next, State::Unbound(_)) {
                // Under the lock: a close that sees the socket must not count it down first.
                self.driver.counters.sockets_open.up();
            }
            (Ok(()), core::mem::replace(&mut inner.state, next))
        });
        result
    }

    /// Ends a creation that was never submitted.
    pub(crate) fn abandon_create(&self) {
        // The handle is being closed, if this fails: no more is to be done.
        let _ = self.end_create(None);
    }

    /// Begins a wait for a change of the transports; the close of the handle will cancel it.
    pub(crate) fn begin_watch(&self, canceller: Canceller) -> Result {
        // What is not kept is dropped outside the lock.
        let refused = self.inner.with(|inner| match (&inner.state, &inner.watch) {
            (State::Closed, _) => Some((Error::FILE_CLOSED, canceller)),
            (_, Some(_)) => Some((Error::INVALID_DEVICE_STATE, canceller)),
            (_, None) => {
                inner.watch = Some(canceller);
                None
            }
        });
        refused.map_or(Ok(()), |(error, _)| Err(error))
    }

    /// Ends it.
    pub(crate) fn end_watch(&self) {
        let canceller = self.inner.with(|inner| inner.watch.take());
        drop(canceller);
    }

    /// Begins the bind: the socket is the caller's to bind.
    pub(crate) fn begin_bind(&self) -> Result<Socket<'static>> {
        self.inner.with(|inner| match core::mem::replace(&mut inner.state, State::Closed) {
            State::Unbound(socket) => {
                inner.state = State::Binding(socket.clone());
                Ok(socket)
            }
            other => {
                inner.state = other;
                Err(inner.state.refusal())
            }
        })
    }

    /// Ends the bind.
    pub(crate) fn end_bind(&self, bound: bool) {
        self.inner.with(|inner| match core::mem::replace(&mut inner.state, State::Closed) {
            State::Binding(socket) if bound => inner.state = State::Bound(socket),
            State::Binding(socket) => inner.state = State::Unbound(socket),
            other => inner.state = other,
        });
    }

    /// The socket, and whether it is bound.
    pub(crate) fn socket(&self) -> Result<(Socket<'static>, bool)> {
        self.inner.with(|inner| match &inner.state {
            State::Unbound(socket) => Ok((socket.clone(), false)),
            State::Bound(socket) => Ok((socket.clone(), true)),
            other => Err(other.refusal()),
        })
    }

    /// The socket, which must be bound.
    pub(crate) fn bound_socket(&self) -> Result<Socket<'static>> {
        match self.socket()? {
            (socket, true) => Ok(socket),
            (_, false) => Err(Error::INVALID_DEVICE_STATE),
        }
    }

    /// An operation: a spare one, or a new one. [`File::keep_op`] takes it back.
    ///
    /// # Errors
    /// [`QUOTA_EXCEEDED`](Error::QUOTA_EXCEEDED): the handle's requests have [`PENDING_MAX`].
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES)
    pub(crate) fn take_op(&self) -> Result<Op<Job>> {
        let counters = &self.driver.counters;
        let spare = self.inner.with(|inner| {
            if inner.taken >= PENDING_MAX {
                return Err(Error::QUOTA_EXCEEDED);
            }
            inner.taken += 1;
            Ok(inner.spare.iter_mut().find_map(Option::take))
        })?;
        if let Some(mut op) = spare {
            op.reset();
            counters.irps_reused.up();
            return Ok(op);
        }
        let op = Op::new(Job::IDLE).inspect_err(|_| self.inner.with(|inner| inner.taken -= 1))?;
        counters.operations_allocated.up();
        counters.irps_allocated.up();
        Ok(op)
    }

    /// Keeps an operation for another request, if there are not enough already.
    pub(crate) fn keep_op(&self, mut op: Op<Job>) {
        *op.buffers_mut() = Job::IDLE;
        // What is not kept is dropped outside the lock.
        let surplus = self.inner.with(|inner| {
            inner.taken -= 1;
            let place = inner.spare.iter_mut().find(|place| place.is_none());
            match (&inner.state, place) {
                (State::Closed, _) | (_, None) => Some(op),
                (_, Some(place)) => place.replace(op),
            }
        });
        if surplus.is_some() {
            self.driver.counters.irps_freed.up();
        }
    }

    /// Closes the handle: its socket, which cancels what is pending, and its creation.
    fn close(&self) {
        let (state, watch, spare) = self.inner.with(|inner| {
            let state = core::mem::replace(&mut inner.state, State::Closed);
            (state, inner.watch.take(), core::mem::take(&mut inner.spare))
        });
        if let Some(watch) = watch {
            watch.cancel();
        }
        match &state {
            State::Creating(canceller) => canceller.cancel(),
            State::Unbound(socket) | State::Binding(socket) | State::Bound(socket) => {
                self.driver.counters.sockets_open.down();
                // What waits for the queue waits no more.
                let dropped = socket.handler::<Inbox>().map_or(0, Inbox::close);
                self.driver.counters.datagrams_dropped.add(dropped);
            }
            State::NoSocket | State::Closed => {}
        }
        self.driver.counters.irps_freed.add(spare.iter().flatten().count());
        // The socket's last reference sends its close and leaves: the operations in flight complete with
        // STATUS_CANCELLED, and so do their requests; WskDeregister waits for the rest.
        drop(state);
    }
}

/// `EvtDeviceFileCreate`: a handle is being opened.
///
/// # Safety
/// Called by the framework, at `PASSIVE_LEVEL`.
pub(crate) unsafe extern "C" fn evt_create(device: WDFDEVICE, request: WDFREQUEST, file: WDFFILEOBJECT) {
    // SAFETY: the framework passes this driver's device.
    let driver = unsafe { device::driver_of(device) };
    // SAFETY: the framework passes a new file object, whose context has the type set in `device`.
    let place = unsafe { context::<File>(file.cast()) };
    let inner = Inner { state: State::NoSocket, watch: None, spare: Default::default(), taken: 0 };
    let new = File { driver, inner: SpinLock::new(inner) };
    // SAFETY: the context is memory for a `File`, which nobody uses before the request is completed.
    unsafe { place.write(new) };
    driver.counters.handles_open.up();
    // SAFETY: the framework presents the create request with this call.
    unsafe { Request::new(request) }.complete(STATUS_SUCCESS, 0);
}

/// `EvtFileCleanup`: the last handle to the file object is closed; requests may still be pending.
///
/// # Safety
/// Called by the framework, at `PASSIVE_LEVEL`.
pub(crate) unsafe extern "C" fn evt_cleanup(file: WDFFILEOBJECT) {
    // SAFETY: the framework calls this between create and close.
    unsafe { File::of(file) }.close();
}

/// `EvtFileClose`: every request of the file object is complete.
///
/// # Safety
/// Called by the framework, at `PASSIVE_LEVEL`.
pub(crate) unsafe extern "C" fn evt_close(file: WDFFILEOBJECT) {
    // SAFETY: the file object exists until this callback has returned.
    let file = unsafe { context::<File>(file.cast()) };
    // SAFETY: written by `evt_create`; the framework calls this once, and nothing of the file object afterwards.
    let driver = unsafe { (*file).driver };
    // SAFETY: as above.
    unsafe { file.drop_in_place() };
    driver.counters.handles_open.down();
}
