//! `SO_WSK_EVENT_CALLBACK`: when `WskReceiveFromEvent` is called, and when no longer.
//!
//! A callback is off when its socket is made, and turned on and off by the client; or it is on from the beginning and
//! always, for the sockets of a client that has asked for that before it made any. What is indicated, and what becomes
//! of it, is in `indication.rs`.
#![expect(unsafe_code, reason = "reads the client's tables and buffers")]

pub(crate) mod indicated;
pub(crate) mod indication;

use core::net::SocketAddr;

use wsk_sys::{
    IRP, NPI_WSK_INTERFACE_ID, NTSTATUS, PVOID, SIZE_T, STATUS_EVENT_PENDING, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED, STATUS_SUCCESS, ULONG, WSK_CLIENT_DATAGRAM_DISPATCH, WSK_EVENT_ACCEPT,
    WSK_EVENT_CALLBACK_CONTROL, WSK_EVENT_DISABLE, WSK_EVENT_DISCONNECT, WSK_EVENT_RECEIVE,
    WSK_EVENT_RECEIVE_FROM, WSK_EVENT_SEND_BACKLOG,
};

use crate::call::release::Indications;
use crate::platform::{self, Used};
use crate::provider::{Provider, State};
use crate::rules::EVENT_WITHOUT_CALLBACK;
use crate::run::completion::{Outcome, Work};
use crate::run::engine::Job;
use crate::socket::{Category, SocketCall};

/// Every event that there is, for any kind of socket.
const EVENTS: ULONG = WSK_EVENT_RECEIVE_FROM
    | WSK_EVENT_ACCEPT
    | WSK_EVENT_SEND_BACKLOG
    | WSK_EVENT_RECEIVE
    | WSK_EVENT_DISCONNECT;

/// What `WskSocket` was given for the callbacks of a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callback {
    pub(crate) function: Option<wsk_sys::PFN_WSK_RECEIVE_FROM_EVENT>,
    pub(crate) context: PVOID,
}

// SAFETY: the context is the client's, who is called with it on any thread.
unsafe impl Send for Callback {}
// SAFETY: as above.
unsafe impl Sync for Callback {}

impl Callback {
    /// Reads the client's table. n/d: when WSK does. It is static, or at least as lasting as the socket.
    ///
    /// # Safety
    /// `dispatch` is null or the client's table.
    pub(crate) unsafe fn read(dispatch: *const WSK_CLIENT_DATAGRAM_DISPATCH, context: PVOID) -> Callback {
        // SAFETY: this function's contract.
        let table = unsafe { dispatch.as_ref() };
        Callback { function: table.and_then(|table| table.WskReceiveFromEvent), context }
    }
}

/// Whether the callback is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// No.
    #[default]
    Off,
    /// Until the client turns it off, or accepts no data.
    On,
    /// Always.
    Static,
}

/// The events of a socket.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) mode: Mode,
    /// Calls of the callback that have not returned.
    pub(crate) running: usize,
    /// Who has sent what these calls were given. What else they have sent waits, so that it comes in its order.
    pub(crate) senders: Vec<SocketAddr>,
    /// What the client knows of.
    pub(crate) indications: Indications,
    /// Some were retained.
    pub(crate) has_retained: bool,
    /// Requests, by number, that wait for the calls to return.
    pub(crate) disables: Vec<u64>,
}

impl Events {
    pub(crate) fn new(always: bool) -> Events {
        Events { mode: if always { Mode::Static } else { Mode::Off }, ..Events::default() }
    }

    /// Whether a thread that the client need not wait for may be about to close the socket: one that releases
    /// indications, or a call that may retain some.
    pub(crate) fn may_close(&self) -> bool {
        self.has_retained || self.running != 0
    }
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Enable,
    Disable,
}

/// Reads the `WSK_EVENT_CALLBACK_CONTROL` of a datagram socket's request. n/d: all statuses
///
/// # Safety
/// `input` is null or the client's buffer, of `size` bytes.
unsafe fn wish(size: SIZE_T, input: PVOID, has_output: bool) -> Result<Wish, NTSTATUS> {
    // SAFETY: this function's contract.
    let mask = unsafe { mask(size, input, has_output) }?;
    match mask {
        WSK_EVENT_RECEIVE_FROM => Ok(Wish::Enable),
        mask if mask == WSK_EVENT_RECEIVE_FROM | WSK_EVENT_DISABLE => Ok(Wish::Disable),
        // No event, or one that a datagram socket has not.
        _ => Err(STATUS_INVALID_PARAMETER),
    }
}

/// # Safety
/// As [`wish`].
unsafe fn mask(size: SIZE_T, input: PVOID, has_output: bool) -> Result<ULONG, NTSTATUS> {
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
        Some(_) => Err(STATUS_NOT_SUPPORTED),
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
    let (number, category) = (call.socket.number, call.socket.category);
    if !irp.is_null() {
        let work = Work::new(move |_| {
            if category == Category::Basic {
                return Outcome::Done(STATUS_INVALID_DEVICE_REQUEST, 0);
            }
            // SAFETY: the client's buffer, valid until the request is completed.
            match unsafe { wish(size, input, has_output) } {
                Ok(Wish::Disable) => Outcome::Disable(number),
                // No IRP is specified for this one. n/d: the status
                Ok(Wish::Enable) => Outcome::Done(STATUS_INVALID_PARAMETER, 0),
                Err(status) => Outcome::Done(status, 0),
            }
        });
        let used = || vec![Used::new("the input buffer", input, if input.is_null() { 0 } else { size })];
        // SAFETY: the IRP of this call.
        return unsafe { call.submit(irp, what, used, work) };
    }
    if category == Category::Basic {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if platform::fault(what) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    // SAFETY: the client's buffer, in this call.
    match unsafe { wish(size, input, has_output) } {
        Ok(Wish::Enable) => enable(call),
        Ok(Wish::Disable) => match disable(&mut call.provider.lock(), number) {
            Ok(0) => STATUS_SUCCESS,
            Ok(_) => STATUS_EVENT_PENDING,
            Err(status) => status,
        },
        Err(status) => status,
    }
}

fn enable(call: &SocketCall) -> NTSTATUS {
    let socket = &call.socket;
    // n/d
    if socket.settings().endpoint.is_none() {
        return STATUS_INVALID_DEVICE_STATE;
    }
    if socket.callback.function.is_none() {
        platform::violation(
            &EVENT_WITHOUT_CALLBACK,
            format!("socket #{} was made without a function to be called", socket.number),
        );
    }
    if let Some(entry) = call.provider.lock().sockets.get_mut(&socket.number) {
        // Documented is that it cannot be done, not the status. n/d
        if entry.events.mode == Mode::Static {
            return STATUS_INVALID_DEVICE_REQUEST;
        }
        entry.events.mode = Mode::On;
    }
    // What was buffered meanwhile comes now.
    call.provider.engine.schedule(Job::Match(socket.number));
    STATUS_SUCCESS
}

/// Turns the callback off, and returns how many calls of it have not returned.
fn disable(state: &mut State, socket: u64) -> Result<usize, NTSTATUS> {
    let Some(entry) = state.sockets.get_mut(&socket) else { return Ok(0) };
    match entry.events.mode {
        // n/d, as above.
        Mode::Static => return Err(STATUS_INVALID_DEVICE_REQUEST),
        Mode::On | Mode::Off => entry.events.mode = Mode::Off,
    }
    Ok(entry.events.running)
}

impl State {
    /// Turns a socket's callback off. True: no call of it is left.
    ///
    /// # Errors
    /// The status with which the request ends.
    pub(crate) fn disable_event(&mut self, socket: u64) -> Result<bool, NTSTATUS> {
        disable(self, socket).map(|running| running == 0)
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
    let mask = match unsafe { mask(size, input, has_output) } {
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
        Some(registration) if registration.has_made_sockets => STATUS_INVALID_DEVICE_STATE,
        Some(registration) => {
            // This provider has datagram sockets only, so the other events never come.
            registration.static_events |= mask & WSK_EVENT_RECEIVE_FROM != 0;
            STATUS_SUCCESS
        }
        None => STATUS_INVALID_DEVICE_STATE,
    }
}
