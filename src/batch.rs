//! Several operations for one request: they land one by one, and the last one ends it.
//!
//! Receives are posted into the slots of the request's buffer. The first that lands, whatever its result, ends the wait:
//! the others are cancelled, and those that a datagram has reached all the same land with it. So nothing is lost, and
//! the request ends when all have landed. Cancelling the request cancels all of them; the rest is the same.
#![expect(unsafe_code, reason = "the data is described by an MDL of the I/O manager")]

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering};
use core::time::Duration;

use nt::SpinLock;
use wsk::{Canceller, Error, Op, ReceiveFrom, Result, Shared, Socket, dispatch_drop};
use wsk_sys::{MDL, STATUS_SUCCESS, ULONG};
use wskdrv_abi::{Datagrams, RECEIVE_MAX, Receive, Received};

use crate::complete;
use crate::datagrams::List;
use crate::driver::Driver;
use crate::file::File;
use crate::job::{Job, Locked};
use crate::wdf_request::{Cancel, InFlight, Refused, Request, Uncompleted};

/// The operations of a request.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The layout of the request's buffer.
    layout: Receive,
    /// The request, from when it is marked cancelable until all operations have landed.
    request: SpinLock<Option<InFlight>>,
    slots: [Slot; RECEIVE_MAX],
    /// The operations that have not landed; and one for the poster, until it has submitted all of them.
    parties: AtomicU32,
    /// The poster is not done.
    posting: AtomicBool,
    /// An operation has landed.
    landed: AtomicBool,
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
    /// The size of the datagram's record; 0 before one has come.
    size: AtomicUsize,
}

dispatch_drop!(Batch { layout: Copy, request, slots, parties, posting, landed, failure });
dispatch_drop!(Slot { canceller, op, size });

impl Batch {
    /// Takes the operations for a request from the handle.
    ///
    /// # Errors
    /// [`INSUFFICIENT_RESOURCES`](Error::INSUFFICIENT_RESOURCES); what was taken is given back.
    pub(crate) fn new(layout: Receive, file: &File) -> Result<Shared<Batch>> {
        let mut batch = Shared::new(Batch {
            layout,
            request: SpinLock::default(),
            slots: Default::default(),
            parties: AtomicU32::new(layout.count + 1),
            posting: AtomicBool::new(true),
            landed: AtomicBool::new(false),
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
    pub(crate) const fn layout(&self) -> &Receive {
        &self.layout
    }

    /// Where the record of an operation's datagram begins in the output.
    pub(crate) fn position(&self, place: usize) -> usize {
        position(&self.layout, place)
    }

    /// Calls `f` with the request, for a party, which holds off its end.
    pub(crate) fn with_request<R>(&self, f: impl FnOnce(&InFlight) -> R + Send) -> Option<R> {
        self.request.with(|request| request.as_ref().map(f))
    }

    /// Takes the request out, to end it.
    pub(crate) fn take_request(&self) -> Option<InFlight> {
        self.request.with(Option::take)
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

    /// An operation has landed, with a record of this size. True: it was the last, and the caller ends the request.
    #[must_use]
    pub(crate) fn land(&self, place: usize, op: Op<Job>, result: Result<usize>) -> bool {
        let Some(slot) = self.slots.get(place) else { return false };
        slot.op.with(|empty| *empty = Some(op));
        match result {
            Ok(size) => slot.size.store(size, Ordering::Relaxed),
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

    /// How the request ends: with the list of the datagrams that have come, or with the first failure.
    pub(crate) fn outcome(&self, request: &Uncompleted) -> Result<usize> {
        let (mut list, mut information) = (List::default(), 0);
        for (place, slot) in self.slots.iter().enumerate() {
            let size = slot.size.load(Ordering::Relaxed);
            if size != 0 {
                list.link(request, self.position(place))?;
                information = self.position(place) + size;
            }
        }
        if information == 0 {
            return Err(Error::from_status(self.failure.load(Ordering::Relaxed)).unwrap_or(Error::CANCELLED));
        }
        list.end(request, 0)?;
        Ok(information)
    }

    /// Gives the operations back to the handle.
    pub(crate) fn give_back(&self, file: &File) {
        for (_, op) in self.ops() {
            file.keep_op(op);
        }
    }
}

/// Where the record of an operation's datagram begins in the output.
const fn position(layout: &Receive, place: usize) -> usize {
    size_of::<Datagrams>() + place * layout.slot()
}

/// Posts a receive into each slot of the request's buffer.
///
/// # Errors
/// The request is refused, and nothing of it remains.
pub(crate) fn receive(
    driver: &'static Driver,
    request: Request,
    layout: Receive,
    timeout: Option<Duration>,
    output: usize,
) -> Result<(), Refused> {
    // SAFETY: not used once the operations are submitted.
    let file = unsafe { request.file() };
    let (socket, mdl, batch) = match prepare(&request, file, layout, output) {
        Ok(prepared) => prepared,
        Err(error) => return Err((error, request)),
    };
    match request.mark_cancelable(Cancel::Many(batch.clone())) {
        Ok(request) => batch.request.with(|place| *place = Some(request)),
        Err(refused) => {
            batch.give_back(file);
            return Err(refused);
        }
    }
    for (place, mut op) in batch.ops() {
        #[expect(clippy::cast_possible_truncation, reason = "an offset in a buffer whose length is a ULONG")]
        let offset = (position(&layout, place) + size_of::<Received>()) as ULONG;
        // SAFETY: the MDL is of the request's second buffer, locked for the request; `decode` has seen to it that there is
        // room for all records in it.
        let data = unsafe { Locked::new(mdl, offset, layout.payload_room as usize) };
        *op.buffers_mut() = Job::with_batch(data, batch.clone(), place);
        driver.counters.submitted();
        // The first to land ends all: one time limit is enough.
        let timeout = timeout.filter(|_| place == 0);
        socket.submit_to(&driver.queue, op, ReceiveFrom.with_room(layout.control_room as usize), timeout);
    }
    if batch.posted() {
        complete::end(&batch);
    }
    Ok(())
}

/// What a request needs before it is marked cancelable: the socket, the MDL of the slots, and the operations.
fn prepare(
    request: &Uncompleted,
    file: &File,
    layout: Receive,
    output: usize,
) -> Result<(Socket<'static>, *mut MDL, Shared<Batch>)> {
    let socket = file.bound_socket()?;
    let mdl = request.mdl(output)?;
    // Maps the buffer, so that no datagram can be lost later for want of a mapping.
    List::begin(request)?;
    Ok((socket, mdl, Batch::new(layout, file)?))
}
