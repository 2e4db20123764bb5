//! `WskSendTo` and `WskSendMessages`: one mechanism, for one datagram or a list of them.
#![expect(unsafe_code, reason = "functions that clients call through a C table; their buffers")]

use core::net::SocketAddr;
use std::sync::Arc;

use wsk_requests::rows::udp;
use wsk_sys::{
    CMSGHDR, IRP, NTSTATUS, PWSK_SOCKET, SOCKADDR, STATUS_INVALID_ADDRESS_COMPONENT,
    STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, ULONG, WSK_BUF,
    WSK_BUF_LIST,
};

use crate::call::SocketCall;
use crate::call::buffer;
use crate::call::check;
use crate::call::sockaddr;
use crate::net::Endpoint;
use crate::net::address::{Family, canonical};
use crate::net::control_info::Overrides;
use crate::net::option::Outgoing;
use crate::platform::Used;
use crate::run::request::{Outcome, Work};
use crate::socket::Socket;

/// The largest payload of a datagram: what the length fields of UDP, and of IPv4 with it, can say.
const LARGEST_V4: usize = 65507;
const LARGEST_V6: usize = 65527;

/// The parameters of a send.
#[derive(Clone, Copy)]
struct Sending {
    data: Data,
    flags: ULONG,
    remote_address: *mut SOCKADDR,
    control_length: ULONG,
    control: *mut CMSGHDR,
}

/// What is sent.
#[derive(Clone, Copy)]
enum Data {
    One(*mut WSK_BUF),
    List(*mut WSK_BUF_LIST),
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
    let (control_length, control) = (control_info_length, control_info);
    let sending = Sending { data: Data::One(buffer), flags, remote_address, control_length, control };
    // SAFETY: the client's parameters and IRP.
    unsafe { submit(socket, sending, irp, "WskSendTo") }
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
    let (control_length, control) = (control_info_length, control_info);
    let sending = Sending { data: Data::List(buffer_list), flags, remote_address, control_length, control };
    // SAFETY: the client's parameters and IRP.
    unsafe { submit(socket, sending, irp, "WskSendMessages") }
}

/// # Safety
/// `sending` and `irp` are those that the client has passed to the function `what`.
unsafe fn submit(socket: PWSK_SOCKET, sending: Sending, irp: *mut IRP, what: &'static str) -> NTSTATUS {
    check::caller(what);
    let call = SocketCall::begin(socket, what);
    let socket = Arc::clone(&call.socket);
    let family = socket.family;
    // SAFETY: the client's parameters, of this call.
    let used = || unsafe { used(sending, family, what) };
    // SAFETY: the client's parameters, valid until the request is completed.
    let work = Work::new(move |_| Outcome::from(unsafe { perform(&socket, sending, what) }));
    // SAFETY: the IRP of this call.
    unsafe { call.submit(irp, what, used, work) }
}

/// The memory that a send uses.
///
/// # Safety
/// `sending` holds the client's parameters of a request that is not completed.
unsafe fn used(sending: Sending, family: Family, what: &str) -> Vec<Used> {
    let mut used = match sending.data {
        // SAFETY: the client's buffer.
        Data::One(buffer) => unsafe { buffer::used(buffer, what) },
        Data::List(mut node) => {
            let mut used = Vec::new();
            // SAFETY: null, or a node of the client's list.
            while let Some(list) = unsafe { node.as_ref() } {
                used.push(Used::of("a WSK_BUF_LIST", node));
                // SAFETY: null, or a node of the client's list.
                used.extend(unsafe { buffer::used_by(&list.Buffer, what) });
                node = list.Next;
            }
            used
        }
    };
    used.push(sockaddr::used("the remote address", sending.remote_address, family));
    used.push(Used::new("the control information", sending.control, sending.control_length as usize));
    used
}

/// Sends, and returns how many bytes that were.
///
/// # Safety
/// `sending` holds the client's parameters of a request that is not completed.
unsafe fn perform(socket: &Socket, sending: Sending, what: &str) -> Result<usize, NTSTATUS> {
    // SAFETY: passed on.
    let destination = unsafe { destination(socket, sending) }?;
    let mut node = match sending.data {
        Data::One(buffer) => {
            // SAFETY: the client's buffer, of a request that is not completed.
            let bytes = unsafe { buffer::read(buffer, what) }?;
            return destination.send(&bytes);
        }
        Data::List(list) => list,
    };
    // n/d
    if node.is_null() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let mut sent = 0;
    while !node.is_null() {
        // SAFETY: a node of the client's list, valid until the request is completed.
        let WSK_BUF_LIST { Next: next, Buffer: buffer } = unsafe { node.read() };
        // SAFETY: a node of the client's list, valid until the request is completed.
        let bytes = unsafe { buffer::read(&raw const buffer, what) }?;
        sent += destination.send(&bytes)?;
        node = next;
    }
    Ok(sent)
}

/// Where to send, and how.
struct Destination {
    endpoint: Arc<dyn Endpoint>,
    address: SocketAddr,
    outgoing: Outgoing,
    overrides: Overrides,
    /// The size of the datagrams that the data is sent as; none if it is sent as one.
    segment: Option<usize>,
}

/// Finds out where to send, and how.
///
/// # Safety
/// `sending` holds the client's parameters of a request that is not completed.
unsafe fn destination(socket: &Socket, sending: Sending) -> Result<Destination, NTSTATUS> {
    let Sending { flags, remote_address, control_length, control, .. } = sending;
    // Flags are reserved. n/d: the statuses
    if flags != 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // A client may have a buffer and nothing in it.
    let control: &[u8] = if control_length == 0 {
        &[]
    } else if control.is_null() || !control.is_aligned() {
        // It is aligned as its header is. n/d
        return Err(STATUS_INVALID_PARAMETER);
    } else {
        // SAFETY: the client's control information, as long as said, left alone until the request is completed.
        unsafe { core::slice::from_raw_parts(control.cast(), control_length as usize) }
    };
    let options = socket.options();
    let settings = socket.datagram()?.settings();
    // n/d
    let endpoint = settings.endpoint.clone().ok_or(STATUS_INVALID_DEVICE_STATE)?;
    let address = if remote_address.is_null() {
        // n/d: which of the two comes first, and the status if there is neither.
        settings.send_to.or(settings.remote).ok_or(STATUS_INVALID_DEVICE_STATE)?
    } else {
        // SAFETY: the client's address, not null.
        unsafe { sockaddr::read(remote_address, socket.family) }?
    };
    let to = canonical(address).ip();
    // n/d
    if address.port() == 0 || to.is_unspecified() {
        return Err(STATUS_INVALID_ADDRESS_COMPONENT);
    }
    let mut outgoing = options.values.outgoing(to);
    let mut overrides = Overrides::read(control, to)?;
    overrides.apply(&mut outgoing);
    let segment = overrides.segment(options.values.number(&udp::UDP_SEND_MSG_SIZE));
    Ok(Destination { endpoint, address, outgoing, overrides, segment })
}

impl Destination {
    fn send(&self, bytes: &[u8]) -> Result<usize, NTSTATUS> {
        let largest = if canonical(self.address).is_ipv4() { LARGEST_V4 } else { LARGEST_V6 };
        // n/d: for data in segments as well
        if bytes.len() > largest {
            return Err(STATUS_INVALID_BUFFER_SIZE);
        }
        match self.segment {
            // An empty datagram has no segments, and is one all the same.
            Some(size) if !bytes.is_empty() => bytes.chunks(size).try_for_each(|part| self.send_one(part))?,
            _ => self.send_one(bytes)?,
        }
        Ok(bytes.len())
    }

    fn send_one(&self, bytes: &[u8]) -> Result<(), NTSTATUS> {
        self.endpoint.send(bytes, self.address, &self.outgoing, &self.overrides)
    }
}
