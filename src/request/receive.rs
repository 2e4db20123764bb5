//! Receive: waits for a datagram, and takes with it those that have come by then.
//!
//! The output is divided into slots, one for each record that may come. WSK puts the payload where it stays; head and control
//! information are written around it.

use core::net::SocketAddr;
use core::time::Duration;

use wsk::{Error, Op, ReceiveFrom, Result};
use wskdrv_abi as abi;
use wskdrv_abi::receive::control_offset;
use wskdrv_abi::{Datagrams, Received};
use zerocopy::IntoBytes;

use super::{Call, Command, Disposition, Uncompleted};
use crate::batch::Batch;
use crate::datagrams::{self, List};
use crate::input::{ensure_room, read_exact, time_limit};
use crate::operation::{Buffers, Cancel, Data};

#[derive(Debug)]
pub(super) struct Receive {
    slots: Slots,
    limit: Option<Duration>,
}

/// How the output is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slots {
    count: usize,
    size: usize,
    payload_room: usize,
    control_room: usize,
}

wsk::dispatch_drop!(Slots { count, size, payload_room, control_room });

impl Slots {
    const fn new(request: &abi::Receive) -> Slots {
        Slots {
            count: request.count as usize,
            size: request.slot(),
            payload_room: request.payload_room as usize,
            control_room: request.control_room as usize,
        }
    }

    /// The number of slots.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Where the record of a slot begins in the output.
    const fn position(&self, slot: usize) -> usize {
        size_of::<Datagrams>() + slot * self.size
    }

    /// Where its payload begins.
    const fn payload(&self, slot: usize) -> usize {
        self.position(slot) + size_of::<Received>()
    }
}

impl Command<'_> for Receive {
    fn decode(input: &[u8], output: usize) -> Result<Receive> {
        let request: abi::Receive = read_exact(input)?;
        ensure_room(output, request.size().ok_or(Error::INVALID_PARAMETER)?)?;
        Ok(Receive { slots: Slots::new(&request), limit: time_limit(request.timeout_ms) })
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let Receive { slots, limit } = self;
        let socket = call.file.bound_socket()?;
        // Maps the output, so that no datagram can be lost later for want of a mapping.
        List::begin(call.request()?)?;
        let memory = call.locked()?;
        let batch = Batch::new(slots, &call.file)?;
        match call.mark_cancelable(Cancel::Many(batch.clone())) {
            Ok(request) => batch.put_request(request),
            Err(error) => {
                batch.give_back(&call.file);
                return Err(error);
            }
        }
        let driver = call.driver;
        for (slot, mut op) in batch.ops() {
            let data = memory.part(slots.payload(slot), slots.payload_room);
            let buffers = op.buffers_mut();
            *buffers = Buffers { request: None, data: Data::One(data), batch: Some((batch.clone(), slot)) };
            driver.counters.submitted();
            // The first to complete ends all: one time limit is enough.
            let limit = limit.filter(|_| slot == 0);
            let request = ReceiveFrom.with_room(slots.control_room);
            if let Some((completion, op)) = socket.submit_to(&driver.handler, op, request, limit) {
                super::finish(completion, op);
            }
        }
        if batch.submitted() {
            end(&batch);
        }
        Ok(Disposition::Pending)
    }
}

/// Takes one of the operations of a request, and with the last one completes the request.
pub(super) fn finish(result: &Result<wsk::Received>, mut op: Op<Buffers>) {
    let Some((batch, slot)) = op.buffers_mut().batch.take() else { return };
    let counters = &batch.driver().counters;
    counters.completed(result.as_ref().err().copied());
    let record = result.as_ref().map_err(|error| *error).and_then(|received| {
        counters.datagrams_received.increment();
        counters.bytes_received.add(received.length);
        write(&batch, slot, received.length, received.from, received.flags, received.control.as_bytes())
    });
    if batch.completed(slot, op, record) {
        end(&batch);
    }
}

/// Writes head and control information of a record, and tells its size. The output is mapped, so this does not fail.
fn write(
    batch: &Batch,
    slot: usize,
    length: usize,
    from: SocketAddr,
    flags: u32,
    control: &[u8],
) -> Result<usize> {
    // It has at most as much room as the operation was told.
    let head = datagrams::head(from, flags, length, control.len())?;
    let position = batch.slots().position(slot);
    let written = batch.with_request(|request| {
        request.write_output_at(position, head.as_bytes())?;
        request.write_output_at(position + control_offset(length), control)
    });
    written.unwrap_or(Err(Error::CANCELLED)).map(|_| head.size())
}

/// Completes a request whose operations have all completed.
fn end(batch: &Batch) {
    let Some(mut request) = batch.take_request() else { return };
    let information = list(batch, &mut request);
    request.finish(None, information);
}

/// Links the records that have come; or tells the first failure, if none has.
fn list(batch: &Batch, request: &mut Uncompleted) -> Result<usize> {
    let (mut list, mut information) = (List::default(), 0);
    for (slot, size) in batch.records() {
        let position = batch.slots().position(slot);
        list.link(request, position)?;
        information = position + size;
    }
    if information == 0 {
        return Err(batch.failure());
    }
    list.end(request, 0)?;
    Ok(information)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_has_room_for_every_slot() {
        let decode = |count: u32, control: u32, output| {
            Receive::decode([0, count, 9, control].as_bytes(), output).map(|receive| receive.slots)
        };
        let slots = decode(3, 20, 16 + 3 * 88).unwrap();
        assert_eq!((slots.position(0), slots.payload(2)), (16, 16 + 2 * 88 + 48));
        assert_eq!(decode(3, 20, 16 + 3 * 88 - 1).unwrap_err(), Error::BUFFER_TOO_SMALL);
        assert_eq!(decode(0, 20, 4096).unwrap_err(), Error::INVALID_PARAMETER);
        assert_eq!(decode(3, 257, 4096).unwrap_err(), Error::INVALID_PARAMETER);
    }
}
