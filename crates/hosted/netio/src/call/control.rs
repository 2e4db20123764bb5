//! `WskControlSocket`: which request it is, and whether IRP, IRQL and buffers are those of its row in `wsk_requests`.
#![expect(unsafe_code, reason = "functions that clients call through a C table; their buffers")]
#![expect(non_upper_case_globals, reason = "the request types bear their C names")]

pub(crate) mod address_list;
pub(crate) mod refusal;
pub(crate) mod settings;

use core::net::SocketAddr;
use core::ptr;
use std::sync::Arc;

use readings::{FixedAddress, UnwantedIrp};
use wsk_requests::rows::ioctl::{self, Request as Ioctl};
use wsk_requests::{IrpRule, MaxIrql, Request as Control, Row, ValueKind};
use wsk_sys::{
    IRP, KIRQL, NTSTATUS, PASSIVE_LEVEL, PVOID, PWSK_SOCKET, SIO_WSK_QUERY_IDEAL_SEND_BACKLOG,
    SIO_WSK_QUERY_INSPECT_ID, SIO_WSK_QUERY_RECEIVE_BACKLOG, SIO_WSK_SET_TCP_SILENT_MODE, SIZE_T,
    SO_WSK_EVENT_CALLBACK, SOL_SOCKET, STATUS_INVALID_ADDRESS_COMPONENT, STATUS_INVALID_DEVICE_STATE,
    STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS, ULONG, WSK_CONTROL_SOCKET_TYPE,
    WskGetOption, WskIoctl, WskSetOption,
};

use crate::call::SocketCall;
use crate::call::address_change;
use crate::call::check::not_in_completion_routine;
use crate::call::control::refusal::{Refusal, short, unused};
use crate::call::event_callback;
use crate::call::security;
use crate::call::sockaddr;
use crate::functions::{PASSIVE_IOCTLS, WSK_CONTROL_SOCKET};
use crate::platform::Used;
use crate::provider::Provider;
use crate::rules::{Failure, at_most};
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
    Refuse(Refusal, IrpRule),
}

impl Request {
    fn find(kind: WSK_CONTROL_SOCKET_TYPE, code: ULONG, level: ULONG) -> Request {
        let unknown = Request::Refuse(Refusal::Unknown, IrpRule::Either);
        match kind {
            WskSetOption => Row::option(level, code).map_or(unknown, Request::Set),
            WskGetOption => Row::option(level, code).map_or(unknown, Request::Get),
            WskIoctl => match OF_CONNECTIONS.iter().find(|row| row.0 == code) {
                Some((_, irp)) => Request::Refuse(Refusal::Foreign, *irp),
                None => Row::ioctl(code).map_or(unknown, Request::Ioctl),
            },
            _ => Request::Refuse(Refusal::Type, IrpRule::Either),
        }
    }

    fn irp_rule(self) -> IrpRule {
        match self {
            Request::Set(row) | Request::Get(row) | Request::Ioctl(row) => row.irp,
            Request::Refuse(_, rule) => rule,
        }
    }

    fn irql(self, kind: WSK_CONTROL_SOCKET_TYPE, code: ULONG) -> KIRQL {
        match self {
            _ if kind == WskIoctl && PASSIVE_IOCTLS.contains(&code) => PASSIVE_LEVEL,
            Request::Ioctl(row) if row.max_irql == MaxIrql::Passive => PASSIVE_LEVEL,
            _ => WSK_CONTROL_SOCKET.irql,
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

    /// Refuses a size without a pointer, and a pointer without a size. n/d
    fn ensure_whole(self) -> Result<(), NTSTATUS> {
        if (self.0 == 0) == self.1.is_null() { Ok(()) } else { Err(STATUS_INVALID_PARAMETER) }
    }

    /// The memory, which a request uses.
    fn used(self, role: &'static str) -> Used {
        Used::new(role, self.1, if self.1.is_null() { 0 } else { self.0 })
    }

    /// The bytes.
    ///
    /// # Safety
    /// It is a buffer of the client's, of a request that is not completed, and has passed [`Buffer::ensure_whole`].
    unsafe fn read(self) -> Vec<u8> {
        let mut bytes = vec![0; self.0];
        if !self.is_absent() {
            // SAFETY: this function's contract; the copy has the same size.
            unsafe { self.1.cast::<u8>().copy_to_nonoverlapping(bytes.as_mut_ptr(), self.0) };
        }
        bytes
    }

    /// Puts bytes at the beginning; false if they do not fit.
    ///
    /// # Safety
    /// As for [`Buffer::read`].
    unsafe fn write(self, bytes: &[u8]) -> bool {
        let fits = bytes.len() <= self.0;
        if fits && !bytes.is_empty() {
            // SAFETY: this function's contract, and the comparison above.
            unsafe { self.1.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        }
        fits
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
    const WHAT: &str = WSK_CONTROL_SOCKET.name;
    let request = Request::find(request_type, control_code, level);
    at_most(request.irql(request_type, control_code), WHAT);
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
    let unwanted = !irp.is_null() && request.irp_rule() == IrpRule::Null;
    let unwanted = unwanted.then(|| call.provider.reading());
    let irp = if unwanted == Some(UnwantedIrp::Ignored) { ptr::null_mut() } else { irp };
    // n/d: the status of one that has no IRP.
    let missing = irp.is_null() && request.irp_rule() == IrpRule::Required;
    let request = if missing || unwanted == Some(UnwantedIrp::Refused) {
        Request::Refuse(Refusal::Irp, IrpRule::Either)
    } else {
        request
    };
    if irp.is_null() {
        // SAFETY: the client's buffers, in this call.
        let done = unsafe { perform(&call.provider, &call.socket, request, input, output) };
        let (status, size) = done.unwrap_or_else(|failure| (failure.status(), 0));
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
            return match unused(provider, input.is_absent() && output.is_absent()) {
                Ok(()) => address_change::start(provider, socket),
                Err(status) => Outcome::Done(status, 0),
            };
        }
        // SAFETY: the client's buffers, valid until the request is completed.
        unsafe { perform(provider, &socket, request, input, output) }.into()
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
) -> Result<(NTSTATUS, usize), Failure> {
    match request {
        Request::Refuse(why, _) => Err(why.status(provider).into()),
        Request::Set(row) if row.value == ValueKind::SecurityDescriptor => {
            unused(provider, output.is_absent())?;
            // SAFETY: this function's contract.
            unsafe { security::set(provider, socket, (input.0, input.1)) }?;
            Ok((STATUS_SUCCESS, 0))
        }
        Request::Get(row) if row.value == ValueKind::SecurityDescriptor => {
            unused(provider, input.is_absent())?;
            // SAFETY: this function's contract.
            let size = unsafe { security::get(provider, socket, (output.0, output.1)) }?;
            Ok((STATUS_SUCCESS, size))
        }
        Request::Set(row) => {
            unused(provider, output.is_absent())?;
            input.ensure_whole()?;
            // SAFETY: this function's contract.
            settings::set(provider, socket, row, &unsafe { input.read() })?;
            Ok((STATUS_SUCCESS, 0))
        }
        Request::Get(row) => {
            let value = settings::get(provider, socket, row)?;
            unused(provider, input.is_absent())?;
            output.ensure_whole()?;
            // SAFETY: this function's contract.
            let fits = unsafe { output.write(&value) };
            if fits { Ok((STATUS_SUCCESS, value.len())) } else { Err(short(provider).into()) }
        }
        Request::Ioctl(row) => match row.request {
            Control::Ioctl(Ioctl::SetRemoteAddress) => {
                // What came under the fixed remote address from elsewhere is discarded, and does not come back with it.
                let datagram = socket.datagram()?;
                datagram.inbox.discard(datagram.remote());
                // SAFETY: this function's contract.
                unsafe { set_address(provider, socket, |settings| &mut settings.remote, input, output) }?;
                Ok((STATUS_SUCCESS, 0))
            }
            Control::Ioctl(Ioctl::SetSendToAddress) => {
                // SAFETY: this function's contract.
                unsafe { set_address(provider, socket, |settings| &mut settings.send_to, input, output) }?;
                Ok((STATUS_SUCCESS, 0))
            }
            Control::Ioctl(Ioctl::AddressListQuery) => {
                unused(provider, input.is_absent())?;
                output.ensure_whole()?;
                // SAFETY: this function's contract.
                Ok(unsafe { address_list::query(provider, socket, output.1.cast(), output.0) })
            }
            Control::Ioctl(Ioctl::AddressListSort) => {
                input.ensure_whole()?;
                output.ensure_whole()?;
                // SAFETY: this function's contract.
                let list = unsafe { input.read() };
                // SAFETY: this function's contract; the list may be written where it was.
                Ok(unsafe { address_list::sorted(provider, &list, output.1.cast(), output.0) }?)
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
            | Control::Client(_) => Err(STATUS_NOT_SUPPORTED.into()),
        },
    }
}

/// `SIO_WSK_SET_REMOTE_ADDRESS` and `SIO_WSK_SET_SENDTO_ADDRESS`: an address, or nothing to clear it.
///
/// # Safety
/// `input` is the client's.
unsafe fn set_address(
    provider: &Provider,
    socket: &Socket,
    field: fn(&mut Settings) -> &mut Option<SocketAddr>,
    input: Buffer,
    output: Buffer,
) -> Result<(), NTSTATUS> {
    let datagram = socket.datagram()?;
    unused(provider, output.is_absent())?;
    input.ensure_whole()?;
    let mut settings = datagram.settings();
    // n/d
    if settings.endpoint.is_none() {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    let reading: FixedAddress = provider.reading();
    let refusal = match reading {
        FixedAddress::InvalidAddress => STATUS_INVALID_ADDRESS_COMPONENT,
        FixedAddress::InvalidParameter | FixedAddress::LargerTaken => STATUS_INVALID_PARAMETER,
    };
    let size = socket.family.sockaddr_size();
    let address = if input.is_absent() {
        None
    } else if input.0 == size || (input.0 > size && reading == FixedAddress::LargerTaken) {
        // SAFETY: the client's buffer, at least as large as a SOCKADDR of the family.
        Some(unsafe { sockaddr::decode(input.1.cast(), socket.family) }.ok_or(refusal)?)
    } else {
        return Err(refusal);
    };
    *field(&mut settings) = address;
    Ok(())
}
