//! Drain: takes datagrams out of the handle's queue, and waits if it is empty.

use core::time::Duration;

use wsk::{Error, Result};
use wskdrv_abi::{Datagrams, Received};

use super::{Call, Command, Disposition, Finished};
use crate::inbox::Inbox;
use crate::input::{ensure_room, read_time_limit};
use crate::operation::Data;

#[derive(Debug)]
pub(super) struct Drain {
    limit: Option<Duration>,
}

impl Command<'_> for Drain {
    fn decode(input: &[u8], output: usize) -> Result<Drain> {
        let limit = read_time_limit(input)?;
        ensure_room(output, size_of::<Datagrams>() + size_of::<Received>())?;
        Ok(Drain { limit })
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let socket = call.file.bound_socket()?;
        let inbox = Inbox::of(&socket)?;
        call.submit(self.limit, Data::Queue(inbox.clone()), |driver, op, limit| {
            inbox.wait(&driver.handler, op, limit)
        })
    }
}

/// The queue is not empty, and no other drain takes from it meanwhile.
pub(super) fn finish(finished: &mut Finished<'_>, data: &Data, result: Result) -> Result<usize> {
    result?;
    let Data::Queue(inbox) = data else { return Err(Error::CANCELLED) };
    let taken = inbox.drain(finished.request)?;
    let counters = &finished.file.driver().counters;
    counters.datagrams_received.add(taken.datagrams);
    counters.bytes_received.add(taken.bytes);
    counters.datagrams_dropped.add(taken.dropped);
    Ok(taken.information)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_has_room_for_a_head_of_each_kind() {
        let decode = |output| Drain::decode(&[0; 8], output).map(|drain| drain.limit);
        assert_eq!(decode(16 + 48), Ok(Some(Duration::ZERO)));
        assert_eq!(decode(16 + 48 - 1), Err(Error::BUFFER_TOO_SMALL));
        assert_eq!(Drain::decode(&[0; 9], 64).unwrap_err(), Error::INVALID_BUFFER_SIZE);
    }
}
