//! Several operations for one request: they complete one by one, and the last one completes the request.
//!
//! Receives are posted into the slots of the request's output. The first that completes, whatever its result, ends the wait:
//! the others are cancelled, and those that a datagram has reached all the same complete with it. So nothing is lost, and
//! the request ends when all have completed. Cancelling the request cancels all of them; the rest is the same.

use nt::SpinLock;
use nt::sync::{AtomicI32, AtomicU32, AtomicUsize, Ordering};
use wsk::{Canceller, Error, Op, Result, Shared, dispatch_drop};
use wsk_sys::STATUS_SUCCESS;
use wskdrv_abi::RECEIVE_MAX;

use crate::driver::Driver;
use crate::file::File;
use crate::operation::{Buffers, InFlight};
use crate::request::Slots;

/// The operations of a request.
#[derive(Debug)]
pub(crate) struct Batch {
    driver: &'static Driver,
    /// How the request's output is divided.
    slots: Slots,
    /// The request, from when it is marked cancelable until all operations have completed.
    request: SpinLock<Option<InFlight>>,
    operations: [Operation; RECEIVE_MAX],
    /// The operations that have not completed; and one for the thread that submits them, until it is done.
    outstanding: AtomicU32,
    /// [`SUBMITTING`] and [`ENDED`], in one place: of who clears the one and who sets the other, the later sees both.
    progress: AtomicU32,
    /// The status of the operation that completed first without a datagram; a success if none has.
    failure: AtomicI32,
}

/// Operations are being submitted.
const SUBMITTING: u32 = 1;
/// An operation has completed.
const ENDED: u32 = 2;

/// An operation of a request.
#[derive(Debug, Default)]
struct Operation {
    /// Set before the request can be cancelled.
    canceller: Option<Canceller>,
    /// The operation, while it is not submitted.
    op: SpinLock<Option<Op<Buffers>>>,
    /// The size of the datagram's record; 0 before one has come.
    record: AtomicUsize,
}

dispatch_drop!(Batch { driver: Copy, slots, request, operations, outstanding, progress, failure });
dispatch_drop!(Operation { canceller, op, record });

impl Batch {
    /// Takes an operation for each slot from the handle.
    ///
    /// # Errors
    /// Those of [`File::take_op`]; what was taken is given back.
    pub(crate) fn new(slots: Slots, file: &File) -> Result<Shared<Batch>> {
        let mut batch = Shared::new(Batch {
            driver: file.driver(),
            slots,
            request: SpinLock::default(),
            operations: Default::default(),
            outstanding: AtomicU32::new(1),
            progress: AtomicU32::new(SUBMITTING),
            failure: AtomicI32::new(STATUS_SUCCESS),
        })?;
        for slot in 0..slots.count() {
            match file.take_op() {
                Ok(op) => {
                    let Some(this) = batch.get_mut() else { break };
                    let Some(operation) = this.operations.get_mut(slot) else { break };
                    operation.canceller = Some(op.canceller());
                    operation.op.with(|empty| *empty = Some(op));
                    // Relaxed: nobody else has the batch yet.
                    this.outstanding.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    batch.give_back(file);
                    return Err(error);
                }
            }
        }
        Ok(batch)
    }

    pub(crate) const fn driver(&self) -> &'static Driver {
        self.driver
    }

    /// How the request's output is divided.
    pub(crate) const fn slots(&self) -> &Slots {
        &self.slots
    }

    /// Keeps the request, which is marked cancelable now.
    pub(crate) fn put_request(&self, request: InFlight) {
        self.request.with(|empty| *empty = Some(request));
    }

    /// Calls `f` with the request, on behalf of an operation that has not been counted as completed.
    pub(crate) fn with_request<R>(&self, f: impl FnOnce(&mut InFlight) -> R + Send) -> Option<R> {
        self.request.with(|request| request.as_mut().map(f))
    }

    /// Takes the request out, to complete it.
    pub(crate) fn take_request(&self) -> Option<InFlight> {
        self.request.with(Option::take)
    }

    /// The operations that are not submitted, with their slots.
    pub(crate) fn ops(&self) -> impl Iterator<Item = (usize, Op<Buffers>)> {
        self.operations
            .iter()
            .enumerate()
            .filter_map(|(slot, operation)| Some((slot, operation.op.with(Option::take)?)))
    }

    /// Cancels all operations. For who keeps the request from being completed: an operation or its submitter, or the
    /// request's cancel callback.
    pub(crate) fn cancel(&self) {
        self.operations
            .iter()
            .filter_map(|operation| operation.canceller.as_ref())
            .for_each(Canceller::cancel);
    }

    /// All operations are submitted. True: all have completed too, and the caller completes the request.
    #[must_use]
    pub(crate) fn submitted(&self) -> bool {
        // Acquire and release, as in `completed`: who cancels sees the operations submitted.
        if self.progress.fetch_and(!SUBMITTING, Ordering::AcqRel) & ENDED != 0 {
            self.cancel();
        }
        self.count_down()
    }

    /// An operation has completed, with a record of this size. True: it was the last, and the caller completes the request.
    #[must_use]
    pub(crate) fn completed(&self, slot: usize, op: Op<Buffers>, record: Result<usize>) -> bool {
        let Some(operation) = self.operations.get(slot) else { return false };
        operation.op.with(|empty| *empty = Some(op));
        match record {
            Ok(size) => operation.record.store(size, Ordering::Relaxed),
            Err(error) => {
                let (none, status) = (STATUS_SUCCESS, error.status());
                // Only the first counts: the others were cancelled for it.
                let _ = self.failure.compare_exchange(none, status, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
        // The first one ends the others. While they are being submitted, those that find a datagram waiting take it.
        if self.progress.fetch_or(ENDED, Ordering::AcqRel) == 0 {
            self.cancel();
        }
        self.count_down()
    }

    fn count_down(&self) -> bool {
        // Release: what was done until now happens before the end. Acquire: who ends the request sees all of it.
        self.outstanding.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// The records that have come, each with its slot and its size.
    pub(crate) fn records(&self) -> impl Iterator<Item = (usize, usize)> {
        let sizes = self.operations.iter().map(|operation| operation.record.load(Ordering::Relaxed));
        sizes.enumerate().filter(|(_, size)| *size != 0)
    }

    /// Why none has come.
    pub(crate) fn failure(&self) -> Error {
        Error::from_status(self.failure.load(Ordering::Relaxed)).unwrap_or(Error::CANCELLED)
    }

    /// Gives the operations back to the handle.
    pub(crate) fn give_back(&self, file: &File) {
        for (_, op) in self.ops() {
            file.keep_op(op);
        }
    }
}
