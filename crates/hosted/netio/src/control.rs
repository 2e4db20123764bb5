//! `WskControlSocket`: options by the table of `option.rs`, IOCTLs by the one here.
#![expect(unsafe_code, reason = "functions that clients call through a C table; their buffers")]
#![expect(non_upper_case_globals, reason = "the request types bear their C names")]

use core::net::SocketAddr;
use std::sync::Arc;

use wsk_sys::{
    DISPATCH_LEVEL, IRP, KIRQL, NTSTATUS, PASSIVE_LEVEL, PVOID, PWSK_SOCKET, SIO_ADDRESS_LIST_CHANGE,
    SIO_ADDRESS_LIST_QUERY, SIO_ADDRESS_LIST_SORT, SIO_WSK_QUERY_IDEAL_SEND_BACKLOG,
    SIO_WSK_QUERY_INSPECT_ID, SIO_WSK_QUERY_RECEIVE_BACKLOG, SIO_WSK_REGISTER_EXTENSION,
    SIO_WSK_SET_REMOTE_ADDRESS, SIO_WSK_SET_SENDTO_ADDRESS, SIO_WSK_SET_TCP_SILENT_MODE, SIZE_T,
    STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, ULONG,
    WSK_CONTROL_SOCKET_TYPE, WskGetOption, WskIoctl, WskSetOption,
};

use crate::address;
use crate::check::not_in_completion_routine;
use crate::completion::{Outcome, Work};
use crate::option::{self, Field, IrpRule, Row, When};
use crate::rules::at_most;
use crate::socket::{Category, Settings, Socket, SocketCall};

/// What an IOCTL does.
#[derive(Clone, Copy, Debug)]
enum Effect {
    /// Sets or clears an address.
    Address(fn(&mut Settings) -> &mut Option<SocketAddr>),
    /// Always ends with this status: the code is not supported, or not for a datagram socket.
    Refuse(NTSTATUS),
}

/// One IOCTL.
#[derive(Debug)]
struct Ioctl {
    code: ULONG,
    irp: IrpRule,
    irql: KIRQL,
    effect: Effect,
}

const fn ioctl(code: ULONG, irp: IrpRule, effect: Effect) -> Ioctl {
    Ioctl { code, irp, irql: DISPATCH_LEVEL, effect }
}

/// All IOCTLs that are documented for WSK. Statuses other than those of the pages are n/d.
#[rustfmt::skip]
static IOCTLS: &[Ioctl] = &[
    ioctl(SIO_WSK_SET_REMOTE_ADDRESS, IrpRule::Required, Effect::Address(|settings| &mut settings.remote)),
    ioctl(SIO_WSK_SET_SENDTO_ADDRESS, IrpRule::Required, Effect::Address(|settings| &mut settings.send_to)),
    // No extension exists: documented.
    ioctl(SIO_WSK_REGISTER_EXTENSION, IrpRule::Forbidden, Effect::Refuse(STATUS_NOT_SUPPORTED)),
    // For connection-oriented sockets only; the status is documented for the inspect identifier.
    ioctl(SIO_WSK_QUERY_INSPECT_ID, IrpRule::Forbidden, Effect::Refuse(STATUS_INVALID_DEVICE_REQUEST)),
    ioctl(SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, IrpRule::Required, Effect::Refuse(STATUS_INVALID_DEVICE_REQUEST)),
    ioctl(SIO_WSK_QUERY_RECEIVE_BACKLOG, IrpRule::Required, Effect::Refuse(STATUS_INVALID_DEVICE_REQUEST)),
    ioctl(SIO_WSK_SET_TCP_SILENT_MODE, IrpRule::Required, Effect::Refuse(STATUS_INVALID_DEVICE_REQUEST)),
    Ioctl { irql: PASSIVE_LEVEL,
            ..ioctl(SIO_ADDRESS_LIST_QUERY, IrpRule::Forbidden, Effect::Refuse(STATUS_NOT_SUPPORTED)) },
    Ioctl { irql: PASSIVE_LEVEL,
            ..ioctl(SIO_ADDRESS_LIST_CHANGE, IrpRule::Required, Effect::Refuse(STATUS_NOT_SUPPORTED)) },
    Ioctl { irql: PASSIVE_LEVEL,
            ..ioctl(SIO_ADDRESS_LIST_SORT, IrpRule::Either, Effect::Refuse(STATUS_NOT_SUPPORTED)) },
];

/// A request, by its row.
#[derive(Clone, Copy)]
enum Request {
    Set(&'static Row),
    Get(&'static Row),
    Ioctl(&'static Ioctl),
    /// One that no row knows.
    Refuse(NTSTATUS),
}

impl Request {
    fn find(kind: WSK_CONTROL_SOCKET_TYPE, code: ULONG, level: ULONG) -> Request {
        match kind {
            WskSetOption => {
                option::find(level, code).map_or(Request::Refuse(STATUS_NOT_SUPPORTED), Request::Set)
            }
            WskGetOption => {
                option::find(level, code).map_or(Request::Refuse(STATUS_NOT_SUPPORTED), Request::Get)
            }
            WskIoctl => {
                let row = IOCTLS.iter().find(|row| row.code == code);
                row.map_or(Request::Refuse(STATUS_NOT_SUPPORTED), Request::Ioctl)
            }
            // n/d
            _ => Request::Refuse(STATUS_INVALID_PARAMETER),
        }
    }

    fn irp_rule(self) -> IrpRule {
        match self {
            Request::Set(row) | Request::Get(row) => row.irp,
            Request::Ioctl(row) => row.irp,
            Request::Refuse(_) => IrpRule::Either,
        }
    }

    fn irql(self) -> KIRQL {
        match self {
            Request::Ioctl(row) => row.irql,
            Request::Set(_) | Request::Get(_) | Request::Refuse(_) => DISPATCH_LEVEL,
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
    _output_size_returned: *mut SIZE_T,
    irp: *mut IRP,
) -> NTSTATUS {
    const WHAT: &str = "WskControlSocket";
    let request = Request::find(request_type, control_code, level);
    at_most(request.irql(), WHAT);
    not_in_completion_routine(WHAT);
    let call = SocketCall::begin(socket, WHAT);
    let (input, output) = (Buffer(input_size, input_buffer), Buffer(output_size, output_buffer));
    // n/d: the status.
    let wrong = if irp.is_null() { IrpRule::Required } else { IrpRule::Forbidden };
    let request =
        if request.irp_rule() == wrong { Request::Refuse(STATUS_INVALID_PARAMETER) } else { request };
    if irp.is_null() {
        // SAFETY: the client's buffers, in this call.
        return match unsafe { perform(&call.socket, request, input, output) } {
            Ok(_) => wsk_sys::STATUS_SUCCESS,
            Err(status) => status,
        };
    }
    let socket = Arc::clone(&call.socket);
    // SAFETY: the client's buffers, valid until the request is completed.
    let work = Work::new(move |_| Outcome::from(unsafe { perform(&socket, request, input, output) }));
    // SAFETY: the IRP of this call.
    unsafe { call.submit(irp, WHAT, work) }
}

/// Does what is asked, and returns the number of bytes put out.
///
/// # Safety
/// The buffers are the client's, of a request that is not completed.
unsafe fn perform(
    socket: &Socket,
    request: Request,
    input: Buffer,
    output: Buffer,
) -> Result<usize, NTSTATUS> {
    match request {
        Request::Refuse(status) => Err(status),
        // SAFETY: this function's contract.
        Request::Set(row) => unsafe { set_option(socket, row, input, output) }.map(|()| 0),
        // SAFETY: this function's contract.
        Request::Get(row) => unsafe { get_option(socket, row, input, output) },
        Request::Ioctl(Ioctl { effect: Effect::Refuse(status), .. }) => Err(*status),
        Request::Ioctl(Ioctl { effect: Effect::Address(field), .. }) => {
            // What came under the fixed remote address from elsewhere is discarded, and does not come back with it.
            socket.inbox.discard(socket.remote());
            // SAFETY: this function's contract.
            unsafe { set_address(socket, *field, input, output) }.map(|()| 0)
        }
    }
}

/// Whether the socket has the option, in this direction. n/d: all statuses
fn applies(socket: &Socket, row: &Row, direction: bool) -> Result<(), NTSTATUS> {
    if socket.category != Category::Datagram || row.family.is_some_and(|family| family != socket.family) {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    if !direction {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    if row.field == Field::Unsupported {
        return Err(STATUS_NOT_SUPPORTED);
    }
    Ok(())
}

/// # Safety
/// `input` is the client's.
unsafe fn set_option(socket: &Socket, row: &Row, input: Buffer, output: Buffer) -> Result<(), NTSTATUS> {
    applies(socket, row, row.set)?;
    // n/d: the statuses for wrong buffers
    if !output.is_absent() || input.is_half() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    match input.0 {
        size if size < row.size => return Err(STATUS_BUFFER_TOO_SMALL),
        size if size > row.size => return Err(STATUS_INVALID_BUFFER_SIZE),
        _ => {}
    }
    let mut settings = socket.settings();
    // n/d
    if row.when == When::BeforeBind && settings.endpoint.is_some() {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    // SAFETY: the client's buffer, as large as the option's value.
    let value = unsafe { input.1.cast::<ULONG>().read_unaligned() };
    let mut values = settings.values;
    values.set(row.field, value);
    if let Some(endpoint) = &settings.endpoint {
        endpoint.changed(row.field, values)?;
    }
    socket.inbox.set_limit(values.receive_buffer as usize);
    settings.values = values;
    Ok(())
}

/// # Safety
/// `output` is the client's.
unsafe fn get_option(socket: &Socket, row: &Row, input: Buffer, output: Buffer) -> Result<usize, NTSTATUS> {
    applies(socket, row, row.get)?;
    // n/d: the statuses for wrong buffers
    if !input.is_absent() || output.is_half() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    if output.0 < row.size {
        return Err(STATUS_BUFFER_TOO_SMALL);
    }
    let value = socket.settings().values.get(row.field);
    // SAFETY: the client's buffer, at least as large as the option's value.
    unsafe { output.1.cast::<ULONG>().write_unaligned(value) };
    Ok(size_of::<ULONG>())
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
    if socket.category != Category::Datagram {
        return Err(STATUS_INVALID_DEVICE_REQUEST);
    }
    // n/d: the statuses for wrong buffers
    if !output.is_absent() || input.is_half() {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let mut settings = socket.settings();
    // n/d
    if settings.endpoint.is_none() {
        return Err(STATUS_INVALID_DEVICE_STATE);
    }
    let address = if input.is_absent() {
        None
    } else if input.0 == socket.family.sockaddr_size() {
        // SAFETY: the client's buffer, as large as a SOCKADDR of the family.
        Some(unsafe { address::read(input.1.cast(), socket.family) }?)
    } else {
        return Err(STATUS_INVALID_PARAMETER);
    };
    *field(&mut settings) = address;
    Ok(())
}
