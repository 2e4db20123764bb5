//! Several operations for one request: they land one by one, and the last one ends it.
//!
//! Receives are posted into the slots of the request's buffer. The first that lands, whatever its result, ends the wait:
//! the others are cancelled, and those that a datagram has reached all the same land with it. So nothing is lost, and
//! the request ends when all have landed. Cancelling the request cancels all of them; the rest is the same.
#![expect(unsafe_code, reason = "the data is described by an MDL of the I/O manager")]

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use core::time::Duration;

use wsk::{Canceller, Error, Op, ReceiveFrom, Result, Shared};
use wsk_sys::{NTSTATUS, STATUS_SUCCESS, ULONG};
use wskdrv_abi::{RECEIVE_MANY_MAX, ReceiveMany, Received};
use zerocopy::{FromZeros, IntoBytes};

use crate::complete;
use crate::driver::Driver;
use crate::file::File;
use crate::job::{Job, Locked};
use crate::lock::SpinLock;
use crate::request::{Cancel, Request};

/// The operations of a request.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The layout of the request's buffer.
    layout: ReceiveMany,
    slots: [Slot; RECEIVE_MANY_MAX],
    /// The operations that have not landed; and one for the poster, until it has submitted all of them.
    parties: AtomicU32,
    /// The poster is not done.
    posting: AtomicBool,
    /// An operation has landed.
    landed: AtomicBool,
    /// A datagram has come.
    came: AtomicBool,
    /// The status of the operation that landed first without a datagram; a success if none has.
    failure: AtomicI32,
}

/// An operation of a request.
#[derive(Debug, Default)]
struct Slot {
    /// Set before the request can be cancelled, and called by parties only.
    canceller: Option<Canceller>,
    /// The operation, before and after its flight.
    op: SpinLock<Option<Op<Job>>>,
}

impl Batch {
    /// Takes the operations for a request from the handle.
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES); what was taken is given back.
    pub(crate) fn new(layout: ReceiveMany, file: &File) -> Result<Shared<Batch>> {
        let mut batch = Shared::new(Batch {
            layout,
            slots: Default::default(),
            parties: AtomicU32::new(layout.count + 1),
            posting: AtomicBool::new(true),
            landed: AtomicBool::new(false),
            came: AtomicBool::new(false),
            failure: AtomicI32::new(STATUS_SUCCESS),
        })?;
        for place in 0..layout.count as usize {
            match file.take_op() {
                Ok(op) => {
                    let slot = batch.get_mut().and_then(|batch| batch.slots.get_mut(place));
                    if let Some(slot) = slot {
                        slot.canceller = Some(op.canceller());
                        slot.op.with(|empty| *empty = Some(op));
                    }
                }
                Err(error) => {
                    batch.give_back(file);
                    return Err(error);
                }
            }
        }
        Ok(batch)
    }

    /// The layout of the request's buffer.
    pub(crate) const fn layout(&self) -> &ReceiveMany {
        &self.layout
    }

    /// The operations, for their flight, with their places.
    pub(crate) fn ops(&self) -> impl Iterator<Item = (usize, Op<Job>)> {
        self.slots.iter().enumerate().filter_map(|(place, slot)| Some((place, slot.op.with(Option::take)?)))
    }

    /// Cancels all operations. For a party, or for the request's cancel callback, which holds off the end as well.
    pub(crate) fn cancel(&self) {
        self.slots.iter().filter_map(|slot| slot.canceller.as_ref()).for_each(Canceller::cancel);
    }

    /// All operations are submitted. True: all have landed too, and the caller ends the request.
    #[must_use]
    pub(crate) fn posted(&self) -> bool {
        // Sequentially consistent, as in `land`: either this sees that one has landed, or that sees that all are posted.
        self.posting.store(false, Ordering::SeqCst);
        if self.landed.load(Ordering::SeqCst) {
            self.cancel();
        }
        self.leave()
    }

    /// An operation has landed. True: it was the last, and the caller ends the request.
    #[must_use]
    pub(crate) fn land(&self, place: usize, op: Op<Job>, result: Result) -> bool {
        if let Some(slot) = self.slots.get(place) {
            slot.op.with(|empty| *empty = Some(op));
        }
        match result {
            Ok(()) => self.came.store(true, Ordering::Relaxed),
            Err(error) => {
                let (none, status) = (STATUS_SUCCESS, error.status());
                // Only the first counts: the others were cancelled for it.
                let _ = self.failure.compare_exchange(none, status, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
        let first = !self.landed.swap(true, Ordering::SeqCst);
        // While operations are being posted, those that find a datagram waiting take it.
        if first && !self.posting.load(Ordering::SeqCst) {
            self.cancel();
        }
        self.leave()
    }

    fn leave(&self) -> bool {
        // Release: what this party did happens before the end. Acquire: who ends the request sees all of it.
        self.parties.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// How the request ends: status and `Information`.
    pub(crate) fn outcome(&self) -> (NTSTATUS, usize) {
        let failure = self.failure.load(Ordering::Relaxed);
        if self.came.load(Ordering::Relaxed) {
            (STATUS_SUCCESS, self.layout.size().unwrap_or(0))
        } else if failure == STATUS_SUCCESS {
            (Error::CANCELLED.status(), 0)
        } else {
            (failure, 0)
        }
    }

    /// Gives the operations back to the handle.
    pub(crate) fn give_back(&self, file: &File) {
        for (_, op) in self.ops() {
            file.keep_op(op);
        }
    }
}

/// Posts a receive into each slot of the request's buffer.
///
/// # Errors
/// The request is refused, and nothing of it remains.
pub(crate) fn receive(
    driver: &'static Driver,
    request: Request,
    layout: ReceiveMany,
    timeout: Option<Duration>,
    output: usize,
) -> Result {
    let file = request.file();
    let socket = file.bound_socket()?;
    let mdl = request.mdl(output)?;
    let slot = layout.slot as usize;
    let (payload, room) = (layout.payload(), slot - layout.payload());
    // Also maps the buffer, so that no datagram can be lost later for want of a mapping.
    for place in 0..layout.count as usize {
        request.write_output_at(place * slot, Received::new_zeroed().as_bytes())?;
    }
    let batch = Batch::new(layout, file)?;
    if let Err(error) = request.mark_cancelable(Cancel::Many(batch.clone())) {
        batch.give_back(file);
        return Err(error);
    }
    for (place, mut op) in batch.ops() {
        #[expect(clippy::cast_possible_truncation, reason = "an offset in a buffer whose length is a ULONG")]
        let offset = (place * slot + payload) as ULONG;
        // SAFETY: the MDL is of the request's second buffer, locked for the request; `decode` has seen to it that all
        // slots lie in it, and that each has room for what comes before the payload.
        let data = unsafe { Locked::new(mdl, offset, room) };
        *op.buffers_mut() = Job::with_batch(request, data, batch.clone(), place);
        driver.counters.operations_submitted.up();
        // The first to land ends all: one time limit is enough.
        let timeout = timeout.filter(|_| place == 0);
        socket.submit_to(&driver.queue, op, ReceiveFrom.with_room(layout.control_room as usize), timeout);
    }
    if batch.posted() {
        complete::end(request, &batch);
    }
    Ok(())
}
