//! Address change: waits for a change of the local addresses, tells them, and sorts addresses.

use core::net::SocketAddr;
use core::time::Duration;

use wsk::{Error, Result};
use wskdrv_abi::{SORT_ADDRESSES_MAX, address};

use super::{Call, Disposition, passive};
use crate::input::{ensure_empty, time_limit};
use crate::operation::Data;

/// `SIO_ADDRESS_LIST_CHANGE`
#[derive(Debug)]
pub(super) struct AddressListChange {
    limit: Option<Duration>,
}

impl AddressListChange {
    pub(super) fn decode(value: &[u8], timeout_ms: u32) -> Result<AddressListChange> {
        ensure_empty(value)?;
        Ok(AddressListChange { limit: time_limit(timeout_ms) })
    }

    pub(super) fn start(self, call: &mut Call) -> Result<Disposition> {
        let ((socket, _), passive) = (call.file.socket()?, passive()?);
        call.submit(self.limit, Data::None, |driver, op, limit| {
            socket.submit_to(&driver.handler, op, wsk::AddressListChange::new(&passive), limit)
        })
    }
}

pub(super) fn finish(result: Result) -> Result<usize> {
    result.map(|()| 0)
}

/// `SIO_ADDRESS_LIST_QUERY`: tells the local addresses.
pub(super) fn list(call: &mut Call) -> Result<Disposition> {
    let (socket, _) = call.file.socket()?;
    write(call, &socket.address_list(&passive()?)?)
}

/// `SIO_ADDRESS_LIST_SORT`: sorts addresses, which come one `SOCKADDR` after the other.
pub(super) fn sort(call: &mut Call, input: &[u8]) -> Result<Disposition> {
    let (socket, _) = call.file.socket()?;
    let none = SocketAddr::from(([0, 0, 0, 0], 0));
    let (mut addresses, mut count) = ([none; SORT_ADDRESSES_MAX], 0);
    for address in address::decode_all(input) {
        let entry = addresses.get_mut(count).ok_or(Error::INVALID_BUFFER_SIZE)?;
        *entry = address.map_err(|_| Error::INVALID_PARAMETER)?;
        count += 1;
    }
    write(call, &socket.sort_addresses(&addresses[..count], &passive()?)?)
}

/// Writes the addresses of a list to the output, one `SOCKADDR` after the other.
fn write(call: &mut Call, list: &wsk::AddressList) -> Result<Disposition> {
    let (request, mut size) = (call.request()?, 0);
    for address in list.iter() {
        let (bytes, length) = address::encode(address);
        size += request.write_output_at(size, &bytes[..length])?;
    }
    Ok(Disposition::Done(size))
}
