//! What the driver asks of WSK as its client, the lists of addresses, and security descriptors.

use std::net::SocketAddr;

use wsk_sys::{SIO_ADDRESS_LIST_CHANGE, SIO_ADDRESS_LIST_QUERY, SIO_ADDRESS_LIST_SORT};
use wskdrv_abi as abi;
use wskdrv_abi::{IoctlRequest, Probed, Transport, address};
use zerocopy::{FromBytes, IntoBytes};

use super::waiting::nothing;
use super::{Session, Waiting};
use crate::error::Error;

/// The room for a list, of addresses or of transports.
const LIST_ROOM: usize = 8192;

impl Session {
    /// The transports that sockets can be made for. The handle needs no socket.
    ///
    /// # Errors
    ///
    /// `STATUS_DEVICE_NOT_READY` without a WSK provider; otherwise what WSK says.
    pub fn transports(&self) -> Result<Vec<Transport>, Error> {
        let code = abi::IOCTL_WSKDRV_TRANSPORTS;
        let bytes = self.call(code, Vec::new(), LIST_ROOM)?;
        let entries = bytes.chunks(size_of::<Transport>()).map(Transport::read_from_bytes);
        entries
            .collect::<Result<_, _>>()
            .map_err(|_size| Error::Reply { code, what: format!("{} bytes of transports", bytes.len()) })
    }

    /// Asks WSK what its pages leave open. The handle needs no socket.
    ///
    /// # Errors
    ///
    /// `STATUS_INVALID_DEVICE_REQUEST` of a driver that was built without the probes; `STATUS_NOT_SUPPORTED` of one that has
    /// none for this question; otherwise why the probe could not be made.
    pub fn probe(&self, id: &str) -> Result<Probed, Error> {
        self.structure(abi::IOCTL_WSKDRV_PROBE, id.as_bytes().to_vec())
    }

    /// Waits until a transport comes or goes.
    ///
    /// # Errors
    ///
    /// `STATUS_IO_TIMEOUT` if none did; `STATUS_INVALID_DEVICE_STATE` while another request of the handle waits for that.
    pub fn wait_for_transports(&self) -> Result<(), Error> {
        self.wait(self.begin_transport_change())
    }

    /// Begins to wait until a transport comes or goes.
    pub fn begin_transport_change(&self) -> Waiting {
        self.begin(abi::IOCTL_WSKDRV_TRANSPORT_CHANGE, self.timed().as_bytes().to_vec(), 0, nothing)
    }

    /// The local addresses of the socket's family.
    ///
    /// # Errors
    ///
    /// The driver's refusal, or what WSK says.
    pub fn address_list(&self) -> Result<Vec<SocketAddr>, Error> {
        addresses(&self.ioctl(SIO_ADDRESS_LIST_QUERY, &[], LIST_ROOM)?)
    }

    /// Waits until a local address of the socket's family comes or goes.
    ///
    /// # Errors
    ///
    /// `STATUS_IO_TIMEOUT` if none did; otherwise what WSK says.
    pub fn wait_for_addresses(&self) -> Result<(), Error> {
        self.wait(self.begin_address_change())
    }

    /// Begins to wait until a local address of the socket's family comes or goes.
    pub fn begin_address_change(&self) -> Waiting {
        let head = IoctlRequest { timeout_ms: self.timeout_ms(), code: SIO_ADDRESS_LIST_CHANGE };
        self.begin(abi::IOCTL_WSKDRV_IOCTL, head.as_bytes().to_vec(), 0, nothing)
    }

    /// Sorts addresses, at most [`abi::SORT_ADDRESSES_MAX`], by how well they can be reached: IPv6 addresses, with IPv4
    /// addresses mapped.
    ///
    /// # Errors
    ///
    /// The driver's refusal, or what WSK says.
    pub fn sort_addresses(&self, list: &[SocketAddr]) -> Result<Vec<SocketAddr>, Error> {
        let mut input = Vec::new();
        for address in list {
            let (bytes, length) = address::encode(*address);
            input.extend_from_slice(&bytes[..length]);
        }
        addresses(&self.ioctl(SIO_ADDRESS_LIST_SORT, &input, LIST_ROOM)?)
    }

    /// Sets the socket's security descriptor, a self-relative one; [`wsk_descriptor::sddl`] makes them of text.
    ///
    /// # Errors
    ///
    /// `STATUS_INVALID_SECURITY_DESCR` if the bytes are none; `STATUS_INVALID_DEVICE_STATE` after the bind; otherwise
    /// what WSK says.
    pub fn set_security(&self, descriptor: &[u8]) -> Result<(), Error> {
        let input = [self.timed().as_bytes(), descriptor].concat();
        self.nothing(abi::IOCTL_WSKDRV_SET_SECURITY, input)
    }

    /// The socket's security descriptor, self-relative.
    ///
    /// # Errors
    ///
    /// The driver's refusal, or what WSK says.
    pub fn security(&self) -> Result<Vec<u8>, Error> {
        let code = abi::IOCTL_WSKDRV_GET_SECURITY;
        self.call(code, self.timed().as_bytes().to_vec(), abi::SECURITY_MAX)
    }
}

fn addresses(bytes: &[u8]) -> Result<Vec<SocketAddr>, Error> {
    let code = abi::IOCTL_WSKDRV_IOCTL;
    address::decode_all(bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| Error::Reply { code, what: error.to_string() })
}
