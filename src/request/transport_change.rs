//! Transport change: waits until a transport comes or goes. It concerns no socket, so the close of the handle ends it.

use core::time::Duration;

use wsk::{Canceller, Error, Op, Result};

use super::{Call, Change, Command, Disposition, Finished};
use crate::file::{File, State};
use crate::input::read_time_limit;
use crate::operation::Data;

#[derive(Debug)]
pub(super) struct TransportChange {
    limit: Option<Duration>,
}

impl Command<'_> for TransportChange {
    fn decode(input: &[u8], _: usize) -> Result<TransportChange> {
        Ok(TransportChange { limit: read_time_limit(input)? })
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let provider = call.driver.registration.try_provider()?;
        let change = Change {
            begin: |file: &File, op: &Op<_>| begin(file, op.canceller()),
            undo: |file: &File| end(file),
        };
        call.submit_with(self.limit, Data::None, change, |(), driver, op, limit| {
            provider.submit_transport_change_to(&driver.handler, op, limit)
        })
    }
}

/// One wait of a handle at a time, which the close of the handle cancels.
fn begin(file: &File, canceller: Canceller) -> Result {
    // What is not kept is dropped outside the lock.
    let refused = file.with(|inner| match (&inner.state, &inner.transport_change) {
        (State::Closed, _) => Some((Error::FILE_CLOSED, canceller)),
        (_, Some(_)) => Some((Error::INVALID_DEVICE_STATE, canceller)),
        (_, None) => {
            inner.transport_change = Some(canceller);
            None
        }
    });
    refused.map_or(Ok(()), |(error, _)| Err(error))
}

fn end(file: &File) {
    let canceller = file.with(|inner| inner.transport_change.take());
    drop(canceller);
}

pub(super) fn finish(finished: &mut Finished<'_>, result: Result) -> Result<usize> {
    end(finished.file);
    result.map(|()| 0)
}
