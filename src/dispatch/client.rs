//! Requests of the driver as a WSK client, and those that carry what user mode must not make pointers of: transports,
//! security descriptors, lists of addresses.

use core::net::SocketAddr;

use wsk::{AddressList, Buffer, Error, Result};
use wskdrv_abi::{SORT_ADDRESSES_MAX, Transport, address};
use zerocopy::IntoBytes;

use super::{Launch, passive};
use crate::driver::Driver;
use crate::file::File;
use crate::job::{Job, Kind};
use crate::wdf_request::{Refused, Uncompleted};

/// Tells the transports.
pub(super) fn transports(driver: &Driver, request: &Uncompleted) -> Result<usize> {
    let list = driver.registration.try_provider()?.transports()?;
    let mut size = 0;
    for transport in list.iter() {
        let id = transport.provider_id;
        let mut provider_id = [0; 16];
        provider_id[..4].copy_from_slice(&id.Data1.to_ne_bytes());
        provider_id[4..6].copy_from_slice(&id.Data2.to_ne_bytes());
        provider_id[6..8].copy_from_slice(&id.Data3.to_ne_bytes());
        provider_id[8..].copy_from_slice(&id.Data4);
        let entry = Transport {
            version: transport.version.as_raw(),
            socket_type: transport.socket_type,
            protocol: transport.protocol,
            family: transport.family,
            reserved: 0,
            provider_id,
        };
        size += request.write_output_at(size, entry.as_bytes())?;
    }
    Ok(size)
}

/// Tells the local addresses.
pub(super) fn address_list(request: &Uncompleted, file: &File) -> Result<usize> {
    let (socket, _) = file.socket()?;
    write(request, &socket.address_list(&passive()?)?)
}

/// Sorts addresses, one `SOCKADDR` after the other.
pub(super) fn sort_addresses(request: &Uncompleted, file: &File, input: &[u8]) -> Result<usize> {
    let (socket, _) = file.socket()?;
    let none = SocketAddr::from(([0, 0, 0, 0], 0));
    let (mut addresses, mut count) = ([none; SORT_ADDRESSES_MAX], 0);
    for address in address::decode_all(input) {
        let place = addresses.get_mut(count).ok_or(Error::INVALID_BUFFER_SIZE)?;
        *place = address.map_err(|_| Error::INVALID_PARAMETER)?;
        count += 1;
    }
    write(request, &socket.sort_addresses(&addresses[..count], &passive()?)?)
}

/// Writes the addresses of a list to the output, one `SOCKADDR` after the other.
fn write(request: &Uncompleted, list: &AddressList) -> Result<usize> {
    let mut size = 0;
    for address in list.iter() {
        let (bytes, length) = address::encode(address);
        size += request.write_output_at(size, &bytes[..length])?;
    }
    Ok(size)
}

impl Launch<'_> {
    /// Waits for a change of the transports. The handle ends it when it is closed.
    pub(super) fn transport_change(self) -> Result<(), Refused> {
        let provider = match self.driver.registration.try_provider() {
            Ok(provider) => provider,
            Err(error) => return self.refuse(error),
        };
        if let Err(error) = self.file.begin_watch(self.op.canceller()) {
            return self.refuse(error);
        }
        let file = self.file;
        let launched = self.fly(Kind::TransportChange, |driver, op, timeout| {
            provider.submit_transport_change_to(&driver.queue, op, timeout);
        });
        launched.inspect_err(|_| file.end_watch())
    }

    /// Has WSK cache a descriptor made of the input, and gives it to the socket. WSK keeps it as long as the socket; the
    /// driver's own copy is released when the request has ended.
    pub(super) fn set_security(self, descriptor: &[u8]) -> Result<(), Refused> {
        let cached = || {
            let (socket, bound) = self.file.socket()?;
            if bound {
                return Err(Error::INVALID_DEVICE_STATE);
            }
            let provider = self.driver.registration.try_provider()?;
            Ok((socket, provider.cache_security(descriptor, &passive()?)?))
        };
        match cached() {
            Ok((socket, security)) => self.fly(Kind::Control, |driver, op, timeout| {
                socket.submit_set_security(&driver.queue, op, &security, timeout);
            }),
            Err(error) => self.refuse(error),
        }
    }

    /// Gets the socket's descriptor.
    pub(super) fn get_security(self) -> Result<(), Refused> {
        let socket = match self.file.socket() {
            Ok((socket, _)) => socket,
            Err(error) => return self.refuse(error),
        };
        let job = |request| Job::new(Kind::GetSecurity, request);
        self.try_fly(job, |driver, op, timeout| socket.submit_get_security(&driver.queue, op, timeout))
    }
}

/// Writes a descriptor to the output of its request.
pub(crate) fn write_security(request: &Uncompleted, security: &wsk::SecurityDescriptor<'_>) -> Result<usize> {
    let size = security.copy_to(&mut [])?;
    let mut bytes = Buffer::new(size)?;
    security.copy_to(&mut bytes)?;
    request.write_output(&bytes)
}
