//! Control: get and set an option, a socket IOCTL, and a control request without a row.

use core::net::SocketAddr;
use core::time::Duration;

use wsk::row::{Row, ValueKind};
use wsk::{CONTROL_MAX, Control, Error, Family, Output, Result};
use wsk_sys::{SIO_ADDRESS_LIST_CHANGE, SIO_ADDRESS_LIST_QUERY, SIO_ADDRESS_LIST_SORT};
use wskdrv_abi::{IoctlRequest, OptionRequest, RawRequest};

use super::address_change::AddressListChange;
use super::{Call, Command, Disposition, Finished, address_change};
use crate::input::{
    ensure_empty, ensure_room, ensure_zero, read_exact, read_prefix, socket_address, time_limit,
};
use crate::operation::Data;

/// Reads an option. Any state of the socket will do.
#[derive(Debug)]
pub(super) struct GetOption {
    control: Control<'static>,
    limit: Option<Duration>,
}

impl Command<'_> for GetOption {
    fn decode(input: &[u8], output: usize) -> Result<GetOption> {
        let request: OptionRequest = read_exact(input)?;
        ensure_zero(request.reserved)?;
        let row = Row::option(request.level, request.name).ok_or(Error::NOT_SUPPORTED)?;
        let control = Control::get(row)?;
        ensure_room(output, control.output())?;
        Ok(GetOption { control, limit: time_limit(request.timeout_ms) })
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        start(call, self.control, self.limit)
    }
}

/// What has a row, and input.
#[derive(Debug)]
pub(super) struct Set<'a> {
    row: &'static Row,
    control: Control<'a>,
    /// The address that it carries.
    address: Option<SocketAddr>,
    limit: Option<Duration>,
}

impl<'a> Set<'a> {
    fn decode(row: &'static Row, value: &'a [u8], timeout_ms: u32) -> Result<Set<'a>> {
        let address = match row.value {
            ValueKind::Address if !value.is_empty() => Some(socket_address(value)?),
            _ => None,
        };
        Ok(Set { row, control: Control::set(row, value)?, address, limit: time_limit(timeout_ms) })
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        let (socket, bound) = call.file.socket()?;
        if !self.row.permits(bound) {
            return Err(Error::INVALID_DEVICE_STATE);
        }
        if self.address.is_some_and(|address| Family::of(&address) != socket.family()) {
            return Err(Error::INVALID_ADDRESS_COMPONENT);
        }
        start(call, self.control, self.limit)
    }
}

/// Sets an option.
#[derive(Debug)]
pub(super) struct SetOption<'a>(Set<'a>);

impl<'a> Command<'a> for SetOption<'a> {
    fn decode(input: &'a [u8], _: usize) -> Result<SetOption<'a>> {
        let (request, value) = read_prefix::<OptionRequest>(input)?;
        ensure_zero(request.reserved)?;
        let row = Row::option(request.level, request.name).ok_or(Error::NOT_SUPPORTED)?;
        Set::decode(row, value, request.timeout_ms).map(SetOption)
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        self.0.start(call)
    }
}

/// A socket IOCTL: one that carries a value, or one whose structures have pointers, which are made here.
#[derive(Debug)]
pub(super) enum Ioctl<'a> {
    Set(Set<'a>),
    AddressList,
    AddressListChange(AddressListChange),
    SortAddresses(&'a [u8]),
}

impl<'a> Command<'a> for Ioctl<'a> {
    fn decode(input: &'a [u8], _: usize) -> Result<Ioctl<'a>> {
        let (request, value) = read_prefix::<IoctlRequest>(input)?;
        let row = Row::ioctl(request.code).ok_or(Error::NOT_SUPPORTED)?;
        match request.code {
            SIO_ADDRESS_LIST_QUERY => ensure_empty(value).map(|()| Ioctl::AddressList),
            SIO_ADDRESS_LIST_CHANGE => {
                AddressListChange::decode(value, request.timeout_ms).map(Ioctl::AddressListChange)
            }
            SIO_ADDRESS_LIST_SORT => Ok(Ioctl::SortAddresses(value)),
            _ => Set::decode(row, value, request.timeout_ms).map(Ioctl::Set),
        }
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        match self {
            Ioctl::Set(set) => set.start(call),
            Ioctl::AddressList => address_change::list(call),
            Ioctl::AddressListChange(change) => change.start(call),
            Ioctl::SortAddresses(input) => address_change::sort(call, input),
        }
    }
}

/// A control request as bytes. What it may carry, [`Control::raw`] decides.
#[derive(Debug)]
pub(super) struct Raw<'a> {
    control: Control<'a>,
    limit: Option<Duration>,
}

impl<'a> Command<'a> for Raw<'a> {
    fn decode(input: &'a [u8], output: usize) -> Result<Raw<'a>> {
        let (request, value) = read_prefix::<RawRequest>(input)?;
        let kind = i32::try_from(request.request_type).map_err(|_| Error::INVALID_PARAMETER)?;
        let control = Control::raw(kind, request.code, request.level, value, output.min(CONTROL_MAX))?;
        Ok(Raw { control, limit: time_limit(request.timeout_ms) })
    }

    fn start(self, call: &mut Call) -> Result<Disposition> {
        start(call, self.control, self.limit)
    }
}

fn start(call: &mut Call, control: Control<'_>, limit: Option<Duration>) -> Result<Disposition> {
    let (socket, _) = call.file.socket()?;
    call.submit(limit, Data::None, |driver, op, limit| socket.submit_to(&driver.handler, op, control, limit))
}

pub(super) fn finish(finished: &mut Finished<'_>, result: &Result<Output>) -> Result<usize> {
    finished.request.write_output(result.as_ref().map_err(|error| *error)?)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use wsk_sys::{IPPROTO_IP, SIO_WSK_SET_REMOTE_ADDRESS, SO_BROADCAST, SO_EXCLUSIVEADDRUSE, SOL_SOCKET};
    use zerocopy::IntoBytes;

    use super::*;

    #[test]
    fn an_option_has_a_row_and_its_size() {
        let get = |name, output| {
            GetOption::decode([0, SOL_SOCKET, name, 0].as_bytes(), output).map(|get| get.limit)
        };
        assert_eq!(get(SO_BROADCAST, 4), Ok(Some(Duration::ZERO)));
        assert_eq!(get(SO_BROADCAST, 3), Err(Error::BUFFER_TOO_SMALL));
        let unknown = [0, IPPROTO_IP, 0x7FFF, 0];
        assert_eq!(GetOption::decode(unknown.as_bytes(), 4).unwrap_err(), Error::NOT_SUPPORTED);
        let set = SetOption::decode([0, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 0, 1].as_bytes(), 0).unwrap();
        assert!(set.0.row.permits(false) && !set.0.row.permits(true));
    }

    #[test]
    fn an_ioctl_goes_where_its_structures_are_made() {
        let decode = |code: u32, value: &[u8]| {
            let mut input = [0, code].as_bytes().to_vec();
            input.extend(value);
            std::format!("{:?}", Ioctl::decode(&input, 0))
        };
        assert!(decode(SIO_ADDRESS_LIST_QUERY, &[]).starts_with("Ok(AddressList)"));
        assert!(decode(SIO_ADDRESS_LIST_CHANGE, &[]).starts_with("Ok(AddressListChange("));
        assert!(decode(SIO_ADDRESS_LIST_SORT, &[1]).starts_with("Ok(SortAddresses("));
        assert!(decode(SIO_WSK_SET_REMOTE_ADDRESS, &[]).starts_with("Ok(Set("));
        assert!(decode(SIO_ADDRESS_LIST_CHANGE, &[1]).starts_with("Err("));
    }
}
