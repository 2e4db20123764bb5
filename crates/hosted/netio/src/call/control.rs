//! `WskControlSocket`: which request it is, and whether IRP, IRQL and buffers are those of its row in `wsk_requests`.
#![expect(unsafe_code, reason = "functions that clients call through a C table; their buffers")]
#![expect(non_upper_case_globals, reason = "the request types bear their C names")]

pub(crate) mod address_list;
pub(crate) mod settings;

use core::net::SocketAddr;
use std::sync::Arc;

use wsk_requests::rows::ioctl::{self, Request as Ioctl};
use wsk_requests::{IrpRule, MaxIrql, Request as Control, Row, ValueKind};
use wsk_sys::{
    DISPATCH_LEVEL, IRP, KIRQL, NTSTATUS, PASSIVE_LEVEL, PVOID, PWSK_SOCKET,
    SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, SIO_WSK_QUERY_INSPECT_ID, SIO_WSK_QUERY_RECEIVE_BACKLOG,
    SIO_WSK_SET_TCP_SILENT_MODE, SIZE_T, SO_WSK_EVENT_CALLBACK, SOL_SOCKET, STATUS_BUFFER_TOO_SMALL,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED, STATUS_SUCCESS, ULONG, WSK_CONTROL_SOCKET_TYPE, WskGetOption, WskIoctl,
    WskSetOption,
};

use crate::call::SocketCall;
use crate::call::address_change;
use crate::call::check::not_in_completion_routine;
use crate::call::event_callback;
use crate::call::security;
use crate::call::sockaddr;
use crate::platform::Used;
use crate::provider::Provider;
use crate::rules::at_most;
use crate::run::request::{Outcome, Work};
use crate::socket::Socket;
use crate::socket::datagram::Settings;
use crate::socket::dead::DEAD;

/// The IOCTLs that are documented for WSK, and for connection-oriented sockets only. The status is documented for the
/// inspect identifier; for the others it is n/d.
const OF_CONNECTIONS: [(ULONG, IrpRule); 4] = [
    (SIO_WSK_QUERY_INSPECT_ID, IrpRule::Null),
    (SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, IrpRule::Required),
    (SIO_WSK_QUERY_RECEIVE_BACKLOG, IrpRule::Required),
    (SIO_WSK_SET_TCP_SILENT_MODE, IrpRule::Required),
];

/// A request, by its row.
#[derive(Clone, Copy)]
enum Request {
    Set(&'static Row),
    Get(&'static Row),
    Ioctl(&'static Row),
    /// One that is for other sockets, or that no row knows.
    Refuse(NTSTATUS, IrpRule),
}

impl Request {
    fn find(kind: WSK_CONTROL_SOCKET_TYPE, code: ULONG, level: ULONG) -> Request {
        let unknown = Request::Refuse(STATUS_NOT_SUPPORTED, IrpRule::Either);
        match kind {
            WskSetOption => Row::option(level, code).map_or(unknown, Request::Set),
            WskGetOption => Row::option(level, code).map_or(unknown, Request::Get),
            WskIoctl => match OF_CONNECTIONS.iter().find(|row| row.0 == code) {
                Some((_, irp)) => Request::Refuse(STATUS_INVALID_DEVICE_REQUEST, *irp),
                None => Row::ioctl(code).map_or(unknown, Request::Ioctl),
            },
            // n/d
            _ => Request::Refuse(STATUS_INVALID_PARAMETER, IrpRule::Either),
        }
    }

    fn irp_rule(self) -> IrpRule {
        match self {
            Request::Set(row) | Request::Get(row) | Request::Ioctl(row) => row.irp,
            Request::Refuse(_, rule) => rule,
        }
    }

    fn irql(self) -> KIRQL {
        match self {
            Request::Ioctl(row) if row.max_irql == MaxIrql::Passive => PASSIVE_LEVEL,
            _ => DISPATCH_LEVEL,
        }
    }
}

/// A buffer of the client: its size and where it is.
#[derive(Clone, Copy)]
struct Buffer(SIZE_T, PVOID);

impl Buffer {
    /// Whether there is none: size 0, no pointer.
    fn is_absent(self) -> bool {
        self.0 == 0 && self.1.is_null()
    }

    /// Whether size and pointer contradict each other.
    fn is_half(self) -> bool {
        (self.0 == 0) != self.1.is_null()
    }

    /// The memory, which a request uses.
    fn used(self, role: &'static str) -> Used {
        Used::new(role, self.1, if self.1.is_null() { 0 } else { self.0 })
    }

    /// The bytes.
    ///
    /// # Safety
    /// It is a buffer of the client's, of a request that is not completed, and not half.
    unsafe fn read(self) -> Vec<u8> {
        let mut bytes = vec![0; self.0];
        if !self.is_absent() {
            // SAFETY: this function's contract; the copy has the same size.
            unsafe { self.1.cast::<u8>().copy_to_nonoverlapping(bytes.as_mut_ptr(), self.0) };
        }
        bytes
    }

    /// Puts bytes at the beginning.
    ///
    /// # Errors
    /// `STATUS_BUFFER_TOO_SMALL`: they do not fit. n/d
    ///
    /// # Safety
    /// As for [`Buffer::read`].
    unsafe fn write(self, bytes: &[u8]) -> Result<(), NTSTATUS> {
        if self.0 < bytes.len() {
            return Err(STATUS_BUFFER_TOO_SMALL);
        }
        if !bytes.is_empty() {
            // SAFETY: this function's contract, and the comparison above.
            unsafe { self.1.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        }
        Ok(())
    }
}

/// `WskControlSocket`: sets an option, gets one, or does an IOCTL. `Information` of the IRP is what was put out.
///
/// The buffers are used when the request runs: they must stay until it is completed.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`; for the address lists `PASSIVE_LEVEL`.
pub(crate) unsafe extern "system" fn wsk_control_socket(
    socket: PWSK_SOCKET,
    request_type: WSK_CONTROL_SOCKET_TYPE,
    control_code: ULONG,
    level: ULONG,
    input_size: SIZE_T,
    input_buffer: PVOID,
    output_size: SIZE_T,
    output_buffer: PVOID,
    output_size_returned: *mut SIZE_T,
    irp: *mut IRP,
) -> NTSTATUS {
    const WHAT: &str = "WskControlSocket";
    let request = Request::find(request_type, control_code, level);
    at_most(request.irql(), WHAT);
    not_in_completion_routine(WHAT);
    let call = SocketCall::begin(socket, WHAT);
    if irp.is_null() && call.socket.is_dead() {
        return DEAD;
    }
    if (request_type, level, control_code) == (WskSetOption, SOL_SOCKET, SO_WSK_EVENT_CALLBACK) {
        let has_output = output_size != 0 || !output_buffer.is_null();
        // SAFETY: the buffer and the IRP of this call.
        return unsafe { event_callback::control(&call, WHAT, (input_size, input_buffer), has_output, irp) };
    }
    let (input, output) = (Buffer(input_size, input_buffer), Buffer(output_size, output_buffer));
    // n/d: the status.
    let wrong = if irp.is_null() { IrpRule::Required } else { IrpRule::Null };
    let request = if request.irp_rule() == wrong {
        Request::Refuse(STATUS_INVALID_PARAMETER, IrpRule::Either)
    } else {
        request
    };
    if irp.is_null() {
        // SAFETY: the client's buffers, in this call.
        let done = unsafe { perform(&call.provider, &call.socket, request, input, output) };
        let (status, size) = done.unwrap_or_else(|status| (status, 0));
        // What the page says: the size of what was put out, or of what would have been.
        if !output_size_returned.is_null() {
            // SAFETY: the client's variable, in this call.
            unsafe { output_size_returned.write(size) };
        }
        return status;
    }
    let socket = Arc::clone(&call.socket);
    let work = Work::new(move |provider| {
        if let Request::Ioctl(row) = request
            && row.kind == ioctl::SIO_ADDRESS_LIST_CHANGE.kind
        {
            let absent = input.is_absent() && output.is_absent();
            // n/d
            return if absent {
                address_change::start(provider, socket)
            } else {
                Outcome::Done(STATUS_INVALID_PARAMETER, 0)
            };
        }
        // SAFETY: the client's buffers, valid until the request is completed.
        match unsafe { perform(provider, &socket, request, input, output) } {
            Ok((status, information)) => Outcome::Done(status, information),
            Err(status) => Outcome::Done(status, 0),
        }
    });
    let used = || vec![input.used("the input buffer"), output.used("the output buffer")];
    // SAFETY: the IRP of this call.
    unsafe { call.submit(irp, WHAT, used, work) }
}

/// Does what is asked; returns the status, and the number of bytes put out, or needed.
///
/// # Safety
/// The buffers are the client's, of a request that is not completed.
unsafe fn perform(
    provider: &Provider,
    socket: &Socket,
    request: Request,
    input: Buffer,
    output: Buffer,
) -> Result<(NTSTATUS, usize), NTSTATUS> {
    match request {
        Request::Refuse(status, _) => Err(status),
        Request::Set(row) if row.value == ValueKind::SecurityDescriptor => {
            if !output.is_absent() {
                return Err(STATUS_INVALID_PARAMETER);
            }
            // SAFETY: this function's contract.
            unsafe { security::set(provider, socket, (input.0, input.1)) }?;
            Ok((STATUS_SUCCESS, 0))
        }
        Request::Get(row) if row.value == ValueKind::SecurityDescriptor => {
            if !input.is_absent() {
                return Err(STATUS_INVALID_PARAMETER);
            }
            // SAFETY: this function's contract.
            let size = unsafe { security::get(provider, socket, (output.0, output.1)) }?;
            Ok((STATUS_SUCCESS, size))
        }
        Request::Set(row) => {
            // n/d: the statuses for wrong buffers
            if !output.is_absent() || input.is_half() {
                return Err(STATUS_INVALID_PARAMETER);
            }
            // SAFETY: this function's contract.
            settings::set(provider, socket, row, &unsafe { input.read() })?;
            Ok((STATUS_SUCCESS, 0))
        }
        Request::Get(row) => {
            let value = settings::get(socket, row)?;
            // n/d: the statuses for wrong buffers
            if !input.is_absent() || output.is_half() {
                return Err(STATUS_INVALID_PARAMETER);
            }
            // SAFETY: this function's contract.
            unsafe { output.write(&value) }?;
            Ok((STATUS_SUCCESS, value.len()))
        }
        Request::Ioctl(row) => match row.request {
            Control::Ioctl(Ioctl::SetRemoteAddress) => {
                // What came under the fixed remote address from elsewhere is discarded, and does not come back with it.
                let datagram = socket.datagram()?;
                datagram.inbox.discard(datagram.remote());
                // SAFETY: this function's contract.
                unsafe { set_address(socket, |settings| &mut settings.remote, input, output) }?;
                Ok((STATUS_SUCCESS, 0))
            }
            Control::Ioctl(Ioctl::SetSendToAddress) => {
                // SAFETY: this function's contract.
                unsafe { set_address(socket, |settings| &mut settings.send_to, input, output) }?;
                Ok((STATUS_SUCCESS, 0))
            }
            Control::Ioctl(Ioctl::AddressListQuery) => {
                // n/d
                if !input.is_absent() || output.is_half() {
                    return Err(STATUS_INVALID_PARAMETER);
                }
                // SAFETY: this function's contract.
                Ok(unsafe { address_list::query(provider, socket, output.1.cast(), output.0) })
            }
            Control::Ioctl(Ioctl::AddressListSort) => {
                // n/d
                if input.is_half() || output.is_half() {
                    return Err(STATUS_INVALID_PARAMETER);
                }
                // SAFETY: this function's contract.
                let list = unsafe { input.read() };
                // SAFETY: this function's contract; the list may be written where it was.
                unsafe { address_list::sorted(provider, &list, output.1.cast(), output.0) }
            }
            // No extension exists. A change is waited for elsewhere, with the IRP that it needs.
            Control::Ioctl(Ioctl::RegisterExtension | Ioctl::AddressListChange)
            | Control::Socket(_)
            | Control::Pointer(_)
            | Control::Ip(_)
            | Control::IpGroup(_)
            | Control::Ipv6(_)
            | Control::Ipv6Group(_)
            | Control::Udp(_)
            | Control::Client(_) => Err(STATUS_NOT_SUPPORTED),
        },
    }
}

/// `SIO_WSK_SET_REMOTE_ADDRESS` and `SIO_WSK_SET_SENDTO_ADDRESS`: an address, or nothing to clear it.
///
/// # Safety
/// `input` is the client's.
unsafe fn set_address(
    socket: &Socket,
    field: fn(&mut Settings) -> &mut Option<SocketAddr>,
    input: Buffer,
    output: Buffer,
) -> Result<(), NTSTATUS> {
    let datagram = socket.datagram()?;
    // n/d: the statuses for wrong buffers
    if !output.is_absent() || input.is_half() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let mut settings = datagram.settings();
    // n/d
    if settings.endpoint.is_none() {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    let address = if input.is_absent() {
        None
    } else if input.0 == socket.family.sockaddr_size() {
        // SAFETY: the client's buffer, as large as a SOCKADDR of the family.
        Some(unsafe { sockaddr::read(input.1.cast(), socket.family) }?)
    } else {
        return Err(STATUS_INVALID_PARAMETER);
    };
    *field(&mut settings) = address;
    Ok(())
}
