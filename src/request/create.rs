//! Create: makes the handle's socket.

use core::time::Duration;

use wsk::{Canceller, Error, Family, Result, Socket};
use wskdrv_abi as abi;

use super::{Call, Change, Command, Disposition, Finished};
use crate::file::{File, State};
use crate::inbox::Events;
use crate::input::{ensure_zero, read_exact, time_limit};
use crate::operation::Data;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Create {
    family: Family,
    limit: Option<Duration>,
}

impl Command<'_> for Create {
    fn decode(input: &[u8], _: usize) -> Result<Create> {
        let request: abi::Create = read_exact(input)?;
        ensure_zero(request.reserved.into())?;
        let family = Family::from_number(request.family).ok_or(Error::INVALID_PARAMETER)?;
        Ok(Create { family, limit: time_limit(request.timeout_ms) })
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let Create { family, limit } = self;
        // Captured for each socket, so that neither DriverEntry nor a request waits for a provider that is not ready.
        let provider = call.driver.registration.try_provider()?;
        let create = provider.socket(family).handler(Events::new()?).create()?;
        let change = Change { begin: |file: &File, op: &wsk::Op<_>| begin(file, op.canceller()), undo };
        call.submit_with(limit, Data::None, change, |(), driver, op, limit| {
            create.submit_to(&driver.queue.unless_done(), op, limit)
        })
    }
}

/// From no socket to creating one. The close of the handle cancels the operation.
fn begin(file: &File, canceller: Canceller) -> Result {
    file.with(|inner| {
        if !matches!(inner.state, State::NoSocket) {
            return Err(inner.state.refusal());
        }
        inner.state = State::Creating(canceller);
        Ok(())
    })
}

fn undo(file: &File) {
    // The handle is being closed, if this fails: no more is to be done.
    let _ = end(file, None);
}

/// From creating a socket to having it, or to none.
///
/// # Errors
/// [`CANCELLED`](Error::CANCELLED): the handle was closed meanwhile. The socket is closed.
fn end(file: &File, socket: Option<Socket<'static>>) -> Result {
    let next = socket.map_or(State::NoSocket, State::Unbound);
    // What is replaced is dropped outside the lock: it may send a close.
    let (result, _replaced) = file.with(|inner| {
        if matches!(inner.state, State::Closed) {
            return (Err(Error::CANCELLED), next);
        }
        if matches!(next, State::Unbound(_)) {
            // Under the lock: a close that sees the socket must not count it down first.
            file.driver().counters.sockets_open.increment();
        }
        (Ok(()), core::mem::replace(&mut inner.state, next))
    });
    result
}

pub(super) fn finish(finished: &mut Finished<'_>, result: Result<Socket<'static>>) -> Result<usize> {
    let (result, socket) = match result {
        Ok(socket) => (Ok(0), Some(socket)),
        Err(error) => (Err(error), None),
    };
    end(finished.file, socket).and(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_one_of_two() {
        let decode = |family, reserved| Create::decode(&[5, 0, 0, 0, family, 0, 0, reserved], 0);
        let limit = Some(Duration::from_millis(5));
        assert_eq!(decode(2, 0), Ok(Create { family: Family::V4, limit }));
        assert_eq!(decode(23, 0), Ok(Create { family: Family::V6, limit }));
        assert_eq!(decode(10, 0), Err(Error::INVALID_PARAMETER));
        assert_eq!(decode(2, 1), Err(Error::INVALID_PARAMETER));
    }
}
