//! A socket: what it is, `WskSocket`, and the calls on it.
#![expect(unsafe_code, reason = "functions that clients call through C tables; memory that clients point to")]

pub(crate) mod datagram;
pub(crate) mod dead;

use core::ffi::c_void;
use core::net::SocketAddr;
use std::collections::{BTreeSet, VecDeque};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wsk_sys::{
    ADDRESS_FAMILY, ExAllocatePool2, ExFreePoolWithTag, IPPROTO_TCP, IPPROTO_UDP, IRP, NTSTATUS, PEPROCESS,
    PETHREAD, POOL_FLAG_NON_PAGED, PSECURITY_DESCRIPTOR, PVOID, PWSK_CLIENT, PWSK_SOCKET, SOCK_DGRAM,
    SOCK_STREAM, STATUS_DEVICE_NOT_READY, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED, STATUS_PROTOCOL_UNREACHABLE, STATUS_SUCCESS, ULONG, USHORT,
    WSK_CLIENT_DATAGRAM_DISPATCH, WSK_FLAG_BASIC_SOCKET, WSK_FLAG_CONNECTION_SOCKET,
    WSK_FLAG_DATAGRAM_SOCKET, WSK_FLAG_LISTEN_SOCKET, WSK_FLAG_STREAM_SOCKET, WSK_SOCKET,
};

use crate::call::check;
use crate::call::security::{self, Who};
use crate::client::{Call, refuse};
use crate::event::{Callback, Events};
use crate::net::Endpoint;
use crate::net::address::Family;
use crate::net::inbox::Inbox;
use crate::net::multicast::Memberships;
use crate::net::option::Values;
use crate::platform::{self, Owner, Used};
use crate::provider::{Entry, Provider, State};
use crate::rules::SOCKET_CLOSED;
use crate::run::completion::{Outcome, Target, Work};
use crate::run::irp::Irp;
use crate::socket::datagram::{BASIC, DATAGRAM};
use crate::socket::dead::DEAD;

/// The pool tag of `WSK_SOCKET`s.
const TAG: ULONG = u32::from_le_bytes(*b"WskS");

/// What kind of socket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    /// For control only.
    Basic,
    /// For datagrams.
    Datagram,
}

/// A socket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) number: u64,
    /// The number of its registration.
    pub(crate) client: u64,
    pub(crate) category: Category,
    pub(crate) family: Family,
    /// What `WskSocket` was given for its events.
    pub(crate) callback: Callback,
    pub(crate) inbox: Arc<Inbox>,
    /// Its security context.
    pub(crate) who: Who,
    dead: AtomicBool,
    settings: Mutex<Settings>,
}

/// What control requests and the bind change.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) values: Values,
    /// The multicast groups that the socket has joined.
    pub(crate) groups: Memberships,
    /// The way to the network, once the socket is bound.
    pub(crate) endpoint: Option<Arc<Endpoint>>,
    /// `SIO_WSK_SET_REMOTE_ADDRESS`.
    pub(crate) remote: Option<SocketAddr>,
    /// `SIO_WSK_SET_SENDTO_ADDRESS`.
    pub(crate) send_to: Option<SocketAddr>,
    /// The security descriptor, self-relative, if it was given one.
    pub(crate) security: Option<Arc<[u8]>>,
}

/// The `WSK_SOCKET` that the client has a pointer to.
#[derive(Debug)]
pub(crate) struct Memory(*mut WSK_SOCKET);

// SAFETY: a block of pool belongs to no thread.
unsafe impl Send for Memory {}

impl Memory {
    fn allocate(dispatch: *const c_void) -> Option<Memory> {
        let place = platform::on_behalf_of(Owner::SYSTEM, || {
            // SAFETY: a valid size, one pool, and a tag.
            unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, size_of::<WSK_SOCKET>(), TAG) }
        });
        let place: *mut WSK_SOCKET = place.cast();
        if place.is_null() {
            return None;
        }
        // SAFETY: a fresh block of this size.
        unsafe { place.write(WSK_SOCKET { Dispatch: dispatch }) };
        Some(Memory(place))
    }

    pub(crate) fn address(&self) -> usize {
        self.0.addr()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: from ExAllocatePool2 with this tag, and freed nowhere else.
        unsafe { ExFreePoolWithTag(self.0.cast(), TAG) };
    }
}

impl Socket {
    pub(crate) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is no longer functional.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// Makes it dead; false if it was.
    pub(crate) fn mark_dead(&self) -> bool {
        !self.dead.swap(true, Ordering::AcqRel)
    }

    /// The fixed remote address, which filters what is received.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.settings().remote
    }
}

impl Entry {
    /// What reports say of the socket.
    pub(crate) fn describe(&self) -> String {
        let socket = &self.socket;
        let local = socket.settings().endpoint.as_ref().map(|endpoint| endpoint.local());
        let local = local.map_or("not bound".to_owned(), |local| format!("bound to {local}"));
        let kind = match socket.category {
            Category::Basic => "basic",
            Category::Datagram => "datagram",
        };
        let dropped = match socket.inbox.dropped() {
            0 => String::new(),
            datagrams => format!(", {datagrams} datagrams dropped"),
        };
        let retained = match self.events.indications.retained() {
            0 => String::new(),
            _ => format!(", {}", self.events.indications),
        };
        let closing = if self.closing { ", being closed" } else { "" };
        format!(
            "socket #{} ({} {kind}, {local}, {} requests in flight{dropped}{retained}{closing})",
            socket.number,
            socket.family.name(),
            self.in_flight,
        )
    }
}

/// `WskSocket`: makes a socket. `Information` of its IRP is the `WSK_SOCKET`.
///
/// # IRQL
/// `<= DISPATCH_LEVEL`
pub(crate) unsafe extern "system" fn wsk_socket(
    client: PWSK_CLIENT,
    address_family: ADDRESS_FAMILY,
    socket_type: USHORT,
    protocol: ULONG,
    flags: ULONG,
    socket_context: PVOID,
    dispatch: *const c_void,
    owning_process: PEPROCESS,
    _owning_thread: PETHREAD,
    security_descriptor: PSECURITY_DESCRIPTOR,
    irp: *mut IRP,
) -> NTSTATUS {
    const WHAT: &str = "WskSocket";
    check::caller(WHAT);
    if irp.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: not null, and the caller's.
    unsafe { check::irp(irp, WHAT) };
    let call = match Call::begin(client, WHAT) {
        Ok(call) => call,
        // SAFETY: checked above.
        Err(status) => return unsafe { refuse(irp, status, WHAT) },
    };
    let wanted = kind(address_family, socket_type, protocol, flags);
    let number = call.client;
    // The thread matters under impersonation only, which is not modelled.
    let who = platform::who(owning_process);
    let security = security_descriptor;
    let work = Work::new(move |provider| {
        let made = wanted.and_then(|kind| {
            let dispatch = if kind.0 == Category::Datagram { dispatch.cast() } else { ptr::null() };
            // SAFETY: the client's table, or none; a basic socket has no callbacks.
            let callback = unsafe { Callback::read(dispatch, socket_context) };
            let security = security::of_new_socket(provider, number, security);
            open(provider, number, kind, callback, (who, security))
        });
        match made {
            Ok(information) => Outcome::Done(STATUS_SUCCESS, information),
            Err(status) => Outcome::Done(status, 0),
        }
    });
    platform::sent(irp, WHAT);
    platform::in_flight(irp, WHAT, || {
        let table = dispatch.cast::<WSK_CLIENT_DATAGRAM_DISPATCH>();
        vec![Used::of("the table of callbacks", table)]
    });
    // SAFETY: the client has just passed it, and it was checked.
    let irp = unsafe { Irp::take(irp) };
    call.provider.submit(irp, call.target(), WHAT, work)
}

/// Which socket is asked for. The statuses for those that do not exist are n/d.
fn kind(
    family: ADDRESS_FAMILY,
    socket_type: USHORT,
    protocol: ULONG,
    flags: ULONG,
) -> Result<(Category, Family), NTSTATUS> {
    let family = Family::from_number(family).ok_or(STATUS_NOT_SUPPORTED)?;
    // A type has no default protocol: 0 is none.
    match (socket_type, protocol) {
        (SOCK_DGRAM, IPPROTO_UDP) | (SOCK_STREAM, IPPROTO_TCP) => {}
        (SOCK_DGRAM | SOCK_STREAM, _) => return Err(STATUS_PROTOCOL_UNREACHABLE),
        _ => return Err(STATUS_NOT_SUPPORTED),
    }
    let datagram = socket_type == SOCK_DGRAM;
    match flags {
        WSK_FLAG_DATAGRAM_SOCKET if datagram => Ok((Category::Datagram, family)),
        WSK_FLAG_BASIC_SOCKET if datagram => Ok((Category::Basic, family)),
        WSK_FLAG_BASIC_SOCKET
        | WSK_FLAG_DATAGRAM_SOCKET
        | WSK_FLAG_LISTEN_SOCKET
        | WSK_FLAG_CONNECTION_SOCKET
        | WSK_FLAG_STREAM_SOCKET => Err(STATUS_NOT_SUPPORTED),
        // Not exactly one category.
        _ => Err(STATUS_INVALID_PARAMETER),
    }
}

/// Makes a socket, and returns the address of its `WSK_SOCKET`.
fn open(
    provider: &Arc<Provider>,
    client: u64,
    (category, family): (Category, Family),
    callback: Callback,
    (who, security): (Who, Option<Arc<[u8]>>),
) -> Result<usize, NTSTATUS> {
    let dispatch: *const c_void = match category {
        Category::Basic => ptr::from_ref(&BASIC).cast(),
        Category::Datagram => ptr::from_ref(&DATAGRAM).cast(),
    };
    let memory = Memory::allocate(dispatch).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    // Information is an integer, from which the client makes the pointer again.
    let information = memory.0.expose_provenance();
    let mut state = provider.lock();
    // n/d
    if state.detached {
        return Err(STATUS_DEVICE_NOT_READY);
    }
    // n/d, as for a family that does not exist.
    if !state.has_transport(family) {
        return Err(STATUS_NOT_SUPPORTED);
    }
    let number = state.number();
    let is_static = state.registrations.get_mut(&client).is_some_and(|registration| {
        registration.has_made_sockets = true;
        registration.static_events && category == Category::Datagram
    });
    let settings = Settings { security, ..Settings::default() };
    let owner = Arc::downgrade(provider);
    let wake = move || {
        if let Some(provider) = owner.upgrade() {
            provider.arrived(number);
        }
    };
    let inbox = Arc::new(Inbox::new(settings.values.receive_buffer(), Some(Box::new(wake))));
    let dead = AtomicBool::new(false);
    let settings = Mutex::new(settings);
    let socket = Socket { number, client, category, family, callback, inbox, who, dead, settings };
    state.by_address.insert(memory.address(), number);
    let entry = Entry {
        socket: Arc::new(socket),
        memory,
        calls: 0,
        in_flight: 0,
        closing: false,
        close: None,
        receives: VecDeque::new(),
        requests: BTreeSet::new(),
        events: Events::new(is_static && callback.function.is_some()),
    };
    state.sockets.insert(number, entry);
    Ok(information)
}

/// A thread's stay in a function of a socket.
pub(crate) struct SocketCall {
    pub(crate) provider: Arc<Provider>,
    pub(crate) socket: Arc<Socket>,
}

impl SocketCall {
    /// Enters a function of a socket. On anything else than an open socket, this is a bug check.
    pub(crate) fn begin(socket: PWSK_SOCKET, what: &str) -> SocketCall {
        let provider = platform::provider();
        let mut state = provider.lock();
        let entered = state.open_socket(socket, what).map(|entry| {
            entry.calls += 1;
            Arc::clone(&entry.socket)
        });
        drop(state);
        match entered {
            Ok(socket) => SocketCall { provider, socket },
            Err(detail) => platform::violation(&SOCKET_CLOSED, detail),
        }
    }

    /// Takes over the IRP of the call, and runs the request, now or later. What it uses is the client's memory, which
    /// must stay until it is completed.
    ///
    /// # Safety
    /// `irp` is the one that the client has passed to this call.
    pub(crate) unsafe fn submit(
        &self,
        irp: *mut IRP,
        what: &'static str,
        used: impl FnOnce() -> Vec<Used>,
        work: Work,
    ) -> NTSTATUS {
        if irp.is_null() {
            return STATUS_INVALID_PARAMETER;
        }
        // SAFETY: not null, and the caller's.
        unsafe { check::irp(irp, what) };
        let work = if self.socket.is_dead() { Work::new(|_| Outcome::Done(DEAD, 0)) } else { work };
        let name = format!("{what} on socket #{}", self.socket.number);
        platform::sent(irp, &name);
        platform::in_flight(irp, &name, used);
        // SAFETY: the client has just passed it, and it was checked.
        let irp = unsafe { Irp::take(irp) };
        let target = Target { client: self.socket.client, socket: Some(self.socket.number) };
        self.provider.submit(irp, target, what, work)
    }
}

impl Drop for SocketCall {
    fn drop(&mut self) {
        if let Some(entry) = self.provider.lock().sockets.get_mut(&self.socket.number) {
            entry.calls -= 1;
        }
        self.provider.notify();
    }
}

impl State {
    /// The socket at an address, if it is open.
    pub(crate) fn open_socket(&mut self, socket: PWSK_SOCKET, what: &str) -> Result<&mut Entry, String> {
        let address = socket.addr();
        let Some(entry) = self.by_address.get(&address).and_then(|number| self.sockets.get_mut(number))
        else {
            let former = self.closed.iter().rev().find(|closed| closed.0 == address);
            let former = former.map_or("an address that is no socket", |closed| &closed.1);
            return Err(format!("{what} called on {former}"));
        };
        if entry.closing {
            return Err(format!("{what} called on {}", entry.describe()));
        }
        Ok(entry)
    }
}
