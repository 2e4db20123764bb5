//! `WskSocket`.
#![expect(unsafe_code, reason = "a function that clients call through a C table")]

use core::ffi::c_void;
use std::collections::{BTreeMap, BTreeSet};
use std::ptr;
use std::sync::Arc;

use wsk_sys::{
    ADDRESS_FAMILY, IPPROTO_TCP, IPPROTO_UDP, IRP, NTSTATUS, PEPROCESS, PETHREAD, PSECURITY_DESCRIPTOR,
    PVOID, PWSK_CLIENT, SOCK_DGRAM, SOCK_STREAM, STATUS_DEVICE_NOT_READY, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_PROTOCOL_UNREACHABLE, ULONG, USHORT,
    WSK_CLIENT_DATAGRAM_DISPATCH, WSK_FLAG_BASIC_SOCKET, WSK_FLAG_CONNECTION_SOCKET,
    WSK_FLAG_DATAGRAM_SOCKET, WSK_FLAG_LISTEN_SOCKET, WSK_FLAG_STREAM_SOCKET,
};

use crate::call::{check, security};
use crate::client;
use crate::event::{Callback, Events};
use crate::net::address::Family;
use crate::net::guard::Who;
use crate::net::inbox::Inbox;
use crate::net::option::Values;
use crate::platform::{self, Used};
use crate::provider::Provider;
use crate::run::request::{Outcome, Work};
use crate::socket::datagram::{self, DatagramSocket, Traffic};
use crate::socket::{Body, Entry, Memory, Socket, basic};

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
    let wanted = kind(address_family, socket_type, protocol, flags);
    // The thread matters under impersonation only, which is not modelled.
    let who = platform::who(owning_process);
    let used = || vec![Used::of("the table of callbacks", dispatch.cast::<WSK_CLIENT_DATAGRAM_DISPATCH>())];
    let work = |client| {
        Work::new(move |provider| {
            let made = wanted.and_then(|(category, family)| {
                let security = security::of_new_socket(provider, client, security_descriptor);
                let datagram = (category == Category::Datagram).then(|| {
                    // SAFETY: the client's table, or none.
                    let callback = unsafe { Callback::read(dispatch.cast(), socket_context) };
                    Given { callback, who, security }
                });
                open(provider, client, family, datagram)
            });
            Outcome::from(made)
        })
    };
    // SAFETY: the IRP of this call.
    unsafe { client::submit(client, irp, WHAT, used, work) }
}

/// What kind of socket it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Category {
    Basic,
    Datagram,
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

/// What a datagram socket is made with.
struct Given {
    callback: Callback,
    who: Who,
    security: Option<Arc<[u8]>>,
}

/// Makes a socket, a basic one if it is given nothing, and returns the address of its `WSK_SOCKET`.
fn open(
    provider: &Arc<Provider>,
    client: u64,
    family: Family,
    datagram: Option<Given>,
) -> Result<usize, NTSTATUS> {
    let dispatch: *const c_void = match datagram {
        None => ptr::from_ref(&basic::DISPATCH).cast(),
        Some(_) => ptr::from_ref(&datagram::DISPATCH).cast(),
    };
    let memory = Memory::allocate(dispatch).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    let information = memory.information();
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
        registration.static_events
    });
    let (body, traffic) = match datagram {
        None => (Body::Basic, None),
        Some(Given { callback, who, security }) => {
            let owner = Arc::downgrade(provider);
            let wake = move || {
                if let Some(provider) = owner.upgrade() {
                    provider.arrived(number);
                }
            };
            let inbox = Inbox::new(Values::default().receive_buffer(), Some(Box::new(wake)));
            let events = Events::new(is_static && callback.function.is_some());
            let body = DatagramSocket::new(callback, inbox, who, security);
            (Body::Datagram(Arc::new(body)), Some(Traffic { receives: BTreeMap::new(), events }))
        }
    };
    state.by_address.insert(memory.address(), number);
    let entry = Entry {
        socket: Arc::new(Socket::new(number, client, family, body)),
        memory,
        calls: 0,
        in_flight: 0,
        closing: false,
        close: None,
        requests: BTreeSet::new(),
        traffic,
    };
    state.sockets.insert(number, entry);
    Ok(information)
}
