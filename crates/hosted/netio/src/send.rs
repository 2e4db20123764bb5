//! `WskSendTo` and `WskSendMessages`.
#![expect(unsafe_code, reason = "functions that clients call through a C table")]

use core::net::SocketAddr;
use std::sync::Arc;

use wsk_sys::{
    CMSGHDR, IRP, NTSTATUS, PWSK_SOCKET, SOCKADDR, STATUS_INVALID_ADDRESS_COMPONENT,
    STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED,
    ULONG, WSK_BUF, WSK_BUF_LIST,
};

use crate::address::{self, canonical};
use crate::buffer;
use crate::check;
use crate::completion::{Outcome, Work};
use crate::option::Values;
use crate::socket::{Socket, SocketCall};
use crate::transport::Endpoint;

/// The largest payload of a datagram: what the length fields of UDP, and of IPv4 with it, can say.
const LARGEST_V4: usize = 65507;
const LARGEST_V6: usize = 65527;

/// The parameters that both functions have.
#[derive(Clone, Copy)]
struct Sending {
    flags: ULONG,
    remote_address: *mut SOCKADDR,
    control_length: ULONG,
    control: *mut CMSGHDR,
}

/// `WskSendTo`: sends one datagram. `Information` of its IRP is its length.
///
/// Everything is read when the request runs. n/d for the `WSK_BUF` and the address: a client that keeps them until
/// completion is right in any case.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
pub(crate) unsafe extern "system" fn wsk_send_to(
    socket: PWSK_SOCKET,
    buffer: *mut WSK_BUF,
    flags: ULONG,
    remote_address: *mut SOCKADDR,
    control_info_length: ULONG,
    control_info: *mut CMSGHDR,
    irp: *mut IRP,
) -> NTSTATUS {
    const WHAT: &str = "WskSendTo";
    check::caller(WHAT);
    let call = SocketCall::begin(socket, WHAT);
    let socket = Arc::clone(&call.socket);
    let sending =
        Sending { flags, remote_address, control_length: control_info_length, control: control_info };
    let work = Work::new(move |_| {
        // SAFETY: the client's parameters, valid until the request is completed.
        let destination = unsafe { destination(&socket, sending) };
        Outcome::from(destination.and_then(|destination| {
            // SAFETY: the client's buffer, valid until the request is completed.
            let bytes = unsafe { buffer::read(buffer, WHAT) }?;
            destination.send(&bytes)
        }))
    });
    // SAFETY: the IRP of this call.
    unsafe { call.submit(irp, WHAT, work) }
}

/// `WskSendMessages`: sends several datagrams to one destination. `Information` of its IRP is the sum of their lengths.
///
/// The first that cannot be sent ends the request with its status; those before it are sent. n/d
///
/// # IRQL
/// `<= DISPATCH_LEVEL`. n/d
pub(crate) unsafe extern "system" fn wsk_send_messages(
    socket: PWSK_SOCKET,
    buffer_list: *mut WSK_BUF_LIST,
    flags: ULONG,
    remote_address: *mut SOCKADDR,
    control_info_length: ULONG,
    control_info: *mut CMSGHDR,
    irp: *mut IRP,
) -> NTSTATUS {
    const WHAT: &str = "WskSendMessages";
    check::caller(WHAT);
    let call = SocketCall::begin(socket, WHAT);
    let socket = Arc::clone(&call.socket);
    let sending =
        Sending { flags, remote_address, control_length: control_info_length, control: control_info };
    let work = Work::new(move |_| {
        // SAFETY: the client's parameters, valid until the request is completed.
        let destination = unsafe { destination(&socket, sending) };
        Outcome::from(destination.and_then(|destination| {
            let (mut node, mut sent) = (buffer_list, 0);
            // n/d
            if node.is_null() {
                return Err(STATUS_INVALID_PARAMETER);
            }
            while !node.is_null() {
                // SAFETY: a node of the client's list, valid until the request is completed.
                let WSK_BUF_LIST { Next: next, Buffer: buffer } = unsafe { node.read() };
                // SAFETY: as above.
                let bytes = unsafe { buffer::read(&raw const buffer, WHAT) }?;
                sent += destination.send(&bytes)?;
                node = next;
            }
            Ok(sent)
        }))
    });
    // SAFETY: the IRP of this call.
    unsafe { call.submit(irp, WHAT, work) }
}

/// Where to send, and by what.
struct Destination {
    endpoint: Arc<Endpoint>,
    values: Values,
    address: SocketAddr,
}

/// Finds out where to send.
///
/// # Safety
/// `sending` holds the client's parameters of a request that is not completed.
unsafe fn destination(socket: &Socket, sending: Sending) -> Result<Destination, NTSTATUS> {
    // Flags are reserved. n/d: the status
    if sending.flags != 0 || sending.control.is_null() != (sending.control_length == 0) {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // The option that any control information would belong to is not there. n/d
    if sending.control_length != 0 {
        return Err(STATUS_NOT_SUPPORTED);
    }
    let settings = socket.settings();
    // n/d
    let endpoint = settings.endpoint.clone().ok_or(STATUS_INVALID_DEVICE_STATE)?;
    let address = if sending.remote_address.is_null() {
        // n/d: which of the two comes first, and the status if there is neither.
        settings.send_to.or(settings.remote).ok_or(STATUS_INVALID_DEVICE_STATE)?
    } else {
        // SAFETY: the client's address, not null.
        unsafe { address::read(sending.remote_address, socket.family) }?
    };
    // n/d
    if address.port() == 0 || canonical(address).ip().is_unspecified() {
        return Err(STATUS_INVALID_ADDRESS_COMPONENT);
    }
    Ok(Destination { endpoint, values: settings.values, address })
}

impl Destination {
    fn send(&self, bytes: &[u8]) -> Result<usize, NTSTATUS> {
        let largest = if canonical(self.address).is_ipv4() { LARGEST_V4 } else { LARGEST_V6 };
        // n/d
        if bytes.len() > largest {
            return Err(STATUS_INVALID_BUFFER_SIZE);
        }
        self.endpoint.send(bytes, self.address, self.values)?;
        Ok(bytes.len())
    }
}
