//! `WskSocket`.
#![expect(unsafe_code, reason = "a function that clients call through a C table")]

use core::ffi::c_void;
use std::collections::{BTreeMap, BTreeSet};
use std::ptr;
use std::sync::Arc;

use readings::{CategoryFlags, ListeningDatagrams, NoProvider, RawSocket};
use wsk_sys::{
    ADDRESS_FAMILY, IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, IRP, NTSTATUS, PEPROCESS, PETHREAD,
    PSECURITY_DESCRIPTOR, PVOID, PWSK_CLIENT, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM, STATUS_DEVICE_NOT_READY,
    STATUS_FILE_FORCED_CLOSED, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED,
    STATUS_PROTOCOL_UNREACHABLE, ULONG, USHORT, WSK_CLIENT_DATAGRAM_DISPATCH, WSK_FLAG_BASIC_SOCKET,
    WSK_FLAG_CONNECTION_SOCKET, WSK_FLAG_DATAGRAM_SOCKET, WSK_FLAG_LISTEN_SOCKET, WSK_FLAG_STREAM_SOCKET,
};

use crate::call::{check, security};
use crate::client;
use crate::event::{Callback, Events};
use crate::functions::WSK_SOCKET;
use crate::net::address::Family;
use crate::net::guard::Who;
use crate::net::inbox::Inbox;
use crate::net::option::Values;
use crate::platform::{self, Used};
use crate::provider::Provider;
use crate::rules::{self, Failure};
use crate::run::request::{Outcome, Work};
use crate::socket::datagram::{self, DatagramSocket, Traffic};
use crate::socket::{Body, Entry, Memory, Socket, basic, listening};

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
    const WHAT: &str = WSK_SOCKET.name;
    check::caller(&WSK_SOCKET);
    rules::require(check::resident(socket_context, "the socket's context", WHAT));
    let wanted = kind(&platform::provider(), address_family, socket_type, protocol, flags);
    // The thread matters under impersonation only, which is not modelled.
    let who = platform::who(owning_process);
    let used = || vec![Used::of("the table of callbacks", dispatch.cast::<WSK_CLIENT_DATAGRAM_DISPATCH>())];
    let work = |client| {
        Work::new(move |provider| {
            let make = || {
                let (category, family) = wanted?;
                let security = security::of_new_socket(provider, client, security_descriptor)?;
                let given = match category {
                    Category::Basic => Given::Basic,
                    Category::Listening => Given::Listening,
                    Category::Datagram | Category::Raw => {
                        // SAFETY: the client's table, or none.
                        let callback = unsafe { Callback::read(dispatch.cast(), socket_context) };
                        Given::Datagram { callback, who, security, raw: category == Category::Raw }
                    }
                };
                Ok::<_, Failure>(open(provider, client, family, given)?)
            };
            Outcome::from(make())
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
    /// A datagram socket without a transport protocol.
    Raw,
    /// Of UDP, which has no connections.
    Listening,
}

/// Which socket is asked for. The statuses for those that do not exist are n/d.
fn kind(
    provider: &Provider,
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
        (SOCK_RAW, IPPROTO_IP) if flags == WSK_FLAG_DATAGRAM_SOCKET && provider.follows(RawSocket::Made) => {
            return Ok((Category::Raw, family));
        }
        _ => return Err(STATUS_NOT_SUPPORTED),
    }
    let datagram = socket_type == SOCK_DGRAM;
    match flags {
        WSK_FLAG_DATAGRAM_SOCKET if datagram => Ok((Category::Datagram, family)),
        WSK_FLAG_BASIC_SOCKET if datagram => Ok((Category::Basic, family)),
        WSK_FLAG_LISTEN_SOCKET if datagram && provider.follows(ListeningDatagrams::BindFails) => {
            Ok((Category::Listening, family))
        }
        WSK_FLAG_BASIC_SOCKET
        | WSK_FLAG_DATAGRAM_SOCKET
        | WSK_FLAG_LISTEN_SOCKET
        | WSK_FLAG_CONNECTION_SOCKET
        | WSK_FLAG_STREAM_SOCKET => Err(STATUS_NOT_SUPPORTED),
        // Not exactly one category.
        _ => Err(match provider.reading() {
            CategoryFlags::InvalidParameter => STATUS_INVALID_PARAMETER,
            CategoryFlags::NotSupported => STATUS_NOT_SUPPORTED,
        }),
    }
}

/// What a socket is made with, by its category.
enum Given {
    Basic,
    Listening,
    Datagram { callback: Callback, who: Who, security: Option<Arc<[u8]>>, raw: bool },
}

/// Makes a socket, and returns the address of its `WSK_SOCKET`.
fn open(provider: &Arc<Provider>, client: u64, family: Family, given: Given) -> Result<usize, NTSTATUS> {
    let dispatch: *const c_void = match given {
        Given::Basic => ptr::from_ref(&basic::DISPATCH).cast(),
        Given::Listening => ptr::from_ref(&listening::DISPATCH).cast(),
        Given::Datagram { .. } => ptr::from_ref(&datagram::DISPATCH).cast(),
    };
    let memory = Memory::allocate(dispatch).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
    let information = memory.information();
    let mut state = provider.lock();
    if state.detached {
        return Err(match provider.reading() {
            NoProvider::NotReady => STATUS_DEVICE_NOT_READY,
            NoProvider::ForcedClosed => STATUS_FILE_FORCED_CLOSED,
        });
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
    let values = Values::new(&provider.config.readings);
    let (body, traffic) = match given {
        Given::Basic => (Body::Basic, None),
        Given::Listening => (Body::Listening, None),
        Given::Datagram { callback, who, security, raw } => {
            let owner = Arc::downgrade(provider);
            let wake = move || {
                if let Some(provider) = owner.upgrade() {
                    provider.arrived(number);
                }
            };
            let inbox = Inbox::new(values.receive_buffer(), Some(Box::new(wake)))
                .with_readings(provider.config.readings.clone());
            let events = Events::new(is_static && callback.function.is_some());
            let body = DatagramSocket::new(callback, inbox, who, security, raw);
            (Body::Datagram(Arc::new(body)), Some(Traffic { receives: BTreeMap::new(), events }))
        }
    };
    state.by_address.insert(memory.address(), number);
    let entry = Entry {
        socket: Arc::new(Socket::new(number, client, family, values, body)),
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
