//! Local address: where the handle's socket is bound.

use core::net::SocketAddr;
use core::time::Duration;

use wsk::Result;
use wskdrv_abi::address;

use super::{Call, Command, Disposition, Finished};
use crate::input::read_time_limit;
use crate::operation::Data;

#[derive(Debug)]
pub(super) struct LocalAddress {
    limit: Option<Duration>,
}

impl Command<'_> for LocalAddress {
    fn decode(input: &[u8], _: usize) -> Result<LocalAddress> {
        Ok(LocalAddress { limit: read_time_limit(input)? })
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let socket = call.file.bound_socket()?;
        call.submit(self.limit, Data::None, |driver, op, limit| {
            socket.submit_to(&driver.handler, op, wsk::LocalAddress, limit)
        })
    }
}

pub(super) fn finish(finished: &mut Finished<'_>, result: Result<SocketAddr>) -> Result<usize> {
    let (bytes, length) = address::encode(result?);
    finished.request.write_output(&bytes[..length])
}
