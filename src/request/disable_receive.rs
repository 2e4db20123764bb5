//! Disable receive: has WSK call the receive event no more. The queue keeps what it has.

use core::time::Duration;

use wsk::{Error, Op, Result, event};
use wskdrv_abi as abi;
use wskdrv_abi::{DISABLE_AND_WAIT, DISABLE_SOON, Disabled};
use zerocopy::IntoBytes;

use super::{Call, Change, Command, Disposition, Finished};
use crate::file::File;
use crate::inbox::{self, Inbox, Reception};
use crate::input::{ensure_room, read_exact, time_limit};
use crate::operation::Data;
use crate::switch;

#[derive(Debug)]
pub(super) enum DisableReceive {
    /// With an IRP, which completes when no call of the event is left.
    AndWait(Option<Duration>),
    /// Without waiting for calls of it.
    Soon,
}

impl Command<'_> for DisableReceive {
    fn decode(input: &[u8], output: usize) -> Result<DisableReceive> {
        let request: abi::DisableReceive = read_exact(input)?;
        ensure_room(output, size_of::<Disabled>())?;
        match request.form {
            DISABLE_AND_WAIT => Ok(DisableReceive::AndWait(time_limit(request.timeout_ms))),
            DISABLE_SOON => Ok(DisableReceive::Soon),
            _ => Err(Error::INVALID_PARAMETER),
        }
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let socket = call.file.bound_socket()?;
        let reception = Reception::of(&socket, 0)?;
        match self {
            DisableReceive::Soon => {
                let pending = switch::disable_soon(&reception)? == event::Disabled::Soon;
                call.reply(&Disabled { pending: pending.into(), reserved: 0 })
            }
            DisableReceive::AndWait(limit) => {
                let change = Change {
                    begin: |_: &File, _: &Op<_>| switch::begin_disable(&reception),
                    undo: |_: &File| switch::end_disable(reception.inbox(), false),
                };
                let data = Data::Queue(Inbox::of(&socket)?.clone());
                call.submit_with(limit, data, change, |(), driver, op, limit| {
                    socket.submit_to(&driver.handler, op, wsk::DisableReceive, limit)
                })
            }
        }
    }
}

pub(super) fn finish(finished: &mut Finished<'_>, data: &Data, result: Result) -> Result<usize> {
    let result = inbox::off_in_any_case(result, ());
    if let Data::Queue(inbox) = data {
        switch::end_disable(inbox, result.is_ok());
    }
    result?;
    finished.request.write_output(Disabled { pending: 0, reserved: 0 }.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_two_forms() {
        let decode = |form, output| DisableReceive::decode(&[9, 0, 0, 0, form, 0, 0, 0], output);
        let limit = Some(Duration::from_millis(9));
        assert!(matches!(decode(0, 8), Ok(DisableReceive::AndWait(found)) if found == limit));
        assert!(matches!(decode(1, 8), Ok(DisableReceive::Soon)));
        assert_eq!(decode(2, 8).unwrap_err(), Error::INVALID_PARAMETER);
        assert_eq!(decode(1, 7).unwrap_err(), Error::BUFFER_TOO_SMALL);
    }
}
