//! A handle: its socket, and the socket's state.
//!
//! ```text
//!             create            bind
//!  NoSocket ─────────▶ Creating ────▶ Unbound ─────▶ Binding ────▶ Bound
//!     ▲                   │              ▲              │
//!     └────── failed ─────┘              └─── failed ───┘           any ── cleanup ──▶ Closed
//! ```

use nt::SpinLock;
use wsk::{Canceller, Error, Op, Result, Socket};
use wskdrv_abi::{PENDING_MAX, RECEIVE_MAX};

use crate::driver::Driver;
use crate::operation::Buffers;
use crate::request;

/// A handle: the context of the framework's file object.
#[derive(Debug)]
pub(crate) struct File {
    driver: &'static Driver,
    inner: SpinLock<Inner>,
}

/// What a handle has.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) state: State,
    /// Of the request that waits for a change of the transports, which no socket's close would end.
    pub(crate) transport_change: Option<Canceller>,
    /// Operations that have served requests of this handle and can serve others.
    spare: [Option<Op<Buffers>>; SPARES],
    /// The number of operations that requests of this handle have.
    taken: usize,
}

/// The most operations that a handle keeps: as many as one request takes.
const SPARES: usize = RECEIVE_MAX;

/// The state of a handle's socket. The requests that change it are in [`request`].
#[derive(Debug)]
pub(crate) enum State {
    NoSocket,
    Creating(Canceller),
    Unbound(Socket<'static>),
    Binding(Socket<'static>),
    Bound(Socket<'static>),
    Closed,
}

impl State {
    /// Why a request that needs another state is refused in this one.
    pub(crate) const fn refusal(&self) -> Error {
        match self {
            State::Closed => Error::FILE_CLOSED,
            _ => Error::INVALID_DEVICE_STATE,
        }
    }
}

impl wdf::File<Driver> for File {
    fn create(driver: &Driver) -> Result<File> {
        driver.counters.handles_open.increment();
        let inner =
            Inner { state: State::NoSocket, transport_change: None, spare: Default::default(), taken: 0 };
        Ok(File { driver: driver.for_handles(), inner: SpinLock::new(inner) })
    }

    fn cleanup(&self, _: &Driver) {
        request::close(self);
    }

    fn close(&self, driver: &Driver) {
        driver.counters.handles_open.decrement();
    }
}

impl File {
    /// The driver's state.
    pub(crate) const fn driver(&self) -> &'static Driver {
        self.driver
    }

    /// Calls `f` with the handle's state, under its lock. What may send a close is not to be dropped there.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Inner) -> R + Send) -> R {
        self.inner.with(f)
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
    pub(crate) fn take_op(&self) -> Result<Op<Buffers>> {
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
            counters.irps_reused.increment();
            return Ok(op);
        }
        let op = Op::new(Buffers::default()).inspect_err(|_| self.inner.with(|inner| inner.taken -= 1))?;
        counters.operations_allocated.increment();
        counters.irps_allocated.increment();
        Ok(op)
    }

    /// Keeps an operation for another request, if there are not enough already.
    pub(crate) fn keep_op(&self, mut op: Op<Buffers>) {
        *op.buffers_mut() = Buffers::default();
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
            self.driver.counters.irps_freed.increment();
        }
    }

    /// Drops the operations that are kept: the handle is closed.
    pub(crate) fn drop_spare(&self) {
        let spare = self.inner.with(|inner| core::mem::take(&mut inner.spare));
        self.driver.counters.irps_freed.add(spare.iter().flatten().count());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request can still be on its way when its handle is closed.
    #[test]
    fn a_closed_handle_says_that_it_is_closed() {
        assert_eq!(State::Closed.refusal(), Error::FILE_CLOSED);
        assert_eq!(State::NoSocket.refusal(), Error::INVALID_DEVICE_STATE);
    }
}
