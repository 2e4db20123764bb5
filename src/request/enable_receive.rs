//! Enable receive: makes a queue for the handle, and has WSK's receive event fill it.

use wsk::{Error, Result};
use wskdrv_abi as abi;

use super::{Call, Command, Disposition};
use crate::inbox::Reception;
use crate::input::{ensure_zero, read_exact};
use crate::switch;

#[derive(Debug)]
pub(super) struct EnableReceive {
    /// The memory of the queue in bytes.
    capacity: usize,
}

impl Command<'_> for EnableReceive {
    fn decode(input: &[u8], _: usize) -> Result<EnableReceive> {
        let request: abi::EnableReceive = read_exact(input)?;
        ensure_zero(request.reserved)?;
        if !request.is_valid() {
            return Err(Error::INVALID_PARAMETER);
        }
        Ok(EnableReceive { capacity: request.capacity as usize })
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let socket = call.file.bound_socket()?;
        switch::enable(&Reception::of(&socket, self.capacity)?)?;
        Ok(Disposition::Done(0))
    }
}
