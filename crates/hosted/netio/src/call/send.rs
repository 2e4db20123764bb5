//! `WskSendTo` and `WskSendMessages`: one mechanism, for one datagram or a list of them.
//!
//! A send reads its parameters when it runs, or within the call: [`SendParameters`] says when. What they point to, the MDLs and
//! the data, is the client's until completion in both cases.
#![expect(unsafe_code, reason = "functions that clients call through a C table; their buffers")]

use core::net::SocketAddr;
use std::sync::Arc;

use readings::{SendControlEmpty, SendMessagesFails, SendParameters};
use wsk_sys::{
    CMSGHDR, IRP, NTSTATUS, PWSK_SOCKET, SOCKADDR, STATUS_INVALID_PARAMETER, ULONG, WSK_BUF, WSK_BUF_LIST,
};

use crate::call::SocketCall;
use crate::call::buffer;
use crate::call::check;
use crate::call::destination::Destination;
use crate::call::sockaddr;
use crate::functions::{Function, WSK_SEND_MESSAGES, WSK_SEND_TO};
use crate::net::address::Family;
use crate::platform::Used;
use crate::provider::Provider;
use crate::rules::{self, Broken, Failure};
use crate::run::request::{Outcome, Work};
use crate::socket::Socket;

/// The parameters of a send, as the client has passed them.
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

/// The parameters of a send, read.
struct Parameters {
    /// One for each datagram.
    buffers: Vec<WSK_BUF>,
    to: Option<SocketAddr>,
    control: Vec<u8>,
}

/// `WskSendTo`: sends one datagram. `Information` of its IRP is its length.
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
    unsafe { submit(socket, sending, irp, &WSK_SEND_TO) }
}

/// `WskSendMessages`: sends several datagrams to one destination. `Information` of its IRP is the sum of their lengths.
///
/// The first that cannot be sent ends the request; those before it are sent.
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
    unsafe { submit(socket, sending, irp, &WSK_SEND_MESSAGES) }
}

/// # Safety
/// `sending` and `irp` are those that the client has passed to `function`.
unsafe fn submit(
    socket: PWSK_SOCKET,
    sending: Sending,
    irp: *mut IRP,
    function: &'static Function,
) -> NTSTATUS {
    check::caller(function);
    let what = function.name;
    let call = SocketCall::begin(socket, what);
    let socket = Arc::clone(&call.socket);
    let family = socket.family;
    let when: SendParameters = call.provider.reading();
    // SAFETY: the client's parameters, of this call.
    let used = rules::require(unsafe { used(sending, family, what, when) });
    let read = move |provider: &Provider| {
        // SAFETY: the client's parameters, in this call or of a request that is not completed.
        unsafe { read(provider, family, sending) }
    };
    let perform = move |provider: &Provider, parameters: Result<Parameters, Failure>| {
        // SAFETY: the buffers are the client's, of a request that is not completed.
        let sent = parameters.and_then(|parameters| unsafe { perform(provider, &socket, &parameters, what) });
        Outcome::from(sent)
    };
    let work = match when {
        SendParameters::Late => Work::new(move |provider| perform(provider, read(provider))),
        SendParameters::InCall => {
            let parameters = read(&call.provider);
            Work::new(move |provider| perform(provider, parameters))
        }
    };
    // SAFETY: the IRP of this call.
    unsafe { call.submit(irp, what, || used, work) }
}

/// The memory that a send uses until it is completed: what its parameters point to, and they themselves, unless they are read
/// within the call.
///
/// # Safety
/// `sending` holds the client's parameters of a request that is not completed.
unsafe fn used(
    sending: Sending,
    family: Family,
    what: &str,
    when: SendParameters,
) -> Result<Vec<Used>, Broken> {
    let (mut used, mut parameters) = (Vec::new(), Vec::new());
    match sending.data {
        Data::One(buffer) => {
            parameters.push(Used::of("the WSK_BUF", buffer));
            // SAFETY: null, or the client's buffer.
            if let Some(buffer) = unsafe { buffer.as_ref() } {
                // SAFETY: the client's buffer.
                used.extend(unsafe { buffer::used_by(buffer, what) }?);
            }
        }
        Data::List(mut node) => {
            // SAFETY: null, or a node of the client's list.
            while let Some(list) = unsafe { node.as_ref() } {
                parameters.push(Used::of("a WSK_BUF_LIST", node));
                // SAFETY: a buffer of the client's list.
                used.extend(unsafe { buffer::used_by(&list.Buffer, what) }?);
                node = list.Next;
            }
        }
    }
    if when == SendParameters::Late {
        used.append(&mut parameters);
        used.push(sockaddr::used("the remote address", sending.remote_address, family));
        used.push(Used::new("the control information", sending.control, sending.control_length as usize));
    }
    Ok(used)
}

/// Reads the parameters. n/d: the statuses
///
/// # Safety
/// `sending` holds the client's parameters of a request that is not completed.
unsafe fn read(provider: &Provider, family: Family, sending: Sending) -> Result<Parameters, Failure> {
    let Sending { data, flags, remote_address, control_length, control } = sending;
    check::flags(provider, flags)?;
    // A client may have a buffer and nothing in it.
    let control: &[u8] = if control_length == 0 {
        if !control.is_null() && provider.follows(SendControlEmpty::Refused) {
            return Err(STATUS_INVALID_PARAMETER.into());
        }
        &[]
    } else if control.is_null() || !control.is_aligned() {
        // It is aligned as its header is.
        return Err(STATUS_INVALID_PARAMETER.into());
    } else {
        // SAFETY: the client's control information, as long as said, left alone until the request is completed.
        unsafe { core::slice::from_raw_parts(control.cast(), control_length as usize) }
    };
    let to = if remote_address.is_null() {
        None
    } else {
        // SAFETY: the client's address, not null.
        Some(unsafe { sockaddr::read(provider, remote_address, family) }?)
    };
    let mut buffers = Vec::new();
    match data {
        // SAFETY: null, or the client's buffer.
        Data::One(buffer) => buffers.extend(unsafe { buffer.as_ref() }.copied()),
        Data::List(mut node) => {
            // SAFETY: null, or a node of the client's list.
            while let Some(list) = unsafe { node.as_ref() } {
                buffers.push(list.Buffer);
                node = list.Next;
            }
        }
    }
    if buffers.is_empty() {
        return Err(STATUS_INVALID_PARAMETER.into());
    }
    Ok(Parameters { buffers, to, control: control.to_vec() })
}

/// Sends, and returns how many bytes that were.
///
/// # Safety
/// The buffers are the client's, of a request that is not completed.
unsafe fn perform(
    provider: &Provider,
    socket: &Socket,
    parameters: &Parameters,
    what: &str,
) -> Result<usize, Failure> {
    let Parameters { buffers, to, control } = parameters;
    let destination = Destination::new(socket, *to, control, &provider.config.readings)?;
    let partial = provider.follows(SendMessagesFails::Partial);
    let (mut datagrams, mut unread) = (Vec::with_capacity(buffers.len()), Ok(()));
    for buffer in buffers {
        // SAFETY: this function's contract.
        match unsafe { buffer::read(buffer, what) } {
            Ok(bytes) => datagrams.push(bytes),
            Err(failure) => {
                unread = Err(failure);
                break;
            }
        }
    }
    // Those before one that cannot be read are sent, as before one that cannot be sent.
    let datagrams: Vec<&[u8]> = datagrams.iter().map(AsRef::as_ref).collect();
    let (sent, outcome) = destination.send(&datagrams);
    match outcome {
        Ok(()) => unread?,
        Err(_) if partial && sent != 0 => {}
        Err(status) => return Err(status.into()),
    }
    Ok(datagrams[..sent].iter().map(|bytes| bytes.len()).sum())
}
