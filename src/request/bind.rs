//! Bind: binds the handle's socket to a local address.

use core::mem;
use core::net::SocketAddr;
use core::time::Duration;

use wsk::{Op, Result, Socket};

use super::{Call, Change, Command, Disposition, Finished};
use crate::file::{File, State};
use crate::input::{read_timed, socket_address};
use crate::operation::Data;

#[derive(Debug)]
pub(super) struct Bind {
    address: SocketAddr,
    limit: Option<Duration>,
}

impl Command<'_> for Bind {
    fn decode(input: &[u8], _: usize) -> Result<Bind> {
        let (limit, address) = read_timed(input)?;
        Ok(Bind { address: socket_address(address)?, limit })
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let change =
            Change { begin: |file: &File, _: &Op<_>| begin(file), undo: |file: &File| end(file, false) };
        call.submit_with(self.limit, Data::None, change, |socket, driver, op, limit| {
            socket.submit_to(&driver.handler, op, wsk::Bind(self.address), limit)
        })
    }
}

/// From an unbound socket to one that is being bound.
fn begin(file: &File) -> Result<Socket<'static>> {
    file.with(|inner| match mem::replace(&mut inner.state, State::Closed) {
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

fn end(file: &File, bound: bool) {
    file.with(|inner| match mem::replace(&mut inner.state, State::Closed) {
        State::Binding(socket) if bound => inner.state = State::Bound(socket),
        State::Binding(socket) => inner.state = State::Unbound(socket),
        other => inner.state = other,
    });
}

pub(super) fn finish(finished: &mut Finished<'_>, result: Result) -> Result<usize> {
    end(finished.file, result.is_ok());
    result.map(|()| 0)
}

#[cfg(test)]
mod tests {
    use wsk::Error;

    use super::*;

    #[test]
    fn an_address_follows_the_time_limit() {
        let input = [&[0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 2, 0, 1, 2, 1, 2, 3, 4][..], &[0; 8]].concat();
        let bind = Bind::decode(&input, 0).unwrap();
        assert_eq!((bind.address, bind.limit), ("1.2.3.4:258".parse().unwrap(), None));
        assert_eq!(Bind::decode(&input[..8], 0).unwrap_err(), Error::BUFFER_TOO_SMALL);
    }
}
