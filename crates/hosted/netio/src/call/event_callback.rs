//! `SO_WSK_EVENT_CALLBACK` and `WSK_SET_STATIC_EVENT_CALLBACKS`: the client turns callbacks on and off.
#![expect(unsafe_code, reason = "reads the client's buffers")]

use std::sync::Arc;

use readings::{EnableBeforeBind, EnableWithIrp, EnabledTwice, ForeignNpi, StaticLate, StaticSwitched};
use wsk_sys::{
    IRP, NPI_WSK_INTERFACE_ID, NTSTATUS, PVOID, SIZE_T, STATUS_EVENT_PENDING, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED, STATUS_SUCCESS, ULONG, WSK_EVENT_ACCEPT, WSK_EVENT_CALLBACK_CONTROL,
    WSK_EVENT_DISABLE, WSK_EVENT_DISCONNECT, WSK_EVENT_RECEIVE, WSK_EVENT_RECEIVE_FROM,
    WSK_EVENT_SEND_BACKLOG,
};

use crate::call::SocketCall;
use crate::call::disable_receive;
use crate::event::Mode;
use crate::platform::{self, Used};
use crate::provider::Provider;
use crate::rules::{Broken, EVENT_WITHOUT_CALLBACK, Failure};
use crate::run::request::{Outcome, Work};
use crate::socket::datagram::DatagramSocket;

/// Every event that there is, for any kind of socket.
const EVENTS: ULONG = WSK_EVENT_RECEIVE_FROM
    | WSK_EVENT_ACCEPT
    | WSK_EVENT_SEND_BACKLOG
    | WSK_EVENT_RECEIVE
    | WSK_EVENT_DISCONNECT;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Enable,
    Disable,
}

/// Reads the `WSK_EVENT_CALLBACK_CONTROL` of a datagram socket's request. n/d: all statuses
///
/// # Safety
/// `input` is null or the client's buffer, of `size` bytes.
unsafe fn command(
    provider: &Provider,
    (size, input): (SIZE_T, PVOID),
    has_output: bool,
) -> Result<Command, NTSTATUS> {
    // SAFETY: this function's contract.
    let mask = unsafe { mask(provider, (size, input), has_output) }?;
    match mask {
        WSK_EVENT_RECEIVE_FROM => Ok(Command::Enable),
        mask if mask == WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE => Ok(Command::Disable),
        // No event, or one that a datagram socket has not.
        _ => Err(STATUS_INVALID_PARAMETER),
    }
}

/// # Safety
/// As [`command`].
unsafe fn mask(
    provider: &Provider,
    (size, input): (SIZE_T, PVOID),
    has_output: bool,
) -> Result<ULONG, NTSTATUS> {
    if input.is_null() || size != size_of::<WSK_EVENT_CALLBACK_CONTROL>() || has_output {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: the client's buffer, of this size.
    let control = unsafe { input.cast::<WSK_EVENT_CALLBACK_CONTROL>().read_unaligned() };
    // SAFETY: null, or the client's pointer to an identifier.
    match unsafe { control.NpiId.as_ref() } {
        None => Err(STATUS_INVALID_PARAMETER),
        Some(id) if *id == NPI_WSK_INTERFACE_ID => Ok(control.EventMask),
        // No extension exists.
        Some(_) => Err(match provider.reading() {
            ForeignNpi::NotSupported => STATUS_NOT_SUPPORTED,
            ForeignNpi::InvalidParameter => STATUS_INVALID_PARAMETER,
        }),
    }
}

/// `WskControlSocket` with `SO_WSK_EVENT_CALLBACK`.
///
/// # Safety
/// The buffers and the IRP are the client's, of this call; with an IRP the buffers are valid until it is completed.
pub(crate) unsafe fn control(
    call: &SocketCall,
    what: &'static str,
    (size, input): (SIZE_T, PVOID),
    has_output: bool,
    irp: *mut IRP,
) -> NTSTATUS {
    let number = call.socket.number;
    let with_irp: EnableWithIrp = call.provider.reading();
    let is_ignored = with_irp == EnableWithIrp::Ignored
        // SAFETY: the client's buffer, in this call.
        && unsafe { command(&call.provider, (size, input), has_output) } == Ok(Command::Enable);
    if !irp.is_null() && !is_ignored {
        let socket = Arc::clone(&call.socket);
        let work = Work::new(move |provider| {
            let datagram = match socket.datagram() {
                Ok(datagram) => datagram,
                Err(status) => return Outcome::Done(status, 0),
            };
            // SAFETY: the client's buffer, valid until the request is completed.
            match unsafe { command(provider, (size, input), has_output) } {
                Ok(Command::Disable) => disable_receive::start(number),
                // No IRP is specified for this one.
                Ok(Command::Enable) if with_irp == EnableWithIrp::Refused => {
                    Outcome::Done(STATUS_INVALID_PARAMETER, 0)
                }
                Ok(Command::Enable) => Outcome::from(enable(provider, number, datagram).map(|()| 0)),
                Err(status) => Outcome::Done(status, 0),
            }
        });
        let used = || vec![Used::new("the input buffer", input, if input.is_null() { 0 } else { size })];
        // SAFETY: the IRP of this call.
        return unsafe { call.submit(irp, what, used, work) };
    }
    let datagram = match call.socket.datagram() {
        Ok(datagram) => datagram,
        Err(status) => return status,
    };
    if platform::fault(what) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // SAFETY: the client's buffer, in this call.
    match unsafe { command(&call.provider, (size, input), has_output) } {
        Ok(Command::Enable) => {
            enable(&call.provider, number, datagram).err().map_or(STATUS_SUCCESS, Failure::status)
        }
        Ok(Command::Disable) => {
            match disable_receive::disable(&call.provider, &mut call.provider.lock(), number) {
                Ok(0) => STATUS_SUCCESS,
                Ok(_) => STATUS_EVENT_PENDING,
                Err(status) => status,
            }
        }
        Err(status) => status,
    }
}

fn enable(provider: &Arc<Provider>, number: u64, datagram: &DatagramSocket) -> Result<(), Failure> {
    let bound = datagram.settings().endpoint.is_some();
    if !bound && provider.reading::<EnableBeforeBind>() == EnableBeforeBind::InvalidState {
        return Err(STATUS_INVALID_DEVICE_STATE.into());
    }
    if datagram.callback.function.is_none() {
        let detail = format!("socket #{number} was made without a function to be called");
        return Err(Broken::new(&EVENT_WITHOUT_CALLBACK, detail).into());
    }
    if let Some(traffic) = provider.lock().traffic(number) {
        match traffic.events.mode {
            Mode::Static => return Err(static_switched(provider).into()),
            Mode::On if provider.reading::<EnabledTwice>() == EnabledTwice::InvalidState => {
                return Err(STATUS_INVALID_DEVICE_STATE.into());
            }
            Mode::On | Mode::Off => traffic.events.mode = Mode::On,
        }
    }
    // What was buffered meanwhile comes now.
    provider.engine.schedule(move |provider| provider.deliver(number));
    Ok(())
}

/// How it ends to enable or disable static events, which cannot be done.
pub(super) fn static_switched(provider: &Provider) -> NTSTATUS {
    match provider.reading() {
        StaticSwitched::InvalidRequest => STATUS_INVALID_DEVICE_REQUEST,
        StaticSwitched::InvalidParameter => STATUS_INVALID_PARAMETER,
    }
}

/// `WSK_SET_STATIC_EVENT_CALLBACKS`, without an IRP. n/d: all statuses
///
/// # Safety
/// `input` is null or the client's buffer, of `size` bytes.
pub(crate) unsafe fn set_static(
    provider: &Provider,
    client: u64,
    (size, input): (SIZE_T, PVOID),
    has_output: bool,
) -> NTSTATUS {
    // SAFETY: this function's contract.
    let mask = match unsafe { mask(provider, (size, input), has_output) } {
        Ok(mask) => mask,
        Err(status) => return status,
    };
    if mask == 0 || mask & !EVENTS != 0 {
        return STATUS_INVALID_PARAMETER;
    }
    if platform::fault("WskControlClient") {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    match provider.lock().registrations.get_mut(&client) {
        // Before any socket is made.
        Some(registration) if registration.has_made_sockets => match provider.reading() {
            StaticLate::InvalidState => STATUS_INVALID_DEVICE_STATE,
            StaticLate::InvalidParameter => STATUS_INVALID_PARAMETER,
        },
        Some(registration) => {
            // This provider has datagram sockets only, so the other events never come.
            registration.static_events |= mask & WSK_EVENT_RECEIVE_FROM != 0;
            STATUS_SUCCESS
        }
        None => STATUS_INVALID_DEVICE_STATE,
    }
}
