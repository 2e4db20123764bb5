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

#[cfg(test)]
mod tests {
    use wskdrv_abi::{QUEUE_MAX, QUEUE_MIN};
    use zerocopy::IntoBytes;

    use super::*;

    #[test]
    fn a_queue_has_its_bounds() {
        let decode = |capacity: u32, reserved: u32| {
            EnableReceive::decode([capacity, reserved].as_bytes(), 0).map(|enable| enable.capacity)
        };
        assert_eq!([decode(1024, 0), decode(1 << 20, 0)], [Ok(QUEUE_MIN), Ok(QUEUE_MAX)]);
        for (capacity, reserved) in [(1016, 0), (1025, 0), ((1 << 20) + 8, 0), (1024, 1)] {
            assert_eq!(decode(capacity, reserved), Err(Error::INVALID_PARAMETER), "{capacity}, {reserved}");
        }
    }
}
